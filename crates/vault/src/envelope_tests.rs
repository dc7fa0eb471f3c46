//! Sealed records against swaps, flips, cuts and other lengths.

use std::collections::HashSet;

use mirk_model::TenantId;
use proptest::prelude::*;

use super::*;
use crate::SystemEntropy;
use crate::testing::{OTHER_TENANT, TENANT, vault};

const KIND: SealKind = SealKind::ProviderKey;
const CANARY: &[u8] = b"invented-provider-secret-0123456789";

fn place() -> Place<'static> {
    Place::of(TENANT, "credentials", b"row-one", "sealed").at_generation(3)
}

fn sealed(vault: &Vault, plaintext: &[u8]) -> Vec<u8> {
    vault
        .seal(&place(), KIND, plaintext, &SystemEntropy)
        .unwrap()
}

fn opens(vault: &Vault, place: &Place<'_>, blob: &[u8]) -> bool {
    vault.open_sealed(place, KIND, blob).is_ok()
}

#[test]
fn a_ciphertext_opens_only_where_it_was_sealed_for() {
    let vault = vault();
    let blob = sealed(&vault, CANARY);
    let opened = vault.open_sealed(&place(), KIND, &blob).unwrap();
    assert_eq!(opened.expose(), CANARY);
    let elsewhere = [
        Place {
            tenant: Some(OTHER_TENANT),
            ..place()
        },
        Place {
            tenant: None,
            ..place()
        },
        Place {
            tenant: Some(TenantId::from_bytes([3; 16])),
            ..place()
        },
        Place {
            table: "accounts",
            ..place()
        },
        Place {
            row: b"row-two",
            ..place()
        },
        Place {
            column: "refresh",
            ..place()
        },
        Place {
            generation: 2,
            ..place()
        },
        Place {
            generation: 4,
            ..place()
        },
        // A byte that moves over a border between two fields.
        Place {
            table: "credential",
            row: b"srow-one",
            ..place()
        },
    ];
    for place in elsewhere {
        assert!(!opens(&vault, &place, &blob), "{place:?}");
    }
    let other_kind = vault.open_sealed(&place(), SealKind::RefreshToken, &blob);
    assert_eq!(other_kind.err(), Some(IntegrityError));
}

#[test]
fn another_installations_vault_does_not_open_it() {
    let blob = sealed(&vault(), CANARY);
    assert!(!opens(&vault(), &place(), &blob));
}

#[test]
fn the_installation_has_a_key_of_its_own() {
    let vault = vault();
    let place = Place::of_system("meta", b"1", "secret");
    let blob = vault.seal(&place, KIND, CANARY, &SystemEntropy).unwrap();
    assert!(opens(&vault, &place, &blob));
    assert!(!opens(
        &vault,
        &Place {
            tenant: Some(TENANT),
            ..place
        },
        &blob
    ));
}

#[test]
fn every_flipped_bit_is_rejected() {
    let vault = vault();
    let blob = sealed(&vault, CANARY);
    for at in 0..blob.len() {
        for bit in 0..8 {
            let mut bad = blob.clone();
            bad[at] ^= 1 << bit;
            assert!(!opens(&vault, &place(), &bad), "byte {at} bit {bit}");
        }
    }
}

#[test]
fn every_cut_and_every_extension_is_rejected() {
    let vault = vault();
    let blob = sealed(&vault, CANARY);
    for keep in 0..blob.len() {
        assert!(!opens(&vault, &place(), &blob[..keep]), "{keep}");
        assert!(
            !opens(&vault, &place(), &blob[blob.len() - keep..]),
            "{keep}"
        );
    }
    for extra in [1, 16, 63, 64, 65, 10 << 20] {
        let mut long = blob.clone();
        long.resize(blob.len() + extra, 0);
        assert!(!opens(&vault, &place(), &long), "{extra}");
    }
}

#[test]
fn every_other_suite_magic_and_kind_is_rejected() {
    let vault = vault();
    let blob = sealed(&vault, CANARY);
    for at in 0..6 {
        for byte in (0..=255).filter(|byte| *byte != blob[at]) {
            let mut other = blob.clone();
            other[at] = byte;
            assert!(!opens(&vault, &place(), &other), "{at} {byte}");
        }
    }
}

