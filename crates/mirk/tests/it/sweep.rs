//! The canary sweep: it finds nothing in Mirk, and everything that is leaked on purpose.
#![cfg(test)]

use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn sweep(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mirk"))
        .arg("sweep")
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("no report: {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn sweep_finds_nothing_of_what_was_said_in_what_mirk_keeps() {
    let output = sweep(&["--json"]);
    let report = report(&output);
    assert_eq!(report["findings"], Value::Array(vec![]), "{report}");
    assert_eq!(output.status.code(), Some(0));
    assert!(report["markers"].as_u64() >= Some(28), "{report}");
    assert!(report["places"].as_u64() >= Some(100), "{report}");
    assert!(report["requests"].as_u64() >= Some(200), "{report}");
    let places = report["place_names"].to_string();
    for place in [
        "data:db/data.sqlite",
        "stderr",
        "process:environ",
        "process:cmdline",
        "process:maps",
        "admin:audit.list",
        "other-answer:",
        "other-provider",
    ] {
        assert!(places.contains(place), "{place} was not searched");
    }
}

#[test]
fn sweep_goes_through_a_running_server_and_leaves_no_key_behind() {
    let mirk = crate::harness::Mirk::start();
    let output = mirk.cli(&[
        "sweep",
        "--json",
        "--data-dir",
        mirk.folder().join("data").to_str().unwrap(),
    ]);
    let report = report(&output);
    assert_eq!(report["findings"], Value::Array(vec![]), "{report}");
    assert_eq!(output.status.code(), Some(0));
    assert!(report["requests"].as_u64() >= Some(50), "{report}");
    let keys = mirk.json(&["key", "list"]);
    let made = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["label"] == "sweep")
        .unwrap();
    assert_ne!(made["revoked_at"], Value::Null, "{made}");
    assert!(
        mirk.seen()
            .iter()
            .any(|request| memchr::memmem::find(&request.body, b"cnry-prompt-").is_some())
    );
}

#[test]
fn sweep_of_an_installation_at_rest_looks_for_its_root_key_alone() {
    let folder = crate::harness::Folder::new();
    let run = |arguments: &[&str]| {
        crate::harness::binary(folder.path())
            .args(arguments)
            .output()
            .unwrap()
    };
    assert!(
        run(&["key", "list"]).status.code() == Some(78),
        "there is no installation yet"
    );
    assert!(
        run(&[
            "provider",
            "add",
            "p",
            "--kind",
            "ollama",
            "--base-url",
            "http://127.0.0.1:9999",
            "--yes"
        ])
        .status
        .success()
    );
    let data = folder.path().join("data");
    let arguments = ["sweep", "--json", "--data-dir", data.to_str().unwrap()];
    let clean = run(&arguments);
    assert_eq!(
        (report(&clean)["markers"].as_u64(), clean.status.code()),
        (Some(1), Some(0)),
        "{}",
        report(&clean)
    );
    let key = std::fs::read_to_string(folder.path().join("root.key")).unwrap();
    std::fs::write(
        data.join("notes"),
        key.trim().chars().rev().collect::<String>(),
    )
    .unwrap();
    let dirty = run(&arguments);
    let report = report(&dirty);
    assert_eq!(dirty.status.code(), Some(1));
    let findings = report["findings"].as_array().unwrap();
    assert!(
        findings.iter().any(|found| found["class"] == "root-key"
            && found["place"] == "data:notes"
            && found["encoding"] == "reversed"),
        "{report}"
    );
    assert!(!report.to_string().contains(key.trim()));
}

#[test]
fn sweep_that_is_stopped_leaves_no_folder_and_no_server() {
    use rustix::process::{Pid, Signal, kill_process, test_kill_process};
    let folder = crate::harness::Folder::new();
    let mut child = crate::harness::binary(folder.path())
        .arg("sweep")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    let made = || {
        std::fs::read_dir(folder.path())
            .unwrap()
            .flatten()
            .any(|entry| {
                entry
                    .file_name()
                    .to_string_lossy()
                    .starts_with("mirk-sweep-")
            })
    };
    let mut looks = 0;
    // The server answers, so its parent is at work on the runtime.
    let server = loop {
        let served = std::fs::read_dir(folder.path())
            .unwrap()
            .flatten()
            .any(|entry| entry.path().join("data/mirk.sock").exists());
        let first = std::fs::read_dir(format!("/proc/{}/task", child.id()))
            .unwrap()
            .flatten()
            .find_map(|task| {
                std::fs::read_to_string(task.path().join("children"))
                    .ok()?
                    .split_whitespace()
                    .next()?
                    .parse::<i32>()
                    .ok()
            });
        if let (true, Some(first)) = (served, first) {
            break Pid::from_raw(first).unwrap();
        }
        looks += 1;
        assert!(looks < 4_000, "no server");
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    assert!(made());
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(74));
    assert!(!made(), "the folder was left behind");
    assert!(
        test_kill_process(server).is_err(),
        "the server was left behind"
    );
}

#[test]
fn sweep_of_no_installation_says_so_and_does_not_say_that_all_is_well() {
    let output = sweep(&["--data-dir", "/nonexistent/mirk", "--json"]);
    assert_eq!(output.status.code(), Some(74));
    assert_eq!(output.stdout, b"");
}

#[cfg(not(feature = "leaky"))]
#[test]
fn sweep_cannot_leak_without_the_feature() {
    for flag in ["--leaky", "--leaky-server"] {
        assert_eq!(sweep(&[flag]).status.code(), Some(64), "{flag}");
    }
}

#[cfg(feature = "leaky")]
#[test]
fn leaky_server_s_every_leak_is_found_by_name() {
    let output = sweep(&["--leaky", "--json"]);
    let report = report(&output);
    let leaks = report["leaks"].as_array().unwrap();
    assert_eq!(leaks.len(), mirk::sweep::leaks::LEAKS.len());
    assert!(leaks.len() >= 25);
    let missed: Vec<_> = leaks
        .iter()
        .filter(|leak| leak["found"] != true)
        .map(|leak| leak["name"].to_string())
        .collect();
    assert_eq!(missed, Vec::<String>::new(), "{}", report["findings"]);
    assert_eq!(output.status.code(), Some(1));
    // And the report does not become a leak itself.
    assert!(!String::from_utf8_lossy(&output.stdout).contains("cnry-"));
}
