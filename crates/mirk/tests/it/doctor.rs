//! `mirk doctor` finds what is planted, finds nothing on a clean installation, and shows no secret.
#![cfg(test)]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use Weight::{Bad, Warn};
use serde_json::Value;

use crate::harness::{Folder, binary};

const CANARY: &str = "sk-ant-api03-canary0doctor1canary2doctor3";

/// An installation that was made and is not running.
struct Clean {
    folder: Folder,
    port: u16,
}

impl Clean {
    fn new() -> Self {
        let folder = Folder::new();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let clean = Self { folder, port };
        let secret = clean.path("lab.key");
        fs::write(&secret, CANARY).unwrap();
        mode(&secret, 0o600);
        clean.install();
        let reference = format!("file:{}", secret.display());
        let base = format!("http://127.0.0.1:{port}/v1");
        let words = [
            "provider",
            "add",
            "lab",
            "--kind",
            "openai-compatible",
            "--base-url",
            &base,
        ];
        let added = clean
            .mirk(&words)
            .args(["--secret", &reference, "--accept-mismatch", "--yes"])
            .output()
            .unwrap();
        assert!(added.status.success(), "{}", shown(&added));
        fs::remove_file(&secret).unwrap();
        clean
    }

    /// Starts it once, and ends it when it takes commands.
    fn install(&self) {
        let up = self.mirk(&["up", "--json", "--yes", "--allow-root"]);
        if let Err(refused) = crate::root::run_once(&self.folder, up, b"") {
            panic!("it did not start: {}", shown(&refused));
        }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn mirk(&self, words: &[&str]) -> Command {
        let mut command = binary(self.folder.path());
        command
            .env("MIRK_LISTEN", format!("127.0.0.1:{}", self.port))
            .args(words);
        command
    }

    fn doctor(&self) -> Command {
        self.mirk(&["doctor", "--json"])
    }

    fn config(&self, text: &str, bits: u32) {
        let folder = self.path("config/mirk");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("mirk.toml"), text).unwrap();
        mode(&folder.join("mirk.toml"), bits);
    }
}

fn mode(path: &Path, bits: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
}

