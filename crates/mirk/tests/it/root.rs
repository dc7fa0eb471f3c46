//! Where a root key may come from, over the built binary: what is refused changes nothing, and a
//! missing or wrong key on existing data never leads to a new one.
#![cfg(test)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};

use mirk::clock::SystemClock;
use mirk_model::Clock;

use crate::harness::{Folder, binary};

/// 32 bytes that pass for random.
const KEY: [u8; 32] = [
    0x8f, 0x1c, 0xe2, 0x07, 0x5d, 0xb9, 0x36, 0xfa, 0x90, 0x4b, 0xc8, 0x23, 0x71, 0xde, 0x0a, 0x65,
    0xb4, 0x59, 0x12, 0xed, 0x3f, 0x86, 0xc1, 0x7a, 0x2e, 0xd3, 0x98, 0x44, 0x6b, 0xf7, 0x15, 0xa0,
];

fn write(path: &Path, bytes: &[u8], bits: u32) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
}

fn reference(path: &Path) -> String {
    format!("file:{}", path.display())
}

pub(crate) fn shown(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The binary in `folder`, with this reference to a root key.
pub(crate) fn mirk(folder: &Folder, root: &str, words: &[&str]) -> Command {
    let mut command = binary(folder.path());
    command
        .env("MIRK_ROOT_KEY", root)
        .env("MIRK_LISTEN", "127.0.0.1:0")
        .args(words);
    command
}

/// Starts a server, waits until it takes commands, ends it. Gives the ready line and what it said
/// beside, or how it refused.
pub(crate) fn run_once(
    folder: &Folder,
    mut command: Command,
    input: &[u8],
) -> Result<(String, String), Output> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may refuse before it reads.
    drop(child.stdin.take().unwrap().write_all(input));
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    if !line.contains("\"ready\"") {
        return Err(child.wait_with_output().unwrap());
    }
    let clock = SystemClock::new();
    let patience = Duration::from_secs(5).as_nanos();
    while UnixStream::connect(folder.path().join("data/mirk.sock")).is_err()
        && u128::from(clock.mono()) < patience
    {
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", shown(&ended));
    Ok((line, String::from_utf8_lossy(&ended.stderr).into_owned()))
}

fn up(folder: &Folder, root: &str) -> Result<(String, String), Output> {
    run_once(folder, mirk(folder, root, &["up", "--json", "--yes"]), b"")
}

/// Every file below `folder` with its content, without what a lock or a log's index leaves.
pub(crate) fn everything(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(everything(&path));
        } else if path.is_file() && !path.ends_with("mirk.lock") {
            let bytes = fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
    found.sort();
    found.retain(|(path, bytes)| !path.to_string_lossy().ends_with("-shm") && !bytes.is_empty());
    found
}

/// Says that a refusal says why, holds nothing of the key, and made nothing.
fn assert_refused(folder: &Folder, output: &Output, words: &str, before: &[(PathBuf, Vec<u8>)]) {
    let text = shown(output);
    assert_eq!(output.status.code(), Some(78), "{text}");
    assert!(text.contains(words), "{words:?} is not in {text:?}");
    assert!(
        !text.contains(&BASE64.encode(&KEY)) && !text.contains(&HEXLOWER.encode(&KEY)),
        "the key is shown"
    );
    let after = everything(folder.path());
    let names = |files: &[(PathBuf, Vec<u8>)]| {
        files
            .iter()
            .map(|(path, _)| path.clone())
            .collect::<Vec<_>>()
    };
    let made: Vec<PathBuf> = names(&after)
        .into_iter()
        .filter(|path| !names(before).contains(path))
        .collect();
    // An empty database may be there after a first start; nothing that is encrypted is.
    assert!(
        made.iter()
            .all(|path| path.starts_with(folder.path().join("data/db"))),
        "made: {made:?}"
    );
    assert!(
        before.iter().all(|file| after.contains(file)),
        "something changed"
    );
}

/// Puts a key file where it must not be, or as it must not be.
type Plant = fn(&Folder, &str) -> PathBuf;

#[test]
fn a_root_key_file_that_others_can_get_at_is_refused_with_the_reason() {
    let spelt = BASE64.encode(&KEY);
    let cases: [(&str, Plant); 5] = [
        ("others may read the file", |folder, text| {
            let path = folder.path().join("open.key");
            write(&path, text.as_bytes(), 0o644);
            path
        }),
        ("others may read the file", |folder, text| {
            let path = folder.path().join("executable.key");
            write(&path, text.as_bytes(), 0o700);
            path
        }),
        ("is not a plain file", |folder, text| {
            write(&folder.path().join("real.key"), text.as_bytes(), 0o600);
            let path = folder.path().join("link.key");
            symlink(folder.path().join("real.key"), &path).unwrap();
            path
        }),
        ("git work tree", |folder, text| {
            fs::create_dir_all(folder.path().join("tree/.git")).unwrap();
            fs::create_dir_all(folder.path().join("tree/below")).unwrap();
            let path = folder.path().join("tree/below/root.key");
            write(&path, text.as_bytes(), 0o600);
            path
        }),
        ("in the data folder", |folder, text| {
            let data = folder.path().join("data");
            fs::create_dir(&data).unwrap();
            fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
            write(&data.join("root.key"), text.as_bytes(), 0o600);
            data.join("root.key")
        }),
    ];
    for (words, plant) in cases {
        let folder = Folder::new();
        let path = plant(&folder, &spelt);
        let before = everything(folder.path());
        let output = up(&folder, &reference(&path)).expect_err(words);
        assert_refused(&folder, &output, words, &before);
    }
}

#[test]
fn a_root_key_file_of_somebody_else_is_refused() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can give a file away");
        return;
    }
    let folder = Folder::new();
    let path = folder.path().join("theirs.key");
    write(&path, BASE64.encode(&KEY).as_bytes(), 0o600);
    chown(&path, Some(65_534), None).unwrap();
    let before = everything(folder.path());
    let output = up(&folder, &reference(&path)).expect_err("refused");
    assert_refused(&folder, &output, "belongs to somebody else", &before);
}

