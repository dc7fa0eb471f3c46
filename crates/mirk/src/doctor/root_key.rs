//! The root key: where it is, and who else can get at it.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use mirk_model::SecretRef;
use rustix::process::geteuid;

use super::Finding;
use crate::config::Sources;

const CHECK: &str = "root key";

/// Everything about the root key. `known` is where the settings or the store say that it is.
pub fn examine(known: Option<&SecretRef>, sources: &Sources, data_dir: &Path) -> Vec<Finding> {
    match known {
        Some(SecretRef::File(path)) => file(Path::new(path), data_dir),
        Some(SecretRef::Credential(name)) => match sources.environment.get("CREDENTIALS_DIRECTORY")
        {
            Some(folder) => file(&PathBuf::from(folder).join(name), data_dir),
            None => vec![Finding::ok(
                CHECK,
                "comes from systemd, which does not run this command",
            )],
        },
        Some(SecretRef::Keyring { service, name }) => {
            vec![match crate::keyring::get(service, name) {
                Ok(_) => Finding::ok(CHECK, "is in the system's keyring"),
                Err(error) => {
                    let remedy = "log in to the desktop whose keyring holds it, or name another place with MIRK_ROOT_KEY";
                    Finding::bad(
                        CHECK,
                        format!("is in the system's keyring, but {error}"),
                        remedy,
                    )
                }
            }]
        }
        Some(SecretRef::Env(name)) => {
            let remedy = "keep it in the keyring, a file or a systemd credential: variables are inherited and dumped";
            vec![Finding::warn(
                CHECK,
                format!("is in the variable {name}"),
                remedy,
            )]
        }
        Some(SecretRef::Passphrase) => vec![Finding::ok(CHECK, "is a passphrase")],
        Some(SecretRef::Stdin) => {
            vec![Finding::bad(
                CHECK,
                "cannot come from standard input",
                "set MIRK_ROOT_KEY to another place",
            )]
        }
        // The place where `mirk up` puts it without a keyring.
        None => match sources
            .config_home()
            .map(|home| home.join("root.key"))
            .filter(|path| path.exists())
        {
            Some(path) => file(&path, data_dir),
            None => vec![],
        },
    }
}

fn file(path: &Path, data_dir: &Path) -> Vec<Finding> {
    let shown = path.display();
    let Ok(metadata) = fs::symlink_metadata(path) else {
        let remedy = "bring it back from your backup of it, or name where it is now with MIRK_ROOT_KEY; never make a new one";
        return vec![Finding::bad(
            CHECK,
            format!("{shown} is not there or may not be looked at"),
            remedy,
        )];
    };
    let mut findings = Vec::new();
    let mut bad = |what: &str, remedy: String| {
        findings.push(Finding::bad(CHECK, format!("{shown} {what}"), remedy))
    };
    if metadata.is_symlink() {
        bad("is a symbolic link", "put the file itself there".to_owned());
    } else if !metadata.is_file() {
        bad("is not a plain file", "put a file there".to_owned());
    }
    if metadata.uid() != geteuid().as_raw() {
        bad(
            "belongs to somebody else",
            format!("chown it to the user that runs Mirk, then chmod 600 {shown}"),
        );
    }
    if !metadata.is_symlink() && metadata.mode() & 0o177 != 0 {
        bad(
            "can be read by others",
            format!("chmod 600 {shown}; if others used this machine, rotate the root key"),
        );
    }
    let folder = path
        .parent()
        .and_then(|parent| fs::canonicalize(parent).ok())
        .unwrap_or_default();
    if fs::canonicalize(data_dir).is_ok_and(|data_dir| folder.starts_with(data_dir)) {
        let remedy = "move it out and name its place with MIRK_ROOT_KEY: a copy of the folder would hold both";
        bad(
            "lies in the data folder, beside what it protects",
            remedy.to_owned(),
        );
    }
    if folder
        .ancestors()
        .any(|ancestor| ancestor.join(".git").exists())
    {
        bad(
            "lies in a git work tree",
            "move it out; if it was ever committed, rotate the root key".to_owned(),
        );
    }
    if fs::metadata(&folder)
        .is_ok_and(|folder| folder.mode() & 0o022 != 0 && folder.mode() & 0o1000 == 0)
    {
        bad(
            "lies in a folder that others may write to",
            format!("chmod go-w {}", folder.display()),
        );
    }
    if findings.is_empty() {
        findings.push(Finding::ok(
            CHECK,
            format!("{shown} is yours alone; keep a copy of it where the data is not"),
        ));
    }
    findings
}