fn shown(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// What the doctor says: its exit code, and check, verdict and words of every finding.
fn examine(mut command: Command) -> (Option<i32>, Vec<(String, String, String)>) {
    let output = command.output().unwrap();
    let text = shown(&output);
    assert!(!text.contains("canary"), "a secret is shown");
    let value: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no JSON: {text}"));
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let findings = value["findings"].as_array().unwrap().iter();
    let findings = findings
        .map(|one| (word(one, "check"), word(one, "verdict"), word(one, "what")))
        .collect();
    (output.status.code(), findings)
}

#[derive(Debug, PartialEq, Clone, Copy)]
enum Weight {
    Warn,
    Bad,
}

/// Looks for a finding of `check` that says `words`.
fn expect(command: Command, check: &str, weight: Weight, words: &str) -> Result<(), String> {
    let (code, findings) = examine(command);
    let verdict = if weight == Bad { "bad" } else { "warn" };
    let is_found = findings
        .iter()
        .any(|(name, found, what)| name == check && found == verdict && what.contains(words));
    let right_code = weight == Warn || code == Some(1);
    if is_found && right_code {
        Ok(())
    } else {
        Err(format!("{check}/{words}: exit {code:?}, {findings:?}"))
    }
}

/// Plants one fault, and takes the doctor that should find it.
type Plant = fn(&Clean) -> Command;

/// The check that should find it, how bad it is, words of the finding, and how it is planted.
type Fault = (&'static str, Weight, &'static str, Plant);

fn faults_of_files() -> Vec<Fault> {
    vec![
        ("data folder", Bad, "open to others", |clean| {
            mode(&clean.path("data"), 0o755);
            clean.doctor()
        }),
        (
            "file modes",
            Bad,
            "db/data.sqlite is open to others",
            |clean| {
                mode(&clean.path("data/db/data.sqlite"), 0o644);
                clean.doctor()
            },
        ),
        ("file modes", Bad, "is a symbolic link", |clean| {
            symlink("/etc/hostname", clean.path("data/extra")).unwrap();
            clean.doctor()
        }),
    ]
}

fn faults_of_root_key() -> Vec<Fault> {
    vec![
        ("root key", Bad, "can be read by others", |clean| {
            mode(&clean.path("root.key"), 0o644);
            clean.doctor()
        }),
        ("root key", Bad, "in a git work tree", |clean| {
            fs::create_dir(clean.path(".git")).unwrap();
            clean.doctor()
        }),
        ("root key", Bad, "beside what it protects", |clean| {
            fs::copy(clean.path("root.key"), clean.path("data/root.key")).unwrap();
            let mut doctor = clean.doctor();
            doctor.env(
                "MIRK_ROOT_KEY",
                format!("file:{}", clean.path("data/root.key").display()),
            );
            doctor
        }),
        ("root key", Bad, "is not there", |clean| {
            fs::rename(clean.path("root.key"), clean.path("moved.key")).unwrap();
            clean.doctor()
        }),
        ("root key", Warn, "is in the variable ROOT", |clean| {
            let text = fs::read_to_string(clean.path("root.key")).unwrap();
            let mut doctor = clean.doctor();
            doctor
                .env("MIRK_ROOT_KEY", "env:ROOT")
                .env("ROOT", text.trim());
            doctor
        }),
    ]
}

fn faults_of_settings() -> Vec<Fault> {
    vec![
        (
            "configuration file",
            Bad,
            "may be written by others",
            |clean| {
                clean.config("log = \"info\"\n", 0o666);
                clean.doctor()
            },
        ),
        (
            "secrets in the configuration file",
            Bad,
            "line 2",
            |clean| {
                clean.config(&format!("log = \"info\"\nhosts = [\"{CANARY}\"]\n"), 0o600);
                clean.doctor()
            },
        ),
        ("listeners", Bad, "other machines can connect", |clean| {
            let mut doctor = clean.doctor();
            doctor
                .env("MIRK_MODE", "team")
                .env("MIRK_LISTEN", format!("0.0.0.0:{}", clean.port));
            doctor
        }),
        (
            "settings",
            Warn,
            "upstream.private allows all of 0.0.0.0/0",
            |clean| {
                let mut doctor = clean.doctor();
                doctor.env("MIRK_UPSTREAM_PRIVATE", "0.0.0.0/0");
                doctor
            },
        ),
        ("certificates", Bad, "holds no certificate", |clean| {
            let file = clean.path("ca.pem");
            fs::write(&file, "nothing").unwrap();
            let mut doctor = clean.doctor();
            doctor.env("MIRK_UPSTREAM_CA_FILE", file);
            doctor
        }),
        ("environment", Warn, "OPENAI_API_KEY", |clean| {
            let mut doctor = clean.doctor();
            doctor.env("OPENAI_API_KEY", CANARY);
            doctor
        }),
        ("environment", Warn, "SSLKEYLOGFILE", |clean| {
            let mut doctor = clean.doctor();
            doctor.env("SSLKEYLOGFILE", "/tmp/keys");
            doctor
        }),
        ("environment", Warn, "HTTPS_PROXY", |clean| {
            let mut doctor = clean.doctor();
            doctor.env("HTTPS_PROXY", "http://someone:canary@127.0.0.1:1");
            doctor
        }),
    ]
}

fn faults_of_contents() -> Vec<Fault> {
    vec![
        ("audit log", Bad, "was changed, removed or added", |clean| {
            let anchors = clean.path("data/audit.anchor");
            let mut text = fs::read_to_string(&anchors).unwrap();
            text += &["900 ", &"ab".repeat(32), " 1\n"].concat();
            fs::write(&anchors, text).unwrap();
            clean.doctor()
        }),
        ("database", Bad, "damaged", |clean| {
            let file = clean.path("data/db/data.sqlite");
            let mut bytes = fs::read(&file).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle - 4096..middle + 4096].fill(0x5a);
            fs::write(&file, bytes).unwrap();
            clean.doctor()
        }),
        ("providers", Warn, "disabled: lab", |clean| {
            let disabled = clean
                .mirk(&["provider", "disable", "lab"])
                .output()
                .unwrap();
            assert!(disabled.status.success(), "{}", shown(&disabled));
            clean.doctor()
        }),
        ("core dumps", Warn, "are on", |clean| {
            let doctor = clean.doctor();
            let mut shell = Command::new("/bin/sh");
            shell
                .args(["-c", "ulimit -S -c 1024 && exec \"$0\" doctor --json"])
                .arg(doctor.get_program());
            shell.env_clear().envs(
                doctor
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            );
            shell
        }),
    ]
}