#[test]
fn a_root_key_of_the_wrong_length_or_not_random_is_refused() {
    let hex = HEXLOWER.encode(&KEY);
    let long = [&KEY[..], &[7]].concat();
    let cases: [(&[u8], &str); 7] = [
        (&KEY[..31], "32 bytes"),
        (&long, "32 bytes"),
        (&hex.as_bytes()[..63], "32 bytes"),
        (b"", "32 bytes"),
        (&[0; 32], "not random"),
        (b"0123456789abcdefghijklmnopqrstuv", "not random"),
        (&[b'!'; 44], "neither"),
    ];
    for (bytes, words) in cases {
        let folder = Folder::new();
        let path = folder.path().join("root.key");
        write(&path, bytes, 0o600);
        let before = everything(folder.path());
        let output = up(&folder, &reference(&path)).expect_err(words);
        assert_refused(&folder, &output, words, &before);
    }
}

#[test]
fn one_key_spelt_raw_in_hex_and_in_base64_opens_the_same_data() {
    let folder = Folder::new();
    let path = folder.path().join("root.key");
    write(&path, &KEY, 0o600);
    up(&folder, &reference(&path)).unwrap();
    let spellings = [
        HEXLOWER.encode(&KEY),
        BASE64.encode(&KEY),
        BASE64URL_NOPAD.encode(&KEY),
        format!("{}\n", BASE64.encode(&KEY)),
    ];
    for spelling in spellings {
        write(&path, spelling.as_bytes(), 0o400);
        let listed = mirk(&folder, &reference(&path), &["key", "list"])
            .output()
            .unwrap();
        assert!(listed.status.success(), "{}", shown(&listed));
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_root_key_comes_from_a_variable_or_a_systemd_credential() {
    let folder = Folder::new();
    let spelt = BASE64.encode(&KEY);
    let mut first = mirk(&folder, "env:THE_ROOT", &["up", "--json", "--yes"]);
    first.env("THE_ROOT", &spelt);
    run_once(&folder, first, b"").unwrap();
    let unset = mirk(&folder, "env:THE_ROOT", &["key", "list"])
        .output()
        .unwrap();
    assert_eq!(unset.status.code(), Some(78));
    assert!(shown(&unset).contains("THE_ROOT is not set"));

    let credentials = folder.path().join("credentials");
    fs::create_dir(&credentials).unwrap();
    write(&credentials.join("root"), spelt.as_bytes(), 0o400);
    let list = || mirk(&folder, "credential:root", &["key", "list"]);
    let given = list()
        .env("CREDENTIALS_DIRECTORY", &credentials)
        .output()
        .unwrap();
    assert!(given.status.success(), "{}", shown(&given));
    let alone = list().output().unwrap();
    assert_eq!(alone.status.code(), Some(78));
    assert!(shown(&alone).contains("CREDENTIALS_DIRECTORY is not set"));
}

#[test]
fn a_passphrase_is_read_from_standard_input() {
    let folder = Folder::new();
    let phrase = b"brass lantern over wet gravel 41\n";
    run_once(
        &folder,
        mirk(&folder, "passphrase:", &["up", "--json", "--yes"]),
        phrase,
    )
    .unwrap();
    let again = run_once(
        &folder,
        mirk(&folder, "passphrase:", &["serve", "--json"]),
        phrase,
    );
    assert!(again.is_ok());
    let before = everything(&folder.path().join("data"));
    let wrong = run_once(
        &folder,
        mirk(&folder, "passphrase:", &["serve", "--json"]),
        b"brass lantern over wet gravel 42\n",
    );
    let wrong = wrong.unwrap_err();
    assert_eq!(wrong.status.code(), Some(78), "{}", shown(&wrong));
    assert!(
        !shown(&wrong).contains("lantern"),
        "the passphrase is shown"
    );
    assert_eq!(everything(&folder.path().join("data")), before);
    let weak = Folder::new();
    let refused = run_once(
        &weak,
        mirk(&weak, "passphrase:", &["up", "--json", "--yes"]),
        b"password\n",
    )
    .unwrap_err();
    assert_eq!(refused.status.code(), Some(78), "{}", shown(&refused));
}

#[test]
fn a_missing_or_another_root_key_on_existing_data_ends_with_78_and_changes_nothing() {
    let folder = Folder::new();
    let path = folder.path().join("root.key");
    write(&path, BASE64.encode(&KEY).as_bytes(), 0o600);
    up(&folder, &reference(&path)).unwrap();
    let kept = fs::read(&path).unwrap();
    let other = folder.path().join("other.key");
    let mut bytes = KEY;
    bytes[0] ^= 1;
    write(&other, BASE64.encode(&bytes).as_bytes(), 0o600);
    fs::remove_file(&path).unwrap();
    let before = everything(folder.path());
    for words in [
        &["up", "--json", "--yes"][..],
        &["serve", "--json"],
        &["key", "list"],
    ] {
        let missing = mirk(&folder, &reference(&path), words).output().unwrap();
        assert_eq!(
            missing.status.code(),
            Some(78),
            "{words:?}: {}",
            shown(&missing)
        );
        assert!(
            !path.exists(),
            "{words:?} made a new key over existing data"
        );
        let wrong = mirk(&folder, &reference(&other), words).output().unwrap();
        assert_eq!(
            wrong.status.code(),
            Some(78),
            "{words:?}: {}",
            shown(&wrong)
        );
        assert!(shown(&wrong).contains("not the one"), "{}", shown(&wrong));
        let mut nowhere = mirk(&folder, "", words);
        nowhere.env_remove("MIRK_ROOT_KEY");
        let nowhere = nowhere.output().unwrap();
        assert_eq!(
            nowhere.status.code(),
            Some(78),
            "{words:?}: {}",
            shown(&nowhere)
        );
        assert_eq!(
            everything(folder.path()),
            before,
            "{words:?} changed something"
        );
    }
    write(&path, &kept, 0o600);
    let listed = mirk(&folder, &reference(&path), &["key", "list"])
        .output()
        .unwrap();
    assert!(
        listed.status.success(),
        "the right key still opens it: {}",
        shown(&listed)
    );
}
