//! The sweep's own Mirk: a process of its own with a folder of its own, watched from outside.

use std::{
    fs::{self, File},
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use mirk_model::Entropy;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{SweepError, at, markers::letters};
use crate::folder::ensure_private;

/// How long a server may take to begin or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(10);

/// A temporary installation's folders, gone when this is.
pub(super) struct Home {
    root: PathBuf,
}

/// The folders of an installation.
pub(super) const FOLDERS: [&str; 4] = ["data", "config", "home", "cwd"];

impl Home {
    pub(super) fn new(entropy: &dyn Entropy) -> Result<Self, SweepError> {
        let root = std::env::temp_dir().join(format!("mirk-sweep-{}", letters(entropy, 5)));
        for folder in FOLDERS {
            ensure_private(&root.join(folder)).map_err(at("the temporary folder"))?;
        }
        Ok(Self { root })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(super) fn root_key(&self) -> PathBuf {
        self.root.join("config/mirk/root.key")
    }

    /// A command of this executable with the installation's surroundings and nothing else. What
    /// it prints is appended to the files `stdout` and `stderr`.
    pub(super) fn command(&self, arguments: &[&str]) -> Result<Command, SweepError> {
        let executable = std::env::current_exe().map_err(at("starting"))?;
        let append = |name: &str| {
            let file = File::options()
                .create(true)
                .append(true)
                .open(self.root.join(name));
            file.map_err(at("the temporary folder"))
        };
        let mut command = Command::new(executable);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.path("home"))
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env("MIRK_DATA_DIR", self.path("data"))
            .env(
                "MIRK_ROOT_KEY",
                format!("file:{}", self.root_key().display()),
            )
            .current_dir(self.path("cwd"))
            .stdin(Stdio::null())
            .stdout(append("stdout")?)
            .stderr(append("stderr")?);
        Ok(command)
    }

    /// Runs a command to its end, with `input` on its standard input.
    pub(super) fn run(&self, arguments: &[&str], input: &str) -> Result<(), SweepError> {
        let mut command = self.command(arguments)?;
        let mut child = command
            .stdin(Stdio::piped())
            .spawn()
            .map_err(at("starting"))?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes()).map_err(at("set-up"))?;
        }
        let status = child.wait().map_err(at("set-up"))?;
        if status.success() {
            Ok(())
        } else {
            Err(SweepError::new(
                "set-up",
                format!("a command ended with {status}"),
            ))
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // Nothing more can be done about a folder that does not go.
        fs::remove_dir_all(&self.root).unwrap_or_default();
    }
}

/// A running server, ended when dropped.
pub(super) struct Server {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Server {
    /// Starts `command` and waits until it says that it is ready.
    pub(super) fn start(home: &Home, mut command: Command) -> Result<Self, SweepError> {
        let before = fs::metadata(home.path("stdout")).map_or(0, |metadata| metadata.len());
        let child = command.spawn().map_err(at("starting"))?;
        let mut server = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        server.address = server.wait(|server| {
            server.still_runs()?;
            Ok(
                event(&home.path("stdout"), before, "ready").and_then(|ready| {
                    ready
                        .get("url")?
                        .as_str()?
                        .strip_prefix("http://")?
                        .parse()
                        .ok()
                }),
            )
        })?;
        let socket = home.path("data").join(crate::serve::socket::SOCKET);
        server.wait(|_| {
            Ok(std::os::unix::net::UnixStream::connect(&socket)
                .ok()
                .map(drop))
        })?;
        Ok(server)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the server has printed the line that tells of `name`.
    #[cfg(feature = "leaky")]
    pub(super) fn wait_for(&mut self, stdout: &Path, name: &str) -> Result<(), SweepError> {
        self.wait(|server| {
            server.still_runs()?;
            Ok(event(stdout, 0, name).map(drop))
        })
    }

    #[cfg(feature = "leaky")]
    pub(super) fn stdin(&mut self) -> Option<std::process::ChildStdin> {
        self.child.stdin.take()
    }

    /// Asks it to end, and waits until it has.
    pub(super) fn stop(mut self) -> Result<(), SweepError> {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| SweepError::new("ending", "the process has no id"))?;
        kill_process(pid, Signal::TERM).map_err(at("ending"))?;
        self.wait(|server| server.child.try_wait().map_err(at("ending")))?;
        Ok(())
    }

    fn still_runs(&mut self) -> Result<(), SweepError> {
        match self.child.try_wait().map_err(at("starting"))? {
            None => Ok(()),
            Some(status) => Err(SweepError::new(
                "starting",
                format!("the server ended with {status}"),
            )),
        }
    }

    fn wait<T>(
        &mut self,
        look: impl Fn(&mut Self) -> Result<Option<T>, SweepError>,
    ) -> Result<T, SweepError> {
        let mut waited = Duration::ZERO;
        while waited < PATIENCE {
            if let Some(seen) = look(self)? {
                return Ok(seen);
            }
            std::thread::sleep(LOOK);
            waited += LOOK;
        }
        Err(SweepError::new("waiting", "the server took too long"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().unwrap_or_default();
        drop(self.child.wait());
    }
}

/// The line of JSON with this event that was printed after the first `skip` bytes.
fn event(path: &Path, skip: u64, name: &str) -> Option<Value> {
    let text = fs::read(path).ok()?;
    let text = text.get(usize::try_from(skip).ok()?..)?;
    let lines = text.split(|byte| *byte == b'\n');
    let mut values = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    values.find(|value| value.get("event").is_some_and(|event| event == name))
}
