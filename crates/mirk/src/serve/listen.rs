//! The accept loop: seats, the guard, hyper, and an orderly end.
//!
//! Invariant: no error of one connection, and no lack of file descriptors, ends the loop; nothing
//! here prints or keeps an address.

use std::{
    convert::Infallible,
    error::Error,
    fmt,
    future::Future,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header::CONNECTION};
use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use mirk_model::Problem;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinSet,
};

pub use self::{
    host::HostPolicy,
    peer::{PeerHash, PeerHasher, Seat, Seats},
};
use super::guard::{Bounds, ConnState, Guard};

mod host;
mod peer;

/// Whatever ends an answer's body early; hyper then cuts the connection off, so that the client
/// sees a broken stream and not a finished one.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Bytes that hyper may hold of one request or one answer.
const BUFFER_BYTES: usize = 64 * 1024;
/// Bytes that the kernel may hold of one answer; Linux doubles it. Bounded so that a client that
/// reads slowly is seen to read.
const SEND_BYTES: u32 = 256 * 1024;
const BACKLOG: u32 = 1024;
/// How long the loop rests when it cannot accept.
const REST: Duration = Duration::from_millis(50);

/// What a server allows.
#[derive(Clone, Debug)]
pub struct Limits {
    /// For each connection.
    pub bounds: Bounds,
    /// Connections in all.
    pub total: usize,
    /// Connections of one peer.
    pub per_peer: usize,
    /// How long connections may go on once the server is told to end.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bounds: Bounds::default(),
            total: 10_000,
            per_peer: 256,
            drain: Duration::from_secs(30),
        }
    }
}

/// Answers requests. One is cloned for each connection.
pub trait Handler: Clone + Send + Sync + 'static {
    /// The answer's body. Yielding an error cuts the connection off.
    type Body: Body<Data = Bytes, Error = BoxError> + Send + Unpin + 'static;

    /// Answers a request that broke no rule of the guard. When its body fails to read,
    /// [`ConnState::body_fault`] has what to answer.
    fn handle(
        &self,
        request: Request<Incoming>,
        conn: &Arc<ConnState>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// Answers in place of a request whose head was refused. The connection closes after it.
    fn refuse(&self, problem: &Problem, conn: &Arc<ConnState>) -> Response<Self::Body>;
}

/// A socket that is listened on, and the hosts it serves.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    hosts: Arc<HostPolicy>,
}

impl Listener {
    /// Listens on `address`, port 0 for any; serves `hosts` besides this machine's own, as
    /// [`HostPolicy::new`] has it.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub fn bind<'a>(
        address: SocketAddr,
        hosts: impl IntoIterator<Item = &'a str>,
    ) -> io::Result<Self> {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.set_reuseaddr(true)?;
        socket.set_send_buffer_size(SEND_BYTES)?;
        socket.bind(address)?;
        let socket = socket.listen(BACKLOG)?;
        let hosts = Arc::new(HostPolicy::new(socket.local_addr()?, hosts));
        Ok(Self { socket, hosts })
    }

    /// The address that is listened on.
    ///
    /// # Errors
    /// The system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The hosts that are served.
    pub const fn hosts(&self) -> &Arc<HostPolicy> {
        &self.hosts
    }
}

/// What all listeners share.
#[derive(Debug)]
pub struct Server<H> {
    handler: H,
    bounds: Arc<Bounds>,
    drain: Duration,
    seats: Arc<Seats>,
    hasher: PeerHasher,
    count: AtomicU64,
}

impl<H: Handler> Server<H> {
    /// Answers with `handler`, within `limits`.
    pub fn new(handler: H, limits: Limits, hasher: PeerHasher) -> Self {
        Self {
            handler,
            bounds: Arc::new(limits.bounds),
            drain: limits.drain,
            seats: Arc::new(Seats::new(limits.total, limits.per_peer)),
            hasher,
            count: AtomicU64::new(0),
        }
    }

    /// The seats of all listeners.
    pub const fn seats(&self) -> &Arc<Seats> {
        &self.seats
    }

