//! Systems whose keyring Mirk does not know.

use mirk_model::Secret;

use super::KeyringError;

pub(super) fn get(_service: &str, _name: &str) -> Result<Secret<Vec<u8>>, KeyringError> {
    Err(KeyringError::Unavailable)
}

pub(super) fn set(_service: &str, _name: &str, _secret: &[u8]) -> Result<(), KeyringError> {
    Err(KeyringError::Unavailable)
}
