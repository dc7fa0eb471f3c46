//! Misbehaviour on demand: what follows the last `sim-` of the model's name decides it.
//!
//! - Pace: `slow` (200 ms between events), `stall` (one event, then silence), `silent` (no byte).
//! - Refusals in the provider's words: `401`, `403`, `404`, `429`, `500`, `503`, `529`, and `echo`
//!   (400 that quotes credential and prompt).
//! - Broken bodies: `cut` (three events, then a reset), `cutclean` (three events, then a clean
//!   end), `short` (stops before its `content-length`), `nolength` (ends with the connection),
//!   `inband` (an error after two deltas), `json200` (an error in JSON instead of the stream).
//! - Odd heads: `redirect`, `cookie`, `gzip`, `1xx`.
//! - Odd contents: `big` (1 MiB), `many` (100 deltas), `nousage`, `badusage`.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::SimOptions;
use super::ask::Ask;
use super::endpoint::Provider;
use super::refuse::{self, Refusal};
use super::reply::{Finish, Framing, Reply};
use super::say::Scene;
use super::usage::Honesty;

/// The pause between the events of `sim-slow`.
const SLOW: Duration = Duration::from_millis(200);
/// How many events a broken stream sends.
const EVENTS_BEFORE_BREAK: usize = 3;

/// How an answer departs from the ordinary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    Ordinary,
    Slow,
    Stall,
    Silent,
    Status(u16),
    Cut,
    CutClean,
    Redirect,
    Cookie,
    Echo,
    Gzip,
    Json200,
    InBand,
    Big,
    Many,
    Short,
    NoUsage,
    BadUsage,
    EarlyHints,
    NoLength,
}

impl Behaviour {
    /// Reads the model's name: all of it after the last `sim-`, but for an Ollama tag (`:latest`).
    pub(super) fn of(model: &str) -> Self {
        let Some((_, name)) = model.rsplit_once("sim-") else {
            return Self::Ordinary;
        };
        match name.split_once(':').map_or(name, |(name, _)| name) {
            "slow" => Self::Slow,
            "stall" => Self::Stall,
            "silent" => Self::Silent,
            "500" => Self::Status(500),
            "503" => Self::Status(503),
            "529" => Self::Status(529),
            "401" => Self::Status(401),
            "403" => Self::Status(403),
            "404" => Self::Status(404),
            "429" => Self::Status(429),
            "cut" => Self::Cut,
            "cutclean" => Self::CutClean,
            "redirect" => Self::Redirect,
            "cookie" => Self::Cookie,
            "echo" => Self::Echo,
            "gzip" => Self::Gzip,
            "json200" => Self::Json200,
            "inband" => Self::InBand,
            "big" => Self::Big,
            "many" => Self::Many,
            "short" => Self::Short,
            "nousage" => Self::NoUsage,
            "badusage" => Self::BadUsage,
            "1xx" => Self::EarlyHints,
            "nolength" => Self::NoLength,
            _ => Self::Ordinary,
        }
    }

    /// How true the counts of its answers are.
    pub(super) fn honesty(self) -> Honesty {
        match self {
            Self::NoUsage => Honesty::Absent,
            Self::BadUsage => Honesty::Absurd,
            _ => Honesty::True,
        }
    }
}

/// Refuses where the behaviour is a refusal.
pub(super) fn refuse(
    behaviour: Behaviour,
    ask: &Ask,
    credential: Option<&str>,
) -> Result<(), Refusal> {
    match behaviour {
        Behaviour::Status(status) => Err(Refusal::usual(status)),
        Behaviour::Echo => Err(Refusal::said(
            400,
            format!(
                "request with credential {} refused, its prompt was: {}",
                credential.unwrap_or("(none)"),
                ask.user_text
            ),
        )),
        _ => Ok(()),
    }
}

/// The error that stands inside a stream of `sim-inband` or instead of one of `sim-json200`.
pub(super) fn trouble() -> Refusal {
    Refusal::usual(529)
}

