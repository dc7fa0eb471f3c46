//! The client side of HTTP/1.1, as lean as it gets: one write, one read, no allocation per request.
//!
//! The load generator shares a core with the mock, so every microsecond spent here is one less to push
//! the gateway with. Knows only what the mock, nginx and Mirk answer: a length or chunks.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::clock;

/// Room kept free in the read buffer before each read.
const READ_ROOM: usize = 8 * 1024;
/// A head longer than this is not one of ours.
const HEAD_LIMIT: usize = 64 * 1024;

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Chunked,
}

/// What of an answer's head matters here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    /// The status code.
    pub(crate) status: u16,
    /// Seconds of `Retry-After`.
    pub(crate) retry_after: Option<u64>,
    framing: Framing,
    closes: bool,
}

/// Takes a body's bytes as they are read.
pub(crate) trait Sink {
    /// The next piece, and the monotonic time at which it was read.
    fn take(&mut self, piece: &[u8], read_at_ns: u64);
}

/// Lets a body go by.
pub(crate) struct Ignore;

impl Sink for Ignore {
    fn take(&mut self, _piece: &[u8], _read_at_ns: u64) {}
}

/// One kept-alive connection; opened anew when the peer closed it after an answer.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    stream: TcpStream,
    buffer: BytesMut,
    read_at_ns: u64,
    must_reopen: bool,
}

impl Connection {
    /// Connects. Only loopback addresses of programs this run started are ever passed.
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = dial(address).await?;
        Ok(Self {
            address,
            stream,
            buffer: BytesMut::new(),
            read_at_ns: 0,
            must_reopen: false,
        })
    }

    /// Sends a whole request and reads the whole answer; the body goes to the sink.
    pub(crate) async fn exchange(
        &mut self,
        request: &[u8],
        sink: &mut impl Sink,
    ) -> io::Result<Head> {
        let head = self.begin(request).await?;
        self.finish(head, sink).await?;
        Ok(head)
    }

    /// Sends a whole request and reads the answer's head.
    pub(crate) async fn begin(&mut self, request: &[u8]) -> io::Result<Head> {
        if self.must_reopen {
            *self = Self::open(self.address).await?;
        }
        self.stream.write_all(request).await?;
        loop {
            if let Some((head, length)) = parse_head(&self.buffer)? {
                drop(self.buffer.split_to(length));
                self.must_reopen = head.closes;
                return Ok(head);
            }
            self.fill().await?;
        }
    }

    /// Reads the body that belongs to `head`.
    pub(crate) async fn finish(&mut self, head: Head, sink: &mut impl Sink) -> io::Result<()> {
        match head.framing {
            Framing::Length(length) => self.pass(length, sink).await,
            Framing::Chunked => self.pass_chunks(sink).await,
        }
    }

    async fn pass_chunks(&mut self, sink: &mut impl Sink) -> io::Result<()> {
        loop {
            let line = self.line().await?;
            let size = chunk_size(&line).ok_or_else(|| malformed("chunk size"))?;
            if size == 0 {
                while !self.line().await?.is_empty() {}
                return Ok(());
            }
            self.pass(size, sink).await?;
            if !self.line().await?.is_empty() {
                return Err(malformed("chunk end"));
            }
        }
    }

    /// Hands `length` bytes to the sink.
    async fn pass(&mut self, mut length: u64, sink: &mut impl Sink) -> io::Result<()> {
        while length > 0 {
            if self.buffer.is_empty() {
                self.fill().await?;
            }
            let wanted = usize::try_from(length)
                .unwrap_or(usize::MAX)
                .min(self.buffer.len());
            sink.take(&self.buffer.split_to(wanted), self.read_at_ns);
            length -= u64::try_from(wanted).unwrap_or(0);
        }
        Ok(())
    }

    /// One line without its end.
    async fn line(&mut self) -> io::Result<BytesMut> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.buffer) {
                let mut line = self.buffer.split_to(end + 1);
                line.truncate(end);
                if line.last() == Some(&b'\r') {
                    line.truncate(end - 1);
                }
                return Ok(line);
            }
            if self.buffer.len() > HEAD_LIMIT {
                return Err(malformed("line"));
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> io::Result<()> {
        self.buffer.reserve(READ_ROOM);
        let count = self.stream.read_buf(&mut self.buffer).await?;
        self.read_at_ns = clock::now_ns();
        if count == 0 {
            Err(ErrorKind::UnexpectedEof.into())
        } else {
            Ok(())
        }
    }
}

/// A whole POST request: head and body in one piece.
pub(crate) fn post(
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let mut head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(name);
        head.push_str(": ");
        head.push_str(value);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    let mut request = head.into_bytes();
    request.extend_from_slice(body);
    request
}

#[expect(
    clippy::disallowed_methods,
    reason = "the bench's one door: dials only loopback addresses of programs it started itself"
)]
async fn dial(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The head and its length, or nothing while it is not whole.
fn parse_head(bytes: &[u8]) -> io::Result<Option<(Head, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 48];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = response.parse(bytes).map_err(io::Error::other)?
    else {
        return if bytes.len() > HEAD_LIMIT {
            Err(malformed("head"))
        } else {
            Ok(None)
        };
    };
    let status = response.code.unwrap_or(0);
    let mut head = Head {
        status,
        retry_after: None,
        framing: Framing::Length(0),
        closes: false,
    };
    for header in response.headers.iter() {
        let value = || std::str::from_utf8(header.value).ok().map(str::trim);
        if header.name.eq_ignore_ascii_case("content-length") {
            let length = value().and_then(|value| value.parse().ok());
            head.framing = Framing::Length(length.ok_or_else(|| malformed("length"))?);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            head.framing = Framing::Chunked;
        } else if header.name.eq_ignore_ascii_case("connection") {
            head.closes = value().is_some_and(|value| value.eq_ignore_ascii_case("close"));
        } else if header.name.eq_ignore_ascii_case("retry-after") {
            head.retry_after = value().and_then(|value| value.parse().ok());
        }
    }
    Ok(Some((head, length)))
}

fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next()?;
    u64::from_str_radix(std::str::from_utf8(digits).ok()?.trim(), 16).ok()
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::{Framing, chunk_size, parse_head};

    #[test]
    fn a_head_is_read_only_when_whole() {
        let whole =
            b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 12\r\n\r\n";
        assert!(parse_head(&whole[..40]).unwrap().is_none());
        let (head, length) = parse_head(whole).unwrap().unwrap();
        assert_eq!(
            (head.status, head.retry_after, length),
            (429, Some(7), whole.len())
        );
        assert_eq!(head.framing, Framing::Length(12));
        assert!(!head.closes);
    }

    #[test]
    fn chunks_and_a_closing_peer_are_noticed() {
        let whole = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
        let (head, _) = parse_head(whole).unwrap().unwrap();
        assert_eq!(head.framing, Framing::Chunked);
        assert!(head.closes);
    }

    #[test]
    fn chunk_sizes_are_hexadecimal_and_may_carry_extensions() {
        assert_eq!(chunk_size(b"1a"), Some(26));
        assert_eq!(chunk_size(b"1a;x=y"), Some(26));
        assert_eq!(chunk_size(b"zz"), None);
    }
}
