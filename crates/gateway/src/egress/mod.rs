//! The one door out: every outbound connection of Mirk is made here.
//!
//! Invariant: a connection goes only to a [`VettedAddr`](mirk_provider::address::VettedAddr); a name is resolved once per connection
//! and every address it has must pass the policy. Redirects are never followed, proxy variables
//! are never read, and connections are pooled per origin *and* credential.

mod connect;
mod h1;
mod pool;

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use mirk_model::{Clock, CredentialId, Kind, Problem};
use mirk_provider::address::{Origin, Policy};
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, pem::PemObject};

pub(crate) use pool::{OriginPool, UpstreamBody};

/// How long the steps of a call may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Name lookup, TCP and TLS together.
    pub connect: Duration,
    /// From the request being sent to the head of the answer.
    pub first_byte: Duration,
    /// Between two pieces of an answer.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_mins(2),
            idle: Duration::from_mins(5),
        }
    }
}

/// Certificates of the authorities that providers' certificates are checked against.
#[derive(Clone, Debug, Default)]
pub struct Roots(Vec<CertificateDer<'static>>);

impl Roots {
    /// Every certificate in PEM text; what is not one is passed over.
    pub fn from_pem(text: &[u8]) -> Self {
        Self(
            CertificateDer::pem_slice_iter(text)
                .filter_map(Result::ok)
                .collect(),
        )
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Looks `origin` up under the policy, without connecting.
pub(crate) async fn resolve_for_check(egress: &Egress, origin: &Origin) -> Result<(), SendError> {
    let resolve = connect::resolve(origin, &egress.policy);
    let resolved = tokio::time::timeout(egress.timeouts.connect, resolve).await;
    resolved
        .map_err(|_elapsed| SendError::ConnectTimeout)?
        .map(|_vetted| ())
}

/// Why a call got no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// The name or one of its addresses is not one that Mirk connects to.
    #[error("address refused by policy")]
    Blocked,
    /// Lookup or TCP failed.
    #[error("could not connect")]
    Unreachable,
    /// TLS or the certificate failed.
    #[error("tls failed")]
    Tls,
    /// Too slow to connect.
    #[error("connect timed out")]
    ConnectTimeout,
    /// Too slow to answer.
    #[error("no answer in time")]
    FirstByteTimeout,
    /// The connection broke after the request was, or may have been, sent.
    #[error("connection broke before the answer")]
    Broken,
}

impl From<SendError> for Problem {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Blocked => Self::new(
                Kind::UpstreamBlocked,
                "The provider's address is not one that Mirk connects to. Check its base URL.",
            ),
            SendError::Unreachable => Self::new(
                Kind::UpstreamUnreachable,
                "The provider could not be reached. Check its base URL and that it is running.",
            ),
            SendError::Tls => Self::new(
                Kind::UpstreamTls,
                "The provider's certificate or TLS could not be verified; nothing was sent.",
            ),
            SendError::ConnectTimeout => Self::new(
                Kind::UpstreamTimeout,
                "The provider did not accept a connection in time.",
            ),
            SendError::FirstByteTimeout => Self::new(
                Kind::UpstreamTimeout,
                "The provider did not begin to answer in time.",
            ),
            SendError::Broken => Self::new(
                Kind::UpstreamUnreachable,
                "The provider closed the connection without an answer.",
            ),
        }
    }
}

/// Pools by origin and credential, as long as somebody holds them.
type Pools = HashMap<(String, Option<CredentialId>), std::sync::Weak<OriginPool>>;

/// The HTTP client.
pub struct Egress {
    tls: Arc<ClientConfig>,
    policy: Policy,
    timeouts: Timeouts,
    clock: Arc<dyn Clock>,
    pools: std::sync::Mutex<Pools>,
}

impl fmt::Debug for Egress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Egress")
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}

impl Egress {
    /// A client under `policy` that trusts `roots`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(
        policy: Policy,
        timeouts: Timeouts,
        roots: &Roots,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Problem> {
        let tls = connect::tls_config(roots).map_err(|error| {
            Problem::new(Kind::Internal, format!("TLS could not be set up: {error}."))
        })?;
        Ok(Self {
            tls,
            policy,
            timeouts,
            clock,
            pools: std::sync::Mutex::default(),
        })
    }

    /// The timeouts in force.
    pub fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// The pool for `origin` with this credential: the same one as long as anybody holds it.
    pub(crate) fn pool(
        &self,
        origin: &Origin,
        credential: Option<CredentialId>,
    ) -> Arc<OriginPool> {
        let mut pools = lock(&self.pools);
        let key = (origin.to_string(), credential);
        if let Some(pool) = pools.get(&key).and_then(std::sync::Weak::upgrade) {
            return pool;
        }
        let pool = Arc::new(OriginPool::new(origin.clone(), Arc::clone(&self.clock)));
        pools.insert(key, Arc::downgrade(&pool));
        pool
    }

    /// Sends one request through `pool` and waits for the head of the answer.
    ///
    /// A request is sent a second time only when a pooled connection turns out to be closed
    /// before any of it was written.
    pub(crate) async fn send(
        &self,
        pool: &Arc<OriginPool>,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<UpstreamBody>, SendError> {
        // Boxed: every future above would otherwise carry its size along.
        Box::pin(pool.send(self, request)).await
    }

    /// Drops pooled connections that the other side closed or that idled too long.
    pub fn sweep(&self) {
        let mut pools = lock(&self.pools);
        pools.retain(|_, pool| pool.strong_count() > 0);
        let live: Vec<_> = pools
            .values()
            .filter_map(std::sync::Weak::upgrade)
            .collect();
        drop(pools);
        for pool in live {
            pool.sweep();
        }
    }
}

/// Locks, also after a panic elsewhere: the data behind these locks is always whole.
pub(crate) fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
