//! Tokens of accounts: kept only where the owner asks for it credential by credential, with the
//! provider's terms shown, and never in hosted mode.
//!
//! Invariant: what renews a token goes to the endpoint that is sealed beside it, and that endpoint
//! is vetted like every address before it is sealed.

use std::path::Path;

use mirk_model::{CredentialKind, CredentialRow, Kind, Problem, ProviderRow, Secret, Timestamp};
use mirk_provider::address::{BaseUrl, Mode};
use mirk_vault::{Login, Manner, Pointer};
use serde::Deserialize;

use super::credentials::{Content, Sealing, SecretText, check, finish};
use crate::Act;

/// A number this large is milliseconds and not seconds: as seconds it would be past the year 5000.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// An account's tokens as their owner gives them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    #[serde(alias = "access_token")]
    access: SecretText,
    #[serde(alias = "refresh_token")]
    refresh: Option<SecretText>,
    expires_at: Option<Moment>,
    expires_in: Option<u32>,
    token_endpoint: Option<String>,
    client_id: Option<String>,
    #[serde(alias = "scope")]
    scopes: Option<Scopes>,
    /// How the endpoint is asked: `form` or `json`.
    request: Option<String>,
    #[serde(rename = "token_type")]
    _token_type: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Moment {
    Number(i64),
    Text(String),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Scopes {
    One(String),
    Many(Vec<String>),
}

/// Where another program keeps a token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PointerInput {
    file: String,
    profile: String,
}

/// What the terms of a provider of this kind say about tokens of accounts, to be shown before one
/// is kept.
/// Sources: <https://code.claude.com/docs/en/legal-and-compliance>, <https://openai.com/policies>,
/// <https://ai.google.dev/gemini-api/terms>, read 2026-11.
pub fn terms(kind: &str) -> &'static str {
    match kind {
        "anthropic" => {
            "Anthropic's terms (code.claude.com/docs/en/legal-and-compliance): tokens of Free, Pro and Max accounts \
             are for Claude Code and Anthropic's own programs; to route other requests through them is not permitted \
             and can end the account. An API key has no such limit."
        }
        "openai" => {
            "OpenAI's terms (openai.com/policies): an account is its owner's alone; its access is not shared, resold \
             or used around limits, or it can be ended. An API key is what servers are meant to use."
        }
        "gemini" => {
            "Google's terms (ai.google.dev/gemini-api/terms): an account's access is its owner's alone and not to be \
             shared or resold."
        }
        _ => {
            "The provider's terms of service decide whether an account's token may be used by another program than \
             the one it was given to. Read them first: the account can be ended."
        }
    }
}

/// Whether `secret` is by its looks the token of an account.
pub(crate) fn is_account_token(secret: &str) -> bool {
    ["sk-ant-oat", "sk-ant-ort", "ya29."]
        .iter()
        .any(|prefix| secret.starts_with(prefix))
}

/// Whether an account's token may be kept here at all.
pub(crate) fn permit(
    act: &Act<'_>,
    provider: &ProviderRow,
    accepts_terms: bool,
) -> Result<(), Problem> {
    if act.control.policy.mode == Mode::Hosted {
        let words = "tokens of accounts are not kept in hosted mode; use an API key";
        return Err(Problem::new(Kind::Forbidden, words));
    }
    if !accepts_terms {
        let words = format!(
            "{} Mirk keeps such a token for its owner alone; if that is what you want, repeat with --accept-terms.",
            terms(&provider.kind)
        );
        return Err(Problem::new(Kind::Forbidden, words).about("accept_terms"));
    }
    Ok(())
}

/// Seals an account's tokens for their provider's origin.
pub(crate) fn seal(act: &Act<'_>, sealing: &Sealing<'_>) -> Result<CredentialRow, Problem> {
    let login = read(act, sealing.secret.expose())?;
    check(sealing, login.access.expose())?;
    if let Some(refresh) = &login.refresh {
        check_token(refresh)?;
    }
    let bytes = login.to_bytes();
    let content = Content {
        kind: CredentialKind::OAuth,
        bytes: &bytes,
        fingerprint: act
            .control
            .vault
            .fingerprint(login.access.expose().as_bytes()),
        expires_at: login.expires_at,
    };
    finish(act, sealing.provider, sealing.label, &content)
}

/// Seals a pointer to another program's token.
pub(crate) fn point(
    act: &Act<'_>,
    provider: &ProviderRow,
    label: &str,
    input: &PointerInput,
) -> Result<CredentialRow, Problem> {
    let path = Path::new(&input.file);
    let is_plain = path.is_absolute()
        && path
            .file_name()
            .is_some_and(|name| name == "auth-profiles.json")
        && path
            .components()
            .all(|part| part != std::path::Component::ParentDir)
        && input.file.len() <= 4_096;
    if !is_plain || input.profile.is_empty() || input.profile.len() > 256 {
        let words =
            "must be OpenClaw's auth-profiles.json, by its path from the root, and a profile in it";
        return Err(Problem::new(Kind::Invalid, words).about("pointer"));
    }
    let pointer = Pointer {
        program: "openclaw".to_owned(),
        file: input.file.clone(),
        profile: input.profile.clone(),
    };
    let bytes = pointer.to_bytes();
    let content = Content {
        kind: CredentialKind::Reference,
        bytes: &bytes,
        // Of where it is: what is there changes without Mirk.
        fingerprint: act.control.vault.fingerprint(&bytes),
        expires_at: None,
    };
    finish(act, provider, label, &content)
}

