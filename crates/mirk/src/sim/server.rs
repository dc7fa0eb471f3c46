//! Accepts connections, reads each request, records it, and chooses the answer.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::ask::Ask;
use super::behave::{self, Behaviour};
use super::endpoint::{self, Endpoint, Provider, Target};
use super::record::{Records, Tally, Turn};
use super::refuse::{self, Refusal};
use super::reply::{self, Reply, ReplyBody};
use super::say::Scene;
use super::wire::{Tricks, Wire};
use super::{Recorded, Scripted, SimOptions, admin};

/// The largest request body read, in bytes.
const MAX_BODY: usize = 64 * 1024 * 1024;
/// The most scripted answers that wait.
const MAX_SCRIPTS: usize = 4096;

/// What all connections of one simulated provider share.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) options: SimOptions,
    pub(super) records: Records,
    pub(super) tally: Arc<Tally>,
    scripts: Mutex<VecDeque<Scripted>>,
}

impl Stage {
    /// An empty stage.
    pub(super) fn new(options: SimOptions) -> Self {
        Self {
            options,
            records: Records::default(),
            tally: Arc::default(),
            scripts: Mutex::default(),
        }
    }

    /// Queues a scripted answer; over the bound the oldest is dropped.
    pub(super) fn push_script(&self, script: Scripted) {
        let mut scripts = self.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        if scripts.len() >= MAX_SCRIPTS {
            scripts.pop_front();
        }
        scripts.push_back(script);
    }

    fn pop_script(&self) -> Option<Scripted> {
        self.scripts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }
}

/// Accepts until told to close, by word or because nobody is left to tell; then closes all.
pub(super) async fn accept(
    listener: TcpListener,
    stage: Arc<Stage>,
    mut closing: oneshot::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut closing => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, Arc::clone(&stage)));
                }
                // Out of file descriptors: wait for some to be closed rather than spin.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn serve(stream: TcpStream, stage: Arc<Stage>) {
    stage.tally.connected();
    // Without it the events of a stream would wait for each other; failing costs only time.
    drop(stream.set_nodelay(true));
    let tricks = Arc::new(Tricks::default());
    let wire = TokioIo::new(Wire::new(stream, Arc::clone(&tricks)));
    let service =
        service_fn(move |request| handle(request, Arc::clone(&stage), Arc::clone(&tricks)));
    // An error here is a client that left or a body cut on purpose: both are counted elsewhere.
    drop(http1::Builder::new().serve_connection(wire, service).await);
}

async fn handle(
    request: Request<Incoming>,
    stage: Arc<Stage>,
    tricks: Arc<Tricks>,
) -> Result<Response<ReplyBody>, Infallible> {
    let (parts, incoming) = request.into_parts();
    let body = read(incoming).await;
    if parts.uri.path().starts_with("/_sim/") {
        let reply = admin::answer(&parts, body.as_ref(), &stage);
        return reply::send(reply, Turn::aside(), tricks).await;
    }
    let turn = Turn::begin(&stage.tally);
    let credential = endpoint::credential(&parts);
    let recorded = record(&parts, body.clone().unwrap_or_default(), credential.clone());
    stage.records.push(recorded, turn.end_cell());
    let mut reply = if let Some(script) = stage.pop_script() {
        Reply::from(script)
    } else {
        let arrival = Arrival {
            parts,
            body,
            credential,
            sequence: stage.tally.requests(),
        };
        let is_head = arrival.parts.method == Method::HEAD;
        let reply = arrival.answer(&stage.options).await;
        if is_head {
            Reply {
                pieces: Vec::new(),
                ..reply
            }
        } else {
            reply
        }
    };
    reply.delay = reply.delay.saturating_add(stage.options.first_delay);
    reply::send(reply, turn, tricks).await
}

/// The whole body, or nothing when it is over the limit or breaks off.
async fn read(mut incoming: Incoming) -> Option<Bytes> {
    let mut body = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.ok()?.into_data() else {
            continue;
        };
        if body.len().saturating_add(data.len()) > MAX_BODY {
            return None;
        }
        body.extend_from_slice(&data);
    }
    Some(body.freeze())
}

fn record(parts: &Parts, body: Bytes, credential: Option<String>) -> Recorded {
    Recorded {
        at: tokio::time::Instant::now().into_std(),
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
            .collect(),
        body,
        credential,
        ended: super::Ended::Running,
    }
}

/// One request, read.
struct Arrival {
    parts: Parts,
    body: Option<Bytes>,
    credential: Option<String>,
    sequence: usize,
}

impl Arrival {
    async fn answer(&self, options: &SimOptions) -> Reply {
        let target = endpoint::find(&self.parts);
        match self.try_answer(&target, options).await {
            Ok(reply) => reply,
            Err(refusal) => {
                let reply = refuse::render(target.provider, &refusal, self.sequence);
                let is_array = target.endpoint == Endpoint::StreamGenerate
                    && !self.parts.uri.query().unwrap_or("").contains("alt=sse");
                if is_array {
                    refuse::in_array(reply)
                } else {
                    reply
                }
            }
        }
    }

    async fn try_answer(&self, target: &Target, options: &SimOptions) -> Result<Reply, Refusal> {
        let body = self.body.as_ref().ok_or_else(Refusal::too_large)?;
        let asked = target.endpoint.dialect();
        if options.speaks.is_some() && asked.is_some() && asked != options.speaks {
            return Err(Refusal::no_endpoint(&self.parts));
        }
        self.admit(target)?;
        match target.endpoint {
            Endpoint::Unknown => return Err(Refusal::no_endpoint(&self.parts)),
            Endpoint::WrongMethod => return Err(Refusal::wrong_method(&self.parts)),
            Endpoint::WebSocket => return Err(Refusal::upgrade_required()),
            _ => {}
        }
        let value = self.parse(target.endpoint, body)?;
        let model = endpoint::model(target, &value);
        let behaviour = Behaviour::of(&model);
        let ask = Ask::read(target, &value, model, self.parts.uri.query());
        if behaviour == Behaviour::Silent {
            tokio::time::sleep(reply::STALL).await;
        }
        behave::refuse(behaviour, &ask, self.credential.as_deref())?;
        endpoint::check(target, &value, &self.parts)?;
        let scene = Scene::new(ask, behaviour, self.sequence);
        let spoken = endpoint::speak(target, &value, &scene)?;
        Ok(behave::dress(
            spoken,
            target.provider,
            &scene,
            options,
            self.credential.as_deref(),
        ))
    }

    /// Any credential that starts with `sim-` will do; Ollama asks for none.
    fn admit(&self, target: &Target) -> Result<(), Refusal> {
        match &self.credential {
            _ if target.provider == Provider::Ollama => Ok(()),
            Some(credential) if credential.starts_with("sim-") => Ok(()),
            Some(_) => Err(Refusal::wrong_credential()),
            None => Err(Refusal::no_credential()),
        }
    }

    fn parse(&self, endpoint: Endpoint, body: &Bytes) -> Result<Value, Refusal> {
        if !endpoint.takes_body() {
            return Ok(Value::Null);
        }
        if self
            .parts
            .headers
            .contains_key(http::header::CONTENT_ENCODING)
        {
            return Err(Refusal::encoded());
        }
        match serde_json::from_slice(body) {
            Ok(value @ Value::Object(_)) => Ok(value),
            _ => Err(Refusal::not_json()),
        }
    }
}