/// Turns the provider's answer into the one the behaviour asks for, and sets its pace.
pub(super) fn dress(
    spoken: Reply,
    provider: Provider,
    scene: &Scene,
    options: &SimOptions,
    credential: Option<&str>,
) -> Reply {
    let reply = refuse::with_id(spoken, provider, scene.sequence);
    let reply = match scene.behaviour {
        Behaviour::Redirect => {
            return Reply::empty(302).with("location", "http://elsewhere.invalid/v1/redirected");
        }
        Behaviour::Json200 => {
            return Reply::json(200, &refuse::body(provider, &trouble(), scene.sequence));
        }
        Behaviour::Cookie => with_bad_headers(reply, credential),
        Behaviour::Gzip => compressed(reply),
        Behaviour::EarlyHints => Reply {
            early_hints: true,
            ..reply
        },
        Behaviour::Short => reply.framed(Framing::Overstated).finishing(Finish::Close),
        Behaviour::Stall => broken_after(reply, 1, Finish::Stall),
        Behaviour::Cut => broken_after(reply, EVENTS_BEFORE_BREAK, Finish::Cut),
        Behaviour::CutClean => broken_after(reply, EVENTS_BEFORE_BREAK, Finish::Whole),
        Behaviour::NoLength if scene.ask.is_streamed => {
            broken_after(reply, EVENTS_BEFORE_BREAK, Finish::Whole).framed(Framing::Closed)
        }
        Behaviour::NoLength => reply.framed(Framing::Closed),
        Behaviour::Slow if reply.pieces.len() == 1 => Reply {
            framing: Framing::Given,
            pieces: quartered(&reply.pieces),
            ..reply
        },
        _ => reply,
    };
    paced(
        reply,
        if scene.behaviour == Behaviour::Slow {
            SLOW
        } else {
            options.event_gap
        },
    )
}

/// Keeps the first events, the body of one event being cut into four, and ends as told.
fn broken_after(mut reply: Reply, events: usize, finish: Finish) -> Reply {
    if reply.pieces.len() == 1 {
        reply.pieces = quartered(&reply.pieces);
    }
    reply.pieces.truncate(events);
    Reply {
        framing: Framing::Given,
        finish,
        ..reply
    }
}

fn quartered(pieces: &[(Duration, Bytes)]) -> Vec<(Duration, Bytes)> {
    let whole: Vec<u8> = pieces
        .iter()
        .flat_map(|(_, piece)| piece.iter().copied())
        .collect();
    whole
        .chunks(whole.len().div_ceil(4).max(1))
        .map(|quarter| (Duration::ZERO, Bytes::copy_from_slice(quarter)))
        .collect()
}

/// A streamed answer pauses before each event; one in a single piece does not.
fn paced(mut reply: Reply, gap: Duration) -> Reply {
    if reply.pieces.len() > 1 {
        for (wait, _) in &mut reply.pieces {
            *wait = gap;
        }
    }
    reply
}

fn with_bad_headers(reply: Reply, credential: Option<&str>) -> Reply {
    reply
        .with(
            "set-cookie",
            "__cf_bm=simulated; Path=/; HttpOnly; Secure; SameSite=None",
        )
        .with("server", "simulated/1.0")
        .with("content-security-policy", "default-src *")
        .with("access-control-allow-origin", "*")
        .with(
            "strict-transport-security",
            "max-age=31536000; includeSubDomains; preload",
        )
        .with("refresh", "0; url=http://elsewhere.invalid/")
        .with("x-powered-by", "simulation")
        .with("clear-site-data", "\"*\"")
        .with("alt-svc", "h3=\":443\"; ma=86400")
        .with("link", "<http://elsewhere.invalid/style.css>; rel=preload")
        .with("www-authenticate", "Bearer realm=\"simulated\"")
        .with("x-goog-api-key", credential.unwrap_or("(none)"))
}

/// Each piece becomes a part of one gzip stream that can be decoded as it comes.
fn compressed(mut reply: Reply) -> Reply {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let last = reply.pieces.len().saturating_sub(1);
    for (at, (_, piece)) in reply.pieces.iter_mut().enumerate() {
        let flushed = encoder.write_all(piece).and_then(|()| encoder.flush());
        let finished = flushed.and_then(|()| {
            if at == last {
                encoder.try_finish()
            } else {
                Ok(())
            }
        });
        // Writing to memory cannot fail; were it to, the piece would be missing and seen.
        *piece = match finished {
            Ok(()) => Bytes::from(std::mem::take(encoder.get_mut())),
            Err(_) => Bytes::new(),
        };
    }
    reply.with("content-encoding", "gzip")
}
