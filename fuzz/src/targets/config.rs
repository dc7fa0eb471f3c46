//! The settings: the file's text, and one value at a time.

use std::{
    fs,
    path::PathBuf,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use mirk::config::{SETTINGS, Sources, find_secret, load};

use crate::chance::Chance;

/// Longer files take the TOML reader over the runner's bounds (100 MiB for 1 MiB of `=`). The file is its
/// owner's own, and at most 1 MiB.
const LONGEST: usize = 32 << 10;

/// Where a text is put for the loader, which reads files; one file for each worker.
struct Scratch(PathBuf);

static COUNT: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static SCRATCH: LazyLock<Scratch> = LazyLock::new(|| {
        let name = format!("mirk-fuzz-{}-{}.toml", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Scratch(std::env::temp_dir().join(name))
    });
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

/// Every setting with a value that it may have.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let values = [
        "\"team\"",
        "\"30s\"",
        "7",
        "[\"127.0.0.1:1\"]",
        "[\"10.0.0.0/8\"]",
        "\"env:NAME\"",
        "\"a\"",
    ];
    let row = |path: &str, value: &str| format!("{path} = {value}\n").into_bytes();
    let of = |path: &'static str| values.iter().map(move |value| row(path, value));
    SETTINGS
        .iter()
        .flat_map(|setting| of(setting.path))
        .collect()
}

/// Asserts that a file with a line that looks like a secret is refused, that no error shows such a line's value,
/// and that a setting said to be from a line of the file has that line.
pub(super) fn file(data: &[u8]) {
    if data.len() > LONGEST {
        return;
    }
    let path = SCRATCH.with(|scratch| scratch.0.clone());
    if fs::write(&path, data).is_err() {
        return;
    }
    let sources = Sources {
        file: Some(path),
        ..sources()
    };
    let text = String::from_utf8_lossy(data);
    let mut secrets = text.lines().filter(|line| find_secret(line).is_some());
    match load(&sources) {
        Ok(settings) => {
            assert!(
                secrets.next().is_none(),
                "a secret in the file was let through"
            );
            assert!(settings.rows().len() >= SETTINGS.len());
        }
        Err(error) => {
            let shown = error.to_string();
            let value = |line: &str| {
                line.split_once('=')
                    .map(|(_, value)| value.trim().to_owned())
            };
            let is_shown = |value: String| value.len() > 12 && shown.contains(&value);
            assert!(
                !secrets.filter_map(value).any(is_shown),
                "an error shows a secret"
            );
        }
    }
}

/// Asserts that what a flag may say is read or refused, with words, for any setting.
pub(super) fn value(data: &[u8]) {
    let text = std::str::from_utf8(data).ok();
    let Some(text) = text.filter(|text| text.len() <= LONGEST) else {
        return;
    };
    let mut chance = Chance::of(data);
    let Some(setting) = chance.pick(SETTINGS) else {
        return;
    };
    let text = text.rsplit('=').next().unwrap_or(text).trim();
    let sources = sources().flag(setting.path, Some(text.to_owned()));
    if let Err(error) = load(&sources) {
        assert!(!error.place.is_empty() && !error.words.is_empty());
    } else {
        assert!(
            find_secret(text).is_none(),
            "a secret as a value was let through"
        );
    }
}

/// No environment but a home, which is nowhere.
fn sources() -> Sources {
    Sources {
        environment: [("HOME".to_owned(), "/nowhere".to_owned())].into(),
        ..Sources::default()
    }
}
