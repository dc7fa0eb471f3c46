//! Password hashes: right, wrong, cheap, foreign.

use super::*;
use crate::SystemEntropy;
use crate::testing::vault;

const PASSWORD: &str = "invented moss kettle parade";

fn hashed(vault: &Vault) -> PasswordHash {
    vault
        .hash_password(PASSWORD, Cost::SMALL, &SystemEntropy)
        .unwrap()
}

#[test]
fn the_right_password_verifies_and_every_other_does_not() {
    let vault = vault();
    let stored = hashed(&vault);
    assert!(vault.verify_password(PASSWORD, &stored));
    for wrong in [
        "",
        "invented moss kettle parad",
        "Invented moss kettle parade",
        &stored.phc,
    ] {
        assert!(!vault.verify_password(wrong, &stored));
    }
}

#[test]
fn two_hashes_of_one_password_differ() {
    let vault = vault();
    assert_ne!(hashed(&vault).phc, hashed(&vault).phc);
}

#[test]
fn passwords_alike_in_their_first_72_bytes_are_told_apart() {
    let vault = vault();
    let long = "x".repeat(72);
    let hash =
        |end: &str| vault.hash_password(&format!("{long}{end}"), Cost::SMALL, &SystemEntropy);
    let stored = hash("one").unwrap();
    assert!(vault.verify_password(&format!("{long}one"), &stored));
    assert!(!vault.verify_password(&format!("{long}two"), &stored));
}

#[test]
fn nothing_is_cut_off_above_the_longest_password() {
    let vault = vault();
    let longest = "y".repeat(1_024);
    let stored = vault
        .hash_password(&longest, Cost::SMALL, &SystemEntropy)
        .unwrap();
    assert!(vault.verify_password(&longest, &stored));
    let longer = "y".repeat(1_025);
    assert!(!vault.verify_password(&longer, &stored));
    let refused = vault.hash_password(&longer, Cost::SMALL, &SystemEntropy);
    assert_eq!(refused.err(), Some(HashError::Policy(PolicyError::TooLong)));
}

#[test]
fn the_stored_form_is_a_phc_string_with_its_cost() {
    let stored = hashed(&vault());
    let fields: Vec<&str> = stored.phc.split('$').collect();
    assert_eq!(fields[..4], ["", "argon2id", "v=19", "m=19456,t=2,p=1"]);
    assert_eq!(
        (fields[4].len(), fields[5].len(), fields.len()),
        (22, 43, 6)
    );
    assert_eq!(stored.pepper_version, 1);
    assert_eq!(format!("{stored:?}"), "PasswordHash(..)");
}

#[test]
fn another_pepper_does_not_verify() {
    let stored = hashed(&vault());
    assert!(!vault().verify_password(PASSWORD, &stored));
}

#[test]
fn a_stored_hash_that_is_cheap_dear_or_unreadable_verifies_nothing() {
    let vault = vault();
    let stored = hashed(&vault);
    for (from, to) in [
        ("m=19456,t=2", "m=19456,t=1"),
        ("m=19456,t=2", "m=8,t=1"),
        ("m=19456,t=2", "m=4294967295,t=2"),
        ("p=1", "p=0"),
        ("p=1", "p=1,keyid=x"),
        ("v=19", "v=16"),
        ("argon2id", "argon2i"),
    ] {
        let phc = stored.phc.replace(from, to);
        assert_ne!(phc, stored.phc);
        assert!(Parts::read(&phc).is_none(), "{to}");
    }
    for phc in ["", "$", "$argon2id", "$argon2id$v=19$m=19456,t=2,p=1$$"] {
        assert!(Parts::read(phc).is_none());
    }
    let unreadable = PasswordHash {
        phc: String::new(),
        pepper_version: 1,
    };
    assert!(!vault.verify_password(PASSWORD, &unreadable));
}

#[test]
fn a_cost_below_the_floor_or_above_the_ceiling_is_refused() {
    for (memory, passes, lanes) in [
        (19_455, 2, 1),
        (19_456, 1, 1),
        (47_103, 1, 1),
        (65_536, 2, 0),
    ] {
        assert_eq!(Cost::new(memory, passes, lanes), Err(CostError::BelowFloor));
    }
    assert_eq!(Cost::new(1 << 21, 2, 1), Err(CostError::AboveCeiling));
    assert_eq!(Cost::new(65_536, 2, 1), Ok(Cost::DEFAULT));
    assert_eq!(Cost::new(19_456, 2, 1), Ok(Cost::SMALL));
    assert!(Cost::new(47_104, 1, 1).is_ok());
}

#[test]
fn a_hash_is_made_anew_for_another_cost_or_pepper() {
    let vault = vault();
    let mut stored = hashed(&vault);
    assert!(!vault.needs_rehash(&stored, Cost::SMALL));
    assert!(vault.needs_rehash(&stored, Cost::DEFAULT));
    stored.pepper_version = 0;
    assert!(vault.needs_rehash(&stored, Cost::SMALL));
}
