//! `mirk demo` from outside: it shows what it says, and leaves nothing behind.
#![cfg(test)]

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::harness::Folder;

/// The demonstration with `folder` for home and for temporary files.
fn demo(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mirk"));
    command
        .arg("demo")
        .args(arguments)
        .env_clear()
        .env("HOME", folder)
        .env("TMPDIR", folder);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn the_demonstration_streams_in_every_dialect_and_proves_what_was_kept() {
    let folder = Folder::new();
    let output = demo(folder.path(), &["--json"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["ok"], Value::Bool(true));
    let trips = shown["trips"].as_array().unwrap();
    assert_eq!(trips.len(), 5);
    for trip in trips {
        assert_eq!(
            (trip["status"].as_u64(), trip["right"].as_bool()),
            (Some(200), Some(true)),
            "{trip}"
        );
        assert!(trip["pieces"].as_u64().unwrap() > 2, "not a stream: {trip}");
    }
    let ledger = shown["ledger"].as_array().unwrap();
    assert_eq!(ledger.len(), trips.len());
    for row in ledger {
        assert_eq!(row["outcome"], "ok", "{row}");
        assert!(
            row["input_tokens"].as_u64() > Some(0) && row["output_tokens"].as_u64() > Some(0),
            "{row}"
        );
    }
    assert_eq!(shown["audit_ok"], Value::Bool(true));
    assert_eq!(shown["sweep"]["findings"].as_array().map(Vec::len), Some(0));
    assert!(
        shown["sweep"]["bytes"].as_u64().unwrap() > 10_000,
        "the sweep looked at nothing"
    );
    assert!(is_empty(folder.path()), "something was left behind");
}

#[test]
fn the_demonstration_says_all_that_to_people_too() {
    let folder = Folder::new();
    let output = demo(folder.path(), &[]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let said = text(&output);
    for words in [
        "OpenAI Chat",
        "OpenAI Responses",
        "Anthropic",
        "Gemini",
        "Ollama",
        "ledger",
        "audit",
        "sweep",
    ] {
        assert!(said.contains(words), "{words} is missing: {said}");
    }
    assert!(!said.contains('\u{1b}'), "colours without a terminal");
    assert!(!said.contains("panicked"), "{said}");
    assert!(is_empty(folder.path()), "something was left behind");
}

#[test]
fn a_demonstration_that_is_stopped_leaves_nothing_either() {
    for signal in [Signal::INT, Signal::TERM] {
        for moment in [5, 20, 60, 90, 120, 150, 250] {
            let folder = Folder::new();
            let mut child = demo(folder.path(), &["--json"]).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(moment));
            let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
            kill_process(pid, signal).unwrap();
            child.wait().unwrap();
            assert!(
                is_empty(folder.path()),
                "{signal:?} after {moment} ms: something was left behind"
            );
        }
    }
}
