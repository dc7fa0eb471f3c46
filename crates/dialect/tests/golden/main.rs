//! The golden matrix: every fixture of `tests/golden` in every other dialect, each result a file
//! that was looked at. `UPDATE=1` writes them anew.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "whether to write the golden files anew is asked of the environment"
)]

mod matrix;
mod streams;

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use mirk_dialect::bridge::{self, From, To, Translated};
use mirk_model::{Dialect, Operation, Problem, Thinks, Traits};

/// The dialects, with the folder of each.
const DIALECTS: [(Dialect, &str); 5] = [
    (Dialect::OpenAiChat, "chat"),
    (Dialect::OpenAiResponses, "responses"),
    (Dialect::Anthropic, "messages"),
    (Dialect::Gemini, "gemini"),
    (Dialect::Ollama, "ollama"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

/// Every fixture of `kind` in a dialect's folder: its name and its text, in order of name.
fn fixtures(kind: &str, folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = fs::read_dir(root().join(kind).join(folder))
        .map(|entries| {
            entries
                .filter_map(|entry| {
                    let path = entry.ok()?.path();
                    let name = path.file_name()?.to_str()?.to_owned();
                    Some((name, fs::read(&path).ok()?))
                })
                .collect()
        })
        .unwrap_or_default();
    found.sort();
    found
}

/// Puts what the fixture `name` of `folder` comes to in each other dialect into its golden file, a
/// part for each, and notes in `wrong` when that is not what the file says.
fn keep(kind: &str, folder: &str, name: &str, parts: &[(&str, String)], wrong: &mut Vec<String>) {
    let mut text = String::new();
    for (target, part) in parts {
        writeln!(text, "==== {target}\n{}", part.trim_end_matches('\n')).unwrap();
    }
    let stem = name.split('.').next().unwrap_or(name);
    let path = root().join("matrix").join(kind).join(folder);
    if !is_kept(&path.join(format!("{stem}.snap")), &text) {
        wrong.push(format!("{kind}/{folder}/{stem}"));
    }
}

/// Whether the golden file at `path` says `text`; with `UPDATE=1` it does afterwards.
fn is_kept(path: &Path, text: &str) -> bool {
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::read_to_string(path).is_ok_and(|kept| kept == text)
}

/// What a capable model of each dialect can take.
fn traits(dialect: Dialect) -> Traits {
    let thinks = match dialect {
        Dialect::Anthropic => Thinks::Budget {
            least: 1_024,
            most: 62_976,
        },
        _ => Thinks::Effort,
    };
    let is_gemini = dialect == Dialect::Gemini;
    Traits {
        max_output: Some(64_000),
        thinks,
        takes_result_media: is_gemini,
        wants_signatures: is_gemini,
        ..Traits::default()
    }
}

/// What a client of a dialect asks for.
const fn operation(dialect: Dialect, is_stream: bool) -> Operation {
    bridge::native(dialect, is_stream)
}

/// Translates a request.
fn translate(
    client: Dialect,
    upstream: Dialect,
    body: &str,
    is_stream: bool,
) -> Result<Translated, Problem> {
    let from = From {
        operation: operation(client, is_stream),
        body,
        model: "golden",
        is_stream,
        is_sse: true,
        request_id: "req_golden",
        created: 1_700_000_000,
    };
    let to = To {
        operation: operation(upstream, is_stream),
        model: "target",
        traits: &traits(upstream),
    };
    bridge::ask(from, to)
}

/// The way back for an answer of `upstream`'s to a plain request of `client`'s.
fn way(client: Dialect, upstream: Dialect, is_stream: bool) -> bridge::Way {
    let body = match client {
        Dialect::OpenAiChat | Dialect::Ollama => {
            r#"{"model":"golden","messages":[{"role":"user","content":"hello"}],"stream_options":{"include_usage":true}}"#
        }
        Dialect::OpenAiResponses => {
            r#"{"model":"golden","input":"hello","include":["reasoning.encrypted_content"],"reasoning":{"effort":"high","summary":"auto"}}"#
        }
        Dialect::Anthropic => {
            r#"{"model":"golden","max_tokens":4096,"thinking":{"type":"enabled","budget_tokens":2048},"messages":[{"role":"user","content":"hello"}]}"#
        }
        Dialect::Gemini => {
            r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}],"generationConfig":{"thinkingConfig":{"includeThoughts":true}}}"#
        }
    };
    translate(client, upstream, body, is_stream).unwrap().way
}

/// JSON as people read it, numbers as they are where they can be shown.
fn pretty(json: &[u8]) -> String {
    serde_json::from_slice::<serde_json::Value>(json)
        .and_then(|value| serde_json::to_string_pretty(&value))
        .unwrap_or_else(|_odd| String::from_utf8_lossy(json).into_owned())
}

/// Fails with the names of the files that are not as they should be.
fn all_kept(wrong: &[String]) {
    assert!(
        wrong.is_empty(),
        "{} golden files differ; look, then UPDATE=1: {wrong:#?}",
        wrong.len()
    );
}
