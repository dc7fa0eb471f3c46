//! A running Mirk in a folder of its own, with a simulated provider behind it, driven over real sockets.
//!
//! [`Mirk::start`] makes everything, dropping it ends everything: also when a test panics. What a server
//! writes to standard error is kept, and [`Mirk::is_well`] looks at it after each case.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "waits for a real server are measured in real time"
)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mirk::sim::{Recorded, Scripted, Sim, SimOptions};
use serde_json::Value;

use crate::wire::{Answer, Exchange, exchange};

/// The credential that Mirk keeps for each of its simulated providers.
pub(crate) const CREDENTIALS: [&str; 3] = [
    "sim-cred-openai-b9d4",
    "sim-cred-anthropic-7f21",
    "sim-cred-gemini-c30a",
];

/// Ends of the models' names: what the simulated provider does when asked for them.
const BEHAVIOURS: &[&str] = &[
    "x",
    "y",
    "sim-slow",
    "sim-stall",
    "sim-401",
    "sim-403",
    "sim-404",
    "sim-429",
    "sim-500",
    "sim-echo",
    "sim-redirect",
    "sim-cookie",
    "sim-gzip",
    "sim-1xx",
    "sim-many",
    "sim-nousage",
    "sim-badusage",
    "sim-cut",
];

/// What a server is started with.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    env: Vec<(String, String)>,
    is_bare: bool,
}

impl Setup {
    /// A variable of the server's environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without providers.
    pub(crate) fn bare(mut self) -> Self {
        self.is_bare = true;
        self
    }

    /// Starts it.
    pub(crate) fn start(self) -> Mirk {
        Mirk::with(&self)
    }
}