/// Whether this machine lets a process ask for core dumps at all.
fn may_dump_core() -> bool {
    rustix::process::getrlimit(rustix::process::Resource::Core).maximum != Some(0)
}

#[test]
fn every_planted_fault_is_found() {
    let mut missed = Vec::new();
    let mut found = 0;
    let faults = [
        faults_of_files(),
        faults_of_root_key(),
        faults_of_settings(),
        faults_of_contents(),
    ];
    for (check, weight, words, plant) in faults.into_iter().flatten() {
        if check == "core dumps" && !may_dump_core() {
            eprintln!("SKIPPED: core dumps cannot be turned on here (their hard limit is 0)");
            continue;
        }
        let clean = Clean::new();
        match expect(plant(&clean), check, weight, words) {
            Ok(()) => found += 1,
            Err(words) => missed.push(words),
        }
    }
    assert!(missed.is_empty(), "{found} found, missed: {missed:#?}");
    assert!(found >= 12);
}

#[test]
fn a_clean_installation_has_nothing_bad_with_and_without_a_server() {
    let clean = Clean::new();
    for words in [
        &["doctor", "--json"][..],
        &["doctor", "--privacy", "--json"],
    ] {
        let (code, findings) = examine(clean.mirk(words));
        let bad: Vec<_> = findings
            .iter()
            .filter(|finding| finding.1 == "bad")
            .collect();
        assert!(bad.is_empty(), "{bad:?}");
        assert_eq!(code, Some(0));
    }
    let mirk = crate::harness::Mirk::start();
    let mut doctor = mirk.command();
    doctor
        .args(["doctor", "--privacy", "--json"])
        .env("MIRK_LISTEN", mirk.addr().to_string());
    let (code, findings) = examine(doctor);
    assert_eq!(code, Some(0), "{findings:?}");
    assert!(
        findings
            .iter()
            .any(|finding| finding.0 == "health" && finding.1 == "ok"),
        "{findings:?}"
    );
}

#[test]
fn another_program_on_the_port_is_found() {
    let clean = Clean::new();
    let _other = TcpListener::bind(("127.0.0.1", clean.port)).unwrap();
    expect(clean.doctor(), "port", Bad, "another program").unwrap();
}

#[test]
fn a_data_folder_that_is_a_link_is_found() {
    let clean = Clean::new();
    symlink(clean.path("data"), clean.path("link")).unwrap();
    let mut doctor = clean.doctor();
    doctor.env("MIRK_DATA_DIR", clean.path("link"));
    expect(doctor, "data folder", Bad, "symbolic link").unwrap();
}

#[test]
fn without_an_installation_the_doctor_says_how_to_begin_and_makes_nothing() {
    let folder = Folder::new();
    let mut doctor = binary(folder.path());
    doctor.args(["doctor"]);
    let output = doctor.output().unwrap();
    let text = shown(&output);
    assert!(text.contains("mirk up"), "{text}");
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        0,
        "something was made"
    );
}

#[test]
fn traces_of_keys_are_found_and_only_counted() {
    let clean = Clean::new();
    let home = clean.path("home");
    fs::create_dir_all(home.join(".codex")).unwrap();
    fs::write(
        home.join(".bash_history"),
        format!("export X={CANARY}\nls\n"),
    )
    .unwrap();
    fs::write(
        home.join(".codex/config.toml"),
        format!("token = \"{CANARY}\"\n"),
    )
    .unwrap();
    mode(&home.join(".codex/config.toml"), 0o644);
    fs::write(clean.path("data/dump.log"), CANARY).unwrap();
    mode(&clean.path("data/dump.log"), 0o600);
    let doctor = || clean.mirk(&["doctor", "--privacy", "--json"]);
    expect(doctor(), "shell histories", Warn, "~/.bash_history (1)").unwrap();
    expect(
        doctor(),
        "clients' configuration",
        Warn,
        "~/.codex/config.toml",
    )
    .unwrap();
    expect(doctor(), "keys in the data folder", Bad, "dump.log (1)").unwrap();
    expect(doctor(), "log files", Warn, "1 in the data folder").unwrap();
}