fn invalid(words: &'static str) -> Problem {
    Problem::new(Kind::Invalid, words).about("secret")
}

fn read(act: &Act<'_>, text: &str) -> Result<Login, Problem> {
    let now = act.control.clock.now();
    if !text.trim_start().starts_with('{') {
        return Ok(alone(text, now));
    }
    // Serde's words can quote the input, which is secret.
    let given: Given = serde_json::from_str(text).map_err(|_quoted| {
        invalid(
            "must be JSON with access, and may have refresh, expires_at or expires_in, token_endpoint, client_id, \
             scopes and request, and nothing else",
        )
    })?;
    let expires_at = match (given.expires_at, given.expires_in) {
        (Some(moment), _) => Some(moment.read().ok_or_else(|| {
            invalid("expires_at must be seconds since 1970 or a date and time of RFC 3339")
        })?),
        (None, Some(seconds)) => {
            Some(now.plus_micros(i64::from(seconds).saturating_mul(1_000_000)))
        }
        (None, None) => None,
    };
    let endpoint = match (&given.refresh, &given.token_endpoint) {
        (Some(_), Some(url)) => endpoint(act, url)?,
        (Some(_), None) => return Err(invalid("a refresh token needs its token_endpoint")),
        (None, _) => String::new(),
    };
    let scopes = match given.scopes {
        Some(Scopes::One(scopes)) => scopes,
        Some(Scopes::Many(scopes)) => scopes.join(" "),
        None => String::new(),
    };
    let client_id = given.client_id.unwrap_or_default();
    let is_text = |text: &str| text.len() <= 4_096 && !text.chars().any(char::is_control);
    if !is_text(&scopes) || !is_text(&client_id) {
        return Err(invalid(
            "client_id and scopes must be at most 4,096 printable characters",
        ));
    }
    let manner = match given.request.as_deref() {
        None | Some("form") => Manner::Form,
        Some("json") => Manner::Json,
        Some(_) => return Err(invalid("request must be form or json")),
    };
    let token = |token: SecretText| Secret::new(token.expose().to_owned());
    Ok(Login {
        access: token(given.access),
        refresh: given.refresh.map(token),
        issued_at: now,
        expires_at,
        endpoint,
        client_id,
        scopes,
        manner,
    })
}

/// A token alone, as `claude setup-token` prints one.
fn alone(token: &str, now: Timestamp) -> Login {
    Login {
        access: Secret::new(token.to_owned()),
        refresh: None,
        issued_at: now,
        expires_at: None,
        endpoint: String::new(),
        client_id: String::new(),
        scopes: String::new(),
        manner: Manner::Form,
    }
}

impl Moment {
    fn read(&self) -> Option<Timestamp> {
        match self {
            Self::Text(text) => Timestamp::parse(text),
            Self::Number(number) if *number < 0 => None,
            Self::Number(number) if *number >= MILLISECONDS_FROM => {
                number.checked_mul(1_000).map(Timestamp::from_micros)
            }
            Self::Number(number) => number.checked_mul(1_000_000).map(Timestamp::from_micros),
        }
    }
}

/// The token endpoint in canonical form: over TLS unless it is this machine, vetted by its text,
/// its numbers and what its name resolves to.
fn endpoint(act: &Act<'_>, text: &str) -> Result<String, Problem> {
    let blocked = |words: String| Problem::new(Kind::SsrfBlocked, words).about("token_endpoint");
    let base = BaseUrl::parse(text).map_err(|error| blocked(error.to_string()))?;
    let origin = base.origin();
    if !origin.is_https() && !origin.is_loopback() {
        return Err(blocked(
            "a token endpoint is asked over https only".to_owned(),
        ));
    }
    let policy = &act.control.policy;
    let vetted = policy.vet_base(&base);
    vetted.map_err(|error| blocked(error.to_string()))?;
    let checked = act.control.reach.check(&base);
    checked.map_err(|problem| problem.about("token_endpoint"))?;
    Ok(base.as_str().to_owned())
}

fn check_token(token: &Secret<String>) -> Result<(), Problem> {
    let text = token.expose();
    let is_token =
        (1..=16 * 1024).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_token {
        Ok(())
    } else {
        Err(invalid(
            "the refresh token must be 1 to 16,384 visible ASCII characters",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_seconds_milliseconds_or_a_date() {
        let at = |moment: Moment| moment.read().map(Timestamp::as_micros);
        assert_eq!(
            at(Moment::Number(1_800_000_000)),
            Some(1_800_000_000_000_000)
        );
        assert_eq!(
            at(Moment::Number(1_800_000_000_000)),
            Some(1_800_000_000_000_000)
        );
        assert_eq!(
            at(Moment::Text("2027-01-15T08:00:00Z".into())),
            Some(1_800_000_000_000_000)
        );
        assert_eq!(at(Moment::Number(i64::MAX)), None);
        assert_eq!(at(Moment::Number(-1)), None);
        assert_eq!(at(Moment::Text("soon".into())), None);
    }

    #[test]
    fn every_kind_has_terms_and_account_tokens_are_told_from_keys() {
        for facts in mirk_provider::kind::KINDS {
            assert!(terms(facts.name).contains("terms"), "{}", facts.name);
        }
        assert!(is_account_token("sk-ant-oat01-abc"));
        assert!(!is_account_token("sk-ant-api03-abc"));
    }
}
