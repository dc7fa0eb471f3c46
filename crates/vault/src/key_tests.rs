//! Proving keys: right ones, wrong ones, and rows that somebody else wrote.

use std::time::Instant;

use mirk_model::{LengthPrefixed, Mac, MacPurpose, Scope, Secret};

use super::*;
use crate::testing::{OTHER_TENANT, TENANT, vault};
use crate::{SystemEntropy, mint, parse};

fn made(vault: &Vault) -> (Secret<String>, ApiKey) {
    let (token, kid) = mint(KeyKind::User, &SystemEntropy);
    let version = vault.pepper_version();
    let secret = parse(token.expose().as_bytes())
        .unwrap()
        .secret_part()
        .to_vec();
    let mut row = decoy(version).unwrap();
    row.kid = kid;
    row.tenant = TENANT;
    row.key_mac = vault.key_mac(&kid, &secret, version).unwrap();
    (token, signed(vault, row))
}

fn signed(vault: &Vault, mut row: ApiKey) -> ApiKey {
    row.row_mac = vault.mac(MacPurpose::Row, &row.mac_input());
    row
}

fn proves(vault: &Vault, token: &Secret<String>, row: Option<&ApiKey>) -> bool {
    vault.verify_key(&parse(token.expose().as_bytes()).unwrap(), row)
}

#[test]
fn the_right_token_proves_its_row() {
    let vault = vault();
    let (token, row) = made(&vault);
    assert!(proves(&vault, &token, Some(&row)));
}

#[test]
fn the_mac_is_over_the_length_prefixed_parts() {
    let vault = vault();
    let kid = Kid::parse(b"inventedkid1").unwrap();
    let input = LengthPrefixed::new("apikey/v1")
        .field(kid.as_str().as_bytes())
        .field(b"secret")
        .into_bytes();
    let expected = bytes(&hmac::sign(vault.api_key.current(), &input));
    assert_eq!(vault.key_mac(&kid, b"secret", 1), Some(expected));
    assert_eq!(vault.key_mac(&kid, b"secret", 2), None);
}

#[test]
fn an_unknown_key_and_another_secret_prove_nothing() {
    let vault = vault();
    let (token, row) = made(&vault);
    let (other, _) = made(&vault);
    assert!(!proves(&vault, &token, None));
    assert!(!proves(&vault, &other, Some(&row)));
}

#[test]
fn the_same_kid_with_another_secret_proves_nothing() {
    let vault = vault();
    let (_, row) = made(&vault);
    let (other, _) = made(&vault);
    let mut token = parse(other.expose().as_bytes()).unwrap();
    token.kid = row.kid;
    assert!(!vault.verify_key(&token, Some(&row)));
}

#[test]
fn a_token_of_another_kind_proves_nothing() {
    let vault = vault();
    let (token, mut row) = made(&vault);
    row.kind = KeyKind::Mcp;
    assert!(!proves(&vault, &token, Some(&signed(&vault, row))));
}

#[test]
fn a_row_that_was_changed_behind_our_back_proves_nothing() {
    let vault = vault();
    let (token, row) = made(&vault);
    let changes: [fn(&mut ApiKey); 8] = [
        |row| row.tenant = OTHER_TENANT,
        |row| row.scopes = row.scopes.with(Scope::Mcp),
        |row| row.models = ModelFilter::new(vec![String::from("*")]),
        |row| row.limits.rpm = Some(1_000_000),
        |row| row.expires_at = Some(Timestamp::from_micros(i64::MAX)),
        |row| row.version += 1,
        |row| row.pepper_version = 2,
        |row| row.row_mac[0] ^= 1,
    ];
    for change in changes {
        let mut forged = row.clone();
        change(&mut forged);
        assert!(!proves(&vault, &token, Some(&forged)));
    }
}

#[test]
fn a_row_made_without_the_pepper_proves_nothing() {
    // Whoever writes the database but has another vault can only sign with other keys.
    let (token, row) = made(&vault());
    assert!(!proves(&vault(), &token, Some(&row)));
}

/// Run with `--run-ignored all --no-capture`; figures from an optimised build mean more.
#[test]
#[ignore = "prints timings, proves nothing"]
#[expect(clippy::disallowed_methods, reason = "measures, by hand")]
fn timing_of_reading_and_proving() {
    const ROUNDS: u32 = 200_000;
    let vault = vault();
    let (token, row) = made(&vault);
    let token = token.expose().as_bytes();
    let parsed = parse(token).unwrap();
    let measure = |name: &str, act: &dyn Fn() -> bool| {
        let start = Instant::now();
        let done = (0..ROUNDS).filter(|_| act()).count();
        println!(
            "{name}: {} ns ({done})",
            start.elapsed().as_nanos() / u128::from(ROUNDS)
        );
    };
    measure("parse", &|| parse(std::hint::black_box(token)).is_some());
    measure("key mac", &|| {
        vault.key_mac(&row.kid, parsed.secret_part(), 1).is_some()
    });
    measure("row mac input", &|| !row.mac_input().is_empty());
    measure("prove a known key", &|| {
        vault.verify_key(&parsed, Some(&row))
    });
    measure("prove an unknown key", &|| vault.verify_key(&parsed, None));
}
