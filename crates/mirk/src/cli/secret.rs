//! Secrets on the command line: refused as arguments, fetched from where they are.

use std::{ffi::OsString, fs, io::Read, os::unix::fs::MetadataExt, path::Path};

use mirk_model::{Secret, SecretRef};

use super::{Failure, Invocation};
use crate::config::find_secret;

/// The largest secret that is read.
const MOST_BYTES: u64 = 64 * 1024;

/// Arguments are visible to every process of the machine: one that looks like a secret is
/// refused before anything else is done, and is not shown again.
pub(super) fn in_arguments(arguments: &[OsString]) -> Option<Failure> {
    let mut before = String::new();
    for argument in arguments.iter().skip(1) {
        let text = argument.to_string_lossy();
        let value = text
            .split_once('=')
            .filter(|(flag, _)| flag.starts_with("--"))
            .map_or(&*text, |(_, value)| value);
        // Labels, models and paths are free text; what looks like a known token is not one.
        if let Some(finding) = find_secret(value).filter(|_| !is_free(&before, value)) {
            let place = if before.starts_with("--") {
                format!(" of {before}")
            } else {
                String::new()
            };
            let words = format!(
                "the argument{place} {}; arguments can be read by every process",
                finding.words()
            );
            return Some(Failure::usage(words));
        }
        before = text.into_owned();
    }
    None
}

/// Values of these flags are names that may look random, and are no secret.
fn is_free(flag: &str, value: &str) -> bool {
    matches!(
        flag,
        "--data-dir" | "--config" | "--out" | "--body" | "revoke" | "rotate" | "limits"
    ) && !value.starts_with("mrk_")
}

/// Fetches the secret that a reference names.
pub(super) fn fetch(invocation: &Invocation, text: &str) -> Result<Secret<String>, Failure> {
    let reference =
        SecretRef::parse(text).map_err(|error| Failure::usage(format!("--secret: {error}")))?;
    let refuse =
        |words: String| Failure::usage(format!("--secret {}: {words}", reference.scheme()));
    let bytes = match &reference {
        SecretRef::Stdin => {
            return crate::prompt::stdin_secret().map_err(|error| refuse(error.to_string()));
        }
        SecretRef::Passphrase => return Err(refuse("is for root keys only; use stdin".to_owned())),
        SecretRef::Env(name) => invocation
            .sources
            .environment
            .get(name)
            .map(|text| text.clone().into_bytes())
            .ok_or_else(|| refuse(format!("the variable {name} is not set")))?,
        SecretRef::File(path) => from_file(Path::new(path)).map_err(refuse)?,
        SecretRef::Credential(name) => {
            let folder = invocation.sources.environment.get("CREDENTIALS_DIRECTORY");
            let folder =
                folder.ok_or_else(|| refuse("CREDENTIALS_DIRECTORY is not set".to_owned()))?;
            from_file(&Path::new(folder).join(name)).map_err(refuse)?
        }
        SecretRef::Keyring { service, name } => {
            let secret =
                crate::keyring::get(service, name).map_err(|error| refuse(error.to_string()))?;
            secret.expose().clone()
        }
    };
    let text = String::from_utf8(bytes)
        .map_err(|_invalid| refuse("does not hold UTF-8 text".to_owned()))?;
    let text = text.trim_end_matches(['\n', '\r']).to_owned();
    if text.is_empty() {
        return Err(refuse("is empty".to_owned()));
    }
    Ok(Secret::new(text))
}

fn from_file(path: &Path) -> Result<Vec<u8>, String> {
    let file = fs::File::open(path)
        .map_err(|error| format!("the file cannot be opened ({})", error.kind()))?;
    let metadata = file
        .metadata()
        .map_err(|error| format!("the file cannot be looked at ({})", error.kind()))?;
    if !metadata.is_file() {
        return Err("is not a plain file".to_owned());
    }
    if metadata.mode() & 0o077 != 0 {
        return Err("others may read the file; run `chmod 600` on it".to_owned());
    }
    let mut bytes = Vec::with_capacity(4_096);
    file.take(MOST_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot be read ({})", error.kind()))?;
    Ok(bytes)
}
