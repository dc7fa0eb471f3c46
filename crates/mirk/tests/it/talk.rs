//! A client that reads an answer piece by piece as it comes, and the requests of every dialect.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "real time is what is measured here"
)]

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// The longest that any read waits.
const PATIENCE: Duration = Duration::from_secs(40);

/// How a body came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// As its framing says a whole one does.
    Whole,
    /// The connection ended before.
    Broken,
}

/// One step of a body.
#[derive(Debug)]
pub(crate) enum Piece {
    Data(Vec<u8>),
    End(End),
}

/// How the body under way is framed.
#[derive(Clone, Copy, Debug)]
enum Framing {
    Length(usize),
    Chunked,
    Over,
}

#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
}

impl Head {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    pub(crate) end: End,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    /// What was read and not yet taken: `buffer[taken..]`.
    buffer: Vec<u8>,
    taken: usize,
    framing: Framing,
    addr: SocketAddr,
}

impl Client {
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        Self::try_connect(addr).unwrap()
    }

    pub(crate) fn try_connect(addr: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            buffer: Vec::new(),
            taken: 0,
            framing: Framing::Over,
            addr,
        })
    }

    /// Sends a request with a body, in one write.
    pub(crate) fn post(&mut self, key: &str, path: &str, body: &[u8]) {
        self.try_post(key, path, body).unwrap();
    }

    pub(crate) fn try_post(&mut self, key: &str, path: &str, body: &[u8]) -> std::io::Result<()> {
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
             anthropic-version: 2023-06-01\r\ncontent-length: {}\r\n\r\n",
            self.addr,
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.stream.write_all(&request)
    }

    /// The status, or `None` when the connection is over.
    pub(crate) fn try_get(&mut self, path: &str) -> Option<u16> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.addr);
        self.stream.write_all(request.as_bytes()).ok()?;
        let head = self.try_head()?;
        (self.rest().1 == End::Whole).then_some(head.status)
    }

    fn waiting(&self) -> &[u8] {
        &self.buffer[self.taken..]
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let bytes = self.buffer[self.taken..self.taken + count].to_vec();
        self.taken += count;
        if self.taken == self.buffer.len() {
            self.buffer.clear();
            self.taken = 0;
        }
        bytes
    }

    /// Reads more; `false` when the connection is over.
    fn fill(&mut self) -> bool {
        let mut some = [0; 16 * 1024];
        match self.stream.read(&mut some) {
            Ok(count) => {
                self.buffer.extend_from_slice(&some[..count]);
                count > 0
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("nothing came for {PATIENCE:?}")
            }
            Err(_reset) => false,
        }
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = memchr::memmem::find(self.waiting(), b"\r\n") {
                let line = self.take(at + 2);
                return Some(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// The head of the next answer; `None` when the connection ended instead.
    pub(crate) fn try_head(&mut self) -> Option<Head> {
        let first = self.line()?;
        let status = first.split(' ').nth(1)?.parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').unwrap();
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let head = Head { status, headers };
        self.framing = match (
            head.header("transfer-encoding"),
            head.header("content-length"),
        ) {
            (Some(_), _) => Framing::Chunked,
            (None, Some(length)) => Framing::Length(length.parse().unwrap()),
            (None, None) => Framing::Length(0),
        };
        Some(head)
    }

    pub(crate) fn head(&mut self) -> Head {
        self.try_head()
            .expect("the connection ended before an answer")
    }

    /// The next piece of the body under way.
    pub(crate) fn piece(&mut self) -> Piece {
        match self.framing {
            Framing::Over | Framing::Length(0) => {
                self.framing = Framing::Over;
                Piece::End(End::Whole)
            }
            Framing::Length(left) => {
                if self.waiting().is_empty() && !self.fill() {
                    return Piece::End(End::Broken);
                }
                let count = left.min(self.waiting().len());
                self.framing = Framing::Length(left - count);
                Piece::Data(self.take(count))
            }
            Framing::Chunked => self.chunk(),
        }
    }

    fn chunk(&mut self) -> Piece {
        let broken = Piece::End(End::Broken);
        let Some(size) = self.line() else {
            return broken;
        };
        let size = usize::from_str_radix(size.split(';').next().unwrap(), 16).unwrap();
        while self.waiting().len() < size + 2 {
            if !self.fill() {
                return broken;
            }
        }
        let mut data = self.take(size + 2);
        data.truncate(size);
        if size == 0 {
            self.framing = Framing::Over;
            return Piece::End(End::Whole);
        }
        Piece::Data(data)
    }

    /// The rest of the body.
    pub(crate) fn rest(&mut self) -> (Vec<u8>, End) {
        let mut body = Vec::new();
        loop {
            match self.piece() {
                Piece::Data(data) => body.extend_from_slice(&data),
                Piece::End(end) => return (body, end),
            }
        }
    }

    pub(crate) fn answer(&mut self) -> Answer {
        let head = self.head();
        let (body, end) = self.rest();
        Answer { head, body, end }
    }

    pub(crate) fn ask(&mut self, key: &str, path: &str, body: &[u8]) -> Answer {
        self.post(key, path, body);
        self.answer()
    }
}

/// One way to ask a model that can stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    Chat,
    Completions,
    Responses,
    Messages,
    Gemini,
    OllamaChat,
    OllamaGenerate,
}

pub(crate) const SPEECHES: [Speech; 7] = [
    Speech::Chat,
    Speech::Completions,
    Speech::Responses,
    Speech::Messages,
    Speech::Gemini,
    Speech::OllamaChat,
    Speech::OllamaGenerate,
];

impl Speech {
    pub(crate) const fn provider(self) -> &'static str {
        match self {
            Self::Chat | Self::Completions | Self::Responses => "oai",
            Self::Messages => "ant",
            Self::Gemini => "gem",
            Self::OllamaChat | Self::OllamaGenerate => "oll",
        }
    }

    /// Path and body that ask `model` of this dialect's provider.
    pub(crate) fn request(self, model: &str, is_stream: bool, words: &str) -> (String, Vec<u8>) {
        self.request_named(&format!("{}/{model}", self.provider()), is_stream, words)
    }

    /// The same with the model's name exactly as given.
    pub(crate) fn request_named(
        self,
        model: &str,
        is_stream: bool,
        words: &str,
    ) -> (String, Vec<u8>) {
        let turns = json!([{"role": "user", "content": words}]);
        let options = if is_stream {
            json!({"include_usage": true})
        } else {
            json!(null)
        };
        let (path, body) = match self {
            Self::Chat => (
                "/v1/chat/completions",
                json!({"model": model, "messages": turns, "stream": is_stream, "stream_options": options}),
            ),
            Self::Completions => (
                "/v1/completions",
                json!({"model": model, "prompt": words, "stream": is_stream, "stream_options": options}),
            ),
            Self::Responses => (
                "/v1/responses",
                json!({"model": model, "input": words, "stream": is_stream}),
            ),
            Self::Messages => (
                "/v1/messages",
                json!({"model": model, "max_tokens": 500, "messages": turns, "stream": is_stream}),
            ),
            Self::Gemini => (
                "",
                json!({"contents": [{"role": "user", "parts": [{"text": words}]}]}),
            ),
            Self::OllamaChat => (
                "/api/chat",
                json!({"model": model, "messages": turns, "stream": is_stream}),
            ),
            Self::OllamaGenerate => (
                "/api/generate",
                json!({"model": model, "prompt": words, "stream": is_stream}),
            ),
        };
        let verb = if is_stream {
            "streamGenerateContent?alt=sse"
        } else {
            "generateContent"
        };
        let path = match self {
            Self::Gemini => format!("/v1beta/models/{model}:{verb}"),
            _ => path.to_owned(),
        };
        (path, body.to_string().into_bytes())
    }

    /// What only a whole stream has in it.
    pub(crate) const fn terminal(self) -> &'static str {
        match self {
            Self::Chat | Self::Completions => "[DONE]",
            Self::Responses => "response.completed",
            Self::Messages => "message_stop",
            Self::Gemini => "finishReason",
            Self::OllamaChat | Self::OllamaGenerate => "\"done\":true",
        }
    }

    /// Whether streams carry lines of JSON instead of events.
    pub(crate) const fn is_lines(self) -> bool {
        matches!(self, Self::OllamaChat | Self::OllamaGenerate)
    }
}

/// How long `condition` takes to become true.
pub(crate) fn until(most: Duration, mut condition: impl FnMut() -> bool) -> Option<Duration> {
    let begun = Instant::now();
    while begun.elapsed() < most {
        if condition() {
            return Some(begun.elapsed());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    None
}

/// Tries every way to ask at the same time: where each takes seconds of waiting.
pub(crate) fn at_once(attempt: impl Fn(Speech) + Sync) {
    std::thread::scope(|scope| {
        let attempt = &attempt;
        for speech in SPEECHES {
            scope.spawn(move || attempt(speech));
        }
    });
}

/// Whether the stream's last event stands on lines of its own and is an error.
pub(crate) fn last_event_is_error(speech: Speech, body: &str) -> bool {
    let last = if speech.is_lines() {
        body.trim_end().rsplit('\n').next()
    } else {
        body.trim_end()
            .rsplit('\n')
            .next()
            .and_then(|line| line.strip_prefix("data: "))
    };
    let parsed: Option<Value> = last.and_then(|last| serde_json::from_str(last).ok());
    // OpenAI says it once for those who look for `error`, and once for those who look at the answer.
    parsed.is_some_and(|event| {
        event.get("error").is_some() || event.get("type") == Some(&json!("response.failed"))
    })
}
