//! HTTP/1.1 as bytes: sends what it is given and reads answers strictly, and judges refusals.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "waits for a real server are measured in real time"
)]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The largest body of a refusal.
const MOST_REFUSAL: usize = 2 * 1024;

/// One connection: what was sent is on its way, answers are read as they are asked for.
#[derive(Debug)]
pub(crate) struct Exchange {
    stream: TcpStream,
    read: Vec<u8>,
    is_closed: bool,
    /// Whether the request was one whose answer has no body.
    is_head: bool,
}

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The whole of it, as it came.
    pub(crate) raw: Vec<u8>,
}

/// Which provider's shape an error has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    OpenAi,
    Anthropic,
    Gemini,
    Ollama,
}

/// Sends `bytes` on a new connection, as far as the server takes them.
pub(crate) fn exchange(addr: SocketAddr, bytes: &[u8]) -> Exchange {
    let mut exchange = Exchange::open(addr);
    exchange.write(bytes);
    exchange
}

impl Exchange {
    /// A connection on which nothing was sent yet.
    pub(crate) fn open(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self {
            stream,
            read: Vec::new(),
            is_closed: false,
            is_head: false,
        }
    }

    /// Sends more. A server that has refused already may have hung up.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.is_head = bytes.starts_with(b"HEAD ");
        drop(self.stream.write_all(bytes));
    }

    /// The next answer, which must come.
    pub(crate) fn answer(&mut self) -> Answer {
        self.next().expect("no answer came")
    }

    /// Whether an interim answer comes, which is then stepped over.
    pub(crate) fn interim(&mut self) -> bool {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some((answer, length)) = parse(&self.read, self.is_closed, self.is_head) {
                if answer.status < 200 {
                    self.read.drain(..length);
                }
                return answer.status < 200;
            }
            if self.is_closed || Instant::now() > until {
                return false;
            }
            self.fill(Duration::from_millis(100));
        }
    }

    /// The next answer; none when the server hung up instead.
    pub(crate) fn first(&mut self) -> Option<Answer> {
        self.next()
    }

    fn next(&mut self) -> Option<Answer> {
        let until = Instant::now() + PATIENCE;
        loop {
            // An interim answer is not the one that was waited for.
            while let Some((answer, length)) = parse(&self.read, self.is_closed, self.is_head) {
                self.read.drain(..length);
                if answer.status >= 200 {
                    return Some(answer);
                }
            }
            if self.is_closed {
                assert!(
                    self.read.is_empty(),
                    "the answer broke off after {} bytes",
                    self.read.len()
                );
                return None;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no whole answer within {PATIENCE:?}");
            self.fill(left);
        }
    }

    fn fill(&mut self, patience: Duration) -> bool {
        let mut buffer = [0; 16 * 1024];
        self.stream.set_read_timeout(Some(patience)).unwrap();
        match self.stream.read(&mut buffer) {
            Ok(0) => self.is_closed = true,
            Ok(count) => self.read.extend_from_slice(&buffer[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return false;
            }
            Err(_reset) => self.is_closed = true,
        }
        true
    }

    /// Ends this side and reads whatever comes until the server ends its own: the answers that were whole.
    pub(crate) fn finish(mut self) -> Vec<Answer> {
        drop(self.stream.shutdown(Shutdown::Write));
        let until = Instant::now() + PATIENCE;
        while !self.is_closed {
            assert!(
                Instant::now() < until,
                "the server does not end the connection"
            );
            self.fill(Duration::from_millis(500));
        }
        let mut answers = Vec::new();
        while let Some((answer, length)) = parse(&self.read, false, false) {
            self.read.drain(..length);
            answers.push(answer);
        }
        answers
    }

    /// Whether the server ends the connection within a second, with not a byte more.
    pub(crate) fn is_closed(&mut self) -> bool {
        let until = Instant::now() + Duration::from_secs(1);
        while !self.is_closed && Instant::now() < until {
            self.fill(Duration::from_millis(100));
        }
        self.is_closed && self.read.is_empty()
    }
}

/// The answer at the start of `bytes`, and its length; nothing while it is not whole.
fn parse(bytes: &[u8], is_closed: bool, is_head: bool) -> Option<(Answer, usize)> {
    let head_end = find(bytes, b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..head_end]).expect("the head of an answer is ASCII");
    let mut lines = head.trim_end().split("\r\n");
    let first = lines.next().unwrap();
    let status = first
        .strip_prefix("HTTP/1.1 ")
        .or_else(|| first.strip_prefix("HTTP/1.0 "));
    let status: u16 = status
        .expect("an HTTP answer")
        .get(..3)
        .unwrap()
        .parse()
        .unwrap();
    let headers: Vec<(String, String)> = lines
        .map(|line| {
            line.split_once(": ")
                .or_else(|| line.split_once(':'))
                .expect("a header has a colon")
        })
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let value = |name: &str| {
        headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    };
    let rest = &bytes[head_end..];
    let (body, used) = if is_head || status < 200 || status == 204 || status == 304 {
        (vec![], 0)
    } else if value("transfer-encoding") == Some("chunked") {
        dechunk(rest)?
    } else if let Some(length) = value("content-length") {
        let length: usize = length.parse().unwrap();
        (rest.get(..length)?.to_vec(), length)
    } else if is_closed {
        (rest.to_vec(), rest.len())
    } else {
        return None;
    };
    let length = head_end + used;
    let raw = bytes[..length].to_vec();
    Some((
        Answer {
            status,
            headers,
            body,
            raw,
        },
        length,
    ))
}

