//! Credentials: sealed when they come in, and never shown again.

use mirk_model::{
    CredentialId, CredentialKind, CredentialRow, Kind, Problem, ProviderRow, Secret, Timestamp,
    is_placeholder,
};
use mirk_provider::{address::BaseUrl, kind};
use mirk_store::{DbError, books::credentials};
use mirk_vault::{Place, SealKind};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::{Nothing, logins, providers};
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
    /// The key; with `oauth` the tokens as JSON. Absent for a pointer.
    secret: Option<SecretText>,
    #[serde(default)]
    accept_mismatch: bool,
    /// Whether `secret` is an account's tokens and not a key.
    #[serde(default)]
    oauth: bool,
    /// Where another program keeps its token.
    pointer: Option<logins::PointerInput>,
    /// Whether the owner has read the provider's terms on tokens of accounts.
    #[serde(default)]
    accept_terms: bool,
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

/// What goes under the seal, and what is shown of it.
pub(crate) struct Content<'a> {
    pub(crate) kind: CredentialKind,
    pub(crate) bytes: &'a [u8],
    pub(crate) fingerprint: String,
    pub(crate) expires_at: Option<Timestamp>,
}

/// Seals a key for its provider's origin.
pub(crate) fn seal(act: &Act<'_>, sealing: &Sealing<'_>) -> Result<CredentialRow, Problem> {
    let text = sealing.secret.expose();
    check(sealing, text)?;
    if logins::is_account_token(text) {
        let words = "this is the token of an account, not a key; keep it with `mirk credential add --oauth`, \
                     which shows what the provider's terms say about that";
        return Err(Problem::new(Kind::Invalid, words).about("secret"));
    }
    let content = Content {
        kind: CredentialKind::Key,
        bytes: text.as_bytes(),
        fingerprint: act.control.vault.fingerprint(text.as_bytes()),
        expires_at: None,
    };
    finish(act, sealing.provider, sealing.label, &content)
}

/// Refuses what cannot be `secret` of this provider.
pub(crate) fn check(sealing: &Sealing<'_>, secret: &str) -> Result<(), Problem> {
    let text = secret;
    let secret = text.as_bytes();
    if secret.is_empty() || secret.len() > 16 * 1024 || !secret.iter().all(u8::is_ascii_graphic) {
        let words = "must be 1 to 16,384 visible ASCII characters";
        return Err(Problem::new(Kind::Invalid, words).about("secret"));
    }
    if is_placeholder(text) {
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
    Ok(())
}

/// Seals `content` for the provider's origin.
pub(crate) fn finish(
    act: &Act<'_>,
    provider: &ProviderRow,
    label: &str,
    content: &Content<'_>,
) -> Result<CredentialRow, Problem> {
    let control = act.control;
    name::label("label", label)?;
    name::no_secret("label", label)?;
    let base = BaseUrl::parse(&provider.base_url)
        .map_err(|error| Problem::new(Kind::SsrfBlocked, error.to_string()).about("base_url"))?;
    let id = CredentialId::random(&*control.entropy);
    let place = Place::of(control.tenant, "credential", id.as_bytes(), "sealed").at_generation(1);
    let sealed = control
        .vault
        .seal(
            &place,
            SealKind::of(content.kind),
            content.bytes,
            &*control.entropy,
        )
        .map_err(|error| Problem::new(Kind::VaultSealed, error.to_string()))?;
    let mut row = CredentialRow {
        id,
        tenant: control.tenant,
        provider: provider.id,
        label: label.to_owned(),
        origin: base.origin().to_string(),
        sealed,
        fingerprint: content.fingerprint.clone(),
        generation: 1,
        kind: content.kind,
        needs_login: false,
        expires_day: content.expires_at.map(Timestamp::day),
        enabled: true,
        created_at: control.clock.now(),
        row_mac: [0; 32],
    };
    row.row_mac = control.row_mac(&row.mac_input());
    Ok(row)
}

pub(crate) fn add(act: &Act<'_>, input: Add) -> Result<Value, Problem> {
    let provider = providers::find(act, &input.provider)?;
    let row = row(act, &input, &provider)?;
    let mut details = vec![("provider", provider.name.clone())];
    if row.kind != CredentialKind::Key {
        details.push(("kind", row.kind.name().to_owned()));
        details.push(("terms", "accepted".to_owned()));
    }
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

fn row(act: &Act<'_>, input: &Add, provider: &ProviderRow) -> Result<CredentialRow, Problem> {
    let is_account = input.oauth || input.pointer.is_some();
    if is_account {
        logins::permit(act, provider, input.accept_terms)?;
    }
    match (&input.secret, &input.pointer) {
        (Some(secret), None) => {
            let sealing = Sealing {
                provider,
                label: &input.label,
                secret,
                accept_mismatch: input.accept_mismatch,
            };
            if input.oauth {
                logins::seal(act, &sealing)
            } else {
                seal(act, &sealing)
            }
        }
        (None, Some(pointer)) if !input.oauth => {
            logins::point(act, provider, &input.label, pointer)
        }
        _ => {
            let words = "one of a secret and a pointer must be given";
            Err(Problem::new(Kind::Invalid, words).about("secret"))
        }
    }
}

fn shown(row: &CredentialRow, provider: &str) -> Value {
    json!({
        "kind": row.kind.name(),
        "state": match (row.enabled, row.needs_login) {
            (false, _) => "disabled",
            (true, true) => "needs login",
            (true, false) => "ready",
        },
        "expires_on": row.expires_day.map(day),
        "provider": provider,
        "label": row.label,
        "fingerprint": row.fingerprint,
        "origin": row.origin,
        "enabled": row.enabled,
        "created_at": row.created_at.to_string(),
    })
}

/// A day as people write it.
fn day(day: i64) -> String {
    let text = Timestamp::from_day(day).to_string();
    text.split('T').next().unwrap_or_default().to_owned()
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
