//! The token endpoint: one request, and the only things its answer can mean.
//!
//! Invariant: the refresh token goes to the origin that is sealed beside it and nowhere else, and
//! of what the endpoint says nothing leaves this file but tokens, a time and one of a few words.

use std::{future::poll_fn, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::Full;
use mirk_model::{CredentialId, Secret, Timestamp};
use mirk_provider::address::BaseUrl;
use mirk_vault::{Login, Manner};
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

use super::Tools;
use crate::egress::UpstreamBody;

/// How long one renewal may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most of an answer that is read.
const MOST_ANSWER: usize = 64 * 1024;
/// The longest token.
const MOST_TOKEN: usize = 16 * 1024;
/// How long a token lives when neither this answer nor the one before says, in seconds.
const USUAL_LIFE: i64 = 3_600;
/// The longest life that is believed, in seconds: ten years.
const LONGEST_LIFE: i64 = 315_360_000;

/// After these the endpoint will never give a token for this refresh token again.
const ENDINGS: [&str; 7] = [
    "invalid_grant",
    "refresh_token_reused",
    "refresh_token_expired",
    "refresh_token_invalidated",
    "invalid_client",
    "unauthorized_client",
    "unsupported_grant_type",
];

/// Why there is no new token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// There will never be one: which of the closed words the endpoint gave for it.
    Ended(&'static str),
    /// Not now; perhaps after this time.
    Later(Option<Duration>),
}

/// What the endpoint gave.
#[derive(Debug)]
pub(super) struct Granted {
    access: Secret<String>,
    refresh: Option<Secret<String>>,
    /// In seconds.
    lives: Option<i64>,
    scopes: Option<String>,
}

impl Granted {
    /// The tokens after `old`: a refresh token that was not replaced goes on.
    pub(super) fn after(self, old: Login, now: Timestamp) -> Login {
        let before = old
            .expires_at
            .map(|at| at.as_micros().saturating_sub(old.issued_at.as_micros()))
            .filter(|life| *life > 0);
        let life = match self.lives {
            Some(seconds) => seconds.clamp(0, LONGEST_LIFE).saturating_mul(1_000_000),
            None => before.unwrap_or(USUAL_LIFE * 1_000_000),
        };
        Login {
            access: self.access,
            refresh: self.refresh.or(old.refresh),
            issued_at: now,
            expires_at: Some(now.plus_micros(life)),
            scopes: self.scopes.unwrap_or(old.scopes),
            ..old
        }
    }
}

/// Asks for new tokens.
pub(super) async fn ask(
    tools: &Tools,
    id: CredentialId,
    tokens: &Login,
) -> Result<Granted, Refused> {
    let Some(refresh) = &tokens.refresh else {
        return Err(Refused::Ended("no_refresh_token"));
    };
    let base = BaseUrl::parse(&tokens.endpoint).map_err(|_unusable| Refused::Later(None))?;
    let origin = base.origin();
    if !origin.is_https() && !origin.is_loopback() {
        return Err(Refused::Later(None));
    }
    let request = request(&base, tokens, refresh).ok_or(Refused::Later(None))?;
    let asking = async {
        let pool = tools.egress.pool(&origin, Some(id));
        let answer = tools.egress.send(&pool, request).await.ok()?;
        let (parts, body) = answer.into_parts();
        Some((parts.status, parts.headers, read(body).await?))
    };
    let answered = tokio::time::timeout(PATIENCE, asking).await;
    let Ok(Some((status, headers, body))) = answered else {
        return Err(Refused::Later(None));
    };
    judge(status, &headers, &body)
}

fn request(
    base: &BaseUrl,
    tokens: &Login,
    refresh: &Secret<String>,
) -> Option<Request<Full<Bytes>>> {
    let pairs = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.expose().as_str()),
        ("client_id", tokens.client_id.as_str()),
    ];
    let (kind, body) = match tokens.manner {
        Manner::Form => ("application/x-www-form-urlencoded", form(&pairs)),
        Manner::Json => ("application/json", json(&pairs)),
    };
    let path = if base.path().is_empty() {
        "/"
    } else {
        base.path()
    };
    let uri = if base.origin().is_https() {
        format!("https://{}{path}", base.authority())
    } else {
        path.to_owned()
    };
    let mut request = Request::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.parse().ok()?;
    let headers = request.headers_mut();
    headers.insert(header::HOST, HeaderValue::from_str(base.authority()).ok()?);
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::ACCEPT, "application/json"),
        (header::ACCEPT_ENCODING, "identity"),
        (
            header::USER_AGENT,
            concat!("mirk/", env!("CARGO_PKG_VERSION")),
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Some(request)
}

