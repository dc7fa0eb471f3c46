//! Connections to one origin with one credential, and the answers that come through them.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as _;
use http_body_util::Full;
use hyper::{body::Incoming, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mirk_model::Clock;
use mirk_provider::address::{Origin, VettedAddr};

use super::{
    Egress, SendError, connect,
    h1::{Failed, H1},
    lock,
};

/// Idle connections kept per origin and credential.
const MOST_IDLE: usize = 512;

/// How long a connection may idle. Shorter than what providers' front ends allow, so that they
/// seldom close one that is about to be used.
const IDLE: Duration = Duration::from_secs(50);

/// How long the addresses of a name are used before it is looked up again.
const NAME_LIFETIME: Duration = Duration::from_secs(30);

/// Streams on one HTTP/2 connection before a new one is opened; servers commonly allow 100.
const MOST_STREAMS: usize = 100;

/// All connections to one origin with one credential.
pub(crate) struct OriginPool {
    origin: Origin,
    clock: Arc<dyn Clock>,
    idle: Mutex<Vec<H1>>,
    shared: Mutex<Vec<H2>>,
    names: Mutex<Option<(u64, Vec<VettedAddr>)>>,
    /// Until when the credential is passed over, on the clock that never goes back.
    parked_until: AtomicU64,
}

impl fmt::Debug for OriginPool {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "OriginPool({})", self.origin)
    }
}

#[derive(Clone)]
struct H2 {
    sender: http2::SendRequest<Full<Bytes>>,
    open: Arc<AtomicUsize>,
}

