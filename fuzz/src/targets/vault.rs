//! Keys' tokens, and references to secrets.

use std::sync::Mutex;

use mirk_model::{Entropy, KeyKind, Kid, SecretRef};
use mirk_vault::{Realm, TOKEN_BYTES, is_shaped, mint_in, parse, root_from_bytes};

use crate::chance::Chance;

/// Bytes that are the same in every run.
#[derive(Debug)]
struct Fixed(Mutex<Chance>);

impl Entropy for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        if let Ok(mut chance) = self.0.lock() {
            bytes.fill_with(|| chance.byte());
        }
    }
}

/// Whole tokens of every kind, for nobody.
pub(super) fn tokens() -> Vec<Vec<u8>> {
    let entropy = Fixed(Mutex::new(Chance::new(7)));
    let mut tokens = Vec::new();
    for letter in b"upm" {
        for realm in [Realm::Live, Realm::Test] {
            let kind = KeyKind::from_letter(*letter);
            tokens.extend(kind.map(|kind| {
                mint_in(realm, kind, &entropy)
                    .0
                    .expose()
                    .as_bytes()
                    .to_vec()
            }));
        }
    }
    tokens
}

/// Asserts that a token that is read has its length and prefix, is read again as the same, and that no other
/// byte in any one place is read.
pub(super) fn token(data: &[u8]) {
    if let Some(kid) = Kid::parse(data) {
        assert!(kid.as_str().as_bytes() == data);
    }
    let Some(token) = parse(data) else {
        return;
    };
    assert!(data.len() == TOKEN_BYTES && is_shaped(data));
    assert!(data.get(7..19) == Some(token.kid.as_str().as_bytes()));
    assert!(data.get(20..63) == Some(token.secret_part()));
    let mut chance = Chance::of(data);
    for _ in 0..70 {
        let mut other = data.to_vec();
        let at = chance.below(other.len());
        let byte = chance.byte();
        if let Some(place) = other.get_mut(at).filter(|place| **place != byte) {
            *place = byte;
            assert!(parse(&other).is_none(), "read with another byte in it");
        }
    }
}

/// Asserts that a reference's scheme is the text's, that what a root key is read from is no reference, and that
/// no error shows the text.
pub(super) fn reference(data: &[u8]) {
    // A root key is only ever read from 32 bytes, or from a text that spells 32.
    if root_from_bytes(data).is_ok() {
        assert!(data.len() >= 32 && data.len() <= 128);
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match SecretRef::parse(text) {
        Ok(read) => assert!(text.starts_with(read.scheme())),
        Err(error) => assert!(text.len() < 60 || !error.to_string().contains(text)),
    }
}
