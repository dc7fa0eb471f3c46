//! `mirk doctor --privacy`: looks for what should not be lying around: keys in files, addresses in
//! tables, logs, shell histories, clients' configuration that others can read.

use std::{
    fs,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use memchr::memmem;

use super::{Finding, place::everything_below};
use crate::config::Sources;

/// The most of one file that is searched.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// Where shells write down what was typed, below the home folder.
const HISTORIES: &[&str] = &[
    ".bash_history",
    ".zsh_history",
    ".histfile",
    ".sh_history",
    ".ksh_history",
    ".local/share/fish/fish_history",
    ".python_history",
    ".node_repl_history",
];

/// Where clients keep their configuration, below the home folder.
const CLIENTS: &[&str] = &[
    ".claude.json",
    ".claude/settings.json",
    ".claude/.credentials.json",
    ".codex/config.toml",
    ".codex/auth.json",
    ".openclaw/openclaw.json",
    ".openclaw/.env",
    ".continue/config.json",
    ".continue/config.yaml",
    ".aider.conf.yml",
    ".gemini/settings.json",
    ".gemini/.env",
    ".config/opencode/opencode.json",
    ".config/goose/config.yaml",
    ".config/zed/settings.json",
    ".netrc",
];

/// Everything about privacy that needs no open store.
pub fn examine(data_dir: &Path, sources: &Sources) -> Vec<Finding> {
    let mut findings = vec![keys_in_data(data_dir), logs(data_dir)];
    if let Some(home) = sources.environment.get("HOME").map(PathBuf::from) {
        findings.push(histories(&home));
        findings.extend(clients(&home));
    }
    findings
}

/// The tables' columns: none is for addresses of clients or for what was said.
pub fn columns(names: &[(String, String)]) -> Finding {
    const CHECK: &str = "tables";
    let found: Vec<String> = names
        .iter()
        .filter(|(_, column)| super::inventory::is_about_people_or_content(column))
        .map(|(table, column)| format!("{table}.{column}"))
        .collect();
    if found.is_empty() {
        let what = format!(
            "none of {} columns is for addresses or for what was said",
            names.len()
        );
        return Finding::ok(CHECK, what);
    }
    let remedy = "this is not a database as Mirk makes it; compare with docs/data-inventory.md";
    Finding::bad(
        CHECK,
        format!("not in Mirk's inventory: {}", found.join(", ")),
        remedy,
    )
}

fn keys_in_data(data_dir: &Path) -> Finding {
    const CHECK: &str = "keys in the data folder";
    let hits: Vec<String> = everything_below(data_dir)
        .iter()
        .filter_map(|path| {
            let count = keys_in(&read(path)?);
            let shown = path.strip_prefix(data_dir).unwrap_or(path).display();
            (count > 0).then(|| format!("{shown} ({count})"))
        })
        .collect();
    if hits.is_empty() {
        return Finding::ok(CHECK, "no file holds anything shaped like a key");
    }
    let remedy =
        "Mirk never writes keys there: find out what did, remove it, and replace those keys";
    Finding::bad(CHECK, hits.join(", "), remedy)
}

fn logs(data_dir: &Path) -> Finding {
    let count = everything_below(data_dir)
        .iter()
        .filter(|path| {
            path.extension()
                .is_some_and(|end| end == "log" || end == "jsonl")
        })
        .count();
    if count == 0 {
        return Finding::ok("log files", "none in the data folder");
    }
    let remedy = "logs hold metadata only; remove those that you do not need";
    Finding::warn("log files", format!("{count} in the data folder"), remedy)
}

fn histories(home: &Path) -> Finding {
    const CHECK: &str = "shell histories";
    let hits: Vec<String> = HISTORIES
        .iter()
        .filter_map(|name| {
            let count = keys_in(&read(&home.join(name))?);
            (count > 0).then(|| format!("~/{name} ({count})"))
        })
        .collect();
    if hits.is_empty() {
        return Finding::ok(CHECK, "none holds anything shaped like a key");
    }
    let remedy =
        "take those lines out and replace those keys; give keys by env:, file: or stdin instead";
    Finding::warn(
        CHECK,
        format!("keys were typed: {}", hits.join(", ")),
        remedy,
    )
}

fn clients(home: &Path) -> Vec<Finding> {
    const CHECK: &str = "clients' configuration";
    let open: Vec<Finding> = CLIENTS
        .iter()
        .filter_map(|name| {
            let path = home.join(name);
            let mode = fs::metadata(&path).ok()?.mode();
            let is_open = mode & 0o044 != 0 && keys_in(&read(&path)?) > 0;
            let what = format!("~/{name} holds a key and others may read it");
            is_open.then(|| Finding::warn(CHECK, what, format!("chmod 600 ~/{name}")))
        })
        .collect();
    if open.is_empty() {
        return vec![Finding::ok(
            CHECK,
            "none that holds a key can be read by others",
        )];
    }
    open
}

fn read(path: &Path) -> Option<Vec<u8>> {
    if !fs::symlink_metadata(path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .ok()?
        .take(MOST_BYTES)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(bytes)
}

/// How many things in `bytes` are shaped like a key: Mirk's own, and those that begin with `sk-`.
fn keys_in(bytes: &[u8]) -> usize {
    /// What follows `mrk_` in the shortest of our keys, and `sk-` in the shortest of others'.
    const OURS: usize = 60;
    const THEIRS: usize = 20;
    let count = |prefix: &[u8], least: usize| {
        memmem::find_iter(bytes, prefix)
            .filter(|start| {
                let is_start = start
                    .checked_sub(1)
                    .and_then(|before| bytes.get(before))
                    .is_none_or(|byte| !byte.is_ascii_alphanumeric());
                let behind = bytes
                    .get(start.saturating_add(prefix.len())..)
                    .unwrap_or_default();
                let length = behind.iter().take_while(|byte| is_key_byte(**byte)).count();
                is_start && length >= least
            })
            .count()
    };
    count(b"mrk_", OURS) + count(b"sk-", THEIRS)
}

const fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_counted_and_words_are_not() {
        let ours = format!(
            "mrk_lu_{}_{}_{}",
            "a".repeat(12),
            "b".repeat(43),
            "c".repeat(6)
        );
        let theirs = format!("sk-ant-api03-{}", "d".repeat(40));
        assert_eq!(keys_in(format!("x={ours}\ny {theirs}").as_bytes()), 2);
        assert_eq!(
            keys_in(format!("{ours}{ours}").as_bytes()),
            1,
            "no key begins in the middle of a word"
        );
        assert_eq!(
            keys_in(b"a risk-free disk-encryption-layer-of-some-kind mrk_short sk-x"),
            0
        );
    }

    #[test]
    fn a_table_with_addresses_is_found() {
        let name = |table: &str, column: &str| (table.to_owned(), column.to_owned());
        assert_eq!(
            columns(&[name("ledger", "model")]).verdict,
            super::super::Verdict::Ok
        );
        assert_eq!(
            columns(&[name("ledger", "client_ip")]).verdict,
            super::super::Verdict::Bad
        );
    }
}
