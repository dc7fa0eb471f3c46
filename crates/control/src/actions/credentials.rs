//! Credentials: sealed when they come in, and never shown again.

use mirk_model::{CredentialId, CredentialRow, Kind, Problem, ProviderRow, Secret, is_placeholder};
use mirk_provider::{address::BaseUrl, kind};
use mirk_store::{DbError, books::credentials};
use mirk_vault::{Place, SealKind};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::{Nothing, providers};
use crate::{Act, name};

/// A secret in an input: wiped when the input is dropped, and never printed.
#[derive(Debug)]
pub(crate) struct SecretText(Secret<String>);

impl SecretText {
    /// The text, for the one line that uses it.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Add {
    provider: String,
    label: String,
    secret: SecretText,
    #[serde(default)]
    accept_mismatch: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct One {
    provider: String,
    label: String,
}

/// A secret on its way into the vault.
pub(crate) struct Sealing<'a> {
    pub(crate) provider: &'a ProviderRow,
    pub(crate) label: &'a str,
    pub(crate) secret: &'a SecretText,
    pub(crate) accept_mismatch: bool,
}

/// Seals a secret for its provider's origin.
pub(crate) fn seal(act: &Act<'_>, sealing: &Sealing<'_>) -> Result<CredentialRow, Problem> {
    let control = act.control;
    let secret = sealing.secret.expose().as_bytes();
    name::label("label", sealing.label)?;
    name::no_secret("label", sealing.label)?;
    if secret.is_empty() || secret.len() > 16 * 1024 || !secret.iter().all(u8::is_ascii_graphic) {
        let words = "must be 1 to 16,384 visible ASCII characters";
        return Err(Problem::new(Kind::Invalid, words).about("secret"));
    }
    if is_placeholder(sealing.secret.expose()) {
        let words = "is a placeholder that samples use, not a credential";
        return Err(Problem::new(Kind::Invalid, words).about("secret"));
    }
    let base = BaseUrl::parse(&sealing.provider.base_url)
        .map_err(|error| Problem::new(Kind::SsrfBlocked, error.to_string()).about("base_url"))?;
    let facts = kind::by_name(&sealing.provider.kind);
    if !sealing.accept_mismatch
        && facts.is_some_and(|facts| facts.is_foreign_credential(&base, secret))
    {
        let words = "this credential looks like another provider's, and would be sent to an address that is not \
                     theirs; if that is meant, repeat with --accept-mismatch";
        return Err(Problem::new(Kind::CredentialHostMismatch, words).about("secret"));
    }
    let id = CredentialId::random(&*control.entropy);
    let place = Place::of(control.tenant, "credential", id.as_bytes(), "sealed").at_generation(1);
    let sealed = control
        .vault
        .seal(&place, SealKind::ProviderKey, secret, &*control.entropy)
        .map_err(|error| Problem::new(Kind::VaultSealed, error.to_string()))?;
    let mut row = CredentialRow {
        id,
        tenant: control.tenant,
        provider: sealing.provider.id,
        label: sealing.label.to_owned(),
        origin: base.origin().to_string(),
        sealed,
        fingerprint: control.vault.fingerprint(secret),
        generation: 1,
        enabled: true,
        created_at: control.clock.now(),
        row_mac: [0; 32],
    };
    row.row_mac = control.row_mac(&row.mac_input());
    Ok(row)
}

pub(crate) fn add(act: &Act<'_>, input: Add) -> Result<Value, Problem> {
    let provider = providers::find(act, &input.provider)?;
    let sealing = Sealing {
        provider: &provider,
        label: &input.label,
        secret: &input.secret,
        accept_mismatch: input.accept_mismatch,
    };
    let row = seal(act, &sealing)?;
    let details = vec![("provider", provider.name.clone())];
    act.commit(credentials::insert(&row), row.label.clone(), details)
        .map_err(|error| match error {
            DbError::Constraint => Problem::new(
                Kind::Conflict,
                "this provider has a credential of this label already",
            )
            .about("label"),
            other => other.into(),
        })?;
    Ok(shown(&row, &provider.name))
}

fn shown(row: &CredentialRow, provider: &str) -> Value {
    json!({
        "provider": provider,
        "label": row.label,
        "fingerprint": row.fingerprint,
        "origin": row.origin,
        "enabled": row.enabled,
        "created_at": row.created_at.to_string(),
    })
}

pub(crate) fn list(act: &Act<'_>, _: Nothing) -> Result<Value, Problem> {
    let directory = act.control.store.directory();
    let rows = directory
        .credentials
        .iter()
        .filter(|row| row.tenant == act.control.tenant)
        .map(|row| {
            let provider = directory
                .providers
                .iter()
                .find(|provider| provider.id == row.provider);
            shown(row, provider.map_or("", |provider| provider.name.as_str()))
        });
    Ok(json!({"credentials": rows.collect::<Vec<_>>()}))
}

pub(crate) fn remove(act: &Act<'_>, input: One) -> Result<Value, Problem> {
    let provider = providers::find(act, &input.provider)?;
    let directory = act.control.store.directory();
    let row = directory
        .credentials
        .iter()
        .find(|row| row.provider == provider.id && row.label == input.label)
        .ok_or_else(|| {
            let words = "this provider has no such credential; `mirk credential list` shows those there are";
            Problem::new(Kind::NotFound, words).about("label")
        })?;
    let details = vec![("provider", provider.name.clone())];
    act.commit(
        credentials::remove(row.tenant, row.id),
        row.label.clone(),
        details,
    )?;
    Ok(json!({"provider": provider.name, "label": row.label, "removed": true}))
}
