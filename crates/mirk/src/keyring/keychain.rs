//! The login keychain of macOS.

use std::sync::Arc;

use apple_native_keyring_store::keychain::Store;
use keyring_core::{Entry, api::CredentialStoreApi};
use mirk_model::Secret;

use super::{KeyringError, in_our_words, taken};

pub(super) fn get(service: &str, name: &str) -> Result<Secret<Vec<u8>>, KeyringError> {
    entry(service, name)?
        .get_secret()
        .map(taken)
        .map_err(in_our_words)
}

pub(super) fn set(service: &str, name: &str, secret: &[u8]) -> Result<(), KeyringError> {
    entry(service, name)?
        .set_secret(secret)
        .map_err(in_our_words)
}

fn entry(service: &str, name: &str) -> Result<Entry, KeyringError> {
    let store: Arc<Store> = Store::new().map_err(in_our_words)?;
    store.build(service, name, None).map_err(in_our_words)
}