/// The data of a chunked body and the length of its coding; nothing while it is not whole.
fn dechunk(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut data, mut at) = (Vec::new(), 0);
    loop {
        let end = at + find(bytes.get(at..)?, b"\r\n")?;
        let size =
            usize::from_str_radix(std::str::from_utf8(&bytes[at..end]).unwrap(), 16).unwrap();
        let start = end + 2;
        let chunk = bytes.get(start..start + size + 2)?;
        assert!(
            chunk.ends_with(b"\r\n"),
            "a chunk of the answer ends in CR LF"
        );
        data.extend_from_slice(&chunk[..size]);
        at = start + size + 2;
        if size == 0 {
            return Some((data, at));
        }
    }
}

/// Where `part` first stands in `whole`.
pub(crate) fn find(whole: &[u8], part: &[u8]) -> Option<usize> {
    memchr::memmem::find(whole, part)
}

impl Answer {
    /// The value of a header, if it came.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("status {}: the body is not JSON", self.status))
    }

    /// The code of an error, whatever its shape.
    pub(crate) fn code(&self) -> String {
        let body = self.json();
        let info = body["error"]["details"][0]["reason"]
            .as_str()
            .map(str::to_lowercase);
        let plain = body["error"]["code"]
            .as_str()
            .or_else(|| body["code"].as_str());
        info.or_else(|| plain.map(str::to_owned))
            .unwrap_or_default()
    }

    /// Checks that this is an error with this status, fit to be shown to anybody: the schema of `shape`, with
    /// the request's id, short, and silent about the server's inside and about `presented` (I7).
    #[track_caller]
    pub(crate) fn is_refusal(&self, shape: Shape, status: u16, presented: &[&str]) {
        let text = String::from_utf8_lossy(&self.raw).into_owned();
        assert_eq!(self.status, status, "{text}");
        assert!(
            self.body.len() <= MOST_REFUSAL,
            "a refusal of {} bytes",
            self.body.len()
        );
        assert_eq!(
            self.header("content-type"),
            Some("application/json"),
            "{text}"
        );
        let body = self.json();
        let id = request_id(&body, shape);
        assert!(
            id.is_some_and(|id| id.len() >= 16),
            "no schema of {shape:?}: {text}"
        );
        assert_eq!(self.header("x-mirk-request-id"), id, "{text}");
        for word in DENIED {
            assert!(!text.contains(word), "a refusal says {word:?}: {text}");
        }
        assert!(!has_address(&text), "a refusal names an address: {text}");
        for part in presented.iter().filter(|part| part.len() >= 4) {
            assert!(!text.contains(part), "a refusal repeats what was sent");
            for window in part.as_bytes().windows(10).take(100) {
                assert!(
                    find(&self.raw, window).is_none(),
                    "a refusal repeats a part of what was sent"
                );
            }
        }
    }
}

