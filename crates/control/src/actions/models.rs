//! Models: everything that a client can ask for by name.

use mirk_model::{Price, Problem};
use mirk_provider::catalog;
use serde_json::{Value, json};

use super::Nothing;
use crate::Act;

pub(crate) fn list(act: &Act<'_>, _: Nothing) -> Result<Value, Problem> {
    let directory = act.control.store.directory();
    let mut models = Vec::new();
    for route in directory
        .routes
        .iter()
        .filter(|row| row.tenant == act.control.tenant)
    {
        models.push(json!({"model": route.alias, "provider": null, "leads_to": route.targets}));
    }
    let mine = directory
        .providers
        .iter()
        .filter(|row| row.tenant == act.control.tenant && row.enabled);
    for provider in mine {
        if provider.models.is_empty() {
            models
                .push(json!({"model": format!("{}/*", provider.name), "provider": provider.name}));
        }
        for model in &provider.models {
            let entry = catalog::find(&provider.kind, model);
            models.push(json!({
                "model": format!("{}/{model}", provider.name),
                "provider": provider.name,
                "context": entry.and_then(|entry| entry.context),
                "price": catalog::price(&provider.kind, model).map(price),
            }));
        }
    }
    Ok(json!({"models": models}))
}

/// Micro-dollars per million tokens, which is the same number as pico-dollars per token.
fn price(price: Price) -> Value {
    json!({"input": price.input, "cached": price.cached, "cache_write": price.cache_write, "output": price.output})
}
