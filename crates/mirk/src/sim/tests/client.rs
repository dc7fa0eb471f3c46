//! A client that shows the bytes: no HTTP library between the test and the wire.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::sim::Sim;

pub(super) const KEY: &str = "sim-canary-credential";

/// Longer than anything here takes; a test that waits it out has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Ask {
    method: &'static str,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    is_kept: bool,
}

impl Ask {
    pub(super) fn raw(method: &'static str, target: &str, body: Vec<u8>) -> Self {
        Self {
            method,
            target: target.into(),
            headers: Vec::new(),
            body,
            is_kept: false,
        }
    }

    pub(super) fn bare(method: &'static str, target: &str, body: &Value) -> Self {
        let body = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        Self::raw(method, target, body)
    }

    pub(super) fn post(target: &str, body: &Value) -> Self {
        Self::bare("POST", target, body)
            .with("authorization", &format!("Bearer {KEY}"))
            .with("anthropic-version", "2023-06-01")
    }

    pub(super) fn chat(model: &str, text: &str, is_streamed: bool) -> Self {
        let messages = json!([{ "role": "user", "content": text }]);
        let body = json!({ "model": model, "stream": is_streamed, "messages": messages });
        Self::post("/v1/chat/completions", &body)
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(super) fn kept(mut self) -> Self {
        self.is_kept = true;
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: sim\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            head.extend([name.as_str(), ": ", value.as_str(), "\r\n"]);
        }
        if !self.is_kept {
            head.push_str("connection: close\r\n");
        }
        let length = self.body.len().to_string();
        head.extend([
            "content-length: ",
            length.as_str(),
            "

",
        ]);
        [head.into_bytes(), self.body.clone()].concat()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test's own client dials loopback"
)]
pub(super) async fn connect(addr: SocketAddr) -> std::io::Result<TcpStream> {
    assert!(addr.ip().is_loopback());
    TcpStream::connect(addr).await
}

pub(super) struct Socket {
    stream: TcpStream,
    seen: Vec<u8>,
}

pub(super) async fn open(sim: &Sim, ask: Ask) -> Socket {
    let mut socket = Socket {
        stream: connect(sim.addr()).await.unwrap(),
        seen: Vec::new(),
    };
    socket.send(ask).await;
    socket
}

impl Socket {
    pub(super) async fn send(&mut self, ask: Ask) {
        self.stream.write_all(&ask.bytes()).await.unwrap();
    }

    /// Waits for more bytes; tells how many came.
    pub(super) async fn read_some(&mut self) -> usize {
        let read = self.stream.read_buf(&mut self.seen);
        tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap()
    }

    pub(super) async fn read_until(&mut self, end: &[u8]) {
        while !self.seen.windows(end.len()).any(|window| window == end) {
            assert_ne!(self.read_some().await, 0, "the answer ended early");
        }
    }

    pub(super) async fn read_to_end(mut self) -> Answer {
        let read = self.stream.read_to_end(&mut self.seen);
        let ended = tokio::time::timeout(PATIENCE, read).await.unwrap();
        Answer::parse(self.seen, ended.is_err())
    }
}

pub(super) async fn call(sim: &Sim, ask: Ask) -> Answer {
    open(sim, ask).await.read_to_end().await
}

pub(super) async fn post(sim: &Sim, target: &str, body: &Value) -> Answer {
    call(sim, Ask::post(target, body)).await
}

pub(super) async fn chat(sim: &Sim, model: &str, text: &str, is_streamed: bool) -> Answer {
    call(sim, Ask::chat(model, text, is_streamed)).await
}

/// Waits until something that happens in another task has happened.
pub(super) async fn settle(is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), wait)
        .await
        .expect("it did not happen in time");
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) version: String,
    /// The statuses of heads before the last.
    pub(super) early: Vec<u16>,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// Whether the body ended as its framing says.
    pub(super) is_whole: bool,
    pub(super) was_reset: bool,
}

impl Answer {
    fn parse(mut bytes: Vec<u8>, was_reset: bool) -> Self {
        let mut early = Vec::new();
        loop {
            let end = bytes
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
                .expect("no head");
            let body = bytes.split_off(end + 4);
            let head = String::from_utf8(bytes).unwrap();
            let mut lines = head.trim_end().split("\r\n");
            let (version, status) = lines.next().unwrap().split_once(' ').unwrap();
            let status: u16 = status.split(' ').next().unwrap().parse().unwrap();
            if status < 200 {
                early.push(status);
                bytes = body;
                continue;
            }
            let headers: Vec<(String, String)> = lines
                .map(|line| line.split_once(": ").unwrap())
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            let version = version.to_owned();
            let answer = Self {
                status,
                version,
                early,
                headers,
                body,
                is_whole: false,
                was_reset,
            };
            return answer.unframed();
        }
    }

    fn unframed(mut self) -> Self {
        if self.header("transfer-encoding") == Some("chunked") {
            (self.body, self.is_whole) = dechunked(&self.body);
        } else if let Some(length) = self.header("content-length") {
            self.is_whole = length.parse::<usize>().unwrap() == self.body.len();
        } else {
            self.is_whole = self.status == 204 || !self.was_reset;
        }
        self
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The data of each server-sent event; what is not JSON becomes a string.
    pub(super) fn events(&self) -> Vec<Value> {
        let text = self.text().replace("\r\n", "\n");
        text.split("\n\n")
            .filter_map(|event| event.lines().find_map(|line| line.strip_prefix("data: ")))
            .map(|data| serde_json::from_str(data).unwrap_or_else(|_| json!(data)))
            .collect()
    }

    /// The `type` of each event.
    pub(super) fn types(&self) -> Vec<String> {
        self.events()
            .iter()
            .map(|event| event["type"].as_str().unwrap_or("?").to_owned())
            .collect()
    }
}

fn dechunked(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return (body, rest[end..] == *b"\r\n\r\n");
        }
        let Some(chunk) = rest.get(end + 2..end + 2 + size) else {
            return (body, false);
        };
        body.extend_from_slice(chunk);
        rest = rest.get(end + 4 + size..).unwrap_or_default();
    }
    (body, false)
}
