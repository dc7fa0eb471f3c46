//! Lists of models, and the small answers that need no provider.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use mirk_dialect::{
    endpoint::What,
    models::{ModelEntry, Page, list, one},
};
use mirk_model::{Dialect, Kind, Problem};
use mirk_provider::catalog::Catalog;

use crate::{
    admit::Admitted,
    arrive,
    body::Body,
    plane::{Tenant, Upstream},
};

/// The version of Ollama's API that is spoken.
const OLLAMA_VERSION: &str = r#"{"version":"0.12.0"}"#;

/// Models of one provider that are listed when it has no list of its own.
const MOST_KNOWN: usize = 500;

/// Answers which version of Ollama's API is spoken.
pub(crate) fn version() -> Response<Body> {
    json(Bytes::from_static(OLLAMA_VERSION.as_bytes()))
}

/// Answers a request for a list of models, or for one of them.
pub(crate) async fn answer(
    (tenant, admitted): (Option<&Tenant>, &Admitted),
    (what, path_model, dialect): (What, Option<&str>, Dialect),
    request: Request<Incoming>,
    limit: usize,
) -> Result<Response<Body>, Problem> {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let wanted = match (what, path_model) {
        (What::Show | What::ShowGemini, Some(model)) => Some(model.to_owned()),
        (What::ShowOllama, _) => Some(asked_model(request, limit).await?),
        _ => None,
    };
    let models = tenant
        .map(|tenant| visible(tenant, admitted, dialect))
        .unwrap_or_default();
    match wanted {
        None => Ok(json(list(dialect, &models, page(&query)))),
        Some(name) => {
            let found = models.iter().find(|entry| entry.id == name);
            let found = found.ok_or_else(|| {
                Problem::new(
                    Kind::ModelNotFound,
                    "There is no such model, or this key may not use it.",
                )
                .about("model")
            })?;
            Ok(json(one(dialect, found)))
        }
    }
}

/// Ollama's `/api/show` names the model in its body, as `model` or, in older clients, `name`.
async fn asked_model(request: Request<Incoming>, limit: usize) -> Result<String, Problem> {
    let (_, body) = arrive::body(request, limit).await?;
    let value: serde_json::Value = serde_json::from_slice(&body)
        .map_err(|_malformed| Problem::new(Kind::BadRequest, "The body is not JSON."))?;
    let named = value
        .get("model")
        .or_else(|| value.get("name"))
        .and_then(serde_json::Value::as_str);
    named
        .map(str::to_owned)
        .ok_or_else(|| Problem::new(Kind::BadRequest, "The body names no model.").about("model"))
}

fn page(query: &str) -> Page<'_> {
    let named = |name: &str| {
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    };
    Page {
        limit: named("limit").and_then(|limit| limit.parse().ok()),
        after_id: named("after_id"),
    }
}

/// Every model that the key may ask for: routes first, then each provider's. A model goes by its
/// bare name where only one provider has it, and always by `provider/model`. Providers that do
/// not speak the dialect of the list are left out: asking them in it would be refused.
fn visible(tenant: &Tenant, admitted: &Admitted, dialect: Dialect) -> Vec<ModelEntry> {
    let mut models = Vec::new();
    let mut seen = BTreeSet::new();
    let mut add = |entry: ModelEntry, names: &[&str]| {
        if admitted.may_use(names).is_ok() && seen.insert(entry.id.clone()) {
            models.push(entry);
        }
    };
    let mut aliases: Vec<_> = tenant.routes.keys().collect();
    aliases.sort();
    for alias in aliases {
        let entry = ModelEntry {
            id: alias.clone(),
            owned_by: "mirk".to_owned(),
            ..ModelEntry::default()
        };
        add(entry, &[alias]);
    }
    let speaks = |upstream: &Upstream| {
        let mut operations = upstream
            .facts
            .paths
            .iter()
            .map(|(operation, _)| operation.dialect());
        operations.any(|spoken| family(spoken) == family(dialect))
    };
    for upstream in tenant
        .upstreams
        .iter()
        .filter(|upstream| upstream.row.enabled && speaks(upstream))
    {
        for model in known(upstream) {
            let full = format!("{}/{model}", upstream.name);
            let shared = tenant
                .upstreams
                .iter()
                .filter(|other| other.lists(&model))
                .count()
                > 1;
            let names = [model.as_str(), full.as_str()];
            if !shared {
                add(entry(upstream, &model, model.clone()), &names);
            }
            add(entry(upstream, &model, full.clone()), &names);
        }
    }
    models
}

/// Both dialects of OpenAI share one list.
const fn family(dialect: Dialect) -> Dialect {
    match dialect {
        Dialect::OpenAiResponses => Dialect::OpenAiChat,
        other => other,
    }
}

fn known(upstream: &Upstream) -> Vec<String> {
    if upstream.row.models.is_empty() {
        let entries = Catalog::embedded().entries(upstream.facts.name);
        entries
            .iter()
            .take(MOST_KNOWN)
            .map(|entry| entry.id.to_owned())
            .collect()
    } else {
        upstream.row.models.clone()
    }
}

fn entry(upstream: &Upstream, model: &str, id: String) -> ModelEntry {
    let facts = mirk_provider::catalog::find(upstream.facts.name, model);
    ModelEntry {
        id,
        owned_by: upstream.name.to_string(),
        created: upstream.row.created_at,
        context: facts.and_then(|facts| facts.context),
        max_output: None,
        is_embedding: model.contains("embed"),
    }
}

fn json(body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::whole(body));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}
