//! Providers: where requests may go.

use mirk_model::{Kind, Problem, ProviderId, ProviderRow};
use mirk_provider::{
    address::BaseUrl,
    kind::{Facts, KINDS, by_name},
};
use mirk_store::{
    DbError,
    books::{credentials, providers},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Nothing,
    credentials::{Sealing, SecretText, seal},
};
use crate::{Act, name};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Add {
    name: String,
    kind: String,
    base_url: Option<String>,
    #[serde(default)]
    models: Vec<String>,
    secret: Option<SecretText>,
    label: Option<String>,
    /// Whether its credential follows.
    #[serde(default)]
    without_secret: bool,
    /// Whether a credential that looks like another provider's is meant.
    #[serde(default)]
    accept_mismatch: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct One {
    name: String,
}

pub(crate) fn add(act: &Act<'_>, input: Add) -> Result<Value, Problem> {
    let control = act.control;
    name::slug("name", &input.name)?;
    name::no_secret("name", &input.name)?;
    for model in &input.models {
        name::model("models", model)?;
    }
    let facts = kind(&input.kind)?;
    let base = base_url(act, facts, input.base_url.as_deref())?;
    let now = control.clock.now();
    let mut row = ProviderRow {
        id: ProviderId::random(&*control.entropy),
        tenant: control.tenant,
        name: input.name,
        kind: facts.name.to_owned(),
        base_url: base.as_str().to_owned(),
        models: input.models,
        enabled: true,
        created_at: now,
        version: 1,
        row_mac: [0; 32],
    };
    row.row_mac = control.row_mac(&row.mac_input());
    let mut batch = providers::insert(&row);
    let mut fingerprint = None;
    match &input.secret {
        Some(secret) => {
            let sealing = Sealing {
                provider: &row,
                label: input.label.as_deref().unwrap_or("first"),
                secret,
                accept_mismatch: input.accept_mismatch,
            };
            let credential = seal(act, &sealing)?;
            batch = batch.and(credentials::insert(&credential));
            fingerprint = Some(credential.fingerprint);
        }
        None if !facts.may_lack_credential && !input.without_secret => {
            let words = "this kind of provider needs a credential; give one with --secret env:NAME";
            return Err(Problem::new(Kind::Invalid, words).about("secret"));
        }
        None => {}
    }
    act.commit(batch, row.name.clone(), vec![("kind", row.kind.clone())])
        .map_err(|error| match error {
            DbError::Constraint => {
                Problem::new(Kind::Conflict, "there is a provider of this name already")
                    .about("name")
            }
            other => other.into(),
        })?;
    let mut value = shown(&row, usize::from(fingerprint.is_some()));
    if let (Some(fields), Some(fingerprint)) = (value.as_object_mut(), fingerprint) {
        fields.insert("fingerprint".to_owned(), Value::from(fingerprint));
    }
    Ok(value)
}

fn kind(name: &str) -> Result<&'static Facts, Problem> {
    by_name(name).ok_or_else(|| {
        let known: Vec<_> = KINDS.iter().map(|facts| facts.name).collect();
        Problem::new(
            Kind::Invalid,
            format!("must be one of {}", known.join(", ")),
        )
        .about("kind")
    })
}

/// The address in canonical form, vetted by its text, its numbers and what its name resolves to.
fn base_url(act: &Act<'_>, facts: &Facts, given: Option<&str>) -> Result<BaseUrl, Problem> {
    let text = given.or(facts.base_url).ok_or_else(|| {
        let words = "this kind of provider has no usual address; give one with --base-url";
        Problem::new(Kind::Invalid, words).about("base_url")
    })?;
    let blocked = |words: String| Problem::new(Kind::SsrfBlocked, words).about("base_url");
    let base = BaseUrl::parse(text).map_err(|error| blocked(error.to_string()))?;
    act.control
        .policy
        .vet_base(&base)
        .map_err(|error| blocked(error.to_string()))?;
    act.control.reach.check(&base)?;
    Ok(base)
}

fn shown(row: &ProviderRow, credentials: usize) -> Value {
    json!({
        "name": row.name,
        "kind": row.kind,
        "base_url": row.base_url,
        "models": row.models,
        "enabled": row.enabled,
        "credentials": credentials,
        "created_at": row.created_at.to_string(),
    })
}

pub(crate) fn list(act: &Act<'_>, _: Nothing) -> Result<Value, Problem> {
    let directory = act.control.store.directory();
    let rows = directory
        .providers
        .iter()
        .filter(|row| row.tenant == act.control.tenant)
        .map(|row| {
            let count = directory
                .credentials
                .iter()
                .filter(|credential| credential.provider == row.id)
                .count();
            shown(row, count)
        });
    Ok(json!({"providers": rows.collect::<Vec<_>>()}))
}

/// The provider of this name, if its row is genuine.
pub(crate) fn find(act: &Act<'_>, name: &str) -> Result<ProviderRow, Problem> {
    let directory = act.control.store.directory();
    let row = directory
        .providers
        .iter()
        .find(|row| row.tenant == act.control.tenant && row.name == name)
        .filter(|row| {
            act.control
                .vault
                .row_mac_valid(&row.mac_input(), &row.row_mac)
        });
    row.map(|row| ProviderRow::clone(row)).ok_or_else(|| {
        let words = "there is no such provider; `mirk provider list` shows those there are";
        Problem::new(Kind::NotFound, words).about("name")
    })
}

pub(crate) fn remove(act: &Act<'_>, input: One) -> Result<Value, Problem> {
    let row = find(act, &input.name)?;
    let batch = credentials::remove_of_provider(row.tenant, row.id)
        .and(providers::remove(row.tenant, row.id));
    act.commit(batch, row.name.clone(), vec![])?;
    Ok(json!({"name": row.name, "removed": true}))
}

pub(crate) fn enable(act: &Act<'_>, input: One) -> Result<Value, Problem> {
    switch(act, &input.name, true)
}

pub(crate) fn disable(act: &Act<'_>, input: One) -> Result<Value, Problem> {
    switch(act, &input.name, false)
}

fn switch(act: &Act<'_>, name: &str, enabled: bool) -> Result<Value, Problem> {
    let mut row = find(act, name)?;
    row.enabled = enabled;
    row.version = row.version.saturating_add(1);
    row.row_mac = act.control.row_mac(&row.mac_input());
    act.commit(providers::update(&row), row.name.clone(), vec![])?;
    Ok(json!({"name": row.name, "enabled": enabled}))
}