#[test]
fn the_layout_is_the_documented_one() {
    let vault = vault();
    let blob = sealed(&vault, CANARY);
    assert_eq!(blob[..6], *b"MRK1\x01\x01");
    let (id, _) = vault.deks.newest(Some(TENANT)).unwrap();
    assert_eq!(blob[6..22], id.as_bytes()[..]);
    assert_eq!(blob.len(), 82 + 64 + 16);
}

#[test]
fn a_length_shows_in_buckets_of_64_bytes_only() {
    let vault = vault();
    for length in 0..=260 {
        let blob = sealed(&vault, &vec![b'x'; length]);
        assert_eq!(blob.len(), 82 + (length + 4).div_ceil(64) * 64 + 16);
        let opened = vault.open_sealed(&place(), KIND, &blob).unwrap();
        assert_eq!(opened.expose().len(), length);
    }
}

#[test]
fn one_mebibyte_is_sealed_and_one_byte_more_is_not() {
    let vault = vault();
    let long = vec![b'x'; MAX_PLAINTEXT_BYTES];
    assert!(opens(&vault, &place(), &sealed(&vault, &long)));
    let longer = vec![b'x'; MAX_PLAINTEXT_BYTES + 1];
    let refused = vault.seal(&place(), KIND, &longer, &SystemEntropy);
    assert_eq!(refused, Err(SealError::TooLong));
}

#[test]
fn an_owner_without_a_key_seals_nothing() {
    let stranger = Place {
        tenant: Some(TenantId::from_bytes([9; 16])),
        ..place()
    };
    let refused = vault().seal(&stranger, KIND, CANARY, &SystemEntropy);
    assert_eq!(refused, Err(SealError::NoKey));
}

#[test]
fn the_same_plaintext_never_gives_the_same_salt_or_nonce() {
    let vault = vault();
    let mut salts = HashSet::new();
    let mut nonces = HashSet::new();
    for _ in 0..100_000 {
        let blob = sealed(&vault, CANARY);
        assert!(salts.insert(<[u8; 16]>::try_from(&blob[22..38]).unwrap()));
        assert!(nonces.insert(<[u8; 12]>::try_from(&blob[70..82]).unwrap()));
        assert!(!blob.windows(8).any(|window| window == &CANARY[..8]));
    }
}

#[test]
fn an_authenticated_body_that_is_padded_otherwise_is_refused() {
    let body = |length: u32, size: usize| {
        let mut body = length.to_be_bytes().to_vec();
        body.resize(size, 0);
        body
    };
    assert!(unpad(&body(60, 64)).is_some());
    assert!(unpad(&body(61, 64)).is_none());
    assert!(unpad(&body(0, 128)).is_none());
    assert!(unpad(&body(u32::MAX, 64)).is_none());
    assert!(unpad(&[]).is_none());
    let mut marked = body(10, 64);
    marked[63] = 1;
    assert!(unpad(&marked).is_none());
}

proptest! {
    #[test]
    fn what_is_sealed_opens(
        plaintext in proptest::collection::vec(any::<u8>(), 0..500),
        table in "[a-z_]{0,20}",
        row in proptest::collection::vec(any::<u8>(), 0..40),
        column in "[a-z_]{0,20}",
        generation in any::<i64>(),
    ) {
        let vault = vault();
        let place = Place::of(TENANT, &table, &row, &column).at_generation(generation);
        let blob = vault.seal(&place, KIND, &plaintext, &SystemEntropy).unwrap();
        let opened = vault.open_sealed(&place, KIND, &blob).unwrap();
        prop_assert_eq!(opened.expose(), &plaintext);
    }

    #[test]
    fn random_bytes_never_open(blob in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(!opens(&vault(), &place(), &blob));
    }

    #[test]
    fn random_bytes_behind_a_true_header_never_open(
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let vault = vault();
        let mut blob = sealed(&vault, CANARY);
        blob.truncate(82);
        blob.extend(body);
        prop_assert!(!opens(&vault, &place(), &blob));
    }
}
