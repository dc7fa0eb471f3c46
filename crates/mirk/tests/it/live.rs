//! A running server over a simulated provider, its command socket, and what it wrote down.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "real time is what is measured here"
)]
#![expect(
    clippy::needless_pass_by_value,
    reason = "callers write what they give as a literal"
)]

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use mirk::sim::{Sim, SimOptions};
use mirk_store::{Fetch, OpenOptions, Query, Store};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::talk::Client;

/// The credential of every simulated provider.
pub(crate) const CREDENTIAL: &str = "sim-0123456789abcdef";

static FOLDERS: AtomicUsize = AtomicUsize::new(0);

/// One row of the ledger.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) kid: String,
    pub(crate) model: String,
    pub(crate) status: i64,
    pub(crate) outcome: String,
    pub(crate) input: i64,
    pub(crate) output: i64,
    pub(crate) counted: String,
}

/// A running server with a folder of its own, ended when dropped.
pub(crate) struct Live {
    pub(crate) folder: PathBuf,
    settings: Vec<(String, String)>,
    child: Option<Child>,
    pub(crate) addr: SocketAddr,
    pub(crate) sim: Sim,
    pub(crate) key: String,
    pub(crate) kid: String,
    /// Runs the simulated provider; dropped last.
    _runtime: tokio::runtime::Runtime,
}

impl Live {
    pub(crate) fn start() -> Self {
        Self::with(&[], SimOptions::default())
    }

