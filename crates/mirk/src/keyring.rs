//! The system's keyring: the Secret Service on Linux, the Keychain on macOS.
//!
//! Invariant: a call ends within [`PATIENCE`], whatever the keyring does; a keyring that is locked
//! is said to be locked and nobody is prompted; nothing is started that was not running.

#[cfg(target_os = "macos")]
#[path = "keyring/keychain.rs"]
mod system;

#[cfg(target_os = "linux")]
#[path = "keyring/secret_service.rs"]
mod system;

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
#[path = "keyring/none.rs"]
mod system;

use std::{sync::mpsc, thread, time::Duration};

use mirk_model::Secret;
use zeroize::Zeroizing;

/// How long a keyring may take over one call.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Why the keyring did not do what it was asked. Never holds a secret, nor the keyring's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// There is none on this machine, or it cannot be reached.
    #[error("no keyring can be reached here")]
    Unavailable,
    /// It is there, and locked.
    #[error("the keyring is locked; unlock it (log in to the desktop) and try again")]
    Locked,
    /// It did not answer in time.
    #[error("the keyring did not answer within {} seconds", PATIENCE.as_secs())]
    TimedOut,
    /// It holds no such secret.
    #[error("the keyring holds no such secret")]
    NotFound,
    /// It answered, and not with what was asked.
    #[error("the keyring refused")]
    Refused,
}

/// Reads a secret. Blocks for at most [`PATIENCE`].
///
/// # Errors
/// When there is no keyring, it is locked or silent, or it has no such secret.
pub fn get(service: &str, name: &str) -> Result<Secret<Vec<u8>>, KeyringError> {
    let (service, name) = (service.to_owned(), name.to_owned());
    within(PATIENCE, move || system::get(&service, &name))
}

/// Writes a secret over whatever has that name, and reads it back. Blocks for at most twice
/// [`PATIENCE`].
///
/// # Errors
/// When there is no keyring, it is locked or silent, or it does not give the secret back.
pub fn set(service: &str, name: &str, secret: &Secret<Vec<u8>>) -> Result<(), KeyringError> {
    let bytes = Secret::new(secret.expose().clone());
    let (owned_service, owned_name) = (service.to_owned(), name.to_owned());
    within(PATIENCE, move || {
        system::set(&owned_service, &owned_name, bytes.expose())
    })?;
    let kept = get(service, name)?;
    let is_kept = kept.expose() == secret.expose();
    is_kept.then_some(()).ok_or(KeyringError::Refused)
}

/// Runs `work` on a thread of its own. One that does not come back in time is left behind: it
/// holds a connection to the keyring and nothing else, and ends with the process.
fn within<T: Send + 'static>(
    patience: Duration,
    work: impl FnOnce() -> Result<T, KeyringError> + Send + 'static,
) -> Result<T, KeyringError> {
    let (done, result) = mpsc::sync_channel(1);
    let spawned = thread::Builder::new()
        .name("keyring".to_owned())
        .spawn(move || {
            // Nobody may be waiting any more; what came too late is wiped as it is dropped.
            drop(done.send(work()));
        });
    if spawned.is_err() {
        return Err(KeyringError::Unavailable);
    }
    match result.recv_timeout(patience) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(KeyringError::TimedOut),
        // The thread ended without an answer: the keyring's library gave up on itself.
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(KeyringError::Refused),
    }
}

/// Takes the bytes that a keyring gave into safe keeping.
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn taken(bytes: Vec<u8>) -> Secret<Vec<u8>> {
    // Taken over as they are: the buffer that the keyring's library filled is the one that is wiped.
    let mut bytes = Zeroizing::new(bytes);
    Secret::new(std::mem::take(&mut *bytes))
}

/// What the keyring's library says, in our words; its own may hold the secret.
#[cfg(any(target_os = "linux", target_os = "macos"))]
#[expect(clippy::needless_pass_by_value, reason = "the form that map_err wants")]
fn in_our_words(error: keyring_core::Error) -> KeyringError {
    match error {
        keyring_core::Error::NoEntry => KeyringError::NotFound,
        keyring_core::Error::NoStorageAccess(_) => KeyringError::Locked,
        keyring_core::Error::PlatformFailure(_) | keyring_core::Error::NoDefaultStore => {
            KeyringError::Unavailable
        }
        _ => KeyringError::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyring_that_hangs_is_given_up_on() {
        let (hold, waiting) = mpsc::channel::<()>();
        let result = within(Duration::from_millis(20), move || {
            let _released = waiting.recv();
            Ok(())
        });
        assert_eq!(result, Err(KeyringError::TimedOut));
        drop(hold);
    }

    #[test]
    fn what_the_keyring_says_is_passed_on() {
        assert_eq!(within(PATIENCE, || Ok(7)), Ok(7));
        let locked = within::<()>(PATIENCE, || Err(KeyringError::Locked));
        assert_eq!(locked, Err(KeyringError::Locked));
    }

    #[test]
    fn the_words_of_a_library_are_not_passed_on() {
        let error = keyring_core::Error::BadEncoding(b"canary".to_vec());
        assert!(!in_our_words(error).to_string().contains("canary"));
    }
}
