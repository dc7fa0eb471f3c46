//! The configuration file: found, trusted and read.

use std::{fs, io::Read, os::unix::fs::MetadataExt, path::PathBuf};

use super::{ConfigError, Raw, SETTINGS, Setting, Sources, find_secret};

/// The largest file that is read.
const MOST_BYTES: u64 = 128 * 1024;

/// Reads the file that `--config` or `MIRK_CONFIG` names, or the one in the configuration
/// folder if there is one. Gives its name for messages and its text.
pub(super) fn read(sources: &Sources) -> Result<Option<(String, String)>, ConfigError> {
    let named = sources
        .file
        .clone()
        .or_else(|| sources.variable("MIRK_CONFIG").map(PathBuf::from));
    let usual = || sources.config_home().map(|home| home.join("mirk.toml"));
    let is_named = named.is_some();
    let Some(path) = named.or_else(usual) else {
        return Ok(None);
    };
    let name = path.display().to_string();
    let refuse = |words: &str| Err(ConfigError::new(name.clone(), words));
    let metadata = match fs::symlink_metadata(&path) {
        Ok(metadata) => metadata,
        Err(_) if !is_named => return Ok(None),
        Err(_) => return refuse("there is no such file, or it may not be read"),
    };
    if metadata.is_symlink() {
        return refuse("is a symbolic link; name the file itself");
    }
    if !metadata.is_file() {
        return refuse("is not a file");
    }
    let owner = rustix::process::geteuid().as_raw();
    if metadata.uid() != owner && metadata.uid() != 0 {
        return refuse("belongs to somebody else; it must be yours or root's");
    }
    if metadata.mode() & 0o022 != 0 {
        return refuse("may be written by others; run `chmod go-w` on it");
    }
    if metadata.len() > MOST_BYTES {
        return refuse("is larger than 128 KiB");
    }
    let mut text = String::new();
    let read =
        fs::File::open(&path).and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text));
    if read.is_err() {
        return refuse("cannot be read as UTF-8 text");
    }
    Ok(Some((name, text)))
}

/// Reads the settings out of the file's text, each with its line.
pub(super) fn parse(
    name: &str,
    text: &str,
) -> Result<Vec<(&'static Setting, Raw, usize)>, ConfigError> {
    for (number, line) in text.lines().enumerate() {
        if let Some(finding) = find_secret(line) {
            let place = format!("{name}, line {}", number.saturating_add(1));
            let key = line
                .split_once('=')
                .map(|(key, _)| key.trim())
                .filter(|key| is_key(key));
            let place = key.map_or_else(|| place.clone(), |key| format!("{place}, {key}"));
            return Err(ConfigError::new(place, finding.words()));
        }
    }
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        // Only what kind of mistake it is: the parser's full message quotes the line.
        let words = error
            .message()
            .lines()
            .next()
            .unwrap_or("is not TOML")
            .to_owned();
        ConfigError::new(format!("{name}, line {line}"), words)
    })?;
    let mut found = Vec::new();
    flatten(name, text, &table, "", &mut found)?;
    Ok(found)
}

fn flatten(
    name: &str,
    text: &str,
    table: &toml::Table,
    prefix: &str,
    found: &mut Vec<(&'static Setting, Raw, usize)>,
) -> Result<(), ConfigError> {
    for (key, value) in table {
        let path = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        let is_group = SETTINGS.iter().any(|setting| {
            setting
                .path
                .strip_prefix(path.as_str())
                .is_some_and(|rest| rest.starts_with('.'))
        });
        if let (true, toml::Value::Table(inner)) = (is_group, value) {
            flatten(name, text, inner, &path, found)?;
            continue;
        }
        let line = line_of_key(text, key);
        let setting = SETTINGS
            .iter()
            .find(|setting| setting.path == path)
            .ok_or_else(|| {
                let words = match closest(&path) {
                    Some(known) => format!("there is no such setting; did you mean `{known}`?"),
                    None => "there is no such setting; `mirk config show` lists those there are"
                        .to_owned(),
                };
                let shown = if is_key(&path) {
                    path.as_str()
                } else {
                    "a key"
                };
                ConfigError::new(format!("{name}, line {line}, {shown}"), words)
            })?;
        found.push((setting, raw(value), line));
    }
    Ok(())
}

fn raw(value: &toml::Value) -> Raw {
    match value {
        toml::Value::String(text) => Raw::Text(text.clone()),
        toml::Value::Integer(number) => Raw::Number(*number),
        toml::Value::Array(items) => items
            .iter()
            .map(|item| match item {
                toml::Value::String(text) => Some(text.clone()),
                toml::Value::Integer(number) => Some(number.to_string()),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()
            .map_or(Raw::Other, Raw::List),
        toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_)
        | toml::Value::Table(_) => Raw::Other,
    }
}

fn is_key(text: &str) -> bool {
    text.len() <= 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
        .saturating_add(1)
}

fn line_of_key(text: &str, key: &str) -> usize {
    let named = |line: &str| {
        line.split_once('=')
            .is_some_and(|(name, _)| name.trim().trim_matches('"') == key)
            || line.trim().trim_matches(['[', ']']) == key
    };
    text.lines()
        .position(named)
        .map_or(1, |index| index.saturating_add(1))
}

/// The known setting that differs from `path` by the fewest edits, if by few.
fn closest(path: &str) -> Option<&'static str> {
    // No setting is so long, and to compare is slow.
    if path.len() > 64 {
        return None;
    }
    SETTINGS
        .iter()
        .map(|setting| {
            let last = setting.path.rsplit('.').next().unwrap_or(setting.path);
            (
                distance(path, setting.path).min(distance(path, last)),
                setting.path,
            )
        })
        .min()
        .filter(|(edits, _)| *edits <= 3)
        .map(|(_, path)| path)
}

/// Levenshtein distance.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = i;
        let mut before = i.saturating_add(1);
        if let Some(first) = row.first_mut() {
            *first = before;
        }
        for (cell, b) in row.iter_mut().skip(1).zip(right.bytes()) {
            let above = *cell;
            let changed = diagonal.saturating_add(usize::from(a != b));
            *cell = changed
                .min(above.saturating_add(1))
                .min(before.saturating_add(1));
            diagonal = above;
            before = *cell;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}
