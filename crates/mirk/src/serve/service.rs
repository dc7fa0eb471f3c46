//! What a connection's requests are answered by: the gateway, and the few routes beside it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;
use mirk_gateway::{Body, Gateway, dialect_of, refusal};
use mirk_model::{Clock, Dialect, Entropy, Kind, Problem, RequestId};
use mirk_store::Store;

use super::{guard::ConnState, listen::Handler, page};

/// A route that the gateway does not have.
#[derive(Clone, Copy, Debug)]
pub struct OwnRoute {
    /// Methods.
    pub method: &'static str,
    /// Path, with `{token}` for a part that varies.
    pub pattern: &'static str,
    /// What a caller must show, in words.
    pub policy: &'static str,
}

const fn anonymous(pattern: &'static str) -> OwnRoute {
    OwnRoute {
        method: "GET",
        pattern,
        policy: "anonymous",
    }
}

/// Every route that the gateway does not have.
pub const OWN_ROUTES: &[OwnRoute] = &[
    anonymous("/health"),
    anonymous("/health/live"),
    anonymous("/health/ready"),
    anonymous("/.well-known/security.txt"),
    OwnRoute {
        method: "GET",
        pattern: "/setup/{token}",
        policy: "one-time set-up token",
    },
];

/// The handler of all connections.
#[derive(Clone, Debug)]
pub struct Service {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    gateway: Arc<Gateway>,
    store: Arc<Store>,
    vault: Arc<mirk_vault::Vault>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    contact: Option<String>,
    is_draining: AtomicBool,
}

impl Service {
    /// A handler over `gateway`, for an open installation; `contact` is for reports about this
    /// server.
    pub fn new(
        gateway: Arc<Gateway>,
        installation: &crate::boot::Installation,
        contact: Option<String>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                gateway,
                store: Arc::clone(&installation.store),
                vault: Arc::clone(&installation.vault),
                clock: Arc::clone(&installation.clock),
                entropy: Arc::clone(&installation.entropy),
                contact,
                is_draining: AtomicBool::new(false),
            }),
        }
    }

    /// From now on new requests are refused, and readiness is denied.
    pub fn drain(&self) {
        self.shared.is_draining.store(true, Ordering::Relaxed);
    }

    fn id(&self) -> String {
        RequestId::new(self.shared.clock.now(), &*self.shared.entropy).text()
    }

    /// The answer of a route beside the gateway's, if the path is one of theirs.
    fn own(&self, request: &Request<Incoming>) -> Option<Response<Body>> {
        let path = request.uri().path();
        let answer = match path {
            "/health" | "/health/live" => page::health(true),
            "/health/ready" => page::health(self.is_ready()),
            "/.well-known/security.txt" => {
                page::security_txt(self.shared.contact.as_deref(), self.shared.clock.now())
            }
            // Asked by proxies that look whether anything is here; there is nothing to say.
            "*" => return Some(no_content()),
            _ => page::setup(
                &self.shared.store,
                &self.shared.vault,
                path.strip_prefix("/setup/")
                    .filter(|token| !token.contains('/'))?,
                self.shared.clock.now(),
            ),
        };
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            return Some(answer);
        }
        let words = "This path does not take this method; see the Allow header.";
        let mut response = refusal(
            Dialect::OpenAiChat,
            &Problem::new(Kind::MethodNotAllowed, words),
            &self.id(),
        );
        response
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        Some(response)
    }

    fn is_ready(&self) -> bool {
        !self.shared.is_draining.load(Ordering::Relaxed) && self.shared.store.health().is_ok()
    }

    async fn answer(&self, request: Request<Incoming>, conn: &Arc<ConnState>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let host = head
            .headers
            .get(header::HOST)
            .map(|host| host.to_str().unwrap_or_default());
        let refused = conn.admit_host(host.or_else(|| head.uri.host())).err();
        let draining = || {
            let is_draining = self.shared.is_draining.load(Ordering::Relaxed);
            is_draining.then(|| {
                let words = "This server is shutting down. Try again.";
                Problem::new(Kind::Draining, words).retry_after(std::time::Duration::from_secs(2))
            })
        };
        if let Some(problem) = refused {
            return refusal(dialect_of(&head), &problem, &self.id());
        }
        let request = Request::from_parts(head, body);
        if let Some(answer) = self.own(&request) {
            return answer;
        }
        if let Some(problem) = draining() {
            let (head, _) = request.into_parts();
            return refusal(dialect_of(&head), &problem, &self.id());
        }
        // Boxed, and so gone when the answer begins: a stream keeps its connection's task small.
        Box::pin(self.shared.gateway.handle(request)).await
    }
}

/// The dialect that a path is answered in, when its headers do not count.
fn dialect_by(method: Method, uri: Uri) -> Dialect {
    let (mut head, ()) = Request::new(()).into_parts();
    (head.method, head.uri) = (method, uri);
    dialect_of(&head)
}

fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

impl Handler for Service {
    type Body = Body;

    async fn handle(&self, request: Request<Incoming>, conn: &Arc<ConnState>) -> Response<Body> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let answered = self.answer(request, conn).await;
        match conn.body_fault() {
            // The body broke a rule while it was read: that is what the client should hear, in
            // its own dialect. Only routes that the path alone tells apart take a body.
            Some(problem) if answered.status() == StatusCode::BAD_REQUEST => {
                refusal(dialect_by(method, uri), problem, &self.id())
            }
            _ => answered,
        }
    }

    fn refuse(&self, problem: &Problem, conn: &Arc<ConnState>) -> Response<Body> {
        let dialect = conn
            .refused_target()
            .parse()
            .map_or(Dialect::OpenAiChat, |uri| dialect_by(Method::POST, uri));
        refusal(dialect, problem, &self.id())
    }
}
