//! The command socket: how the command line talks to a running server.
//!
//! Invariant: only processes of the server's own user are heard, by what the kernel says of
//! them; one line of JSON in, one line of JSON out.

use std::{fs, io, os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use mirk_control::{Actor, Control};
use mirk_gateway::Egress;
use mirk_model::{Kind, Problem};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
};

use crate::test_provider;

/// The socket's name in the data folder.
pub const SOCKET: &str = "mirk.sock";

/// The longest line that is read.
const MOST_BYTES: u64 = 1024 * 1024;

/// What the socket works on.
#[derive(Debug)]
pub struct Office {
    /// The actions.
    pub control: Control,
    /// For tests of providers.
    pub egress: Arc<Egress>,
}

/// Opens the socket in the data folder. The folder's lock is held, so a socket that is there is
/// one that nobody listens on any more.
///
/// # Errors
/// When it cannot be opened.
pub fn bind(data_dir: &Path) -> io::Result<UnixListener> {
    let path = data_dir.join(SOCKET);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers callers until the listener fails for good.
pub async fn run(listener: UnixListener, office: Arc<Office>) {
    let own = rustix::process::geteuid().as_raw();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        if stream.peer_cred().is_ok_and(|peer| peer.uid() == own) {
            let office = Arc::clone(&office);
            tokio::spawn(async move {
                // A caller that hangs up in the middle has made up its mind.
                drop(serve(stream, &office).await);
            });
        }
    }
}

async fn serve(stream: UnixStream, office: &Arc<Office>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read.take(MOST_BYTES));
    let mut line = String::new();
    while read.read_line(&mut line).await? > 0 {
        let answer = match answer(&line, office).await {
            Ok(value) => json!({"ok": value}),
            Err(problem) => json!({"problem": {
                "code": problem.kind.code(), "words": problem.public, "param": problem.param,
            }}),
        };
        zeroize::Zeroize::zeroize(&mut line);
        write.write_all(format!("{answer}\n").as_bytes()).await?;
        read.get_mut().set_limit(MOST_BYTES);
    }
    Ok(())
}

async fn answer(line: &str, office: &Arc<Office>) -> Result<Value, Problem> {
    let mut request: Value = serde_json::from_str(line)
        .map_err(|_malformed| Problem::new(Kind::BadRequest, "not a line of JSON"))?;
    let input = request
        .get_mut("input")
        .map(Value::take)
        .unwrap_or_default();
    let name = request
        .get("action")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    if name == test_provider::ACTION {
        return test_provider::run(&office.control, &office.egress, input).await;
    }
    let office = Arc::clone(office);
    let performed = tokio::task::spawn_blocking(move || {
        office.control.perform(&Actor::operator(), &name, input)
    })
    .await;
    performed.unwrap_or_else(|_panicked| {
        Err(Problem::new(
            Kind::Internal,
            "the action failed; see the log",
        ))
    })
}