    /// A server under `settings` (environment variables), with providers `oai`, `ant`, `gem` and
    /// `oll` that take any model and all lead to one simulated provider, with others that list
    /// one model each, to be asked for by its bare name, and with a key.
    pub(crate) fn with(settings: &[(&str, &str)], options: SimOptions) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let sim = runtime.block_on(Sim::start(options)).unwrap();
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("mirk-live-{}-{number}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        let mut live = Self {
            folder,
            settings: settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            child: None,
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            sim,
            key: String::new(),
            kid: String::new(),
            _runtime: runtime,
        };
        live.install();
        live.serve();
        live.furnish();
        live
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The built program with this folder's surroundings and nothing of the machine's.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirk"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", &self.folder)
            .env("MIRK_DATA_DIR", self.data())
            .env(
                "MIRK_ROOT_KEY",
                format!("file:{}", self.folder.join("root.key").display()),
            )
            .env("MIRK_KEYS_PER_ACCOUNT", "100000")
            .env("SIMKEY", CREDENTIAL)
            .envs(self.settings.iter().cloned())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn cli(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn install(&self) {
        let base = format!("{}/v1", self.sim.base());
        let made = self.cli(&[
            "provider",
            "add",
            "oai",
            "--kind",
            "openai",
            "--base-url",
            &base,
            "--secret",
            "env:SIMKEY",
            "--yes",
        ]);
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
    }

    fn furnish(&mut self) {
        let base = self.sim.base();
        let secret = Some(CREDENTIAL);
        for (name, kind, models, secret) in [
            ("ant", "anthropic", vec![], secret),
            ("gem", "gemini", vec![], secret),
            ("oll", "ollama", vec![], None),
            ("x-oai", "openai", vec!["gpt-exact"], secret),
            ("x-ant", "anthropic", vec!["claude-exact"], secret),
            ("x-gem", "gemini", vec!["gemini-exact"], secret),
            ("x-oll", "ollama", vec!["llama-exact"], None),
        ] {
            let input = json!({
                "name": name, "kind": kind, "base_url": base, "models": models, "secret": secret,
            });
            self.act("provider.add", input);
        }
        let (kid, key) = self.new_key(json!({}));
        self.kid = kid;
        self.key = key;
    }

    /// Makes a key; gives its id and the key.
    pub(crate) fn new_key(&self, more: Value) -> (String, String) {
        let mut input = json!({"label": "test"});
        input
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let made = self.act("key.create", input);
        (
            made["kid"].as_str().unwrap().to_owned(),
            made["key"].as_str().unwrap().to_owned(),
        )
    }

    /// Starts the server; gives the time until its ready line.
    pub(crate) fn serve(&mut self) -> Duration {
        let command = self.command(&["serve", "--listen", "127.0.0.1:0", "--json"]);
        self.serve_with(command)
    }

    /// The same by a command of the caller's.
    pub(crate) fn serve_with(&mut self, mut command: Command) -> Duration {
        let begun = Instant::now();
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("stderr"))
            .unwrap();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let taken = begun.elapsed();
        self.child = Some(child);
        let ready: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("not ready: {}", self.stderr()));
        self.addr = ready["url"]
            .as_str()
            .unwrap()
            .strip_prefix("http://")
            .unwrap()
            .parse()
            .unwrap();
        // The socket opens a moment after the line.
        while UnixStream::connect(self.data().join("mirk.sock")).is_err() {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "no socket: {}",
                self.stderr()
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        taken
    }

    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.folder.join("stderr")).unwrap_or_default()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Resident memory of the server, in KiB.
    pub(crate) fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Does one action through the command socket.
    pub(crate) fn act(&self, action: &str, input: Value) -> Value {
        let answer = Office::open(&self.data()).and_then(|mut office| office.ask(action, &input));
        let answer = answer.unwrap_or_else(|error| panic!("{action}: {error}; {}", self.stderr()));
        assert!(answer.get("ok").is_some(), "{action}: {answer}");
        answer["ok"].clone()
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.addr)
    }

    /// Ends the server as a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// Waits for the server's own end.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.take().unwrap().wait().unwrap().code()
    }

    /// Ends the server in order and reads its ledger.
    pub(crate) fn stop(&mut self) -> Vec<Row> {
        self.signal(Signal::TERM);
        assert_eq!(self.wait(), Some(0), "{}", self.stderr());
        assert!(!self.stderr().contains("panicked at"), "{}", self.stderr());
        self.rows()
    }

    /// The store, opened directly; the server must be down.
    pub(crate) fn store(&self) -> Store {
        let options = OpenOptions {
            data_dir: self.data(),
            create: false,
            clock: Arc::new(mirk::clock::SystemClock::new()),
            anchors: None,
        };
        Store::open(&options).unwrap()
    }

    /// The ledger, oldest first; the server must be down.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let store = self.store();
        let sql = "SELECT kid, model, status, outcome, input, output, counted FROM ledger ORDER BY request";
        let rows = store.fetch(&Query::new(sql, vec![])).unwrap();
        let rows = rows.into_iter().map(|row| {
            let mut fields = row.into_fields();
            Row {
                kid: fields.text().unwrap(),
                model: fields.text().unwrap(),
                status: fields.int().unwrap(),
                outcome: fields.text().unwrap(),
                input: fields.int().unwrap(),
                output: fields.int().unwrap(),
                counted: fields.text().unwrap(),
            }
        });
        let rows = rows.collect();
        store.close().unwrap();
        rows
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.kill();
        if std::env::var_os("MIRK_KEEP").is_none() {
            let _gone = fs::remove_dir_all(&self.folder);
        }
    }
}

/// An open command socket.
pub(crate) struct Office {
    stream: UnixStream,
    lines: BufReader<UnixStream>,
}

impl Office {
    pub(crate) fn open(data: &Path) -> std::io::Result<Self> {
        let stream = UnixStream::connect(data.join("mirk.sock"))?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Self {
            lines: BufReader::new(stream.try_clone()?),
            stream,
        })
    }

    /// One line of JSON out, one line of JSON in. An answer cut short is an error.
    pub(crate) fn ask(&mut self, action: &str, input: &Value) -> std::io::Result<Value> {
        let line = format!("{}\n", json!({"action": action, "input": input}));
        self.stream.write_all(line.as_bytes())?;
        let mut answer = String::new();
        self.lines.read_line(&mut answer)?;
        serde_json::from_str(&answer).map_err(|_cut_short| std::io::ErrorKind::UnexpectedEof.into())
    }
}
