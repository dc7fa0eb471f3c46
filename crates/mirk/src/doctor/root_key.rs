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
        let what = format!("{shown} is not there or may not be looked at");
        let remedy = "bring it back from your copy of it, or name where it is now with \
                      MIRK_ROOT_KEY; never make a new one";
        return vec![Finding::bad(CHECK, what, remedy)];
    };
    let folder = path
        .parent()
        .and_then(|parent| fs::canonicalize(parent).ok());
    let faults = own_faults(&metadata)
        .into_iter()
        .chain(faults_of_place(&folder.unwrap_or_default(), data_dir));
    let findings: Vec<Finding> = faults
        .map(|(what, remedy)| Finding::bad(CHECK, format!("{shown} {what}"), remedy))
        .collect();
    if findings.is_empty() {
        let what = format!("{shown} is yours alone; keep a copy of it where the data is not");
        return vec![Finding::ok(CHECK, what)];
    }
    findings
}

type Fault = (&'static str, &'static str);

fn own_faults(metadata: &fs::Metadata) -> Vec<Fault> {
    let mut faults = Vec::new();
    if !metadata.is_file() {
        faults.push(("is a link or not a plain file", "put the file itself there"));
    } else if metadata.mode() & 0o177 != 0 {
        let remedy = "run `chmod 600` on it; if others use this machine, rotate the root key";
        faults.push(("can be read by others", remedy));
    }
    if metadata.uid() != geteuid().as_raw() {
        let remedy = "chown it to the user that runs Mirk, then run `chmod 600` on it";
        faults.push(("belongs to somebody else", remedy));
    }
    faults
}

fn faults_of_place(folder: &Path, data_dir: &Path) -> Vec<Fault> {
    let mut faults = Vec::new();
    if fs::canonicalize(data_dir).is_ok_and(|data_dir| folder.starts_with(data_dir)) {
        let remedy = "move it out and name its place with MIRK_ROOT_KEY: a copy of the folder \
                      would hold both";
        faults.push(("lies in the data folder, beside what it protects", remedy));
    }
    if folder
        .ancestors()
        .any(|ancestor| ancestor.join(".git").exists())
    {
        let remedy = "move it out; if it was ever committed, rotate the root key";
        faults.push(("lies in a git work tree", remedy));
    }
    // In a sticky folder others may write and yet not replace the file.
    let is_open = |mode: u32| mode & 0o022 != 0 && mode & 0o1000 == 0;
    if fs::metadata(folder).is_ok_and(|folder| is_open(folder.mode())) {
        faults.push((
            "lies in a folder that others may write to",
            "run `chmod go-w` on the folder",
        ));
    }
    faults
}
