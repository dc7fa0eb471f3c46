//! The running server, if there is one: its socket, its health, its ports.

use std::{
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::{fs::MetadataExt, net::UnixStream},
    time::Duration,
};

use super::Finding;
use crate::{config::Settings, serve::socket::SOCKET};

/// How long a server may take to say that it is well.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether a server listens on the command socket of the data folder.
pub fn is_running(settings: &Settings) -> bool {
    UnixStream::connect(settings.data_dir.join(SOCKET)).is_ok()
}

/// Everything about the server and its ports.
pub fn examine(settings: &Settings, is_running: bool) -> Vec<Finding> {
    let mut findings = vec![if is_running {
        Finding::ok("server", "is running and takes commands")
    } else {
        Finding::ok("server", "is not running")
    }];
    findings.extend(socket_file(settings));
    let listeners = settings.listen.iter().filter(|address| address.port() != 0);
    findings.extend(listeners.filter_map(|address| port(*address, is_running)));
    findings
}

fn socket_file(settings: &Settings) -> Option<Finding> {
    let path = settings.data_dir.join(SOCKET);
    let mode = fs::symlink_metadata(&path).ok()?.mode() & 0o777;
    (mode & 0o077 != 0).then(|| {
        let what = format!("the command socket is open to others (mode {mode:03o})");
        Finding::bad("server", what, format!("chmod 600 {}", path.display()))
    })
}

fn port(address: SocketAddr, is_running: bool) -> Option<Finding> {
    const CHECK: &str = "port";
    match TcpListener::bind(address) {
        Ok(_) if is_running => {
            let what =
                format!("the running server does not listen on {address}, as the settings say");
            Some(Finding::warn(
                CHECK,
                what,
                "it was started with other settings or a flag; start it again, or set `listen`",
            ))
        }
        Ok(_) => Some(Finding::ok(CHECK, format!("{address} is free"))),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_running => {
            Some(ready(address))
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let what = format!("another program listens on {address}");
            Some(Finding::bad(
                CHECK,
                what,
                "end it, or let Mirk listen elsewhere with --listen or `listen`",
            ))
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let what = format!("{address} may not be listened on");
            Some(Finding::bad(CHECK, what, "use a port from 1024 up"))
        }
        // A machine without IPv6: the server does without it too.
        Err(_) => None,
    }
}

fn ready(address: SocketAddr) -> Finding {
    const CHECK: &str = "health";
    match ask(address) {
        Ok(status) if status.starts_with("HTTP/1.1 200") => {
            Finding::ok(CHECK, format!("{address} is ready"))
        }
        Ok(status) if status.starts_with("HTTP/1.1 503") => {
            let remedy = "see its log; `mirk doctor` without the server says more";
            Finding::bad(
                CHECK,
                format!("{address} says that it is not ready"),
                remedy,
            )
        }
        Ok(_) | Err(_) => {
            let what = format!("what listens on {address} does not answer as Mirk does");
            Finding::bad(
                CHECK,
                what,
                "find out what it is (ss -ltnp), and let Mirk listen elsewhere",
            )
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "asks this machine's own listener, by its number and without a name"
)]
fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request =
        format!("GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut start = [0; 12];
    stream.read_exact(&mut start)?;
    Ok(String::from_utf8_lossy(&start).into_owned())
}
