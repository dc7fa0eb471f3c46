//! Requests that Mirk itself refuses, each holding something that the refusal must not keep.

use serde_json::json;

use super::{traffic::Traffic, wire::Request};

/// Where most of them go.
const CHAT: &str = "/v1/chat/completions";

impl Traffic<'_> {
    /// All of them.
    pub(super) fn refused(&self) -> Vec<Request> {
        let mut requests = self.bad_bodies();
        requests.extend(self.bad_targets());
        requests.extend(self.bad_keys());
        requests.extend(self.bad_framing());
        requests
    }

    /// A body that asks for a model that nobody has.
    fn unknown(&self) -> String {
        let said = json!([{"role": "user", "content": self.text("bad-body")}]);
        json!({"model": self.text("model-unknown"), "messages": said}).to_string()
    }

    fn bad_bodies(&self) -> Vec<Request> {
        let bad = self.text("bad-body");
        let (open, close) = ("[".repeat(300), "]".repeat(300));
        let long = format!("{bad}{}", "x".repeat(2_000));
        [
            ("unknown model", self.unknown()),
            (
                "broken json",
                format!("{{\"model\": \"oai/gpt-x\", \"{bad}\": "),
            ),
            ("not json", bad.to_owned()),
            (
                "twice a field",
                format!("{{\"model\":\"{bad}\",\"model\":\"{bad}2\",\"messages\":[]}}"),
            ),
            (
                "model of the wrong type",
                format!("{{\"model\":[\"{bad}\"]}}"),
            ),
            ("deep json", format!("{open}\"{bad}\"{close}")),
            (
                "long model",
                json!({"model": long, "messages": []}).to_string(),
            ),
        ]
        .map(|(name, body)| self.post(name, CHAT, body.as_bytes()))
        .into()
    }

    fn bad_targets(&self) -> Vec<Request> {
        let (query, key) = (self.text("query"), self.text("query-key"));
        let nothing = json!({"model": "oai/none", "input": self.text("embedding")}).to_string();
        let mut requests: Vec<_> = [
            (
                "unknown path",
                format!("/v1/{}", self.text("path-unknown")),
                self.unknown(),
            ),
            ("odd query", format!("{CHAT}?trace={query}"), self.unknown()),
            (
                "key in the query",
                format!("{CHAT}?api_key={key}"),
                self.unknown(),
            ),
            ("embedding of nothing", "/v1/embeddings".to_owned(), nothing),
            (
                "management",
                format!("/api/v1/keys?q={query}"),
                self.unknown(),
            ),
        ]
        .map(|(name, path, body)| self.post(name, &path, body.as_bytes()))
        .into();
        let line = format!("POST /v1beta/models/gem/gemini-x:generateContent?key={key}");
        requests.push(Request::new("gemini key in the query", &line, &[], b"{}"));
        requests
    }

    fn bad_keys(&self) -> Vec<Request> {
        let (wrong, canary) = (self.text("wrong-key"), ("x-canary", self.text("header")));
        let (bearer, basic) = (format!("Bearer {wrong}"), format!("Basic {wrong}"));
        let line = format!("POST {CHAT}");
        let mut requests: Vec<_> = [
            ("wrong bearer", [("authorization", bearer.as_str()), canary]),
            ("wrong basic", [("authorization", &basic), canary]),
            ("wrong x-api-key", [("x-api-key", wrong), canary]),
            (
                "two keys",
                [("x-api-key", self.key), ("authorization", &bearer)],
            ),
        ]
        .map(|(name, headers)| Request::new(name, &line, &headers, self.unknown().as_bytes()))
        .into();
        let list = Request::new(
            "models with a wrong key",
            "GET /v1/models",
            &[("x-api-key", wrong)],
            b"",
        );
        requests.push(list);
        requests
    }

    fn bad_framing(&self) -> Vec<Request> {
        let bad = self.text("bad-body");
        let mut malformed = Request::new("malformed head", "GET /", &[], b"");
        malformed.bytes =
            format!("POST {CHAT} HTTP/1.1\r\nhost: x\r\n{bad}\r\nx y: {bad}\r\n\r\n").into_bytes();
        let mut short = self.post("body that breaks off", CHAT, self.unknown().as_bytes());
        short.bytes.truncate(short.bytes.len().saturating_sub(20));
        short.cut_after = Some(0);
        vec![malformed, short]
    }
}
