//! The simulated provider: a real HTTP/1.1 server on loopback that answers as each upstream does.
//!
//! It speaks every dialect from the provider's side, with true framing and timing, decides what
//! to say from the request alone, misbehaves on demand (`sim-cut`, `sim-429`, …) and remembers
//! what reached it, so that the demonstration, the sweep and the tests can look at the wire.
//!
//! Invariant: it listens on loopback only and never opens a connection of its own.
//! It accepts any credential that starts with `sim-`; everything else is refused as the provider
//! refuses it. What it records stays in memory and is gone with it.

mod admin;
mod anthropic;
mod ask;
mod behave;
mod completions;
mod embed;
mod endpoint;
mod gemini;
mod models;
mod ollama;
mod openai;
mod record;
mod refuse;
mod reply;
mod responses;
mod responses_events;
mod say;
mod server;
mod usage;
mod wire;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mirk_model::Dialect;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use self::server::Stage;

/// How a simulated provider listens and how fast it speaks.
#[derive(Clone, Debug)]
pub struct SimOptions {
    /// Where to listen; must be a loopback address. Port 0 lets the system choose.
    pub listen: SocketAddr,
    /// The pause before each event of a streamed answer.
    pub event_gap: Duration,
    /// The pause before the head of every answer.
    pub first_delay: Duration,
    /// The one dialect that it speaks; all when absent. Lists of models are always there.
    pub speaks: Option<Dialect>,
}

impl Default for SimOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            event_gap: Duration::from_millis(2),
            first_delay: Duration::ZERO,
            speaks: None,
        }
    }
}

/// How an answer came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Not yet: it is being prepared or sent.
    Running,
    /// Every byte meant to be sent was handed to the connection.
    Whole,
    /// The simulated provider broke it off on purpose.
    Cut,
    /// The client went away before the end.
    Cancelled,
}

impl Ended {
    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Whole => "whole",
            Self::Cut => "cut",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One request as it reached the simulated provider.
///
/// Holds prompts and a credential in the clear: it is made to be searched by tests, so it has no
/// `Debug` that prints them.
#[derive(Clone)]
pub struct Recorded {
    /// When its body had been read.
    pub at: Instant,
    /// The HTTP method.
    pub method: String,
    /// Path and query, as received.
    pub target: String,
    /// Header names in lower case with their values, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body as received, still encoded if it came encoded.
    pub body: Bytes,
    /// The credential the request carried, if any.
    pub credential: Option<String>,
    /// How its answer ended, at the moment [`Sim::requests`] was called.
    pub ended: Ended,
}

impl std::fmt::Debug for Recorded {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Recorded")
            .field("method", &self.method)
            .field("headers", &self.headers.len())
            .field("body_bytes", &self.body.len())
            .field("credential", &self.credential.is_some())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// What happens after the last chunk of a scripted answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The body ends as HTTP says it should.
    Whole,
    /// The TCP connection is reset.
    Cut,
    /// Nothing more is sent, and the connection stays open for an hour.
    Stall,
}

/// An answer given word for word.
///
/// With a `content-length` header the body is framed by it, else it is chunked.
#[derive(Clone, Debug)]
pub struct Scripted {
    /// The status, 200 to 599.
    pub status: u16,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The body: each piece with the pause before it.
    pub chunks: Vec<(Duration, Bytes)>,
    /// What happens after the last piece.
    pub ending: Ending,
}

/// A running simulated provider. Dropping it closes its port and every connection.
#[derive(Debug)]
pub struct Sim {
    addr: SocketAddr,
    stage: Arc<Stage>,
    accepting: JoinHandle<()>,
    /// Dropped, it tells the accepting task to close everything.
    open: oneshot::Sender<()>,
}

impl Sim {
    /// Listens and starts to answer in tasks of its own.
    ///
    /// # Errors
    /// When the address is not a loopback address or cannot be bound.
    pub async fn start(options: SimOptions) -> std::io::Result<Self> {
        if !options.listen.ip().is_loopback() {
            return Err(std::io::Error::new(
                std::io::ErrorKind::InvalidInput,
                "the simulated provider listens on loopback only",
            ));
        }
        let listener = TcpListener::bind(options.listen).await?;
        let addr = listener.local_addr()?;
        let stage = Arc::new(Stage::new(options));
        let (open, closing) = oneshot::channel();
        let accepting = tokio::spawn(server::accept(listener, Arc::clone(&stage), closing));
        Ok(Self {
            addr,
            stage,
            accepting,
            open,
        })
    }

    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The address as a base URL without a trailing slash.
    pub fn base(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The requests received, oldest first: at most the last 4,096, or 256 MiB of them.
    pub fn requests(&self) -> Vec<Recorded> {
        self.stage.records.all()
    }

    /// Forgets the requests received.
    pub fn clear(&self) {
        self.stage.records.clear();
    }

    /// Gives the next request exactly this answer; several are used first in, first out.
    pub fn script(&self, answer: Scripted) {
        self.stage.push_script(answer);
    }

    /// Answers being prepared or sent now.
    pub fn live(&self) -> usize {
        self.stage.tally.live()
    }

    /// Answers whose client went away before the end, since the start.
    pub fn cancelled(&self) -> usize {
        self.stage.tally.cancelled()
    }

    /// TCP connections accepted since the start.
    pub fn connections(&self) -> usize {
        self.stage.tally.connections()
    }

    /// Closes the port and every connection, and waits until that is done.
    pub async fn stop(self) {
        drop(self.open);
        // It ends by itself; were it to panic, there would be nothing left to close.
        drop(self.accepting.await);
    }
}
