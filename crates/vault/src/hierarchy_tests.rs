//! Making, opening, damaging and re-rooting a hierarchy.

use mirk_model::{Mac, MacPurpose};
use proptest::prelude::*;

use super::*;
use crate::testing::{INSTALL, NOW, OTHER_TENANT, TENANT, root};
use crate::{Place, SealKind, SystemEntropy};

type Change = fn(&mut KeyringRow);

fn place() -> Place<'static> {
    Place::of(TENANT, "credentials", b"row", "sealed")
}

fn made(root: &RootKey) -> (Vault, Vec<KeyringRow>) {
    Vault::create(root, &SystemEntropy, INSTALL, TENANT, NOW).unwrap()
}

fn sealed_by(vault: &Vault) -> Vec<u8> {
    vault
        .seal(&place(), SealKind::ProviderKey, b"invented", &SystemEntropy)
        .unwrap()
}

fn opens(vault: &Vault, blob: &[u8]) -> bool {
    vault
        .open_sealed(&place(), SealKind::ProviderKey, blob)
        .is_ok_and(|plain| plain.expose() == b"invented")
}

#[test]
fn a_hierarchy_opens_again_in_any_order_of_rows() {
    let root = root();
    let (vault, mut rows) = made(&root);
    assert_eq!(rows.len(), 9);
    let blob = sealed_by(&vault);
    rows.reverse();
    let again = Vault::open(&root, INSTALL, &rows).unwrap();
    assert!(opens(&again, &blob));
    for purpose in [MacPurpose::Audit, MacPurpose::Row, MacPurpose::Fingerprint] {
        assert_eq!(vault.mac(purpose, b"input"), again.mac(purpose, b"input"));
    }
    assert_eq!(vault.session_mac(b"token"), again.session_mac(b"token"));
}

#[test]
fn another_root_key_is_told_apart_from_damage() {
    let (_, rows) = made(&root());
    let opened = Vault::open(&root(), INSTALL, &rows);
    assert_eq!(opened.err(), Some(OpenError::WrongRoot));
}

#[test]
fn every_damaged_byte_of_every_row_is_called_damage() {
    let root = root();
    let (_, rows) = made(&root);
    for row in 0..rows.len() {
        for byte in 0..rows[row].wrapped.len() {
            let mut bad = rows.clone();
            bad[row].wrapped[byte] ^= 0x40;
            let opened = Vault::open(&root, INSTALL, &bad);
            assert_eq!(opened.err(), Some(OpenError::Damaged(rows[row].id)));
        }
    }
}

#[test]
fn a_cut_row_is_called_damage() {
    let root = root();
    let (_, rows) = made(&root);
    for keep in 0..rows[0].wrapped.len() {
        let mut bad = rows.clone();
        bad[0].wrapped.truncate(keep);
        let opened = Vault::open(&root, INSTALL, &bad);
        assert_eq!(opened.err(), Some(OpenError::Damaged(rows[0].id)));
    }
}

#[test]
fn another_installations_keyring_does_not_open() {
    let root = root();
    let (_, rows) = made(&root);
    let opened = Vault::open(&root, InstallId::from_bytes([8; 16]), &rows);
    assert!(matches!(opened, Err(OpenError::Damaged(_))));
}

#[test]
fn a_row_moved_to_another_purpose_version_tenant_or_id_does_not_open() {
    let root = root();
    let (_, rows) = made(&root);
    let at = rows.iter().position(|row| row.purpose == ROW).unwrap();
    let dek = rows.iter().position(|row| row.purpose == DEK).unwrap();
    let changes: [(usize, Change); 5] = [
        (at, |row| row.purpose = AUDIT.to_owned()),
        (at, |row| row.version = 2),
        (at, |row| row.id = DekId::from_bytes([9; 16])),
        (at, |row| row.tenant = Some(TENANT)),
        (dek, |row| row.tenant = Some(OTHER_TENANT)),
    ];
    for (at, change) in changes {
        let mut moved = rows.clone();
        change(&mut moved[at]);
        let opened = Vault::open(&root, INSTALL, &moved);
        assert_eq!(opened.err(), Some(OpenError::Damaged(moved[at].id)));
    }
}

#[test]
fn a_missing_key_is_named_and_never_made() {
    let root = root();
    let (_, rows) = made(&root);
    for purpose in PURPOSES.into_iter().chain([IMK]) {
        let mut fewer = rows.clone();
        fewer.retain(|row| row.purpose != purpose);
        let opened = Vault::open(&root, INSTALL, &fewer);
        assert_eq!(opened.err(), Some(OpenError::Missing(purpose)));
    }
    let opened = Vault::open(&root, INSTALL, &[]);
    assert_eq!(opened.err(), Some(OpenError::Missing(IMK)));
}

#[test]
fn a_row_that_comes_twice_is_refused() {
    let root = root();
    let (_, rows) = made(&root);
    for row in &rows {
        let twice = [rows.clone(), vec![row.clone()]].concat();
        let opened = Vault::open(&root, INSTALL, &twice);
        assert!(matches!(opened, Err(OpenError::Doubled(_))));
    }
}

#[test]
fn rows_of_unknown_purpose_are_left_alone() {
    let root = root();
    let (_, mut rows) = made(&root);
    let mut later = rows[1].clone();
    later.purpose = String::from("mac/of-a-later-version");
    rows.push(later);
    assert!(Vault::open(&root, INSTALL, &rows).is_ok());
}

#[test]
fn a_new_root_opens_what_was_sealed_before_and_the_old_one_opens_nothing() {
    let (old, new) = (root(), root());
    let (vault, mut rows) = made(&old);
    let blob = sealed_by(&vault);
    let row = vault.rewrap_root(&new, &SystemEntropy).unwrap();
    let at = rows.iter().position(|old| old.id == row.id).unwrap();
    rows[at] = row;
    let opened = Vault::open(&new, INSTALL, &rows).unwrap();
    assert!(opens(&opened, &blob));
    assert_eq!(
        opened.mac(MacPurpose::Row, b"x"),
        vault.mac(MacPurpose::Row, b"x")
    );
    let refused = Vault::open(&old, INSTALL, &rows);
    assert_eq!(refused.err(), Some(OpenError::WrongRoot));
}

#[test]
fn a_tenant_gets_one_key_and_loses_its_records_with_it() {
    let root = root();
    let (mut vault, mut rows) = made(&root);
    rows.push(vault.add_tenant(OTHER_TENANT, &SystemEntropy, NOW).unwrap());
    let again = vault.add_tenant(OTHER_TENANT, &SystemEntropy, NOW);
    assert_eq!(again.err(), Some(CreateError::Exists));
    let blob = sealed_by(&vault);
    assert!(opens(&Vault::open(&root, INSTALL, &rows).unwrap(), &blob));
    rows.retain(|row| row.tenant != Some(TENANT));
    assert!(!opens(&Vault::open(&root, INSTALL, &rows).unwrap(), &blob));
}

#[test]
fn a_vault_does_not_show_in_debug() {
    assert_eq!(format!("{:?}", made(&root()).0), "Vault(..)");
}

proptest! {
    #[test]
    fn any_bytes_in_place_of_a_wrapped_key_are_called_damage(
        at in 0_usize..9,
        wrapped in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let root = root();
        let (_, mut rows) = made(&root);
        rows[at].wrapped = wrapped;
        let opened = Vault::open(&root, INSTALL, &rows);
        prop_assert_eq!(opened.err(), Some(OpenError::Damaged(rows[at].id)));
    }
}
