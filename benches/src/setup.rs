//! Starts the mock and writes what nginx and Mirk need to be started.

use std::fs::File;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::failure::{Doing, Failure};
use crate::mock::CREDENTIAL;
use crate::process::{Launch, Running};
use crate::requests::MODELS;
use crate::scratch::Scratch;
use crate::target::{Recipe, Way, free_address};

/// The environment variable through which Mirk gets the mock's credential.
const CREDENTIAL_VARIABLE: &str = "MIRK_BENCH_CREDENTIAL";
/// How long one `mirk` command may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);

/// Which core runs what; none where programs cannot be pinned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    /// The gateway's.
    pub(crate) gateway: Option<usize>,
    /// The mock's and the load generator's.
    pub(crate) load: Option<usize>,
}

impl Cores {
    /// Splits the machine in two and moves this process to its half; no pins without `taskset` or a second core.
    pub(crate) async fn split() -> Self {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        let pid = std::process::id().to_string();
        let mut command = Command::new("taskset");
        command
            .args(["-a", "-c", "-p", "1", &pid])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let is_pinned = count > 1 && command.status().await.is_ok_and(|status| status.success());
        if is_pinned {
            Self {
                gateway: Some(0),
                load: Some(1),
            }
        } else {
            Self {
                gateway: None,
                load: None,
            }
        }
    }
}

/// Starts the mock upstream: this program again, in its other role.
pub(crate) async fn start_mock(cores: Cores) -> Result<(Running, SocketAddr), Failure> {
    let launch = Launch {
        program: std::env::current_exe().doing("finding this program")?,
        arguments: vec!["mock".into()],
        core: cores.load,
        ..Launch::default()
    };
    let (running, stdout) = Running::start(&launch)?;
    let silent = || Failure::Setup("the mock told no port".into());
    let mut lines = BufReader::new(stdout.ok_or_else(silent)?).lines();
    let line = timeout(Duration::from_secs(5), lines.next_line())
        .await
        .ok();
    let line = line
        .ok_or_else(silent)?
        .doing("reading the mock's port")?
        .ok_or_else(silent)?;
    let port: u16 = line.trim().parse().ok().ok_or_else(silent)?;
    Ok((running, SocketAddr::from((Ipv4Addr::LOCALHOST, port))))
}

/// nginx as a plain reverse proxy in front of the mock: one process, no buffering, no log.
pub(crate) fn nginx(scratch: &Scratch, mock: SocketAddr, cores: Cores) -> Result<Recipe, Failure> {
    let folder = scratch.folder("nginx")?;
    let address = free_address()?;
    let config = Scratch::file(
        &folder,
        "nginx.conf",
        nginx_config(mock, address, &folder).as_bytes(),
    )?;
    let argument = |path: &Path| path.to_string_lossy().into_owned();
    let launch = Launch {
        program: PathBuf::from("nginx"),
        arguments: vec![
            "-p".into(),
            argument(&folder),
            "-c".into(),
            argument(&config),
        ],
        core: cores.gateway,
        log: Some(folder.join("stderr.log")),
        ..Launch::default()
    };
    Ok(Recipe {
        way: Way::Nginx,
        launch,
        address,
        bearer: CREDENTIAL.into(),
    })
}

fn nginx_config(mock: SocketAddr, address: SocketAddr, folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_timeout 3600s;
    keepalive_requests 1000000000;
    client_max_body_size 64m;
    client_body_buffer_size 2m;
    upstream mock {{
        server {mock};
        keepalive 512;
        keepalive_requests 1000000000;
        keepalive_timeout 3600s;
    }}
    server {{
        listen {address} backlog=4096;
        location / {{
            proxy_pass http://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_buffering off;
            proxy_request_buffering off;
        }}
    }}
}}
"
    )
}

/// Mirk made ready, and the key that was made and revoked.
#[derive(Debug)]
pub(crate) struct MirkSetup {
    /// How to start it.
    pub(crate) recipe: Recipe,
    /// A well-formed key that is no longer good.
    pub(crate) revoked_key: String,
}

