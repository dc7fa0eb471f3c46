//! What the guard of a connection and the service on it tell each other.

use std::{
    fmt,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
};

use mirk_model::Problem;

use crate::serve::listen::{HostPolicy, PeerHash};

/// Path under which a refused head is handed on; a token unknown outside follows it.
const REFUSED: &str = "/__refused/";

/// One connection's shared cell.
pub struct ConnState {
    token: u64,
    peer: PeerHash,
    hosts: Arc<HostPolicy>,
    refusal: OnceLock<Problem>,
    target: OnceLock<String>,
    body_fault: OnceLock<Problem>,
    is_closing: AtomicBool,
    is_answering: AtomicBool,
    held: Mutex<Option<Waker>>,
}

impl ConnState {
    /// For a connection from `peer` on a listener that serves `hosts`. `token` is random.
    pub fn new(token: u64, peer: PeerHash, hosts: Arc<HostPolicy>) -> Self {
        Self {
            token,
            peer,
            hosts,
            refusal: OnceLock::new(),
            target: OnceLock::new(),
            body_fault: OnceLock::new(),
            is_closing: AtomicBool::new(false),
            is_answering: AtomicBool::new(false),
            held: Mutex::new(None),
        }
    }

    /// Who is at the other end, as a keyed hash.
    pub const fn peer(&self) -> PeerHash {
        self.peer
    }

    /// Checks the `Host` of a request on this connection.
    ///
    /// # Errors
    /// [`mirk_model::Kind::Misdirected`] when it is not one that this listener serves.
    pub fn admit_host(&self, host: Option<&str>) -> Result<(), Problem> {
        self.hosts.admit(host)
    }

    /// Why the last head was refused, if one was. The connection closes after the answer.
    pub fn refusal(&self) -> Option<&Problem> {
        self.refusal.get()
    }

    /// The refusal that a request for `path` stands for. A client that asks for the same path
    /// does not know the token, and asks in vain.
    pub fn refusal_at(&self, path: &str) -> Option<&Problem> {
        self.refusal
            .get()
            .filter(|_| path.starts_with(REFUSED) && path == self.refused_path())
    }

    /// What to answer when reading the request's body failed: 400, 408, 413 or 431.
    pub fn body_fault(&self) -> Option<&Problem> {
        self.body_fault.get()
    }

    /// Does the connection close after the answer under way?
    pub fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Relaxed)
    }

    /// Lets the connection close after the answer under way.
    pub fn close_after(&self) {
        self.is_closing.store(true, Ordering::Relaxed);
    }

    pub(super) fn name_target(&self, target: &str) {
        drop(self.target.set(target.to_owned()));
    }

    /// The target of a refused head, as far as it could be told.
    pub fn refused_target(&self) -> &str {
        self.target.get().map_or("", String::as_str)
    }

    pub(super) fn refuse(&self, problem: Problem) {
        self.close_after();
        drop(self.refusal.set(problem));
    }

    pub(super) fn break_body(&self, problem: Problem) {
        self.close_after();
        drop(self.body_fault.set(problem));
    }

    /// The request that hyper is shown in place of a refused head.
    pub(super) fn refused_request(&self) -> Vec<u8> {
        format!(
            "POST {} HTTP/1.1\r\nhost: refused\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            self.refused_path()
        )
        .into_bytes()
    }

    fn refused_path(&self) -> String {
        format!("{REFUSED}{:016x}", self.token)
    }

    /// A request was handed on; until [`Self::answered`], the next one waits.
    pub(super) fn ask(&self) {
        self.is_answering.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_answering(&self) -> bool {
        self.is_answering.load(Ordering::Acquire)
    }

    /// Wakes `waker` when the answer under way is done.
    pub(super) fn hold(&self, waker: &Waker) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if !held.as_ref().is_some_and(|held| held.will_wake(waker)) {
            *held = Some(waker.clone());
        }
    }

    /// The answer was produced to its end, or given up.
    pub(in crate::serve) fn answered(&self) {
        self.is_answering.store(false, Ordering::Release);
        let held = self
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(waker) = held {
            waker.wake();
        }
    }
}

impl fmt::Debug for ConnState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ConnState")
            .field("is_closing", &self.is_closing())
            .field("refusal", &self.refusal().map(|problem| problem.kind))
            .field("body_fault", &self.body_fault().map(|problem| problem.kind))
            .finish_non_exhaustive()
    }
}
