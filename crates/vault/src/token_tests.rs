//! The shape of tokens: minting, reading, and everything that is not one.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::SystemEntropy;

fn minted() -> String {
    mint(KeyKind::User, &SystemEntropy).0.expose().clone()
}

/// A CRC-32 of another make: bit by bit, without a table.
fn slow_crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xEDB8_8320
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

#[test]
fn the_crc_is_the_one_of_ieee_802_3() {
    assert_eq!(crc32(b""), 0);
    assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    assert_eq!(crc_digits(b""), *b"000000");
    // Worked out with another implementation: 0xCBF43926 is 3421780262.
    assert_eq!(crc_digits(b"123456789"), *b"3jZRME");
}

#[test]
fn a_minted_token_reads_back() {
    for kind in [KeyKind::User, KeyKind::Project, KeyKind::Mcp] {
        for realm in [Realm::Live, Realm::Test] {
            let (token, kid) = mint_in(realm, kind, &SystemEntropy);
            let read = parse(token.expose().as_bytes()).unwrap();
            assert_eq!((read.realm, read.kind, read.kid), (realm, kind, kid));
            assert_eq!(read.secret_part(), &token.expose().as_bytes()[20..63]);
            assert!(is_shaped(token.expose().as_bytes()));
        }
    }
}

#[test]
fn a_hundred_thousand_tokens_differ_keep_the_shape_and_use_every_character_evenly() {
    let mut kids = HashSet::new();
    let mut secrets = HashSet::new();
    let mut counts = [0_u32; 256];
    for _ in 0..100_000 {
        let (token, kid) = mint(KeyKind::Project, &SystemEntropy);
        let bytes = token.expose().as_bytes();
        assert_eq!(bytes.len(), TOKEN_BYTES);
        assert_eq!(&bytes[..7], b"mrk_lp_");
        assert!(parse(bytes).is_some());
        let secret: [u8; 43] = bytes[20..63].try_into().unwrap();
        for byte in secret {
            counts[usize::from(byte)] += 1;
        }
        assert!(kids.insert(kid));
        assert!(secrets.insert(secret));
    }
    let expected = f64::from(100_000 * 43) / 62.0;
    let chi2: f64 = ALPHABET
        .iter()
        .map(|byte| (f64::from(counts[usize::from(*byte)]) - expected).powi(2) / expected)
        .sum();
    // 61 degrees of freedom: a fair draw exceeds 135 less than once in ten million.
    assert!(chi2 < 135.0, "chi squared {chi2}");
    assert_eq!(counts.iter().sum::<u32>(), 100_000 * 43);
}

#[test]
fn every_single_change_of_a_character_is_noticed() {
    let token = minted();
    for at in 0..token.len() {
        for byte in 0..=255 {
            let mut other = token.clone().into_bytes();
            if other[at] != byte {
                other[at] = byte;
                assert!(parse(&other).is_none(), "byte {at}");
            }
        }
    }
}

#[test]
fn what_is_not_a_token_is_not_read() {
    let token = minted();
    let none: [&[u8]; 8] = [
        b"",
        b"mrk_",
        b"' OR 1=1--",
        b"a'/**/UNION",
        b"\0",
        &token.as_bytes()[..69],
        &[token.as_bytes(), b"0"].concat(),
        &[b" ", &token.as_bytes()[..69]].concat(),
    ];
    for bytes in none {
        assert!(parse(bytes).is_none());
    }
    let long = vec![b'0'; 1 << 20];
    assert!(parse(&long).is_none());
    assert!(!is_shaped(b"sk-invented"));
    assert!(!is_shaped(b"MRK_"));
}

#[test]
fn a_token_shows_its_kid_only() {
    let (token, kid) = mint(KeyKind::Mcp, &SystemEntropy);
    let read = parse(token.expose().as_bytes()).unwrap();
    assert_eq!(format!("{read:?}"), format!("Token({kid})"));
}

proptest! {
    #[test]
    fn reading_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(parse(&bytes).is_none());
    }

    #[test]
    fn seventy_bytes_of_anything_never_panic(bytes in proptest::collection::vec(any::<u8>(), 70)) {
        prop_assert!(parse(&bytes).is_none());
    }

    #[test]
    fn both_makes_of_the_crc_agree(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(crc32(&bytes), slow_crc32(&bytes));
    }

    #[test]
    fn a_true_shape_with_a_true_crc_is_read(
        head in "mrk_[lt][upm]_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}",
    ) {
        let crc = crc_digits(head.as_bytes());
        let token = [head.as_bytes(), b"_", &crc].concat();
        prop_assert!(parse(&token).is_some());
    }
}
