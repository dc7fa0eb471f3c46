//! The table of model routes.

use mirk_dialect::endpoint::{ENDPOINTS, Found, find as found};

use crate::chance::Chance;

const METHODS: &[&str] = &["GET", "POST", "HEAD", "DELETE", "get", ""];

/// Every route, with a model where one belongs.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let row = |method: &str, pattern: &str| {
        let path = pattern.replace("{model}", "provider/some-model:1%40x");
        format!("{method} {path}").into_bytes()
    };
    ENDPOINTS
        .iter()
        .map(|row_of| row(row_of.method, row_of.pattern))
        .collect()
}

/// Asserts that a route that is found, written out with its model, is the path that was asked for, that a
/// model's name holds safe characters only, and that a method said to be allowed is.
pub(super) fn find(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut chance = Chance::of(data);
    let usual = *chance.pick(METHODS).unwrap_or(&"GET");
    let (method, path) = text.split_once(' ').unwrap_or((usual, text));
    match found(method, path) {
        Found::Endpoint(endpoint, model) => {
            assert!(endpoint.method == method, "another method");
            let name = model.as_deref().unwrap_or_default();
            assert!(!name.split('/').any(|part| part == ".." || part == "."));
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._-:@+~/".contains(&byte))
            );
            let written = endpoint.pattern.replace("{model}", name);
            assert!(written == decoded(path), "another path");
        }
        Found::MethodNotAllowed(allowed) => {
            assert!(!allowed.is_empty());
            for other in allowed.split(", ") {
                assert!(other != method, "refused a method that is allowed");
                let again = found(other, path);
                assert!(matches!(again, Found::Endpoint(..) | Found::BadPath));
            }
        }
        Found::NotFound => assert!(path.starts_with('/') && path.is_ascii()),
        Found::BadPath => assert!(!ENDPOINTS.iter().any(|endpoint| endpoint.pattern == path)),
    }
}

/// The path with its escapes decoded once.
fn decoded(path: &str) -> String {
    let mut pieces = path.split('%');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).unwrap_or((piece, ""));
        let byte = u8::from_str_radix(digits, 16).unwrap_or_default();
        out.push(char::from(byte));
        out.push_str(rest);
    }
    out
}
