//! The Secret Service of a Linux desktop, over its session bus.
//!
//! The library underneath prompts whoever sits at the desktop when something is locked. So what is
//! locked is asked for first, and the library is called only when there is nothing to prompt for.

use std::collections::HashMap;

use keyring_core::{Entry, api::CredentialStoreApi};
use mirk_model::Secret;
use zbus::{
    blocking::{Connection, connection::Builder},
    message::Message,
    zvariant::{DynamicType, OwnedObjectPath, OwnedValue},
};
use zbus_secret_service_keyring_store::Store;

use super::{KeyringError, PATIENCE, in_our_words, taken};
use crate::config::Sources;

const NAME: &str = "org.freedesktop.secrets";
const ROOT: &str = "/org/freedesktop/secrets";
const SERVICE: &str = "org.freedesktop.Secret.Service";
const COLLECTION: &str = "org.freedesktop.Secret.Collection";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// The variable that names the session bus. Without it there is none, and none is started.
const BUS: &str = "DBUS_SESSION_BUS_ADDRESS";

pub(super) fn get(service: &str, name: &str) -> Result<Secret<Vec<u8>>, KeyringError> {
    let bus = bus()?;
    let attributes = HashMap::from([("service", service), ("username", name)]);
    let found = ask(&bus, ROOT, SERVICE, "SearchItems", &(attributes,))?;
    let (open, locked): (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) = read(&found)?;
    if !locked.is_empty() {
        return Err(KeyringError::Locked);
    }
    if open.is_empty() {
        // What a locked collection holds may not show at all.
        return Err(if is_locked(&bus)? {
            KeyringError::Locked
        } else {
            KeyringError::NotFound
        });
    }
    entry(service, name)?
        .get_secret()
        .map(taken)
        .map_err(in_our_words)
}

pub(super) fn set(service: &str, name: &str, secret: &[u8]) -> Result<(), KeyringError> {
    if is_locked(&bus()?)? {
        return Err(KeyringError::Locked);
    }
    entry(service, name)?
        .set_secret(secret)
        .map_err(in_our_words)
}

fn entry(service: &str, name: &str) -> Result<Entry, KeyringError> {
    let store = Store::new().map_err(in_our_words)?;
    let label = format!("{service} {name}");
    let modifiers = HashMap::from([("label", label.as_str())]);
    store
        .build(service, name, Some(&modifiers))
        .map_err(in_our_words)
}

/// The session bus, if there is one and it is a socket: other kinds of addresses start programs.
fn bus() -> Result<Connection, KeyringError> {
    let address = Sources::from_environment()
        .environment
        .remove(BUS)
        .unwrap_or_default();
    let is_socket = !address.is_empty() && address.split(';').all(|one| one.starts_with("unix:"));
    if !is_socket {
        return Err(KeyringError::Unavailable);
    }
    Builder::address(address.as_str())
        .and_then(|builder| builder.method_timeout(PATIENCE).build())
        .map_err(in_words)
}

/// Whether the collection that new secrets go to is locked.
fn is_locked(bus: &Connection) -> Result<bool, KeyringError> {
    let collection: OwnedObjectPath = read(&ask(bus, ROOT, SERVICE, "ReadAlias", &("default",))?)?;
    if collection.as_str() == "/" {
        // There is no collection yet; making one prompts for its password.
        return Err(KeyringError::Unavailable);
    }
    let answer = ask(
        bus,
        collection.as_str(),
        PROPERTIES,
        "Get",
        &(COLLECTION, "Locked"),
    )?;
    let value: OwnedValue = read(&answer)?;
    bool::try_from(value).map_err(|_not_a_flag| KeyringError::Refused)
}

fn ask<B: serde::Serialize + DynamicType>(
    bus: &Connection,
    path: &str,
    interface: &str,
    method: &str,
    body: &B,
) -> Result<Message, KeyringError> {
    bus.call_method(Some(NAME), path, Some(interface), method, body)
        .map_err(in_words)
}

fn read<T: for<'a> serde::Deserialize<'a> + zbus::zvariant::Type>(
    answer: &Message,
) -> Result<T, KeyringError> {
    answer
        .body()
        .deserialize()
        .map_err(|_malformed| KeyringError::Refused)
}

fn in_words(error: zbus::Error) -> KeyringError {
    match error {
        zbus::Error::InputOutput(error) if error.kind() == std::io::ErrorKind::TimedOut => {
            KeyringError::TimedOut
        }
        // Nobody has the keyring's name on the bus, or nobody answers for the bus.
        _ => KeyringError::Unavailable,
    }
}
