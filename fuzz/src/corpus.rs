//! What the mutations begin with: the repository's own examples, and a few texts for each format.
//!
//! Invariant: the order is that of the names, so that a seed of one run means the same in the next.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{targets::Target, words};

/// Larger files are no use as a beginning.
const LARGEST: usize = 256 << 10;

/// Where examples of requests, answers and streams lie.
const FOLDERS: &[&str] = &["tests/golden", "fuzz/seeds"];

/// What an input is meant to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON document.
    Json,
    /// Server-sent events or JSON lines.
    Stream,
    /// A method and a path.
    Path,
    /// A base URL, or an address.
    Url,
    /// A key or a reference to a secret.
    Token,
    /// `mirk.toml`.
    Toml,
    /// HTTP/1.1 requests.
    Http,
    /// Prose with keys in it.
    Prose,
    /// Bytes of no text.
    Bytes,
}

impl Format {
    /// How the names of its examples end.
    const fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Json | Self::Prose => &["json"],
            Self::Stream => &["sse", "ndjson", "jsonl", "json"],
            Self::Toml => &["toml"],
            Self::Http => &["http"],
            Self::Path | Self::Url | Self::Token | Self::Bytes => &[],
        }
    }
}

/// The repository's root.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The seeds of a target, never none.
pub fn seeds(target: &Target) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for folder in FOLDERS {
        list(&root().join(folder), target.format.endings(), &mut files);
    }
    files.sort();
    let is_wanted = |file: &PathBuf| file.to_string_lossy().contains(target.below);
    let of_files = files
        .into_iter()
        .filter(is_wanted)
        .filter_map(|file| fs::read(file).ok())
        .filter(|bytes| bytes.len() <= LARGEST);
    let own = words::examples(target.format)
        .iter()
        .map(|text| text.as_bytes().to_vec());
    let mut seeds: Vec<_> = own.chain((target.seeds)()).chain(of_files).collect();
    if seeds.is_empty() {
        seeds.push(Vec::new());
    }
    seeds
}

fn list(folder: &Path, endings: &[&str], files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let ending = path.extension().and_then(|ending| ending.to_str());
        if path.is_dir() {
            list(&path, endings, files);
        } else if ending.is_some_and(|ending| endings.contains(&ending)) {
            files.push(path);
        }
    }
}
