//! The demonstration's client: sends one streaming request and says how the answer came.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use mirk_model::Clock;

/// How an answer came.
#[derive(Debug)]
pub(super) struct Heard {
    /// Status.
    pub(super) status: u16,
    /// Pieces in which the body arrived.
    pub(super) pieces: usize,
    /// From sending to the first piece.
    pub(super) first: Duration,
    /// From sending to the end.
    pub(super) total: Duration,
    /// The whole body.
    pub(super) body: String,
}

/// What to send.
#[derive(Debug)]
pub(super) struct Sent<'a> {
    /// Path and query.
    pub(super) path: &'a str,
    /// The header that carries the key, and its value.
    pub(super) key: (&'static str, String),
    /// JSON.
    pub(super) body: String,
}

/// Sends `sent` to `address` and reads the answer to its end.
pub(super) async fn send(
    address: SocketAddr,
    sent: &Sent<'_>,
    clock: &dyn Clock,
) -> Result<Heard, String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the demonstration's client calls its own Mirk on loopback"
    )]
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .map_err(|error| error.kind().to_string())?;
    let (mut sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let driver = tokio::spawn(driver);
    let key = HeaderValue::from_str(&sent.key.1).map_err(|error| error.to_string())?;
    let request = Request::post(sent.path)
        .header(header::HOST, address.to_string())
        .header(header::CONTENT_TYPE, "application/json")
        .header("anthropic-version", "2023-06-01")
        .header(sent.key.0, key)
        .body(Full::new(Bytes::from(sent.body.clone())))
        .map_err(|error| error.to_string())?;
    let start = clock.mono();
    let since = || Duration::from_nanos(clock.mono().saturating_sub(start));
    let answer = sender
        .send_request(request)
        .await
        .map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    let mut body = answer.into_body();
    let (mut pieces, mut first, mut text) = (0_usize, None, Vec::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| error.to_string())?;
        if let Ok(data) = frame.into_data() {
            first.get_or_insert_with(since);
            pieces = pieces.saturating_add(1);
            text.extend_from_slice(&data);
        }
    }
    driver.abort();
    let body = String::from_utf8_lossy(&text).into_owned();
    Ok(Heard {
        status,
        pieces,
        first: first.unwrap_or_default(),
        total: since(),
        body,
    })
}
