//! The sweep's client: raw HTTP/1.1 from an address of its own, and the command socket.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
};

use crate::serve::socket::SOCKET;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// The most of one answer that is read.
const MOST_ANSWER: usize = 8 * 1024 * 1024;

/// A request, ready to be sent.
#[derive(Clone)]
pub(super) struct Request {
    /// What it is, for places' names.
    pub(super) name: String,
    /// Head and body.
    pub(super) bytes: Vec<u8>,
    /// After how many bytes of the answer the client hangs up.
    pub(super) cut_after: Option<usize>,
}

impl Request {
    /// A request with a body of JSON, or without one where it is empty.
    pub(super) fn new(
        name: impl Into<String>,
        line: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Self {
        let own = [("host", "localhost"), ("connection", "close")];
        let length = body.len().to_string();
        let about = [
            ("content-type", "application/json"),
            ("content-length", length.as_str()),
        ];
        let about = if line.starts_with("GET ") {
            &[][..]
        } else {
            &about
        };
        let lines = own
            .iter()
            .chain(headers)
            .chain(about)
            .map(|(name, value)| format!("{name}: {value}\r\n"));
        let head = format!("{line} HTTP/1.1\r\n{}\r\n", lines.collect::<String>());
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        Self {
            name: name.into(),
            bytes,
            cut_after: None,
        }
    }
}

/// Sends `request` from `from` and gives all that comes back, head and body.
pub(super) async fn send(
    from: Ipv4Addr,
    to: SocketAddr,
    request: &Request,
) -> std::io::Result<Vec<u8>> {
    let exchange = async {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((from, 0)))?;
        #[expect(
            clippy::disallowed_methods,
            reason = "the sweep's client calls Mirk itself, on loopback"
        )]
        let mut stream = socket.connect(to).await?;
        // A server that refused early may have hung up already; its answer counts all the same.
        stream.write_all(&request.bytes).await.unwrap_or_default();
        let mut answer = Vec::new();
        let most = request.cut_after.unwrap_or(MOST_ANSWER);
        let mut piece = vec![0; 16 * 1024];
        while answer.len() < most {
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => break,
                Ok(count) => answer.extend_from_slice(piece.get(..count).unwrap_or_default()),
            }
        }
        Ok(answer)
    };
    tokio::time::timeout(PATIENCE, exchange)
        .await
        .unwrap_or_else(|_late| Err(std::io::ErrorKind::TimedOut.into()))
}

/// The status of an answer; 0 when it is none.
pub(super) fn status(answer: &[u8]) -> u16 {
    let digits = answer
        .get(9..12)
        .and_then(|digits| std::str::from_utf8(digits).ok());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// Does one action through the command socket in `data_dir`. The error is the problem's code.
pub(super) fn act(data_dir: &Path, action: &str, input: &Value) -> Result<Value, String> {
    let words = |error: std::io::Error| format!("{action}: {}", error.kind());
    let mut stream = UnixStream::connect(data_dir.join(SOCKET)).map_err(words)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(words)?;
    stream
        .write_all(format!("{}\n", json!({"action": action, "input": input})).as_bytes())
        .map_err(words)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).map_err(words)?;
    let mut answer: Value =
        serde_json::from_str(&line).map_err(|_malformed| format!("{action}: no answer"))?;
    if let Some(ok) = answer.get_mut("ok") {
        return Ok(ok.take());
    }
    let code = answer
        .pointer("/problem/code")
        .and_then(Value::as_str)
        .unwrap_or("unknown");
    let param = answer
        .pointer("/problem/param")
        .and_then(Value::as_str)
        .unwrap_or("-");
    Err(format!("{action}: {code} ({param})"))
}