/// Pairs as a form; a value that is empty is left out.
fn form(pairs: &[(&str, &str)]) -> Zeroizing<String> {
    const HEX: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    let size = pairs
        .iter()
        .map(|(name, value)| name.len() + 3 * value.len() + 2);
    let mut text = Zeroizing::new(String::with_capacity(size.sum()));
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(name);
        text.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                text.push(char::from(byte));
            } else {
                let digits = [byte >> 4, byte & 15].map(|digit| HEX.get(usize::from(digit)));
                text.push('%');
                text.extend(digits.into_iter().flatten());
            }
        }
    }
    text
}

fn json(pairs: &[(&str, &str)]) -> Zeroizing<String> {
    let fields: serde_json::Map<String, Value> = pairs
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
        .collect();
    let value = Value::Object(fields);
    let text = Zeroizing::new(value.to_string());
    wipe(value);
    text
}

async fn read(mut body: UpstreamBody) -> Option<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::with_capacity(MOST_ANSWER));
    while let Some(piece) = poll_fn(|cx| body.poll_piece(cx)).await {
        let piece = piece.ok()?;
        if text.len().saturating_add(piece.len()) > MOST_ANSWER {
            return None;
        }
        text.extend_from_slice(&piece);
    }
    Some(text)
}

fn judge(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<Granted, Refused> {
    let asked = headers
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else {
        return Err(Refused::Later(asked));
    };
    let judged = if status == StatusCode::OK {
        granted(&mut value).ok_or(Refused::Later(asked))
    } else if matches!(status.as_u16(), 400 | 401 | 403) {
        Err(ending(&value).map_or(Refused::Later(asked), Refused::Ended))
    } else {
        Err(Refused::Later(asked))
    };
    wipe(value);
    judged
}

fn granted(value: &mut Value) -> Option<Granted> {
    let kind = value.get("token_type").and_then(Value::as_str);
    if kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return None;
    }
    let lives = value.get("expires_in").and_then(|lives| match lives {
        Value::String(text) => text.parse().ok(),
        // Some write a whole number with a point.
        lives => lives
            .as_i64()
            .or_else(|| lives.to_string().split('.').next()?.parse().ok()),
    });
    let mut take = |name: &str| match value.get_mut(name).map(Value::take) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let access = Secret::new(take("access_token")?);
    let refresh = take("refresh_token").map(Secret::new);
    let is_token = |token: &Secret<String>| {
        let text = token.expose();
        !text.is_empty()
            && text.len() <= MOST_TOKEN
            && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let scopes = take("scope").filter(|scopes| scopes.len() <= MOST_TOKEN);
    let is_whole = is_token(&access) && refresh.as_ref().is_none_or(is_token);
    is_whole.then_some(Granted {
        access,
        refresh,
        lives,
        scopes,
    })
}

/// The word that says that it is over: RFC 6749's `error`, or a `code` or `type` within it.
fn ending(value: &Value) -> Option<&'static str> {
    let error = value.get("error")?;
    let said = [
        Some(error),
        error.get("code"),
        error.get("type"),
        value.get("code"),
    ];
    said.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .find_map(|said| ENDINGS.into_iter().find(|ending| *ending == said))
}

