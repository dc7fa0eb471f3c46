//! The few answers that are not the gateway's: health, the security contact, the set-up page.

use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use mirk_gateway::Body;
use mirk_model::Timestamp;
use mirk_store::{Store, books::accounts};
use mirk_vault::Vault;

/// The security contact's page is valid for half a year from when it is asked for.
const VALID_FOR_MICROS: i64 = 180 * 86_400 * 1_000_000;

/// A set-up link is good for a day.
const SETUP_FOR_MICROS: i64 = 86_400 * 1_000_000;

fn answer(kind: &'static str, body: impl Into<bytes::Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::whole(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        (
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    response
}

/// Says that all is well, or only that it is not.
pub(super) fn health(is_well: bool) -> Response<Body> {
    let body: &'static str = if is_well {
        r#"{"status":"ok"}"#
    } else {
        r#"{"status":"unavailable"}"#
    };
    let mut response = answer("application/json", body);
    if !is_well {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

/// Where to report a vulnerability (RFC 9116), when the operator has said where.
pub(super) fn security_txt(contact: Option<&str>, now: Timestamp) -> Response<Body> {
    let Some(contact) = contact else {
        let words = "This server names no contact; its operator can set one (`contact`).\n";
        let mut response = answer("text/plain; charset=utf-8", words);
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    };
    let expires = now.plus_micros(VALID_FOR_MICROS);
    let body = format!("Contact: {contact}\nExpires: {expires}\nPreferred-Languages: en\n");
    answer("text/plain; charset=utf-8", body)
}

/// The page behind the one-time link. Whatever is wrong with the link, the answer is the same.
pub(super) fn setup(store: &Store, vault: &Vault, token: &str, now: Timestamp) -> Response<Body> {
    let made_at = accounts::setup_made_at(store, &vault.session_mac(token.as_bytes()));
    let oldest = now.plus_micros(-SETUP_FOR_MICROS);
    let is_open = made_at.is_ok_and(|made_at| made_at.is_some_and(|made_at| made_at > oldest));
    let (status, title, words) = if is_open {
        (
            StatusCode::OK,
            "Mirk is running",
            "<p>It has no owner yet. On the machine it runs on, make the owner's account:</p>\
             <pre>mirk setup --stdin --handle YOU</pre>\
             <p>It asks for a password of at least 15 characters. This link ends with it.</p>",
        )
    } else {
        (
            StatusCode::NOT_FOUND,
            "Nothing here",
            "<p>This link was used, or never was one. <code>mirk doctor</code> on the machine says how Mirk is.</p>",
        )
    };
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>:root{{color-scheme:light dark}}body{{font:16px/1.6 system-ui,sans-serif;max-width:38rem;\
         margin:15vh auto;padding:0 1.5rem}}h1{{font-size:1.5rem;letter-spacing:-.01em}}pre{{padding:.9rem 1.1rem;border-radius:.5rem;\
         background:color-mix(in srgb,currentColor 8%,transparent);overflow:auto}}</style><h1>{title}</h1>{words}</html>"
    );
    let mut response = answer("text/html; charset=utf-8", body);
    *response.status_mut() = status;
    response
}
