//! The system's keyring.

use mirk_model::Secret;

/// Why the keyring did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// There is none on this machine, or it cannot be reached.
    #[error("no keyring can be reached here")]
    Unavailable,
}

/// Reads a secret.
///
/// # Errors
/// When there is no keyring or no such secret.
pub fn get(_service: &str, _name: &str) -> Result<Secret<Vec<u8>>, KeyringError> {
    Err(KeyringError::Unavailable)
}

/// Writes a secret.
///
/// # Errors
/// When there is no keyring or it refuses.
pub fn set(_service: &str, _name: &str, _secret: &Secret<Vec<u8>>) -> Result<(), KeyringError> {
    Err(KeyringError::Unavailable)
}
