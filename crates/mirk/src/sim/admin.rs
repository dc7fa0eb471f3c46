//! The simulated provider's own endpoints under `/_sim/`, for tests in other processes.
//!
//! - `GET /_sim/requests`: `{"requests":[{"method","target","headers":[[name,value]],
//!   "body":base64,"credential","ended","age_ms"}]}`, oldest first; `DELETE` forgets them.
//! - `POST /_sim/script`: `{"status","headers":[[name,value]],"chunks":[{"delay_ms","base64"}],
//!   "ending":"whole"|"cut"|"stall"}`; answered with 204.
//! - `GET /_sim/stats`: `{"live","cancelled","requests","connections"}`.

use std::time::Duration;

use bytes::Bytes;
use data_encoding::BASE64;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method};
use serde::Deserialize;
use serde_json::{Value, json};

use super::reply::Reply;
use super::server::Stage;
use super::{Ending, Recorded, Scripted};

/// Answers a request below `/_sim/`.
pub(super) fn answer(parts: &Parts, body: Option<&Bytes>, stage: &Stage) -> Reply {
    match (&parts.method, parts.uri.path()) {
        (&Method::GET, "/_sim/requests") => {
            let now = tokio::time::Instant::now().into_std();
            let requests: Vec<Value> = stage
                .records
                .all()
                .iter()
                .map(|recorded| shown(recorded, now.saturating_duration_since(recorded.at)))
                .collect();
            Reply::json(200, &json!({ "requests": requests }))
        }
        (&Method::DELETE, "/_sim/requests") => {
            stage.records.clear();
            Reply::empty(204)
        }
        (&Method::GET, "/_sim/stats") => Reply::json(
            200,
            &json!({
                "live": stage.tally.live(),
                "cancelled": stage.tally.cancelled(),
                "requests": stage.tally.requests(),
                "connections": stage.tally.connections(),
            }),
        ),
        (&Method::POST, "/_sim/script") => match read(body) {
            Ok(script) => {
                stage.push_script(script);
                Reply::empty(204)
            }
            Err(problem) => Reply::json(400, &json!({ "error": problem.to_string() })),
        },
        _ => Reply::json(404, &json!({ "error": "no such endpoint" })),
    }
}

fn shown(recorded: &Recorded, age: Duration) -> Value {
    let headers: Vec<Value> = recorded
        .headers
        .iter()
        .map(|(name, value)| json!([name, String::from_utf8_lossy(value)]))
        .collect();
    json!({
        "method": recorded.method,
        "target": recorded.target,
        "headers": headers,
        "body": BASE64.encode(&recorded.body),
        "credential": recorded.credential,
        "ended": recorded.ended.as_str(),
        "age_ms": u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
    })
}

/// Why a script is not taken.
#[derive(Debug, thiserror::Error)]
enum ScriptError {
    #[error("the script is not read: {0}")]
    Json(#[from] serde_json::Error),
    #[error("a chunk is not base64: {0}")]
    Base64(#[from] data_encoding::DecodeError),
    #[error("the status is outside 200 to 599")]
    Status,
    #[error("a header is not one: {0}")]
    Header(#[from] http::Error),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    status: u16,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    chunks: Vec<Chunk>,
    #[serde(default)]
    ending: WrittenEnding,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chunk {
    #[serde(default)]
    delay_ms: u64,
    base64: String,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenEnding {
    #[default]
    Whole,
    Cut,
    Stall,
}

fn read(body: Option<&Bytes>) -> Result<Scripted, ScriptError> {
    let script: Script = serde_json::from_slice(body.map_or(&[][..], |body| body))?;
    if !(200..600).contains(&script.status) {
        return Err(ScriptError::Status);
    }
    for (name, value) in &script.headers {
        name.parse::<HeaderName>().map_err(http::Error::from)?;
        HeaderValue::from_str(value).map_err(http::Error::from)?;
    }
    let chunks = script
        .chunks
        .into_iter()
        .map(|chunk| {
            let bytes = BASE64.decode(chunk.base64.as_bytes())?;
            Ok((Duration::from_millis(chunk.delay_ms), Bytes::from(bytes)))
        })
        .collect::<Result<_, ScriptError>>()?;
    let ending = match script.ending {
        WrittenEnding::Whole => Ending::Whole,
        WrittenEnding::Cut => Ending::Cut,
        WrittenEnding::Stall => Ending::Stall,
    };
    Ok(Scripted {
        status: script.status,
        headers: script.headers,
        chunks,
        ending,
    })
}
