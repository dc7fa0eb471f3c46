//! Keys' tokens, sealed records, and references to secrets.

use std::sync::{LazyLock, Mutex};

use mirk_model::{Entropy, InstallId, KeyKind, Kid, SecretRef, TenantId, Timestamp};
use mirk_vault::{
    Place, Realm, SealKind, TOKEN_BYTES, Vault, is_shaped, mint_in, parse, root_from_bytes,
};

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

const TENANT: TenantId = TenantId::from_bytes([1; 16]);

/// What a record is sealed for.
const PLACE: Place<'_> = Place::of(TENANT, "credentials", b"row", "secret");

/// A vault, and records that it sealed.
struct Sealed {
    vault: Vault,
    blobs: Vec<Vec<u8>>,
}

static SEALED: LazyLock<Option<Sealed>> = LazyLock::new(|| {
    let entropy = Fixed(Mutex::new(Chance::new(11)));
    let mut key = [0; 32];
    entropy.fill(&mut key);
    let install = InstallId::from_bytes([7; 16]);
    let root = root_from_bytes(&key).ok()?;
    let now = Timestamp::from_micros(1_700_000_000_000_000);
    let (vault, _) = Vault::create(&root, &entropy, install, TENANT, now).ok()?;
    let lengths = [0, 1, 59, 60, 61, 500];
    let seal =
        |length: usize| vault.seal(&PLACE, SealKind::ProviderKey, &vec![b'x'; length], &entropy);
    let blobs = lengths
        .iter()
        .map(|length| seal(*length).ok())
        .collect::<Option<_>>()?;
    Some(Sealed { vault, blobs })
});

/// The records.
pub(super) fn blobs() -> Vec<Vec<u8>> {
    SEALED
        .as_ref()
        .map_or_else(Vec::new, |sealed| sealed.blobs.clone())
}

/// Asserts that nothing opens but what was sealed, byte for byte, and that only in its own place.
pub(super) fn sealed(data: &[u8]) {
    let Some(sealed) = SEALED.as_ref() else {
        assert!(data.is_empty(), "there is no vault to try");
        return;
    };
    let open = |place: &Place<'_>| sealed.vault.open_sealed(place, SealKind::ProviderKey, data);
    let is_own = sealed.blobs.iter().any(|blob| blob == data);
    assert!(open(&PLACE).is_ok() == is_own, "something else opens");
    assert!(open(&PLACE.at_generation(1)).is_err());
    assert!(open(&Place::of(TENANT, "credentials", b"other", "secret")).is_err());
}
