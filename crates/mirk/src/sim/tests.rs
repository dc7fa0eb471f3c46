//! The simulated provider seen from a raw socket.

mod breakage;
mod client;
mod dialects;
mod wishes;

use std::time::Duration;

use super::{Ended, Ending, Scripted, Sim, SimOptions};
use bytes::Bytes;
use client::{Ask, KEY, call, chat, open, post, settle};
use serde_json::{Value, json};

async fn sim() -> Sim {
    Sim::start(SimOptions {
        event_gap: Duration::ZERO,
        ..SimOptions::default()
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn it_refuses_to_listen_beyond_loopback() {
    let options = SimOptions {
        listen: ([0, 0, 0, 0], 0).into(),
        ..SimOptions::default()
    };
    let error = Sim::start(options).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_request_is_recorded_as_it_came() {
    let sim = sim().await;
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] });
    let ask = Ask::post("/v1/chat/completions?a=b", &body).with("X-Odd", "yes");
    assert_eq!(call(&sim, ask).await.status, 200);
    let requests = sim.requests();
    assert_eq!(requests.len(), 1);
    let recorded = &requests[0];
    assert_eq!(recorded.method, "POST");
    assert_eq!(recorded.target, "/v1/chat/completions?a=b");
    assert_eq!(recorded.body, body.to_string().as_bytes());
    assert_eq!(recorded.credential.as_deref(), Some(KEY));
    assert_eq!(recorded.ended, Ended::Whole);
    let odd = recorded
        .headers
        .iter()
        .find(|(name, _)| name == "x-odd")
        .unwrap();
    assert_eq!(odd.1, b"yes");
    sim.clear();
    assert!(sim.requests().is_empty());
    sim.stop().await;
}

#[tokio::test]
async fn a_record_does_not_print_what_it_holds() {
    let sim = sim().await;
    chat(&sim, "m", "canary", false).await;
    let printed = format!("{:?}", sim.requests());
    assert!(
        !printed.contains("canary") && !printed.contains(KEY),
        "a record prints its content"
    );
}

#[tokio::test]
async fn each_credential_place_is_read() {
    let sim = sim().await;
    let body = json!({ "contents": [{ "parts": [{ "text": "hi" }] }] });
    for (name, value) in [
        ("authorization", "Bearer sim-a"),
        ("authorization", "bearer sim-a"),
        ("x-api-key", "sim-a"),
        ("x-goog-api-key", "sim-a"),
    ] {
        let ask = Ask::bare("POST", "/v1beta/models/g:generateContent", &body).with(name, value);
        assert_eq!(call(&sim, ask).await.status, 200, "{name}");
    }
    let ask = Ask::bare(
        "POST",
        "/v1beta/models/g:generateContent?key=sim%2Da",
        &body,
    );
    assert_eq!(call(&sim, ask).await.status, 200);
    assert!(
        sim.requests()
            .iter()
            .all(|request| request.credential.as_deref() == Some("sim-a"))
    );
}

#[tokio::test]
async fn a_foreign_or_absent_credential_is_refused_in_each_providers_words() {
    let sim = sim().await;
    let body = json!({ "model": "m" });
    for (target, pointer, word) in [
        ("/v1/chat/completions", "/error/code", "invalid_api_key"),
        ("/v1/responses", "/error/code", "invalid_api_key"),
        ("/v1/messages", "/error/type", "authentication_error"),
        (
            "/v1beta/models/g:generateContent",
            "/error/status",
            "UNAUTHENTICATED",
        ),
    ] {
        for ask in [
            Ask::bare("POST", target, &body),
            Ask::bare("POST", target, &body).with("authorization", "Bearer sk-live"),
        ] {
            let answer = call(&sim, ask).await;
            assert_eq!(answer.status, 401, "{target}");
            assert_eq!(
                answer.json().pointer(pointer),
                Some(&json!(word)),
                "{target}"
            );
        }
    }
}

#[tokio::test]
async fn scripts_are_sent_word_for_word_in_order() {
    let sim = sim().await;
    for status in [418, 200] {
        sim.script(Scripted {
            status,
            headers: vec![("x-script".into(), status.to_string())],
            chunks: vec![
                (Duration::ZERO, Bytes::from_static(b"one\r\n")),
                (Duration::from_millis(5), Bytes::from_static(b"\0two")),
            ],
            ending: Ending::Whole,
        });
    }
    for status in [418, 200] {
        let answer = call(&sim, Ask::bare("GET", "/anything", &Value::Null)).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("x-script").unwrap(), status.to_string());
        assert_eq!(answer.body, b"one\r\n\0two");
        assert!(answer.is_whole);
    }
    assert_eq!(
        call(&sim, Ask::bare("GET", "/anything", &Value::Null))
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn a_script_can_end_in_a_reset() {
    let sim = sim().await;
    sim.script(Scripted {
        status: 200,
        headers: vec![("content-length".into(), "10".into())],
        chunks: vec![(Duration::ZERO, Bytes::from_static(b"half"))],
        ending: Ending::Cut,
    });
    let answer = call(&sim, Ask::bare("POST", "/v1/messages", &Value::Null)).await;
    assert_eq!(answer.body, b"half");
    assert!(answer.was_reset && !answer.is_whole);
    assert_eq!(sim.requests()[0].ended, Ended::Cut);
}

#[tokio::test]
async fn other_processes_can_script_and_look() {
    let sim = sim().await;
    let script = json!({
        "status": 503, "headers": [["x-a", "b"]],
        "chunks": [{ "delay_ms": 1, "base64": "aGVsbG8=" }], "ending": "whole",
    });
    assert_eq!(
        call(&sim, Ask::bare("POST", "/_sim/script", &script))
            .await
            .status,
        204
    );
    let answer = chat(&sim, "m", "hi", true).await;
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (503, &b"hello"[..])
    );

    let looked = call(&sim, Ask::bare("GET", "/_sim/requests", &Value::Null))
        .await
        .json();
    let first = &looked["requests"][0];
    assert_eq!(looked["requests"].as_array().unwrap().len(), 1);
    assert_eq!(first["target"], "/v1/chat/completions");
    assert_eq!(first["credential"], KEY);
    assert_eq!(first["ended"], "whole");
    let body = data_encoding::BASE64
        .decode(first["body"].as_str().unwrap().as_bytes())
        .unwrap();
    assert_eq!(body, sim.requests()[0].body);

    let stats = call(&sim, Ask::bare("GET", "/_sim/stats", &Value::Null))
        .await
        .json();
    assert_eq!(
        stats,
        json!({ "live": 0, "cancelled": 0, "requests": 1, "connections": 4 })
    );
    assert_eq!(
        call(&sim, Ask::bare("DELETE", "/_sim/requests", &Value::Null))
            .await
            .status,
        204
    );
    assert!(sim.requests().is_empty());
}

#[tokio::test]
async fn a_script_that_cannot_be_sent_is_refused() {
    let sim = sim().await;
    for script in [
        json!({ "status": 101 }),
        json!({ "status": 200, "headers": [["bad name", "x"]] }),
        json!({ "status": 200, "headers": [["name", "a\nb"]] }),
        json!({ "status": 200, "chunks": [{ "base64": "?" }] }),
        json!({ "status": 200, "ending": "never" }),
        json!([]),
    ] {
        let answer = call(&sim, Ask::bare("POST", "/_sim/script", &script)).await;
        assert_eq!(answer.status, 400, "{script}");
    }
    assert_eq!(chat(&sim, "m", "hi", false).await.status, 200);
}

#[tokio::test]
async fn a_client_that_leaves_a_stream_is_counted_at_once() {
    let sim = sim().await;
    let mut socket = open(&sim, Ask::chat("sim-stall", "hi", true)).await;
    socket.read_some().await;
    assert_eq!((sim.live(), sim.cancelled()), (1, 0));
    drop(socket);
    settle(|| sim.cancelled() == 1).await;
    assert_eq!(sim.live(), 0);
    assert_eq!(sim.requests()[0].ended, Ended::Cancelled);
}

#[tokio::test]
async fn a_client_that_leaves_before_the_first_byte_is_counted_at_once() {
    let sim = sim().await;
    let socket = open(&sim, Ask::chat("sim-silent", "hi", true)).await;
    settle(|| sim.live() == 1).await;
    drop(socket);
    settle(|| sim.cancelled() == 1 && sim.live() == 0).await;
}

#[tokio::test]
async fn a_client_that_hears_the_end_is_not_counted() {
    let sim = sim().await;
    chat(&sim, "m", "hi", true).await;
    chat(&sim, "m", "hi", false).await;
    assert_eq!((sim.live(), sim.cancelled()), (0, 0));
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    let sim = sim().await;
    let mut socket = open(&sim, Ask::chat("m", "hi", true).kept()).await;
    socket.read_until(b"[DONE]\n\n\r\n0\r\n\r\n").await;
    socket.send(Ask::chat("m", "hi", false).kept()).await;
    socket.read_until(b"from the simulated provider.").await;
    assert_eq!((sim.connections(), sim.requests().len()), (1, 2));
}

#[tokio::test]
async fn the_pace_is_kept() {
    let gap = Duration::from_millis(20);
    let options = SimOptions {
        event_gap: gap,
        first_delay: Duration::from_millis(50),
        ..SimOptions::default()
    };
    let sim = Sim::start(options).await.unwrap();
    let began = tokio::time::Instant::now();
    let answer = chat(&sim, "m", "hi", true).await;
    let events = answer.events().len();
    assert!(began.elapsed() >= Duration::from_millis(50) + gap * u32::try_from(events).unwrap());
}

#[tokio::test]
async fn stopping_closes_port_and_connections() {
    let sim = sim().await;
    let addr = sim.addr();
    let mut socket = open(&sim, Ask::chat("sim-stall", "hi", true)).await;
    socket.read_some().await;
    sim.stop().await;
    assert!(!socket.read_to_end().await.is_whole);
    assert!(client::connect(addr).await.is_err());
}

#[tokio::test]
async fn what_is_not_json_or_too_large_or_compressed_is_refused() {
    let sim = sim().await;
    let bad = Ask::raw("POST", "/v1/messages", b"{".to_vec()).with("authorization", "Bearer sim-a");
    let answer = call(&sim, bad).await;
    assert_eq!(
        (answer.status, answer.json()["error"]["type"].clone()),
        (400, json!("invalid_request_error"))
    );
    let packed = Ask::post("/v1/responses", &json!({})).with("content-encoding", "zstd");
    assert_eq!(call(&sim, packed).await.status, 415);
    let lacking = post(&sim, "/v1/chat/completions", &json!({ "model": "m" })).await;
    assert_eq!(lacking.json()["error"]["param"], "messages");
}
