//! Settings as they should not be: secrets, mistakes, wrong hands, hostile surroundings. Cases CFG01 to CFG11.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    clippy::string_slice,
    clippy::too_many_lines,
    reason = "tables of mistakes, one entry a line; waits are real"
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use crate::harness::{Folder, Mirk, binary, shown};
use crate::wire::find;

/// Runs a command with this text as the configuration file.
fn with_file(folder: &Path, text: &str, arguments: &[&str]) -> Output {
    let path = folder.join("config/mirk/mirk.toml");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    binary(folder).args(arguments).output().unwrap()
}

/// Everything that a command printed.
fn all(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// Letters and digits that look drawn by chance, different for each `seed`.
fn random(seed: u64, length: usize) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let letters = (0..length).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(LETTERS[usize::try_from(state % 62).unwrap()])
    });
    letters.collect()
}

/// Secrets of every make that people paste into configuration files.
fn secrets() -> Vec<String> {
    let makes: [(&str, usize); 50] = [
        ("sk-ant-api03-", 90),
        ("sk-ant-oat01-", 80),
        ("sk-proj-", 60),
        ("sk-svcacct-", 60),
        ("sk-or-v1-", 64),
        ("sk-", 48),
        ("mrk_lu_", 60),
        ("AIzaSy", 33),
        ("ya29.", 60),
        ("GOCSPX-", 28),
        ("gsk_", 52),
        ("xai-", 80),
        ("pplx-", 48),
        ("hf_", 34),
        ("r8_", 37),
        ("ghp_", 36),
        ("gho_", 36),
        ("ghs_", 36),
        ("github_pat_", 70),
        ("glpat-", 20),
        ("AKIA", 16),
        ("ASIA", 16),
        ("xoxb-", 50),
        ("xoxp-", 50),
        ("xapp-", 50),
        ("npm_", 36),
        ("pypi-", 60),
        ("dop_v1_", 64),
        ("SG.", 60),
        ("key-", 32),
        ("sk_live_", 24),
        ("rk_live_", 24),
        ("whsec_", 32),
        ("lin_api_", 40),
        ("hvs.", 60),
        ("tskey-auth-", 40),
        ("eyJhbGciOiJIUzI1NiJ9.", 60),
        ("PMAK-", 50),
        ("ntn_", 44),
        ("nvapi-", 60),
        ("fw_", 24),
        ("csk-", 44),
        ("tgp_v1_", 40),
        ("cpk_", 60),
        ("Bearer ", 48),
        ("", 32),
        ("", 43),
        ("", 64),
        ("shpat_", 32),
        ("dapi", 32),
    ];
    let makes = makes.iter().enumerate();
    makes
        .flat_map(|(make, (prefix, length))| {
            (0..2).map(move |turn| {
                format!("{prefix}{}", random((make * 7 + turn + 1) as u64, *length))
            })
        })
        .collect()
}

#[test]
fn cfg_01_a_secret_in_the_file_is_refused_with_its_line_and_without_its_value() {
    let folder = Folder::new();
    let secrets = secrets();
    let shapes = [
        "listen = \"@@\"",
        "root_key = \"@@\"",
        "hosts = [\"localhost\", \"@@\"]",
        "# was: @@",
        "[upstream]\nca_file = \"@@\"",
        "\"@@\" = 1",
        "api_key = \"@@\"",
        "log='@@'",
    ];
    for (turn, secret) in secrets.iter().enumerate() {
        for shape in [turn, turn + 3, turn + 6].map(|turn| shapes[turn % shapes.len()]) {
            let text = format!("# settings\n\n{}\n", shape.replace("@@", secret));
            let line = text.lines().position(|line| line.contains(secret.as_str()));
            let output = with_file(folder.path(), &text, &["config", "check"]);
            let said = all(&output);
            let shown = said.replace(secret.as_str(), "(the secret)");
            assert_eq!(
                output.status.code(),
                Some(78),
                "{shape} with {secret:.6}…: {shown}"
            );
            let place = format!("line {}", line.unwrap() + 1);
            assert!(
                said.contains("mirk.toml") && said.contains(&place),
                "{shape}: {shown}"
            );
            assert!(
                !said.contains(&secret[secret.len() - 12..]),
                "{shape}: has the value"
            );
        }
    }
    for text in [
        "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n",
        "x = \"https://user:hunter2pass@host/\"\n",
        "password = \"correct horse\"\n",
    ] {
        let output = with_file(folder.path(), text, &["config", "check"]);
        assert_eq!(output.status.code(), Some(78));
        assert!(!all(&output).contains("hunter2") && !all(&output).contains("horse"));
    }
}

