//! `mirk credential import openclaw`: keys are copied, tokens are pointed at, and nothing that is
//! not its owner's alone is read.
#![cfg(test)]

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
    process::Output,
};

use mirk::sim::SimOptions;
use serde_json::{Value, json};

use crate::{live::Live, talk::Speech};

const KEY: &str = "sim-clawkey-91f0c7ab";
const TOKEN: &str = "sim-clawtoken-3e5d88b2";
const REFRESH: &str = "sim-clawrefresh-60aa1c4d";

/// A server with one Anthropic provider more, `acc`, that has no credential yet, and an OpenClaw
/// folder beside it.
fn server() -> Live {
    let live = Live::with(&[], SimOptions::default());
    for name in ["", "/agents", "/agents/main", "/agents/main/agent"] {
        let folder = format!("{}{name}", home(&live).display());
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    }
    write(&live, TOKEN, 4_102_444_800_000);
    let input = json!({
        "name": "acc", "kind": "anthropic", "base_url": live.sim.base(), "without_secret": true,
    });
    live.act("provider.add", input);
    live.sim.clear();
    live
}

/// OpenClaw's folder: the usual one of the server's user.
fn home(live: &Live) -> PathBuf {
    live.folder.join(".openclaw")
}

fn file(live: &Live) -> PathBuf {
    home(live).join("agents/main/agent/auth-profiles.json")
}

fn write(live: &Live, token: &str, expires: u64) {
    let profiles = json!({
        "openai:work": {"type": "api_key", "provider": "openai", "key": KEY},
        "anthropic:default": {"type": "token", "provider": "anthropic", "token": token, "expires": expires},
        "openai:me@x": {"type": "oauth", "provider": "openai-codex", "access": token, "refresh": REFRESH, "expires": expires},
        "openai:far": {"type": "api_key", "provider": "openai", "keyRef": {"source": "env", "id": "X"}},
    });
    let text = json!({"version": 1, "profiles": profiles}).to_string();
    fs::write(file(live), text).unwrap();
    fs::set_permissions(file(live), fs::Permissions::from_mode(0o600)).unwrap();
}

fn import(live: &Live, more: &[&str]) -> Output {
    live.cli(&[&["credential", "import", "openclaw"], more].concat())
}

fn report(output: &Output) -> Value {
    let words = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no report: {words}"))
}

fn results(output: &Output) -> Vec<(String, String, String)> {
    let report = report(output);
    let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    let rows = report["profiles"].as_array().unwrap().iter();
    rows.map(|row| (text(row, "profile"), text(row, "kind"), text(row, "result")))
        .collect()
}

fn labels(live: &Live) -> Vec<String> {
    let list = live.act("credential.list", json!({}));
    let rows = list["credentials"].as_array().unwrap().iter();
    rows.map(|row| {
        format!(
            "{} {}",
            row["provider"].as_str().unwrap(),
            row["label"].as_str().unwrap()
        )
    })
    .filter(|label| label.contains("openclaw"))
    .collect()
}

fn no_secret_in(output: &Output) {
    for text in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(text);
        for secret in [KEY, TOKEN, REFRESH] {
            assert!(!text.contains(secret), "a secret was printed");
        }
    }
}

fn ask(live: &Live) -> (u16, String) {
    let (path, body) = Speech::Messages.request_named("acc/claude-x", false, "hello");
    let answer = live.client().ask(&live.key, &path, &body);
    (answer.head.status, answer.text())
}

#[test]
fn a_dry_run_says_what_there_is_and_changes_nothing() {
    let live = server();
    let before = fs::read(file(&live)).unwrap();
    let output = import(&live, &["--dry-run", "--provider", "acc", "--json"]);
    assert!(output.status.success());
    no_secret_in(&output);
    let expected = [
        ("anthropic:default", "token", "would be done"),
        ("openai:far", "reference", "left out"),
        ("openai:me@x", "oauth", "would be done"),
        ("openai:work", "api_key", "would be done"),
    ];
    let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
    assert_eq!(results(&output), expected);
    assert_eq!(labels(&live), Vec::<String>::new());
    assert_eq!(fs::read(file(&live)).unwrap(), before);
}

#[test]
fn keys_are_sealed_and_tokens_wait_for_consent() {
    let live = server();
    let output = import(&live, &["--provider", "oai", "--json"]);
    assert!(output.status.success());
    no_secret_in(&output);
    assert_eq!(labels(&live), ["oai openclaw-work"]);
    let kinds: Vec<_> = results(&output)
        .into_iter()
        .filter(|(_, _, result)| result == "done")
        .map(|(_, kind, _)| kind)
        .collect();
    assert_eq!(kinds, ["api_key"]);
    // Once more: what is there already is said so.
    let output = import(
        &live,
        &["--provider", "oai", "--profile", "openai:work", "--json"],
    );
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(results(&output)[0].2, "failed");
    // More than one provider of the kind: nobody guesses.
    let output = import(&live, &["--profile", "openai:work", "--json"]);
    assert_eq!(results(&output)[0].2, "left out");
    assert_eq!(labels(&live), ["oai openclaw-work"]);
}