/// A folder for one test, gone when dropped.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// A new one, for its owner alone.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "mirk-it-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        Self(path)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// The built binary, with an environment in `folder` and nothing of ours.
pub(crate) fn binary(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mirk"));
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", folder.join("home"))
        .env("XDG_CONFIG_HOME", folder.join("config"))
        .env("XDG_DATA_HOME", folder.join("share"))
        .env("MIRK_DATA_DIR", folder.join("data"))
        .env(
            "MIRK_ROOT_KEY",
            format!("file:{}", folder.join("root.key").display()),
        )
        .env("TMPDIR", folder)
        .env("MIRK_KEYS_PER_ACCOUNT", "1000")
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

/// A running server with one simulated provider, which stands for OpenAI as `o` (models `gpt-…`), Anthropic
/// as `a` (`claude-…`), Gemini as `g` (`gemini-…`) and Ollama as `l` (`llama-…`).
#[derive(Debug)]
pub(crate) struct Mirk {
    child: Child,
    addr: SocketAddr,
    key: String,
    sim: Option<Sim>,
    runtime: tokio::runtime::Runtime,
    folder: Folder,
}

impl Mirk {
    /// Starts one with all providers and one key.
    pub(crate) fn start() -> Self {
        Setup::default().start()
    }

    /// Says how to start one.
    pub(crate) fn setup() -> Setup {
        Setup::default()
    }

    fn with(setup: &Setup) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let sim = runtime.block_on(Sim::start(SimOptions::default())).unwrap();
        let folder = Folder::new();
        fs::create_dir_all(folder.path().join("config/mirk")).unwrap();
        let (child, addr, key) = serve(folder.path(), &setup.env);
        let mirk = Self {
            child,
            addr,
            key,
            sim: Some(sim),
            runtime,
            folder,
        };
        if !setup.is_bare {
            mirk.add_providers();
        }
        mirk
    }

    fn add_providers(&self) {
        let base = self.sim().base();
        let rows = [
            (
                "o",
                "openai",
                format!("{base}/v1"),
                "gpt-",
                Some(CREDENTIALS[0]),
            ),
            (
                "a",
                "anthropic",
                base.clone(),
                "claude-",
                Some(CREDENTIALS[1]),
            ),
            ("g", "gemini", base.clone(), "gemini-", Some(CREDENTIALS[2])),
            ("l", "ollama", base, "llama-", None),
        ];
        for (name, kind, base, prefix, credential) in rows {
            let models: Vec<_> = BEHAVIOURS
                .iter()
                .map(|end| format!("{prefix}{end}"))
                .collect();
            let models = models.join(",");
            let mut command = self.command();
            command.args(["provider", "add", name, "--kind", kind, "--base-url", &base]);
            command.args(["--models", &models, "--yes"]);
            if let Some(credential) = credential {
                command
                    .args(["--secret", "env:THE_SECRET"])
                    .env("THE_SECRET", credential);
            }
            let output = command.output().unwrap();
            assert!(
                output.status.success(),
                "provider add {name} failed: {}",
                shown(&output)
            );
        }
    }

    /// A command of the binary against this server.
    pub(crate) fn command(&self) -> Command {
        binary(self.folder.path())
    }

    /// Runs a command of the binary against this server.
    pub(crate) fn cli(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// The same, for a command that must succeed and prints JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.cli(&[arguments, &["--json"]].concat());
        assert!(
            output.status.success(),
            "{arguments:?} failed: {}",
            shown(&output)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// A new key, made with these flags: token and kid.
    pub(crate) fn new_key(&self, flags: &[&str]) -> (String, String) {
        let made = self.json(&[&["key", "create", "--label", "test"], flags].concat());
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("key"), text("kid"))
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its `Host`.
    pub(crate) fn host(&self) -> String {
        self.addr.to_string()
    }

    /// A key that may do everything a key may.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// The server's process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The folder that holds everything.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The simulated provider.
    pub(crate) fn sim(&self) -> &Sim {
        self.sim.as_ref().unwrap()
    }

    /// What reached the simulated provider since the last call.
    pub(crate) fn seen(&self) -> Vec<Recorded> {
        let seen = self.sim().requests();
        self.sim().clear();
        seen
    }

    /// Gives the next request to the simulated provider exactly this answer.
    pub(crate) fn script(&self, status: u16, headers: &[(&str, &str)], body: &[u8]) {
        self.sim().script(Scripted {
            status,
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            chunks: vec![(Duration::ZERO, bytes::Bytes::copy_from_slice(body))],
            ending: mirk::sim::Ending::Whole,
        });
    }

    /// Sends bytes on a new connection.
    pub(crate) fn send(&self, bytes: &[u8]) -> Exchange {
        exchange(self.addr, bytes)
    }

    /// Sends a whole request: `first` is method and target; `Host` and `Content-Length` are added.
    pub(crate) fn ask(&self, first: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.send(&self.request(first, headers, body)).answer()
    }

    /// The bytes of such a request.
    pub(crate) fn request(&self, first: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
        let mut lines = vec![format!("{first} HTTP/1.1"), format!("Host: {}", self.addr)];
        lines.extend(
            headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}")),
        );
        if !body.is_empty() || first.starts_with("POST") {
            lines.push(format!("Content-Length: {}", body.len()));
        }
        let text = lines.join("\r\n") + "\r\n\r\n";
        [text.as_bytes(), body].concat()
    }

    /// Posts JSON with this server's key.
    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Answer {
        let bearer = format!("Bearer {}", self.key);
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
        ];
        self.ask(&format!("POST {path}"), &headers, body)
    }

    /// What the server wrote to standard error.
    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap()
    }

    /// Invariants I1 and I2, to be asked after each case.
    pub(crate) fn is_well(&mut self) {
        let exited = self.child.try_wait().unwrap();
        assert!(
            exited.is_none(),
            "the server ended: {exited:?}\n{}",
            self.stderr()
        );
        let stderr = self.stderr();
        assert!(
            !stderr.contains("panicked at"),
            "the server panicked:\n{stderr}"
        );
        let until = Instant::now() + Duration::from_secs(2);
        loop {
            let ready = format!("GET /health/ready HTTP/1.1\r\nHost: {}\r\n\r\n", self.addr);
            if self
                .send(ready.as_bytes())
                .first()
                .is_some_and(|answer| answer.status == 200)
            {
                return;
            }
            assert!(
                Instant::now() < until,
                "the server is not ready again within 2 s"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Mirk {
    fn drop(&mut self) {
        // Only ever this child; it may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
        if let Some(sim) = self.sim.take() {
            self.runtime.block_on(sim.stop());
        }
    }
}

/// Makes the installation and starts the server; gives it once it is ready.
fn serve(folder: &Path, env: &[(String, String)]) -> (Child, SocketAddr, String) {
    fs::create_dir_all(folder.join("home")).unwrap();
    let mut child = binary(folder)
        .args(["up", "--yes", "--json", "--listen", "127.0.0.1:0"])
        .envs(env.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::piped())
        .stderr(File::create(folder.join("stderr")).unwrap())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let ready: Option<Value> = serde_json::from_str(&line).ok();
    let url = ready.as_ref().and_then(|ready| ready["url"].as_str());
    let key = ready.as_ref().and_then(|ready| ready["key"].as_str());
    let (Some(addr), Some(key)) = (
        url.and_then(|url| url.strip_prefix("http://")?.parse().ok()),
        key,
    ) else {
        drop(child.kill());
        drop(child.wait());
        let stderr = fs::read_to_string(folder.join("stderr")).unwrap_or_default();
        panic!("the server did not start: {stderr}");
    };
    // Commands would find the data folder locked until its socket is there; see
    // `a_server_that_says_ready_hears_commands`.
    let until = Instant::now() + Duration::from_secs(5);
    while !folder.join("data/mirk.sock").exists() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(2));
    }
    (child, addr, key.to_owned())
}

/// What a command printed to standard error.
pub(crate) fn shown(output: &Output) -> String {
    format!(
        "{} {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A port that nobody should connect to; it counts who does.
#[derive(Debug)]
pub(crate) struct Trap {
    addr: SocketAddr,
    count: Arc<AtomicUsize>,
}

impl Trap {
    /// Listens on loopback.
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                drop(stream);
            }
        });
        Self { addr, count }
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Connections so far.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

#[test]
fn a_server_that_says_ready_hears_commands() {
    for _ in 0..20 {
        let folder = Folder::new();
        let mut child = binary(folder.path())
            .args(["up", "--yes", "--json", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let is_there = folder.path().join("data/mirk.sock").exists();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(line.contains("ready") && is_there, "{}", line.len());
    }
}