#[test]
fn cfg_01_04_a_running_server_keeps_its_settings_when_the_file_goes_bad() {
    let mut mirk = Mirk::start();
    let file = mirk.folder().join("config/mirk/mirk.toml");
    for text in [
        "listen = \"0.0.0.0:1\"",
        "nonsense = [",
        "root_key = \"sk-ant-api03-0123456789abcdef0123456789\"",
    ] {
        fs::write(&file, text).unwrap();
        let pid = rustix::process::Pid::from_raw(i32::try_from(mirk.pid()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        mirk.is_well();
        let body = br#"{"model":"gpt-x","messages":[{"role":"user","content":"hello"}]}"#;
        assert_eq!(mirk.post("/v1/chat/completions", body).status, 200);
    }
}

#[test]
fn cfg_02_a_secret_as_an_argument_is_refused_and_not_repeated() {
    let folder = Folder::new();
    for secret in secrets() {
        for arguments in [
            vec![
                "provider", "add", "x", "--kind", "openai", "--secret", &secret,
            ],
            vec![
                "credential",
                "add",
                "--provider",
                "x",
                "--label",
                "y",
                "--secret",
                &secret,
            ],
            vec!["provider", "add", &secret, "--kind", "openai"],
            vec!["key", "create", "--label", &secret],
            vec!["up", "--root-key", &secret],
        ] {
            let output = binary(folder.path()).args(&arguments).output().unwrap();
            let said = all(&output);
            assert_eq!(
                output.status.code(),
                Some(64),
                "{:?} with {secret:.6}…",
                &arguments[..2]
            );
            assert!(
                !said.contains(&secret[secret.len() - 12..]),
                "{:?}: the message has the value",
                &arguments[..2]
            );
            assert!(
                said.contains("env:") && said.contains("file:"),
                "it says which way is right"
            );
        }
    }
    assert!(!folder.path().join("data").exists(), "something was made");
}

#[test]
fn cfg_03_mistakes_are_refused_with_a_suggestion() {
    let folder = Folder::new();
    for (text, says) in [
        ("listn = \"127.0.0.1:1\"", "listen"),
        ("[upstream]\nprivat = []", "upstream.private"),
        ("[limits]\nbody_byte = 5000", "limits.body_bytes"),
        ("Listen = \"127.0.0.1:1\"", "listen"),
        ("mode = \"remote\"", "local"),
        ("mode = 1", "mode"),
        ("listen = 8790", "listen"),
        ("listen = \"8790\"", "listen"),
        ("listen = true", "listen"),
        (
            "listen = \"127.0.0.1:8790\"\nlisten = \"127.0.0.1:8791\"",
            "line 2",
        ),
        (
            "mode = \"local\"\n[upstream]\nports=[\"1\"]\n[upstream]\n",
            "line 4",
        ),
        ("log = \"loud\"", "debug"),
        ("[limits]\njson_depth = -1", "json_depth"),
        ("[limits]\njson_depth = 1e9", "json_depth"),
        ("[limits]\njson_depth = 99999999999999999999", "line 2"),
        ("[limits]\nbody_bytes = \"lots\"", "body_bytes"),
        ("mode = ", "line 1"),
        ("mode", "line 1"),
        ("= 1", "line 1"),
        ("mode = \"local", "line 1"),
        ("\u{0}", "line 1"),
        ("[[upstream]]\nprivate = []", "upstream"),
        ("[upstream.private]\nx = 1", "upstream"),
        ("[keys]\nper_account = 0", "per_account"),
        ("[upstream]\nprivate = [\"10.0.0.0/99\"]", "private"),
        ("listen = \"0.0.0.0:8790\"", "listen"),
        ("listen = []", "listen"),
        ("root_key = \"here\"", "root_key"),
    ] {
        let output = with_file(folder.path(), text, &["config", "check", "--json"]);
        let said = all(&output);
        assert_eq!(output.status.code(), Some(78), "{text:?}: {said}");
        assert!(
            said.contains(says),
            "{text:?} does not say {says:?}: {said}"
        );
        assert!(
            !said.contains("panicked") && said.len() < 1_500,
            "{text:?}: {said}"
        );
    }
    fs::write(folder.path().join("config/mirk/mirk.toml"), "").unwrap();
    for (name, value) in [
        ("MIRK_LISTEN", "nowhere"),
        ("MIRK_MODE", "x"),
        ("MIRK_LOG", "trace"),
        ("PORT", "99999"),
        ("REQUIRE_API_KEY", "false"),
        ("MIRK_LIMITS_BODY_BYTES", "0"),
        ("MIRK_DATA_DIR", "relative/folder"),
    ] {
        let output = binary(folder.path())
            .args(["config", "check"])
            .env(name, value)
            .output()
            .unwrap();
        let said = all(&output);
        assert_eq!(output.status.code(), Some(78), "{name}: {said}");
        assert!(
            said.to_uppercase()
                .contains(name.trim_start_matches("MIRK_")),
            "{name}: {said}"
        );
    }
}

#[test]
fn cfg_05_no_secret_is_shown_by_any_command_that_shows_things() {
    const SECRET: &str = "canary-7Zk41QxT-root-passphrase-9931";
    let mirk = Mirk::start();
    let secrets = [
        mirk.key()[20..].to_owned(),
        "sim-cred".to_owned(),
        SECRET.to_owned(),
    ];
    for arguments in [
        vec!["config", "show"],
        vec!["config", "show", "--json"],
        vec!["config", "check"],
        vec!["--help"],
        vec!["up", "--help"],
        vec!["provider", "list", "--json"],
        vec!["credential", "list", "--json"],
        vec!["key", "list", "--json"],
        vec!["route", "list"],
        vec!["usage", "--json"],
        vec!["audit", "list", "--json"],
        vec!["model", "list"],
        vec!["routes", "--json"],
        vec!["provider", "test", "o"],
        vec!["doctor"],
        vec!["doctor", "--json"],
        vec!["nonsense"],
    ] {
        let output = mirk
            .command()
            .args(&arguments)
            .env("MY_SECRET", SECRET)
            .env("OPENAI_API_KEY", SECRET)
            .output()
            .unwrap();
        let root = fs::read(mirk.folder().join("root.key")).unwrap();
        let said = [output.stdout.as_slice(), &output.stderr].concat();
        for secret in &secrets {
            assert!(
                find(&said, secret.as_bytes()).is_none(),
                "{arguments:?} shows a secret"
            );
        }
        assert!(
            find(&said, &root[..20]).is_none(),
            "{arguments:?} shows the root key"
        );
    }
}

#[test]
fn cfg_06_placeholders_are_no_secrets() {
    let folder = Folder::new();
    for word in [
        "your-api-key",
        "changeme",
        "sk-xxxxxxxxxxxx",
        "secret",
        "router-default-secret-change-me",
        "endpoint-proxy-api-key-secret",
        "123456",
        "password",
        "CHANGEME",
        "your-key-here",
    ] {
        let output = with_file(
            folder.path(),
            &format!("hosts = [\"{word}\"]\n"),
            &["config", "check"],
        );
        assert_eq!(output.status.code(), Some(78), "{word} in the file");
    }
}

#[test]
fn cfg_06_placeholders_are_no_credentials_either() {
    let mirk = Mirk::start();
    for word in [
        "your-api-key",
        "changeme",
        "sk-xxxxxxxxxxxx",
        "secret",
        "password",
        "CHANGEME",
    ] {
        let arguments = [
            "provider", "add", "tried", "--kind", "openai", "--secret", "env:S", "--yes", "--json",
        ];
        let output = mirk
            .command()
            .args(arguments)
            .env("S", word)
            .output()
            .unwrap();
        assert_eq!(
            output.status.code(),
            Some(64),
            "{word} as a credential: {}",
            shown(&output)
        );
    }
}

#[test]
fn cfg_07_a_file_in_other_hands_is_refused() {
    let folder = Folder::new();
    let path = folder.path().join("config/mirk/mirk.toml");
    let check = || {
        binary(folder.path())
            .args(["config", "check"])
            .output()
            .unwrap()
    };
    assert!(
        with_file(folder.path(), "log = \"info\"\n", &["config", "check"])
            .status
            .success()
    );
    for mode in [0o666, 0o622, 0o602, 0o620, 0o777] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(check().status.code(), Some(78), "{mode:o}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(check().status.success());
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&path, Some(4_321), None).unwrap();
        assert_eq!(check().status.code(), Some(78), "another owner");
        std::os::unix::fs::chown(&path, Some(0), None).unwrap();
    }
    let real = folder.path().join("real.toml");
    fs::rename(&path, &real).unwrap();
    symlink(&real, &path).unwrap();
    assert_eq!(check().status.code(), Some(78), "a link");
    fs::remove_file(&path).unwrap();
    symlink("/dev/zero", &path).unwrap();
    assert_eq!(check().status.code(), Some(78), "a link to a device");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(check().status.code(), Some(78), "a folder");
    fs::remove_dir(&path).unwrap();
    fs::write(&path, "#".repeat(2 << 20)).unwrap();
    assert_eq!(check().status.code(), Some(78), "2 MiB");
    let named = binary(folder.path())
        .args(["config", "check", "--config", "/nowhere/x.toml"])
        .output()
        .unwrap();
    assert_eq!(named.status.code(), Some(78), "a file that is not there");
}

#[test]
fn cfg_08_09_files_and_variables_around_it_are_not_read() {
    let folder = Folder::new();
    let work: PathBuf = folder.path().join("repository/inner");
    fs::create_dir_all(work.join(".git")).unwrap();
    let hostile = "log = \"off\"\nhosts = [\"evil.invalid\"]\nmode = \"hosted\"\n";
    let dotenv = "MIRK_LOG=off\nMIRK_HOSTS=evil.invalid\nMIRK_MODE=hosted\nOPENAI_API_KEY=x\n";
    for place in [
        work.clone(),
        folder.path().join("repository"),
        folder.path().join("home"),
        folder.path().to_owned(),
        work.join(".git"),
    ] {
        fs::create_dir_all(&place).unwrap();
        for name in [
            "mirk.toml",
            ".mirk.toml",
            "config.toml",
            ".mirkrc",
            "settings.json",
        ] {
            fs::write(place.join(name), hostile).unwrap();
        }
        for name in [".env", ".env.local", "mirk.env"] {
            fs::write(place.join(name), dotenv).unwrap();
        }
    }
    let output = binary(folder.path())
        .args(["config", "show", "--json"])
        .current_dir(&work)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", shown(&output));
    let show: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for name in ["log", "hosts", "mode"] {
        assert_eq!(show[name]["from"], "default", "{name}");
    }
}

#[test]
fn cfg_09_12_variables_of_libraries_change_nothing() {
    let secrets = Folder::new();
    let keys = secrets.path().join("tls-keys.log");
    let mut mirk = Mirk::setup()
        .env("SSLKEYLOGFILE", keys.to_str().unwrap())
        .env("SSL_CERT_FILE", "/nowhere/evil.pem")
        .env("SSL_CERT_DIR", "/nowhere")
        .env(
            "RUST_LOG",
            "trace,hyper=trace,h2=trace,rustls=trace,tokio=trace",
        )
        .env("RUST_BACKTRACE", "full")
        .env("MALLOC_CONF", "prof:true")
        .env("TOKIO_CONSOLE_BIND", "127.0.0.1:0")
        .start();
    let body =
        br#"{"model":"gpt-x","messages":[{"role":"user","content":"canary-prompt-0b77-trace"}]}"#;
    assert_eq!(mirk.post("/v1/chat/completions", body).status, 200);
    std::thread::sleep(Duration::from_millis(300));
    assert!(!keys.exists(), "session keys were written");
    let log = mirk.stderr();
    for part in ["canary", "sim-cred", "TRACE", "hyper", "mrk_", "127.0.0.1"] {
        assert!(!log.contains(part), "the log says {part}");
    }
    mirk.is_well();
}

#[test]
fn cfg_11_a_keyring_that_hangs_does_not_hang_the_start() {
    let folder = Folder::new();
    let socket = folder.path().join("bus");
    // It takes connections and never answers.
    let _hanging = UnixListener::bind(&socket).unwrap();
    for arguments in [
        vec!["key", "create", "--label", "x"],
        vec![
            "provider",
            "add",
            "p",
            "--kind",
            "openai",
            "--secret",
            "keyring:mirk/x",
        ],
    ] {
        let before = Instant::now();
        let address = format!("unix:path={}", socket.display());
        let mut command = binary(folder.path());
        command
            .args(&arguments)
            .env("DBUS_SESSION_BUS_ADDRESS", &address)
            .env("XDG_RUNTIME_DIR", folder.path());
        let output = command
            .env("MIRK_ROOT_KEY", "keyring:mirk/root")
            .output()
            .unwrap();
        assert!(
            before.elapsed() < Duration::from_secs(12),
            "{arguments:?} took {:?}",
            before.elapsed()
        );
        assert!(!output.status.success());
        assert!(
            all(&output).len() < 1_000 && !all(&output).contains("panicked"),
            "{}",
            all(&output)
        );
    }
}

#[test]
fn cfg_09_a_variable_that_is_not_text_does_no_harm() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let folder = Folder::new();
    for (name, value) in [
        (&b"FOO"[..], &b"canary-55ab\xff"[..]),
        (b"F\xffO", b"canary-55ab"),
    ] {
        let output = binary(folder.path())
            .args(["config", "check"])
            .env(OsStr::from_bytes(name), OsStr::from_bytes(value))
            .output()
            .unwrap();
        let said = all(&output);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(!said.contains("canary"), "a variable's value is shown");
    }
    // One that is meant for Mirk is not passed over in silence.
    let output = binary(folder.path())
        .args(["config", "check"])
        .env("MIRK_DATA_DIR", OsStr::from_bytes(b"/nowhere/\xff"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78), "{}", all(&output));
}