    /// Accepts until `ending` turns true or its sender is gone, then lets connections finish for
    /// as long as the limits say. Several listeners are several calls.
    pub async fn run(self: Arc<Self>, listener: Listener, mut ending: watch::Receiver<bool>) {
        let mut connections = JoinSet::new();
        let end = ending.clone();
        loop {
            tokio::select! {
                () = ended(&mut ending) => break,
                accepted = listener.socket.accept() => match accepted {
                    Ok((stream, from)) => {
                        let peer = self.hasher.hash(from.ip());
                        if let Some(seat) = self.seats.take(peer) {
                            let hosts = Arc::clone(&listener.hosts);
                            let server = Arc::clone(&self);
                            connections.spawn(server.serve_tcp(stream, seat, hosts, end.clone()));
                        }
                    }
                    Err(error) => rest(&error).await,
                },
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
            }
        }
        drop(listener);
        let finish = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(self.drain, finish).await.is_err() {
            connections.shutdown().await;
        }
    }

    async fn serve_tcp(
        self: Arc<Self>,
        stream: TcpStream,
        seat: Seat,
        hosts: Arc<HostPolicy>,
        ending: watch::Receiver<bool>,
    ) {
        // A socket that is already gone fails here; so will the first read.
        if stream.set_nodelay(true).is_ok() {
            self.serve(stream, seat.peer(), hosts, ending).await;
        }
        drop(seat);
    }

    /// Serves one connection, plain or decrypted, to its end.
    pub async fn serve<S>(
        &self,
        stream: S,
        peer: PeerHash,
        hosts: Arc<HostPolicy>,
        mut ending: watch::Receiver<bool>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let token = self
            .hasher
            .token(self.count.fetch_add(1, Ordering::Relaxed));
        let state = Arc::new(ConnState::new(token, peer, hosts));
        let mut guard = Guard::new(stream, Arc::clone(&state), Arc::clone(&self.bounds));
        {
            let service = service_fn(|request| answer(self.handler.clone(), request, &state));
            let mut connection =
                pin!(settings().serve_connection(TokioIo::new(&mut guard), service));
            let is_over = tokio::select! {
                biased;
                // What broke is the client's business; the service has seen its part of it.
                _ = &mut connection => true,
                () = ended(&mut ending) => false,
            };
            if !is_over {
                connection.as_mut().graceful_shutdown();
                drop(connection.await);
            }
        }
        guard.close().await;
    }
}

/// hyper's part: the guard bounds heads and keeps time, so hyper's own timer stays off; it would
/// cost an allocation for each request. Half-closed connections are the guard's, too: hyper's
/// setting for them would not notice a client that goes away while it waits for its answer.
fn settings() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .header_read_timeout(None)
        .max_buf_size(BUFFER_BYTES)
        .half_close(false)
        .keep_alive(true);
    builder
}

async fn answer<H: Handler>(
    handler: H,
    request: Request<Incoming>,
    state: &Arc<ConnState>,
) -> Result<Response<Answer<H::Body>>, Infallible> {
    let mut response = match state.refusal_at(request.uri().path()) {
        Some(problem) => handler.refuse(problem, state),
        None => handler.handle(request, state).await,
    };
    if state.is_closing() {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|body| Answer {
        body,
        state: Arc::clone(state),
    }))
}

async fn ended(ending: &mut watch::Receiver<bool>) {
    // A sender that is gone cannot say that the server is to go on.
    drop(ending.wait_for(|&is_ending| is_ending).await);
}

/// A client that hung up in the queue is its own business; anything else is a lack of something,
/// which comes back when connections end.
async fn rest(error: &io::Error) {
    let is_clients = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    );
    if !is_clients {
        tokio::time::sleep(REST).await;
    }
}

/// An answer's body that says when it is over, so that the guard shows hyper the next request.
struct Answer<B> {
    body: B,
    state: Arc<ConnState>,
}

impl<B: Body + Unpin> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Answer<B> {
    fn drop(&mut self) {
        self.state.answered();
    }
}

impl<B> fmt::Debug for Answer<B> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Answer")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
