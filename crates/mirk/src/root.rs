//! Where the root key comes from, and where the first one is put.
//!
//! Invariant: a key is made only where no encrypted data exists yet; a missing or wrong key on
//! existing data is an error, never a reason for a new one.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use data_encoding::BASE64;
use mirk_model::{Entropy, InstallId, Secret, SecretRef};
use mirk_vault::{RootKey, root_from_bytes, root_from_passphrase};
use zeroize::Zeroizing;

/// Why a root key cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("root key from {source_name}: {words}")]
pub struct RootError {
    /// Scheme of the source.
    pub source_name: &'static str,
    /// What is wrong, and what to do. Never a part of the key.
    pub words: String,
}

/// Everything that reading a root key may need.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// The environment of the process.
    pub environment: &'a BTreeMap<String, String>,
    /// The data folder, in which no root key may lie.
    pub data_dir: &'a Path,
    /// The installation, which salts a passphrase.
    pub install: InstallId,
}

/// Reads the root key.
///
/// # Errors
/// When the source is not there, not trustworthy, or does not hold a key.
pub fn read(source: &SecretRef, around: &Surroundings<'_>) -> Result<RootKey, RootError> {
    let refuse = |words: String| RootError {
        source_name: source.scheme(),
        words,
    };
    if matches!(source, SecretRef::Passphrase) {
        let passphrase = crate::prompt::hidden("Passphrase of the root key: ")
            .map_err(|error| refuse(error.to_string()))?;
        return root_from_passphrase(passphrase.expose(), around.install)
            .map_err(|error| refuse(error.to_string()));
    }
    let bytes = match source {
        SecretRef::File(path) => from_file(Path::new(path), around.data_dir),
        SecretRef::Env(name) => around
            .environment
            .get(name)
            .map(|text| Zeroizing::new(text.clone().into_bytes()))
            .ok_or_else(|| format!("the variable {name} is not set")),
        SecretRef::Credential(name) => match around.environment.get("CREDENTIALS_DIRECTORY") {
            Some(folder) => from_file(&Path::new(folder).join(name), around.data_dir),
            None => Err(
                "CREDENTIALS_DIRECTORY is not set; systemd sets it for units with LoadCredential="
                    .to_owned(),
            ),
        },
        SecretRef::Keyring { service, name } => crate::keyring::get(service, name)
            .map(|text| Zeroizing::new(text.expose().clone()))
            .map_err(|error| error.to_string()),
        SecretRef::Stdin | SecretRef::Passphrase => {
            Err("a root key cannot come from standard input".to_owned())
        }
    };
    let bytes = bytes.map_err(refuse)?;
    root_from_bytes(&bytes).map_err(|error| refuse(error.to_string()))
}

/// Reads a key file that only its owner can read and that lies where no backup of the data
/// folder and no repository takes it along.
fn from_file(path: &Path, data_dir: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let metadata = fs::symlink_metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => "the file may not be looked at".to_owned(),
    })?;
    if !metadata.is_file() {
        return Err("is not a plain file (symbolic links are not followed)".to_owned());
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err("the file belongs to somebody else".to_owned());
    }
    if metadata.mode() & 0o177 != 0 {
        return Err("others may read the file; run `chmod 600` on it".to_owned());
    }
    let folder = path
        .parent()
        .and_then(|parent| fs::canonicalize(parent).ok())
        .unwrap_or_default();
    if fs::canonicalize(data_dir).is_ok_and(|data_dir| folder.starts_with(data_dir)) {
        return Err(
            "the file lies in the data folder, beside what it protects; move it out".to_owned(),
        );
    }
    if folder
        .ancestors()
        .any(|ancestor| ancestor.join(".git").exists())
    {
        return Err("the file lies in a git work tree; move it out".to_owned());
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(128));
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0))
        .open(path)
        .map_err(|_refused| "the file cannot be opened".to_owned())?;
    file.take(1_024)
        .read_to_end(&mut bytes)
        .map_err(|_failed| "the file cannot be read".to_owned())?;
    Ok(bytes)
}

/// Makes the first root key: in the system's keyring if that works, else as a file in the
/// configuration folder. Gives where it is, and what to tell the operator.
///
/// # Errors
/// When neither place takes it, or a key is there already.
pub fn create(
    config_home: &Path,
    service_name: &str,
    entropy: &dyn Entropy,
) -> Result<(SecretRef, RootKey, Option<String>), RootError> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    entropy.fill(&mut *bytes);
    let secret = Secret::new(BASE64.encode(&*bytes).into_bytes());
    let Err(error) = crate::keyring::set("mirk", service_name, &secret) else {
        let key = root_from_bytes(&*bytes).map_err(|error| RootError {
            source_name: "keyring",
            words: error.to_string(),
        })?;
        let source = SecretRef::Keyring {
            service: "mirk".to_owned(),
            name: service_name.to_owned(),
        };
        return Ok((source, key, None));
    };
    let path = config_home.join("root.key");
    let key = create_file(&path, entropy)?;
    let remark = format!(
        "The root key is in {} ({error}). Back it up: without it the data cannot be read.",
        path.display()
    );
    Ok((
        SecretRef::File(path.display().to_string()),
        key,
        Some(remark),
    ))
}

/// Makes a root key as a file that is not there yet.
///
/// # Errors
/// When the file cannot be written.
pub fn create_file(path: &Path, entropy: &dyn Entropy) -> Result<RootKey, RootError> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    entropy.fill(&mut *bytes);
    let refuse = |words: String| RootError {
        source_name: "file",
        words,
    };
    let key = root_from_bytes(&*bytes).map_err(|error| refuse(error.to_string()))?;
    let text = Zeroizing::new(BASE64.encode(&*bytes));
    write_new(path, text.as_bytes()).map_err(refuse)?;
    Ok(key)
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let folder = path.parent().map(PathBuf::from).unwrap_or_default();
    crate::folder::ensure_private(&folder).map_err(|error| error.to_string())?;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| {
        match error.kind() {
            io::ErrorKind::AlreadyExists => {
                "there is a root key already, but no data that it belongs to; name it with MIRK_ROOT_KEY=file:… \
                 to use it, or move it away"
                    .to_owned()
            }
            _ => "the file cannot be written".to_owned(),
        }
    })?;
    file.write_all(bytes)
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::File::open(&folder)?.sync_all())
        .map_err(|_failed| "the file cannot be written".to_owned())
}
