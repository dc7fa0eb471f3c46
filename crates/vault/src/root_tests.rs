//! What may serve as a root key.

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

use super::*;
use crate::testing::{Fixed, INSTALL};
use mirk_model::Entropy;

fn sample() -> [u8; 32] {
    let mut bytes = [0; 32];
    Fixed::default().fill(&mut bytes);
    bytes
}

fn weak(raw: [u8; 32]) -> bool {
    matches!(root_from_bytes(&raw), Err(RootError::Weak(_)))
}

#[test]
fn every_spelling_of_a_key_gives_the_same_key() {
    let raw = sample();
    let spellings = [
        BASE64.encode(&raw),
        BASE64_NOPAD.encode(&raw),
        BASE64URL.encode(&raw),
        BASE64URL_NOPAD.encode(&raw),
        HEXLOWER.encode(&raw),
        HEXUPPER.encode(&raw),
    ];
    for spelling in spellings {
        for end in ["", "\n", "\r\n"] {
            let text = format!("{spelling}{end}");
            let root = root_from_bytes(text.as_bytes()).unwrap();
            assert_eq!(root.key().expose(), &raw);
        }
    }
    assert_eq!(root_from_bytes(&raw).unwrap().key().expose(), &raw);
}

#[test]
fn a_wrong_length_is_refused_with_the_count() {
    for length in [0, 1, 16, 31, 33, 42, 45, 63, 66, 1_000] {
        let bytes = vec![0xA7; length];
        assert_eq!(
            root_from_bytes(&bytes).err(),
            Some(RootError::Length(length))
        );
    }
}

#[test]
fn raw_bytes_may_end_like_a_line() {
    let mut raw = sample();
    raw[31] = b'\n';
    assert_eq!(root_from_bytes(&raw).unwrap().key().expose(), &raw);
}

#[test]
fn text_of_the_right_length_that_spells_nothing_is_refused() {
    let text = "!".repeat(64);
    assert_eq!(
        root_from_bytes(text.as_bytes()).err(),
        Some(RootError::Spelling)
    );
}

#[test]
fn keys_that_nobody_drew_at_random_are_refused() {
    assert!(weak([0; 32]));
    assert!(weak([0x55; 32]));
    assert!(weak(std::array::from_fn(|at| u8::try_from(at).unwrap())));
    assert!(weak(std::array::from_fn(
        |at| 200 - 3 * u8::try_from(at).unwrap()
    )));
    assert!(weak(std::array::from_fn(
        |at| [0xDE, 0xAD, 0xBE, 0xEF][at % 4]
    )));
    assert!(weak(std::array::from_fn(|at| sample()[at % 16])));
    assert!(weak(std::array::from_fn(|at| sample()[at] & 7)));
    assert!(weak(*b"correct horse battery staple 123"));
    let hex = HEXLOWER.encode(&[0; 32]);
    assert!(matches!(
        root_from_bytes(hex.as_bytes()),
        Err(RootError::Weak(_))
    ));
}

#[test]
fn random_keys_are_never_called_weak() {
    let entropy = Fixed::default();
    for _ in 0..10_000 {
        let mut raw = [0; 32];
        entropy.fill(&mut raw);
        assert!(root_from_bytes(&raw).is_ok());
    }
}

#[test]
fn a_passphrase_gives_one_key_for_each_installation() {
    let key = |phrase: &str, install| {
        *root_from_passphrase(phrase, install)
            .unwrap()
            .key()
            .expose()
    };
    let phrase = "invented moss kettle parade";
    let here = key(phrase, INSTALL);
    assert_ne!(here, key(phrase, InstallId::from_bytes([8; 16])));
    assert_ne!(here, key("invented moss kettle paradE", INSTALL));
}

#[test]
fn an_easy_passphrase_is_refused() {
    assert_eq!(
        root_from_passphrase("short", INSTALL).err(),
        Some(RootError::Passphrase(PolicyError::TooShort))
    );
    assert_eq!(
        root_from_passphrase("passwordpassword", INSTALL).err(),
        Some(RootError::Passphrase(PolicyError::Blocked))
    );
}

#[test]
fn a_root_key_does_not_show_in_debug() {
    let root = root_from_bytes(&sample()).unwrap();
    assert_eq!(format!("{root:?}"), "RootKey(..)");
}