#[test]
fn a_token_is_read_where_it_is_again_when_it_changes_and_never_renewed() {
    let live = server();
    let only = [
        "--profile",
        "anthropic:default",
        "--provider",
        "acc",
        "--accept-terms",
        "--json",
    ];
    let output = import(&live, &only);
    assert_eq!(results(&output)[0].2, "done", "{}", report(&output));
    no_secret_in(&output);
    assert_eq!(ask(&live).0, 200);
    let request = live.sim.requests().pop().unwrap();
    assert_eq!(request.credential.as_deref(), Some(TOKEN));
    let header = |name: &str| {
        let found = request.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    };
    // As an account's token goes to this provider: not as a key.
    assert_eq!(header("x-api-key"), None);
    assert!(
        header("anthropic-beta")
            .unwrap()
            .contains("oauth-2025-04-20")
    );
    // OpenClaw renews it; the provider refuses the old one.
    write(&live, "sim-clawtoken-second", 4_102_444_800_000);
    live.sim.script(mirk::sim::Scripted {
        status: 401,
        headers: vec![],
        chunks: vec![],
        ending: mirk::sim::Ending::Whole,
    });
    assert_eq!(ask(&live).0, 200);
    let request = live.sim.requests().pop().unwrap();
    assert_eq!(request.credential.as_deref(), Some("sim-clawtoken-second"));
    let list = live.act("credential.list", json!({}));
    let rows = list["credentials"].as_array().unwrap();
    let row = rows.iter().find(|row| row["provider"] == "acc").unwrap();
    assert_eq!(row["kind"], "reference");
    // Neither the token nor where it is shows.
    assert!(!list.to_string().contains("auth-profiles"), "{list}");
    let tested = live.cli(&["provider", "test", "acc"]);
    no_secret_in(&tested);
}

#[test]
fn an_expired_or_lost_token_says_who_renews_it() {
    let live = server();
    let only = [
        "--profile",
        "anthropic:default",
        "--provider",
        "acc",
        "--accept-terms",
    ];
    assert!(import(&live, &only).status.success());
    for (spoil, words) in [
        (
            (|live: &Live| write(live, TOKEN, 1_000)) as fn(&Live),
            "has expired",
        ),
        (
            |live| fs::set_permissions(file(live), fs::Permissions::from_mode(0o644)).unwrap(),
            "not its owner's alone",
        ),
        (
            |live| fs::write(file(live), "{}").unwrap(),
            "cannot be read",
        ),
        (
            |live| fs::remove_file(file(live)).unwrap(),
            "cannot be read",
        ),
    ] {
        write(&live, TOKEN, 4_102_444_800_000);
        spoil(&live);
        let (status, text) = ask(&live);
        assert_eq!(status, 502, "{words}: {text}");
        assert!(text.contains(words) && text.contains("OpenClaw"), "{text}");
        assert!(!text.contains(".openclaw"), "{text}");
    }
    assert!(live.sim.requests().is_empty());
    write(&live, TOKEN, 4_102_444_800_000);
    assert_eq!(ask(&live).0, 200);
}

#[test]
fn files_of_others_and_links_are_refused() {
    let live = server();
    let refused = |words: &str| {
        let output = import(&live, &["--provider", "oai"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(77), "{said}");
        assert!(said.contains(words), "{said}");
        no_secret_in(&output);
        assert_eq!(labels(&live), Vec::<String>::new());
    };
    for mode in [0o644, 0o640, 0o660] {
        fs::set_permissions(file(&live), fs::Permissions::from_mode(mode)).unwrap();
        refused("chmod 600");
    }
    fs::set_permissions(file(&live), fs::Permissions::from_mode(0o600)).unwrap();
    let agent = home(&live).join("agents/main/agent");
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o777)).unwrap();
    refused("chmod");
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o700)).unwrap();
    let outside = live.folder.join("outside.json");
    fs::rename(file(&live), &outside).unwrap();
    symlink(&outside, file(&live)).unwrap();
    refused("link");
    fs::remove_file(file(&live)).unwrap();
    fs::rename(&outside, file(&live)).unwrap();
    let moved = live.folder.join("elsewhere");
    fs::rename(home(&live).join("agents"), &moved).unwrap();
    symlink(&moved, home(&live).join("agents")).unwrap();
    refused("link");
}

#[test]
fn the_variable_leads_to_another_folder_and_nothing_there_is_normal() {
    let live = server();
    let empty = live.folder.join("claw");
    fs::create_dir_all(empty.join("agents")).unwrap();
    for folder in [empty.clone(), empty.join("agents")] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    }
    let mut command = live.command(&["credential", "import", "openclaw"]);
    let output = command.env("OPENCLAW_STATE_DIR", &empty).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("no such profile"), "{said}");
}