/// One open stream of an HTTP/2 connection; gives its place back on drop.
#[derive(Debug)]
struct Slot(Arc<AtomicUsize>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

enum Fresh {
    One(Box<H1>),
    Shared(H2),
}

impl OriginPool {
    pub(super) fn new(origin: Origin, clock: Arc<dyn Clock>) -> Self {
        Self {
            origin,
            clock,
            idle: Mutex::default(),
            shared: Mutex::default(),
            names: Mutex::default(),
            parked_until: AtomicU64::new(0),
        }
    }

    /// Where the connections go.
    pub(crate) const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Passes the credential over for a while.
    pub(crate) fn park(&self, wait: Duration) {
        self.parked_until.fetch_max(
            self.clock.mono().saturating_add(nanos(wait)),
            Ordering::Relaxed,
        );
    }

    /// Whether the credential rests after its provider refused it.
    pub(crate) fn is_parked(&self) -> bool {
        self.parked_until.load(Ordering::Relaxed) > self.clock.mono()
    }

    pub(super) async fn send(
        self: &Arc<Self>,
        egress: &Egress,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<UpstreamBody>, SendError> {
        if let Some(shared) = self.shared() {
            return Self::send_shared(shared, request, egress).await;
        }
        while let Some(connection) = self.take_idle() {
            match self.send_one(connection, request, egress).await {
                Err(Failed::Unsent(unsent)) => request = *unsent,
                Err(Failed::Broken) => return Err(SendError::Broken),
                Ok(answer) => return answer,
            }
        }
        // Boxed: rare, and large.
        let connect = tokio::time::timeout(egress.timeouts.connect, Box::pin(self.connect(egress)));
        match connect
            .await
            .map_err(|_elapsed| SendError::ConnectTimeout)??
        {
            Fresh::Shared(shared) => Self::send_shared(shared, request, egress).await,
            Fresh::One(connection) => {
                let sent = self.send_one(*connection, request, egress).await;
                sent.unwrap_or(Err(SendError::Broken))
            }
        }
    }

    /// The inner result is final; the outer error says whether another connection may be tried.
    async fn send_one(
        self: &Arc<Self>,
        mut connection: H1,
        request: Request<Full<Bytes>>,
        egress: &Egress,
    ) -> Result<Result<Response<UpstreamBody>, SendError>, Failed> {
        let answer =
            tokio::time::timeout(egress.timeouts.first_byte, connection.exchange(request)).await;
        let Ok(answer) = answer else {
            return Ok(Err(SendError::FirstByteTimeout));
        };
        let pool = Arc::clone(self);
        Ok(Ok(answer?.map(|body| {
            UpstreamBody(Inner::One {
                body,
                connection: Some(connection),
                pool,
            })
        })))
    }

    async fn send_shared(
        mut shared: H2,
        request: Request<Full<Bytes>>,
        egress: &Egress,
    ) -> Result<Response<UpstreamBody>, SendError> {
        shared.open.fetch_add(1, Ordering::Relaxed);
        let slot = Slot(Arc::clone(&shared.open));
        let answer = tokio::time::timeout(egress.timeouts.first_byte, async {
            shared.sender.ready().await?;
            shared.sender.send_request(request).await
        });
        match answer.await {
            Ok(Ok(answer)) => {
                Ok(answer.map(|body| UpstreamBody(Inner::Shared { body, _slot: slot })))
            }
            Ok(Err(_broken)) => Err(SendError::Broken),
            Err(_elapsed) => Err(SendError::FirstByteTimeout),
        }
    }

    fn shared(&self) -> Option<H2> {
        if !self.origin.is_https() {
            return None;
        }
        let mut shared = lock(&self.shared);
        shared.retain(|connection| !connection.sender.is_closed());
        shared
            .iter()
            .find(|connection| connection.open.load(Ordering::Relaxed) < MOST_STREAMS)
            .cloned()
    }

    fn take_idle(&self) -> Option<H1> {
        loop {
            // The lock is dropped before the connection is polled.
            let mut connection = lock(&self.idle).pop()?;
            if connection.is_ready() {
                return Some(connection);
            }
        }
    }

    fn give_back(&self, mut connection: H1) {
        connection.idle_since = self.clock.mono();
        let mut idle = lock(&self.idle);
        if idle.len() < MOST_IDLE {
            idle.push(connection);
        }
    }

    async fn connect(&self, egress: &Egress) -> Result<Fresh, SendError> {
        let addresses = self.addresses(egress).await?;
        let stream = connect::dial(&self.origin, &addresses, &egress.tls).await?;
        if !stream.is_h2() {
            return Ok(Fresh::One(Box::new(H1::handshake(stream).await?)));
        }
        let (sender, driver) = http2::Builder::new(TokioExecutor::new())
            .max_header_list_size(64 * 1024)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|_handshake| SendError::Broken)?;
        tokio::spawn(async move {
            // Ends with the connection; what went wrong shows in the streams on it.
            drop(driver.await);
        });
        let shared = H2 {
            sender,
            open: Arc::default(),
        };
        lock(&self.shared).push(shared.clone());
        Ok(Fresh::Shared(shared))
    }

    async fn addresses(&self, egress: &Egress) -> Result<Vec<VettedAddr>, SendError> {
        let now = self.clock.mono();
        if let Some((until, addresses)) = &*lock(&self.names)
            && now < *until
        {
            return Ok(addresses.clone());
        }
        let addresses = connect::resolve(&self.origin, &egress.policy).await?;
        *lock(&self.names) = Some((now.saturating_add(nanos(NAME_LIFETIME)), addresses.clone()));
        Ok(addresses)
    }

    pub(super) fn sweep(&self) {
        let oldest = self.clock.mono().saturating_sub(nanos(IDLE));
        let idle = std::mem::take(&mut *lock(&self.idle));
        let mut kept: Vec<H1> = idle
            .into_iter()
            .filter_map(|mut connection| {
                (connection.idle_since >= oldest && connection.is_ready()).then_some(connection)
            })
            .collect();
        let mut idle = lock(&self.idle);
        kept.append(&mut idle);
        kept.truncate(MOST_IDLE);
        *idle = kept;
        drop(idle);
        let mut shared = lock(&self.shared);
        shared.retain(|connection| !connection.sender.is_closed());
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The body of an upstream's answer. Dropping it before its end cancels the call.
#[derive(Debug)]
pub(crate) struct UpstreamBody(Inner);

#[derive(Debug)]
enum Inner {
    One {
        body: Incoming,
        connection: Option<H1>,
        pool: Arc<OriginPool>,
    },
    Shared {
        body: Incoming,
        _slot: Slot,
    },
}

/// The upstream broke off in the middle of its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Broken;

impl UpstreamBody {
    /// The next piece, as the upstream sent it. After the last one the connection goes back to
    /// its pool.
    pub(crate) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Broken>>> {
        loop {
            let frame = match &mut self.0 {
                Inner::Shared { body, .. } => Pin::new(body).poll_frame(cx),
                Inner::One {
                    body, connection, ..
                } => poll_driven(body, connection.as_mut(), cx),
            };
            match std::task::ready!(frame) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => return Poll::Ready(Some(Ok(data))),
                    Err(_trailers) => {}
                },
                Some(Err(_broken)) => return Poll::Ready(Some(Err(Broken))),
                None => {
                    self.reclaim(cx);
                    return Poll::Ready(None);
                }
            }
        }
    }

    /// Whether the last byte has been taken.
    pub(crate) fn is_end(&self) -> bool {
        match &self.0 {
            Inner::One { body, .. } | Inner::Shared { body, .. } => body.is_end_stream(),
        }
    }

    fn reclaim(&mut self, cx: &mut Context<'_>) {
        let Inner::One {
            connection, pool, ..
        } = &mut self.0
        else {
            return;
        };
        if let Some(mut connection) = connection.take()
            && connection.drive(cx).is_pending()
            && connection.is_ready()
        {
            pool.give_back(connection);
        }
    }
}

impl Drop for UpstreamBody {
    fn drop(&mut self) {
        // A body with a known length may be dropped with nothing left to read.
        if self.is_end() {
            self.reclaim(&mut Context::from_waker(std::task::Waker::noop()));
        }
    }
}

/// Polls the body, and when it has nothing yet lets the connection read, then polls once more.
fn poll_driven(
    body: &mut Incoming,
    connection: Option<&mut H1>,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<hyper::body::Frame<Bytes>, hyper::Error>>> {
    if let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) {
        return Poll::Ready(frame);
    }
    if let Some(connection) = connection {
        // Also when the connection is over: then the body says how it ended.
        let _is_over = connection.drive(cx);
    }
    Pin::new(body).poll_frame(cx)
}
