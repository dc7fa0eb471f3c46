//! Testing a stored provider: reached or not, and whether it takes each of its credentials.

use mirk_control::Control;
use mirk_gateway::{Egress, Pointers, Presented, probe};
use mirk_model::{CredentialKind, CredentialRow, Kind, Problem, Secret};
use mirk_provider::{address::BaseUrl, kind};
use mirk_vault::{Login, Place, Pointer, SealKind};
use serde_json::{Value, json};

use crate::openclaw::OpenClaw;

/// Its name among the actions; it needs the network, so it is not one of control's.
pub const ACTION: &str = "provider.test";

/// Tests the provider that `input` names.
///
/// # Errors
/// When there is no such provider. What is wrong with a provider is a result, not an error.
pub async fn run(control: &Control, egress: &Egress, input: Value) -> Result<Value, Problem> {
    let name = input
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let directory = control.store.directory();
    let row = directory
        .providers
        .iter()
        .find(|row| row.tenant == control.tenant && row.name == name)
        .filter(|row| control.vault.row_mac_valid(&row.mac_input(), &row.row_mac))
        .ok_or_else(|| {
            let words = "there is no such provider; `mirk provider list` shows those there are";
            Problem::new(Kind::NotFound, words).about("name")
        })?;
    let facts = kind::by_name(&row.kind).ok_or_else(|| {
        Problem::new(
            Kind::Internal,
            "this version does not know the provider's kind",
        )
    })?;
    let base = BaseUrl::parse(&row.base_url)
        .map_err(|error| Problem::new(Kind::SsrfBlocked, error.to_string()).about("base_url"))?;
    let credentials: Vec<_> = directory
        .credentials
        .iter()
        .filter(|credential| credential.provider == row.id)
        .collect();
    let mut results = Vec::new();
    for credential in &credentials {
        let Some(secret) = open(control, credential, &base).await else {
            results.push(unopened(credential));
            continue;
        };
        let presented = match credential.kind {
            CredentialKind::Key => Presented::Key(secret.expose()),
            CredentialKind::OAuth | CredentialKind::Reference => Presented::Token(secret.expose()),
        };
        let verdict = probe(egress, facts, &base, Some(presented)).await;
        results.push(json!({"credential": credential.label, "verdict": verdict.name(), "words": verdict.words()}));
    }
    if credentials.is_empty() {
        let verdict = probe(egress, facts, &base, None).await;
        results
            .push(json!({"credential": null, "verdict": verdict.name(), "words": verdict.words()}));
    }
    let is_good = results.iter().any(|result| {
        result
            .get("verdict")
            .is_some_and(|verdict| verdict == "good")
    });
    Ok(json!({"name": name, "ok": is_good, "results": results}))
}

/// The result of a credential that there is nothing to present of.
fn unopened(row: &CredentialRow) -> Value {
    let (verdict, words) = match (row.needs_login, row.kind) {
        (true, _) => (
            "needs_login",
            "its login has ended; log in again, remove it and add it again",
        ),
        (false, CredentialKind::Reference) => (
            "needs_login",
            "the other program has no token of this profile; run it, or log in there again",
        ),
        (false, _) => (
            "needs_reentry",
            "does not open for this provider's address; remove it and add it again",
        ),
    };
    json!({"credential": row.label, "verdict": verdict, "words": words})
}

/// What there is to present now: a token is not renewed for a test.
async fn open(control: &Control, row: &CredentialRow, base: &BaseUrl) -> Option<Secret<Vec<u8>>> {
    let is_genuine = control.vault.row_mac_valid(&row.mac_input(), &row.row_mac);
    if !is_genuine || row.needs_login || row.origin != base.origin().to_string() {
        return None;
    }
    let place = Place::of(row.tenant, "credential", row.id.as_bytes(), "sealed")
        .at_generation(row.generation);
    let opened = control
        .vault
        .open_sealed(&place, SealKind::of(row.kind), &row.sealed)
        .ok()?;
    let token = match row.kind {
        CredentialKind::Key => return Some(opened),
        CredentialKind::OAuth => Login::from_bytes(opened.expose()).ok()?.access,
        CredentialKind::Reference => {
            let pointer = Pointer::from_bytes(opened.expose()).ok()?;
            let read = tokio::task::spawn_blocking(move || OpenClaw.read(&pointer));
            read.await.ok()?.ok()?.access
        }
    };
    Some(Secret::new(token.expose().as_bytes().to_vec()))
}
