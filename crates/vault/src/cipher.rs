//! The one construction everything is encrypted with: AES-256-GCM under a key derived for each
//! record, with a commitment to that key.
//!
//! `HKDF-SHA-512(key, salt = record salt, info = first 38 header bytes)` gives `K_enc ‖ K_commit`.
//! Invariant: a derived key encrypts once, so a repeated nonce cannot happen. Checks come in the
//! order format, commitment (constant time), tag; nothing is decrypted before its tag holds.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hkdf;
use mirk_model::{Entropy, Secret};
use zeroize::Zeroizing;

/// AES-256-GCM + HKDF-SHA-512 + 32 bytes of key commitment. 2 and 3 are reserved.
pub(crate) const SUITE: u8 = 1;
/// Magic, suite, kind, key id, salt, commitment, nonce.
pub(crate) const HEADER_BYTES: usize = 82;
/// The GCM tag at the end.
pub(crate) const TAG_BYTES: usize = 16;

const LEAD_BYTES: usize = 22;
const SALT_BYTES: usize = 16;
const COMMITMENT_BYTES: usize = 32;

/// A 32-byte symmetric key.
pub(crate) type Key = Secret<[u8; 32]>;

/// What went wrong; the rooms above decide how much of it anybody may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not a ciphertext of this format, or not one of this use.
    Format,
    /// Made with another key.
    OtherKey,
    /// The key fits, the bytes or the place do not.
    Damaged,
    /// The crypto provider refused.
    Provider,
}

/// The first 22 header bytes: what a ciphertext is and which key opens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lead {
    /// `MRK1` for records, `MRKW` for wrapped keys.
    pub(crate) magic: [u8; 4],
    /// What the plaintext is; its meaning depends on the magic.
    pub(crate) kind: u8,
    /// The key that opens it.
    pub(crate) key_id: [u8; 16],
}

impl Lead {
    fn bytes(&self) -> [u8; LEAD_BYTES] {
        let mut bytes = [0; LEAD_BYTES];
        let fields = self.magic.iter().chain([&SUITE, &self.kind]);
        for (to, from) in bytes.iter_mut().zip(fields.chain(&self.key_id)) {
            *to = *from;
        }
        bytes
    }

    /// Reads the lead of a ciphertext; an unknown suite is [`Fault::Format`].
    pub(crate) fn read(blob: &[u8]) -> Result<Self, Fault> {
        let (magic, rest) = blob.split_first_chunk::<4>().ok_or(Fault::Format)?;
        let ([suite, kind], rest) = rest.split_first_chunk::<2>().ok_or(Fault::Format)?;
        let (key_id, _) = rest.split_first_chunk::<16>().ok_or(Fault::Format)?;
        if *suite != SUITE {
            return Err(Fault::Format);
        }
        Ok(Self {
            magic: *magic,
            kind: *kind,
            key_id: *key_id,
        })
    }
}

/// A new random key.
pub(crate) fn fresh_key(entropy: &dyn Entropy) -> Key {
    let mut bytes = Zeroizing::new([0; 32]);
    entropy.fill(&mut *bytes);
    Secret::new(*bytes)
}

/// `HKDF-SHA-512(key, salt, info)`, as many bytes as asked for.
pub(crate) fn derive<const N: usize>(
    key: &Key,
    salt: &[u8],
    info: &[u8],
) -> Result<Zeroizing<[u8; N]>, Fault> {
    struct Bytes(usize);
    impl hkdf::KeyType for Bytes {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut derived = Zeroizing::new([0; N]);
    hkdf::Salt::new(hkdf::HKDF_SHA512, salt)
        .extract(key.expose())
        .expand(&[info], Bytes(N))
        .and_then(|okm| okm.fill(&mut *derived))
        .map_err(|_unspecified| Fault::Provider)?;
    Ok(derived)
}

/// The derived keys of one record.
struct RecordKeys {
    cipher: LessSafeKey,
    commitment: [u8; COMMITMENT_BYTES],
}

impl RecordKeys {
    fn new(key: &Key, lead: &[u8], salt: &[u8]) -> Result<Self, Fault> {
        let derived = derive::<64>(key, salt, &[lead, salt].concat())?;
        let (cipher, commitment) = derived.split_first_chunk::<32>().ok_or(Fault::Provider)?;
        let cipher = UnboundKey::new(&AES_256_GCM, cipher).map_err(|_refused| Fault::Provider)?;
        Ok(Self {
            cipher: LessSafeKey::new(cipher),
            commitment: commitment.try_into().map_err(|_refused| Fault::Provider)?,
        })
    }
}

/// Encrypts the concatenation of `parts` for the place that `binding` describes.
pub(crate) fn encrypt(
    key: &Key,
    lead: Lead,
    binding: &[u8],
    parts: &[&[u8]],
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, Fault> {
    let lead = lead.bytes();
    let mut salt = [0; SALT_BYTES];
    let mut nonce = [0; NONCE_LEN];
    entropy.fill(&mut salt);
    entropy.fill(&mut nonce);
    let keys = RecordKeys::new(key, &lead, &salt)?;

    let size = parts.iter().map(|part| part.len()).sum::<usize>();
    // Plaintext is written where the ciphertext will be: wiped if we leave early, and never
    // moved, because the capacity is exact.
    let mut blob = Zeroizing::new(Vec::with_capacity(HEADER_BYTES + size + TAG_BYTES));
    for field in [&lead[..], &salt, &keys.commitment, &nonce] {
        blob.extend_from_slice(field);
    }
    let aad = [blob.as_slice(), binding].concat();
    for part in parts {
        blob.extend_from_slice(part);
    }
    let body = blob.get_mut(HEADER_BYTES..).ok_or(Fault::Format)?;
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = keys
        .cipher
        .seal_in_place_separate_tag(nonce, Aad::from(aad), body)
        .map_err(|_refused| Fault::Provider)?;
    blob.extend_from_slice(tag.as_ref());
    Ok(std::mem::take(&mut *blob))
}

/// Decrypts what [`encrypt`] made for the same `binding`. The caller has read the lead and chosen
/// `key` by it.
pub(crate) fn decrypt(key: &Key, binding: &[u8], blob: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let (header, body) = blob
        .split_first_chunk::<HEADER_BYTES>()
        .ok_or(Fault::Format)?;
    let (lead, rest) = header
        .split_first_chunk::<LEAD_BYTES>()
        .ok_or(Fault::Format)?;
    let (salt, rest) = rest
        .split_first_chunk::<SALT_BYTES>()
        .ok_or(Fault::Format)?;
    let (commitment, nonce) = rest
        .split_first_chunk::<COMMITMENT_BYTES>()
        .ok_or(Fault::Format)?;
    let keys = RecordKeys::new(key, lead, salt)?;
    verify_slices_are_equal(&keys.commitment, commitment).map_err(|_refused| Fault::OtherKey)?;

    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_refused| Fault::Format)?;
    let aad = [header.as_slice(), binding].concat();
    let mut buffer = Zeroizing::new(body.to_vec());
    let size = keys
        .cipher
        .open_in_place(nonce, Aad::from(aad), &mut buffer)
        .map_err(|_refused| Fault::Damaged)?
        .len();
    buffer.truncate(size);
    Ok(buffer)
}