/// Overwrites every text in `value`.
fn wipe(value: Value) {
    match value {
        Value::String(mut text) => text.zeroize(),
        Value::Array(items) => items.into_iter().for_each(wipe),
        Value::Object(fields) => fields.into_iter().for_each(|(_, value)| wipe(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judged(status: u16, body: &str) -> Result<Granted, Refused> {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("7"));
        judge(
            StatusCode::from_u16(status).unwrap(),
            &headers,
            body.as_bytes(),
        )
    }

    fn old(refresh: &str) -> Login {
        Login {
            access: Secret::new("old".to_owned()),
            refresh: Some(Secret::new(refresh.to_owned())),
            issued_at: Timestamp::from_micros(0),
            expires_at: Some(Timestamp::from_micros(50_000_000)),
            endpoint: "https://login.example/token".to_owned(),
            client_id: "mine".to_owned(),
            scopes: "a".to_owned(),
            manner: Manner::Form,
        }
    }

    #[test]
    fn a_grant_replaces_what_it_names_and_keeps_the_rest() {
        let text = r#"{"access_token":"new","refresh_token":"r2","expires_in":20,"token_type":"Bearer","scope":"b"}"#;
        let now = Timestamp::from_micros(1_000_000);
        let login = judged(200, text).unwrap().after(old("r1"), now);
        assert_eq!(login.access.expose(), "new");
        assert_eq!(login.refresh.unwrap().expose(), "r2");
        assert_eq!(login.expires_at, Some(Timestamp::from_micros(21_000_000)));
        assert_eq!(login.scopes, "b");
        let login = judged(200, r#"{"access_token":"new"}"#)
            .unwrap()
            .after(old("r1"), now);
        assert_eq!(login.refresh.unwrap().expose(), "r1");
        assert_eq!(login.expires_at, Some(Timestamp::from_micros(51_000_000)));
        assert_eq!(login.endpoint, "https://login.example/token");
    }

    #[test]
    fn only_closed_words_end_a_login() {
        for word in ENDINGS {
            for text in [
                format!(r#"{{"error":"{word}"}}"#),
                format!(r#"{{"error":{{"code":"{word}"}}}}"#),
            ] {
                assert_eq!(judged(400, &text).unwrap_err(), Refused::Ended(word));
            }
        }
        let later = Refused::Later(Some(Duration::from_secs(7)));
        for (status, text) in [
            (400, r#"{"error":"slow_down"}"#),
            (500, r#"{"error":"invalid_grant"}"#),
            (429, r#"{"error":"invalid_grant"}"#),
            (400, "<html>"),
            (200, "{}"),
            (200, r#"{"access_token":"a b"}"#),
            (200, r#"{"access_token":"a","refresh_token":"b\r\nc"}"#),
            (200, r#"{"access_token":"a","token_type":"mac"}"#),
            (302, r#"{"access_token":"a"}"#),
        ] {
            assert_eq!(judged(status, text).unwrap_err(), later, "{status} {text}");
        }
    }

    #[test]
    fn requests_are_forms_or_json_with_nothing_of_other_clients() {
        let pairs = [("refresh_token", "a/b+c=é"), ("client_id", "")];
        assert_eq!(form(&pairs).as_str(), "refresh_token=a%2Fb%2Bc%3D%C3%A9");
        assert_eq!(json(&pairs).as_str(), r#"{"refresh_token":"a/b+c=é"}"#);
    }

    proptest! {
        #[test]
        fn no_answer_panics_and_no_odd_token_is_taken(status in 100_u16..600, body in ".{0,60}", access in ".{0,12}") {
            let given = serde_json::json!({"access_token": access, "expires_in": body}).to_string();
            for text in [body.as_str(), given.as_str()] {
                if let Ok(granted) = judged(status, text) {
                    prop_assert!(granted.access.expose().bytes().all(|byte| byte.is_ascii_graphic()));
                    prop_assert_eq!(status, 200);
                }
            }
        }
    }
}
