//! The data path: from a client's request to the last byte of the answer.
//!
//! arrive, admit, reserve, plan, attempt, relay, settle: each step takes what only the one before
//! it can make, so a path that skips admission or forgets the meter does not compile.
//!
//! Invariant: knows neither control nor web; the key check reads memory only; a body is
//! forwarded as the bytes that came, but for a model's name where an alias was asked for.

mod admit;
mod arrive;
mod asked;
mod attempt;
mod body;
mod counted;
mod dispatch;
mod egress;
mod limits;
mod listing;
mod login;
mod meter;
mod plan;
mod plane;
mod probe;
mod relay;
mod reserve;
mod translate;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header, request};
use hyper::body::Incoming;
use mirk_dialect::{endpoint::What, json, problem::render, tap::estimate};
use mirk_model::{
    Clock, Dialect, Entropy, Exchange, Kind, Operation, Outcome, Problem, Scope, Usage,
};
use mirk_provider::address::{Mode, Policy};
use mirk_store::{Directory, Store};
use mirk_vault::Vault;

pub use arrive::Limits;
pub use body::Body;
pub use egress::{Egress, Roots, Timeouts};
pub use login::{Pointed, PointedError, Pointers};
pub use meter::Ledger;
pub use probe::{Presented, Probe, check_origin, probe};
pub use relay::BrokenOff;

use crate::{
    admit::Admitted,
    arrive::Arrival,
    attempt::{Attempted, Context, Head, Planned},
    body::Waiting,
    dispatch::Asked,
    login::{Logins, Tools},
    meter::Meter,
    plane::Plane,
    relay::KEEP_ALIVE,
};

/// Everything the gateway is made of.
#[derive(Debug)]
pub struct Parts {
    /// Opens credentials and checks keys.
    pub vault: Arc<Vault>,
    /// Counts calls durably, and tells of changes.
    pub store: Arc<Store>,
    /// Where finished exchanges go.
    pub ledger: Arc<dyn Ledger>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// Which addresses may be connected to.
    pub policy: Policy,
    /// How long upstreams may take.
    pub timeouts: Timeouts,
    /// Authorities that providers' certificates are checked against.
    pub roots: Roots,
    /// How much of a request is read.
    pub limits: Limits,
    /// Origins of web pages that may call the model routes.
    pub origins: Vec<String>,
    /// Reads tokens that other programs keep.
    pub pointers: Arc<dyn Pointers>,
}

/// The data path.
#[derive(Debug)]
pub struct Gateway {
    vault: Arc<Vault>,
    store: Arc<Store>,
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    ids: arrive::Ids,
    egress: Arc<Egress>,
    logins: Logins,
    limits: Limits,
    origins: Vec<String>,
    plane: ArcSwap<Plane>,
}

/// The output that a request without a limit of its own is taken to ask for.
const USUAL_OUTPUT: u64 = 1_024;

