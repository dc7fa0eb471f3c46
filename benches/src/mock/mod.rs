//! The upstream that is not one: answers chat completions from memory, on loopback, in a process of its own.
//!
//! What it does is said by the model's name (see [`script`]). It counts what it is asked, and by whom,
//! and tells under `/control/counts`. It ends when its stdin does, so it never outlives the bench.

mod counts;
mod script;

use std::convert::Infallible;
use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use crate::failure::{Doing, Failure};

pub(crate) use self::counts::{Counts, CountsRead};
use self::script::{Behaviour, Script};

/// The only credential the mock takes. It opens nothing: the mock answers on loopback, from memory.
pub(crate) const CREDENTIAL: &str = "bench-upstream-credential-0000000000";
/// Seconds of `Retry-After` under the model that is always busy.
pub(crate) const RETRY_AFTER_S: u64 = 7;

const ANSWER: &str = concat!(
    r#"{"id":"chatcmpl-bench-0000000000000000000000","object":"chat.completion","created":1750000000,"#,
    r#""model":"bench-json","choices":[{"index":0,"message":{"role":"assistant","content":"A reverse "#,
    r#"proxy takes a request, passes it on and brings the answer back; everything else it does is "#,
    r#"what it costs. This answer has about the length of a short reply, so that the price of moving "#,
    r#"it is neither hidden nor exaggerated.","refusal":null,"annotations":[]},"logprobs":null,"#,
    r#""finish_reason":"stop"}],"usage":{"prompt_tokens":57,"completion_tokens":61,"total_tokens":118},"#,
    r#""system_fingerprint":"fp_bench"}"#
);
const BUSY: &str = r#"{"error":{"message":"busy","type":"rate_limit_error","code":"rate_limit"}}"#;

type Answer = Response<Either<Full<Bytes>, Script>>;

/// Serves until stdin ends. The port is the first line on stdout.
pub(crate) async fn serve() -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .doing("binding the mock")?;
    let port = listener.local_addr().doing("binding the mock")?.port();
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{port}")
        .and_then(|()| stdout.flush())
        .doing("telling the port")?;
    let counts = Arc::new(Counts::default());
    let mut stdin = tokio::io::stdin();
    let mut ignored = [0; 64];
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.doing("accepting")?;
                drop(tokio::spawn(connection(stream, Arc::clone(&counts))));
            }
            read = stdin.read(&mut ignored) => {
                if read.doing("waiting for the end")? == 0 { return Ok(()) }
            }
        }
    }
}

async fn connection(stream: TcpStream, counts: Arc<Counts>) {
    // Without it a delta may wait for the peer's acknowledgement.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(move |request| {
        let counts = Arc::clone(&counts);
        async move { Ok::<_, Infallible>(answer(request, counts).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
    // A peer that leaves in the middle is what some measures are about; the script counts it.
    drop(served);
}

async fn answer(request: Request<Incoming>, counts: Arc<Counts>) -> Answer {
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/v1/chat/completions") => completion(request, counts).await,
        (&Method::GET, "/v1/models") => json(StatusCode::OK, Bytes::from_static(MODELS.as_bytes())),
        (&Method::GET, "/control/counts") => json(StatusCode::OK, counts.to_json()),
        _ => json(StatusCode::NOT_FOUND, Bytes::from_static(b"{}")),
    }
}

const MODELS: &str = r#"{"object":"list","data":[{"id":"bench-json","object":"model"}]}"#;

async fn completion(request: Request<Incoming>, counts: Arc<Counts>) -> Answer {
    let bearer = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let is_expected = bearer
        .and_then(|value| value.strip_prefix("Bearer "))
        .is_some_and(|it| it == CREDENTIAL);
    counts.request(is_expected);
    let Ok(behaviour) = read_behaviour(request.into_body()).await else {
        return json(StatusCode::BAD_REQUEST, Bytes::from_static(b"{}"));
    };
    match behaviour {
        Behaviour::Json => json(StatusCode::OK, Bytes::from_static(ANSWER.as_bytes())),
        Behaviour::Busy => {
            let mut answer = json(
                StatusCode::TOO_MANY_REQUESTS,
                Bytes::from_static(BUSY.as_bytes()),
            );
            answer
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
            answer
        }
        Behaviour::Stream(plan) => {
            let mut answer = Response::new(Either::Right(Script::new(plan, counts)));
            answer
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
            answer
        }
    }
}

/// Reads the whole body; the model stands in its first piece, in every request the bench makes.
async fn read_behaviour(mut body: Incoming) -> Result<Behaviour, hyper::Error> {
    let mut behaviour = None;
    while let Some(frame) = body.frame().await {
        if let (None, Ok(data)) = (behaviour, frame?.into_data()) {
            behaviour = Behaviour::of_request(&data);
        }
    }
    Ok(behaviour.unwrap_or(Behaviour::Json))
}

fn json(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(Either::Left(Full::new(body)));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

#[cfg(test)]
mod tests {
    use super::ANSWER;

    #[test]
    fn the_answer_is_json_of_about_600_bytes_with_usage() {
        let tree: serde_json::Value = serde_json::from_str(ANSWER).unwrap();
        assert_eq!(tree["usage"]["total_tokens"], 118);
        assert!((500..800).contains(&ANSWER.len()), "{}", ANSWER.len());
    }
}
