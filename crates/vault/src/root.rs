//! The root key: where it may come from, and what is refused.
//!
//! The root key wraps the installation master key and nothing else. Reading it from a file, a
//! keyring or a prompt is the caller's work; deciding whether the bytes may serve is done here.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use mirk_model::{InstallId, Secret};
use zeroize::Zeroizing;

use crate::PolicyError;
use crate::cipher::Key;
use crate::policy::check_password;

const KEY_BYTES: usize = 32;
const HEX_DIGITS: usize = 64;
const BASE64_DIGITS: [usize; 2] = [43, 44];

/// Fewer different bytes than this do not come from 32 random ones (about one in 10^14).
const MIN_DISTINCT: usize = 12;

/// Argon2id cost of a root key from a passphrase: 256 MiB, three passes, one lane.
const PASSPHRASE_MEMORY_KIB: u32 = 256 * 1024;
const PASSPHRASE_PASSES: u32 = 3;

/// The key at the top of the hierarchy. Shows nothing, and is wiped on drop.
pub struct RootKey(Key);

impl RootKey {
    pub(crate) const fn key(&self) -> &Key {
        &self.0
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("RootKey(..)")
    }
}

/// Why bytes may not serve as a root key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootError {
    /// Neither 32 raw bytes nor a spelling of 32 bytes.
    #[error("a root key is 32 bytes (raw, base64 or 64 hex digits), not {0}")]
    Length(usize),
    /// As long as a spelling of 32 bytes, but not spelt in base64 or hex.
    #[error("the root key is as long as base64 or hex of 32 bytes, but is neither")]
    Spelling,
    /// Repetition, counting, or text: nobody drew these bytes at random.
    #[error("the root key is not random: {0}")]
    Weak(&'static str),
    /// The passphrase is too easy to guess.
    #[error("the passphrase for the root key does not hold: {0}")]
    Passphrase(#[from] PolicyError),
    /// The passphrase could not be turned into a key, for want of memory.
    #[error("the passphrase could not be hashed, which takes 256 MiB of memory")]
    Memory,
}

/// Reads a root key: exactly 32 raw bytes; or, with or without one line break at the end, base64
/// (standard or URL alphabet, padded or not) or 64 hex digits of 32 bytes.
///
/// # Errors
/// Says why the bytes were refused, never what they are.
pub fn root_from_bytes(bytes: &[u8]) -> Result<RootKey, RootError> {
    if let Ok(raw) = <&[u8; KEY_BYTES]>::try_from(bytes) {
        return accept(raw);
    }
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    if text.len() != HEX_DIGITS && !BASE64_DIGITS.contains(&text.len()) {
        return Err(RootError::Length(bytes.len()));
    }
    let spellings = [
        HEXLOWER_PERMISSIVE,
        BASE64,
        BASE64_NOPAD,
        BASE64URL,
        BASE64URL_NOPAD,
    ];
    let decoded = spellings
        .iter()
        .find_map(|spelling| spelling.decode(text).ok())
        .map(Zeroizing::new)
        .ok_or(RootError::Spelling)?;
    let raw = <&[u8; KEY_BYTES]>::try_from(decoded.as_slice());
    accept(raw.map_err(|_refused| RootError::Length(decoded.len()))?)
}

/// Turns a passphrase into a root key: Argon2id, 256 MiB, three passes, the install id as salt.
/// Takes about a second and 256 MiB of memory.
///
/// # Errors
/// The passphrase must hold as a password would, see [`check_password`].
pub fn root_from_passphrase(passphrase: &str, install: InstallId) -> Result<RootKey, RootError> {
    check_password(passphrase, &[])?;
    let params = Params::new(PASSPHRASE_MEMORY_KIB, PASSPHRASE_PASSES, 1, Some(KEY_BYTES))
        .map_err(|_refused| RootError::Memory)?;
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), install.as_bytes(), &mut *key)
        .map_err(|_refused| RootError::Memory)?;
    Ok(RootKey(Secret::new(*key)))
}

fn accept(raw: &[u8; KEY_BYTES]) -> Result<RootKey, RootError> {
    match weakness(raw) {
        Some(weakness) => Err(RootError::Weak(weakness)),
        None => Ok(RootKey(Secret::new(*raw))),
    }
}

/// What gives the bytes away. Each test refuses a random key less than once in 10^13.
fn weakness(raw: &[u8; KEY_BYTES]) -> Option<&'static str> {
    if raw.iter().all(|byte| *byte == 0) {
        return Some("every byte is zero");
    }
    if (1..=KEY_BYTES / 2).any(|period| raw.iter().zip(raw.iter().skip(period)).all(same)) {
        return Some("it repeats itself");
    }
    if raw
        .iter()
        .all(|byte| matches!(byte, b' '..=b'~' | b'\r' | b'\n'))
    {
        return Some("it is text; use a passphrase, or base64 of 32 random bytes");
    }
    let mut steps = raw.windows(2).map(|pair| match pair {
        [from, to] => to.wrapping_sub(*from),
        _ => 0,
    });
    let first = steps.next();
    if steps.all(|step| Some(step) == first) {
        return Some("it counts");
    }
    let mut seen = [false; 256];
    for byte in raw {
        if let Some(mark) = seen.get_mut(usize::from(*byte)) {
            *mark = true;
        }
    }
    let distinct = seen.into_iter().filter(|mark| *mark).count();
    (distinct < MIN_DISTINCT).then_some("it has too few different bytes")
}

fn same((one, other): (&u8, &u8)) -> bool {
    one == other
}

#[cfg(test)]
#[path = "root_tests.rs"]
mod tests;