impl Gateway {
    /// Builds the gateway, and has it follow every change of the store's directory from now on.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(parts: Parts) -> Result<Arc<Self>, Problem> {
        let is_hosted = parts.policy.mode == Mode::Hosted;
        let egress = Egress::new(
            parts.policy,
            parts.timeouts,
            &parts.roots,
            Arc::clone(&parts.clock),
        )?;
        let egress = Arc::new(egress);
        let logins = Logins::new(Tools {
            vault: Arc::clone(&parts.vault),
            store: Arc::clone(&parts.store),
            egress: Arc::clone(&egress),
            clock: Arc::clone(&parts.clock),
            entropy: Arc::clone(&parts.entropy),
            is_hosted,
            pointers: parts.pointers,
        });
        let gateway = Arc::new(Self {
            logins,
            vault: parts.vault,
            store: Arc::clone(&parts.store),
            ledger: parts.ledger,
            clock: parts.clock,
            ids: arrive::Ids::new(&*parts.entropy),
            egress,
            limits: parts.limits,
            origins: parts.origins,
            plane: ArcSwap::default(),
        });
        let weak = Arc::downgrade(&gateway);
        parts.store.on_change(Box::new(move |directory| {
            if let Some(gateway) = weak.upgrade() {
                gateway.follow(directory);
            }
        }));
        gateway.follow(&parts.store.directory());
        Ok(gateway)
    }

    /// Takes over a changed directory. When this returns, revoked keys are dead.
    fn follow(&self, directory: &Directory) {
        let old = self.plane.load_full();
        self.plane.store(Arc::new(Plane::build(
            directory,
            &self.vault,
            (&self.egress, &self.logins),
            &old,
        )));
    }

    /// Housekeeping, to be called every few seconds: forgets opened credentials and dead
    /// connections.
    pub fn sweep(&self) {
        self.plane.load().sweep(self.clock.mono());
        self.egress.sweep();
    }

    /// The client that makes Mirk's connections.
    pub fn egress(&self) -> &Arc<Egress> {
        &self.egress
    }

    /// One client request, from its head to the body that relays the answer.
    pub async fn handle(self: &Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let arrival = Arrival::new(&*self.clock, &self.ids);
        let (head, body) = request.into_parts();
        let (what, path_model) = match arrive::endpoint(&head) {
            Ok((endpoint, model)) => (endpoint.what, model.map(std::borrow::Cow::into_owned)),
            Err((problem, allow)) => {
                let dialect = arrive::dialect(&head, None);
                return with_allow(refusal(dialect, &problem, &arrival.id.text()), allow);
            }
        };
        let dialect = arrive::dialect(&head, Some(what));
        let request = Request::from_parts(head, body);
        let answered = self
            .answer((arrival, dialect), (what, path_model), request)
            .await;
        answered.unwrap_or_else(|problem| refusal(dialect, &problem, &arrival.id.text()))
    }

    async fn answer(
        self: &Arc<Self>,
        (arrival, dialect): (Arrival, Dialect),
        (what, path_model): (What, Option<String>),
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Problem> {
        match what {
            What::Hello => return Ok(Response::new(Body::empty())),
            What::NoUpgrade => {
                let words = "WebSocket is not spoken here; send the request with POST.";
                return Err(Problem::new(Kind::UpgradeRequired, words));
            }
            What::Version => return Ok(listing::version()),
            What::Ask(_)
            | What::List
            | What::ListGemini
            | What::ListOllama
            | What::Show
            | What::ShowGemini
            | What::ShowOllama => {}
        }
        let (head, body) = request.into_parts();
        let presented = arrive::presented(&head, dialect)?;
        let plane = self.plane.load_full();
        let admitted = admit::admit(&plane, &self.vault, presented.as_deref(), arrival.at)?;
        arrive::check_head(&head, &self.origins, dialect)?;
        let request = Request::from_parts(head, body);
        if let What::Ask(operation) = what {
            return self
                .call((arrival, admitted, plane), (operation, path_model), request)
                .await;
        }
        admitted.may(Scope::Models)?;
        let tenant = plane.tenants.get(&admitted.key.tenant);
        let asked = (what, path_model.as_deref(), dialect);
        listing::answer((tenant, &admitted), asked, request, self.limits.body).await
    }

    /// A request to a model, admitted. From here on every end is written down.
    async fn call(
        self: &Arc<Self>,
        (arrival, admitted, plane): (Arrival, Admitted, Arc<Plane>),
        (operation, path_model): (Operation, Option<String>),
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Problem> {
        let stamp = arrival.belongs_to(admitted.key.tenant, admitted.key.kid);
        let reserved = if self.ledger.is_full() {
            let words = "The ledger cannot keep up, and no request goes unrecorded. Try again.";
            Err(Problem::new(Kind::StorageUnavailable, words).retry_after(Duration::from_secs(5)))
        } else {
            reserve::reserve(&self.store, &admitted, (arrival.at, arrival.mono)).await
        };
        let mut reservation = match reserved {
            Ok(reservation) => reservation,
            Err(problem) => {
                self.write_refusal(&stamp, problem.kind);
                return Err(problem);
            }
        };
        let read = self
            .ask(&admitted, (operation, path_model), request)
            .await
            .and_then(|(asked, tokens)| {
                reservation.take_tokens(tokens, arrival.mono)?;
                Ok(asked)
            });
        let mut meter = Meter::new(
            Arc::clone(&self.ledger),
            Arc::clone(&self.clock),
            stamp,
            reservation,
        );
        let planned = read.and_then(|asked| {
            meter.asked(asked.body.len(), operation);
            let tenant = plane.tenants.get(&admitted.key.tenant);
            Ok((plan::plan(tenant, &admitted, &asked)?, asked))
        });
        match planned {
            Ok((attempts, asked)) if attempts.is_empty() => {
                Ok(counted::here(&asked, meter, &arrival.id.text()))
            }
            Ok((attempts, asked)) => {
                let context = Context {
                    request_id: arrival.id.text(),
                    created: arrival.at.as_micros() / 1_000_000,
                    expires: expiry(&admitted, arrival),
                };
                self.run(Planned {
                    asked,
                    attempts,
                    admitted,
                    meter,
                    context,
                })
                .await
            }
            Err(problem) => {
                meter.status(problem.kind.status());
                meter.fail();
                Err(problem)
            }
        }
    }

    /// Reads the body and what routing needs of it, with an estimate of its tokens.
    async fn ask(
        &self,
        admitted: &Admitted,
        (operation, path_model): (Operation, Option<String>),
        request: Request<Incoming>,
    ) -> Result<(Asked, u64), Problem> {
        admitted.may(if operation.is_embedding() {
            Scope::Embeddings
        } else {
            Scope::Chat
        })?;
        let (head, body) = arrive::body(request, self.limits.body).await?;
        let scanned = json::Head::scan(&body, self.limits.json)?;
        let is_stream = scanned.is_streamed(operation);
        let (model, model_span) = asked::model(operation, path_model, scanned.model, &body)?;
        let output = if operation.is_count() || operation.is_embedding() {
            0
        } else {
            scanned
                .max_tokens
                .unwrap_or(USUAL_OUTPUT)
                .saturating_mul(scanned.choices)
        };
        let tokens = estimate(body.len() as u64).saturating_add(output);
        let allowed = mirk_provider::header::request(operation.dialect());
        let headers = arrive::forwardable(&head.headers, allowed);
        let query = head.uri.query().map(ToOwned::to_owned);
        Ok((
            Asked {
                operation,
                headers,
                query,
                body,
                model,
                model_span,
                is_stream,
            },
            tokens,
        ))
    }

    /// Runs the attempts. A stream that is slow to begin is begun for it, so that the client
    /// and everything between hear that it lives.
    async fn run(self: &Arc<Self>, planned: Planned) -> Result<Response<Body>, Problem> {
        let (operation, is_stream) = (planned.asked.operation, planned.asked.is_stream);
        let request_id = planned.context.request_id.clone();
        // Boxed here, so that the futures above stay small and are cheap to move.
        let mut attempt: std::pin::Pin<Box<dyn Future<Output = _> + Send>> =
            Box::pin(attempt::first_good(Arc::clone(self), planned));
        if !is_stream || operation.dialect() == Dialect::Ollama {
            return Ok(respond(attempt.await?, &request_id));
        }
        match tokio::time::timeout(KEEP_ALIVE, &mut attempt).await {
            Ok(attempted) => Ok(respond(attempted?, &request_id)),
            Err(_elapsed) => {
                let timer = Box::pin(tokio::time::sleep(KEEP_ALIVE));
                let waiting = Waiting {
                    attempt,
                    operation,
                    request_id: request_id.clone(),
                    timer,
                    is_greeted: false,
                };
                let mut response = Response::new(Body::waiting(waiting));
                let headers = response.headers_mut();
                headers.insert(
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("text/event-stream"),
                );
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
                mark(headers, &request_id);
                Ok(response)
            }
        }
    }

    /// Writes down a request that was admitted but not let in.
    fn write_refusal(&self, stamp: &arrive::Stamp, kind: Kind) {
        self.ledger.record(Exchange {
            request: stamp.id,
            at: stamp.at,
            tenant: stamp.tenant,
            kid: stamp.kid,
            provider: Arc::from(""),
            model: Arc::from(""),
            status: kind.status(),
            outcome: Outcome::Failed,
            usage: Usage::default(),
            cost: Some(mirk_model::Money::default()),
            first_byte_us: None,
            total_us: self.clock.mono().saturating_sub(stamp.mono) / 1_000,
        });
    }
}

/// When the key expires, on the clock that never goes back.
fn expiry(admitted: &Admitted, arrival: Arrival) -> Option<u64> {
    let left = admitted
        .key
        .expires_at?
        .as_micros()
        .saturating_sub(arrival.at.as_micros());
    Some(
        arrival
            .mono
            .saturating_add(u64::try_from(left).unwrap_or(0).saturating_mul(1_000)),
    )
}

fn respond(attempted: Attempted, request_id: &str) -> Response<Body> {
    let (head, body) = match attempted {
        Attempted::Relay { head, relay } => (head, Body::relay(*relay)),
        Attempted::Ready { head, body } | Attempted::Whole { head, body, .. } => {
            (head, Body::whole(body))
        }
    };
    let Head {
        status,
        headers,
        provider,
        model,
        transforms,
    } = head;
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    let headers = response.headers_mut();
    mark(headers, request_id);
    for (name, value) in [("x-mirk-provider", &provider), ("x-mirk-model", &model)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    if !transforms.is_empty()
        && let Ok(value) = HeaderValue::try_from(transforms)
    {
        headers.insert("x-mirk-transforms", value);
    }
    response
}

fn mark(headers: &mut http::HeaderMap, request_id: &str) {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert("x-mirk-request-id", value);
    }
}

/// A refusal in the client's own dialect.
pub fn refusal(dialect: Dialect, problem: &Problem, request_id: &str) -> Response<Body> {
    let (status, rendered, body) = render(dialect, problem, request_id);
    let mut response = Response::new(Body::whole(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in rendered {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    mark(headers, request_id);
    response
}

fn with_allow(mut response: Response<Body>, allow: Option<String>) -> Response<Body> {
    if let Some(Ok(allow)) = allow.map(HeaderValue::try_from) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

/// The dialect that a refusal of this head is worded in.
pub fn dialect_of(head: &request::Parts) -> Dialect {
    let what = arrive::endpoint(head)
        .ok()
        .map(|(endpoint, _)| endpoint.what);
    arrive::dialect(head, what)
}