/// Gives Mirk a data folder with one provider, one key, and one key revoked.
pub(crate) async fn mirk(
    scratch: &Scratch,
    binary: &Path,
    mock: SocketAddr,
    cores: Cores,
) -> Result<MirkSetup, Failure> {
    let home = scratch.folder("home")?;
    let keys = scratch.folder("keys")?;
    let data = scratch.path().join("data").to_string_lossy().into_owned();
    let root = Scratch::file(&keys, "root.key", &random_bytes()?)?;
    let mut environment = mirk_environment(&home, &root);
    let command = MirkCommand {
        binary,
        environment: &environment,
        data: &data,
    };
    let (url, secret) = (
        format!("http://{mock}/v1"),
        format!("env:{CREDENTIAL_VARIABLE}"),
    );
    let add = [
        "provider",
        "add",
        "bench",
        "--kind",
        "openai-compatible",
        "--base-url",
        &url,
    ];
    let rest = ["--secret", &secret, "--models", &MODELS.join(","), "--yes"];
    command.run(&[&add[..], &rest[..]].concat()).await?;
    let (_, bearer) = command.create_key("bench").await?;
    let (revoked_kid, revoked_key) = command.create_key("bench-revoked").await?;
    command.run(&["key", "revoke", &revoked_kid]).await?;
    // The credential is in the vault now; a server that still needs the variable would show here.
    environment.retain(|(name, _)| name != CREDENTIAL_VARIABLE);
    let address = free_address()?;
    let arguments = [
        "serve",
        "--data-dir",
        &data,
        "--listen",
        &address.to_string(),
        "--json",
    ]
    .map(String::from);
    let launch = Launch {
        program: binary.to_owned(),
        arguments: arguments.into(),
        environment,
        core: cores.gateway,
        log: Some(scratch.path().join("mirk.log")),
    };
    Ok(MirkSetup {
        recipe: Recipe {
            way: Way::Mirk,
            launch,
            address,
            bearer,
        },
        revoked_key,
    })
}

/// Folders and root key of this run, so that nothing of the user's is read or written.
fn mirk_environment(home: &Path, root: &Path) -> Vec<(String, String)> {
    let home = home.display();
    vec![
        ("HOME".into(), home.to_string()),
        ("XDG_CONFIG_HOME".into(), format!("{home}/config")),
        ("XDG_DATA_HOME".into(), format!("{home}/data")),
        ("MIRK_ROOT_KEY".into(), format!("file:{}", root.display())),
        (CREDENTIAL_VARIABLE.into(), CREDENTIAL.into()),
    ]
}

struct MirkCommand<'a> {
    binary: &'a Path,
    environment: &'a [(String, String)],
    data: &'a str,
}

impl MirkCommand<'_> {
    async fn run(&self, arguments: &[&str]) -> Result<Vec<u8>, Failure> {
        let mut command = Command::new(self.binary);
        command.args(arguments).args(["--data-dir", self.data]);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).kill_on_drop(true);
        let name = arguments
            .iter()
            .take(2)
            .copied()
            .collect::<Vec<_>>()
            .join(" ");
        let slow = || Failure::Setup(format!("mirk {name} took too long"));
        let output = timeout(COMMAND_LIMIT, command.output())
            .await
            .ok()
            .ok_or_else(slow)?;
        let output = output.doing("running mirk")?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or_default();
        Err(Failure::Setup(format!(
            "mirk {name} ended with {}: {last}",
            output.status
        )))
    }

    /// The new key's id and the key itself.
    async fn create_key(&self, label: &str) -> Result<(String, String), Failure> {
        let limits = [
            "--rpm",
            "100000000",
            "--tpm",
            "1000000000",
            "--concurrency",
            "100000",
            "--json",
        ];
        let told = self
            .run(&[&["key", "create", "--label", label][..], &limits[..]].concat())
            .await?;
        let tree: Option<Value> = serde_json::from_slice(&told).ok();
        let text = |name: &str| Some(tree.as_ref()?.get(name)?.as_str()?.to_owned());
        let kid_and_key = text("kid").zip(text("key"));
        kid_and_key.ok_or_else(|| Failure::Setup("mirk key create told no key".into()))
    }
}

fn random_bytes() -> Result<[u8; 32], Failure> {
    let mut bytes = [0; 32];
    let mut source = File::open("/dev/urandom").doing("opening the random source")?;
    source
        .read_exact(&mut bytes)
        .doing("reading the random source")?;
    Ok(bytes)
}