/// What no refusal says: places on the disk, SQL, crates, traces, and the simulated provider's credentials.
const DENIED: &[&str] = &[
    "/home/",
    "/tmp",
    "/work",
    "/root",
    "/etc",
    "/usr",
    ".rs:",
    ".sqlite",
    "SELECT ",
    "INSERT ",
    "UPDATE ",
    "rusqlite",
    "sqlite",
    "hyper",
    "tokio",
    "serde",
    "rustls",
    "httparse",
    "aws-lc",
    "mirk_",
    "mirk-gateway",
    "mirk-vault",
    "mirk-store",
    "mirk-model",
    "panicked",
    "backtrace",
    "RUST_",
    "0x",
    "localhost",
    "sim-cred",
    "os error",
    "errno",
];

/// The request's id, if the body has the schema of `shape`.
fn request_id(body: &Value, shape: Shape) -> Option<&str> {
    let error = &body["error"];
    match shape {
        Shape::OpenAi => {
            error["message"].as_str()?;
            error["type"].as_str()?;
            error["code"].as_str()?;
            error.get("param")?;
            error["request_id"].as_str()
        }
        Shape::Anthropic => {
            (body["type"] == "error").then_some(())?;
            error["type"].as_str()?;
            error["message"].as_str()?;
            body["request_id"].as_str()
        }
        Shape::Gemini => {
            error["code"].as_u64()?;
            error["message"].as_str()?;
            error["status"].as_str()?;
            error["details"]
                .as_array()?
                .iter()
                .find_map(|detail| detail["requestId"].as_str())
        }
        Shape::Ollama => {
            error.as_str()?;
            body["request_id"].as_str()
        }
    }
}

/// Whether a dotted quad stands in the text.
fn has_address(text: &str) -> bool {
    text.split(|letter: char| !(letter.is_ascii_digit() || letter == '.'))
        .any(|word| {
            word.trim_matches('.')
                .split('.')
                .filter(|part| part.parse::<u8>().is_ok())
                .count()
                == 4
        })
}

#[test]
fn the_reader_of_answers_reads_lengths_chunks_and_interim_answers() {
    let sized = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP";
    let (answer, length) = parse(sized, false, false).unwrap();
    assert_eq!(
        (answer.status, answer.body.as_slice(), length),
        (200, b"ok".as_slice(), sized.len() - 4)
    );
    assert!(parse(&sized[..length - 1], false, false).is_none());
    let chunked =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n1\r\n!\r\n0\r\n\r\n";
    let (answer, length) = parse(chunked, false, false).unwrap();
    assert_eq!(
        (answer.body.as_slice(), length),
        (b"ok!".as_slice(), chunked.len())
    );
    assert!(parse(&chunked[..chunked.len() - 2], false, false).is_none());
    assert_eq!(
        parse(b"HTTP/1.1 100 Continue\r\n\r\n", false, false)
            .unwrap()
            .0
            .status,
        100
    );
}

#[test]
fn the_judge_of_refusals_finds_an_address_and_a_wrong_shape() {
    assert!(has_address("dial 169.254.1.2: refused"));
    assert!(!has_address("version 1.2.3, 1.2.3.4.5 and 2026.11"));
    let openai = serde_json::json!({"error": {"message": "m", "type": "t", "param": null, "code": "c", "request_id": "r"}});
    assert_eq!(request_id(&openai, Shape::OpenAi), Some("r"));
    for shape in [Shape::Anthropic, Shape::Gemini, Shape::Ollama] {
        assert_eq!(request_id(&openai, shape), None, "{shape:?}");
    }
}
