//! The requests of a sweep: every dialect, streamed and not, good, bad, refused and cut off.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{markers::Markers, wire::Request};
use crate::sim::{Ending, Scripted};

/// A provider's name with a model of it, and the kind of provider that it is.
pub(super) const UPSTREAMS: [(&str, &str, &str); 4] = [
    ("oai", "openai", "gpt-x"),
    ("ant", "anthropic", "claude-x"),
    ("gem", "gemini", "gemini-x"),
    ("oll", "ollama", "llama-x"),
];

/// The client dialects.
const DIALECTS: [&str; 5] = ["chat", "responses", "anthropic", "gemini", "ollama"];

/// Behaviours of the simulated provider that answer with something odd.
pub(super) const ODD: [&str; 14] = [
    "sim-echo",
    "sim-cookie",
    "sim-inband",
    "sim-json200",
    "sim-500",
    "sim-503",
    "sim-529",
    "sim-404",
    "sim-cut",
    "sim-cutclean",
    "sim-short",
    "sim-gzip",
    "sim-redirect",
    "sim-nousage",
];

/// What is planted, and with whose key.
pub(super) struct Traffic<'a> {
    pub(super) markers: &'a Markers,
    pub(super) key: &'a str,
}

/// One request with the answer that the provider is told to give, if any.
pub(super) struct Step {
    pub(super) request: Request,
    pub(super) script: Option<Scripted>,
    /// Whether the answer must be a good one, so that the sweep is worth something.
    pub(super) must_pass: bool,
}

impl Step {
    fn plain(request: Request) -> Self {
        Self {
            request,
            script: None,
            must_pass: false,
        }
    }
}

impl Traffic<'_> {
    pub(super) fn text(&self, class: &str) -> &str {
        self.markers.text(class)
    }

    /// What the user says last: it tells the simulated provider what to answer.
    pub(super) fn wish(&self) -> String {
        format!(
            "{} reply with \"{}\"",
            self.text("prompt"),
            self.text("completion")
        )
    }

    fn tool_wish(&self) -> String {
        format!(
            "{} use tool look {{\"q\":\"{}\"}}",
            self.text("prompt"),
            self.text("tool-call")
        )
    }

    /// All requests of the key's own client, in order.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for dialect in DIALECTS {
            for (provider, _, model) in UPSTREAMS {
                for is_streamed in [false, true] {
                    let model = format!("{provider}/{model}");
                    let request = self.ask(dialect, &model, is_streamed, &self.wish());
                    let must_pass = matches!(
                        (dialect, provider),
                        ("chat" | "responses", "oai")
                            | ("anthropic", "ant")
                            | ("gemini", "gem")
                            | ("ollama", "oll")
                    );
                    steps.push(Step {
                        must_pass,
                        ..Step::plain(request)
                    });
                    steps.push(Step::plain(self.ask(
                        dialect,
                        &model,
                        is_streamed,
                        &self.tool_wish(),
                    )));
                }
            }
        }
        steps.extend(self.refused().into_iter().map(Step::plain));
        steps.extend(self.scripted());
        steps.extend(self.odd());
        steps
    }

    /// A request in each dialect for `model`, streamed and not.
    pub(super) fn asks(&self, model: &str) -> Vec<Request> {
        let both = |dialect: &&str| {
            [false, true].map(|is_streamed| self.ask(dialect, model, is_streamed, &self.wish()))
        };
        DIALECTS.iter().flat_map(both).collect()
    }

    /// A request in `dialect` with every class of content in it.
    fn ask(&self, dialect: &str, model: &str, is_streamed: bool, wish: &str) -> Request {
        let name = format!(
            "{dialect} {model}{}",
            if is_streamed { " streamed" } else { "" }
        );
        let (path, body) = match dialect {
            "chat" => (
                "/v1/chat/completions".to_owned(),
                self.chat(model, is_streamed, wish),
            ),
            "responses" => (
                "/v1/responses".to_owned(),
                self.responses(model, is_streamed, wish),
            ),
            "anthropic" => (
                "/v1/messages".to_owned(),
                self.anthropic(model, is_streamed, wish),
            ),
            "gemini" => {
                let call = if is_streamed {
                    "streamGenerateContent?alt=sse"
                } else {
                    "generateContent"
                };
                (format!("/v1beta/models/{model}:{call}"), self.gemini(wish))
            }
            _ => (
                "/api/chat".to_owned(),
                self.ollama(model, is_streamed, wish),
            ),
        };
        self.post(name, &path, body.to_string().as_bytes())
    }

    /// A request with the key, and with headers that no one may keep or pass on.
    pub(super) fn post(&self, name: impl Into<String>, path: &str, body: &[u8]) -> Request {
        let foreign = format!("Bearer {}", self.text("foreign-key"));
        let cookie = format!("session={}", self.text("cookie"));
        let headers = [
            ("x-api-key", self.key),
            ("authorization", &foreign),
            ("anthropic-version", "2023-06-01"),
            ("user-agent", self.text("user-agent")),
            ("cookie", &cookie),
            ("x-canary", self.text("header")),
            ("x-forwarded-for", self.text("client-address")),
        ];
        Request::new(name, &format!("POST {path}"), &headers, body)
    }

    fn chat(&self, model: &str, is_streamed: bool, wish: &str) -> Value {
        let arguments = json!({"q": self.text("tool-args")}).to_string();
        let image = format!("data:image/png;base64,{}", self.text("image"));
        json!({
            "model": model, "stream": is_streamed, "user": self.text("metadata-user"),
            "messages": [
                {"role": "system", "content": self.text("system")},
                {"role": "user", "content": [
                    {"type": "text", "text": self.text("prompt")},
                    {"type": "image_url", "image_url": {"url": image}},
                    {"type": "file", "file": {"filename": self.text("file-name"), "file_data": image}},
                ]},
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": arguments}},
                ]},
                {"role": "tool", "tool_call_id": "call_1", "content": self.text("tool-result")},
                {"role": "user", "content": wish},
            ],
            "tools": [{"type": "function", "function": {"name": "look", "parameters": schema()}}],
        })
    }

    fn responses(&self, model: &str, is_streamed: bool, wish: &str) -> Value {
        let arguments = json!({"q": self.text("tool-args")}).to_string();
        let image = format!("data:image/png;base64,{}", self.text("image"));
        json!({
            "model": model, "stream": is_streamed, "instructions": self.text("system"),
            "metadata": {"user": self.text("metadata-user")},
            "input": [
                {"role": "user", "content": [
                    {"type": "input_text", "text": self.text("prompt")},
                    {"type": "input_image", "image_url": image},
                    {"type": "input_file", "filename": self.text("file-name"), "file_data": image},
                ]},
                {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": arguments},
                {"type": "function_call_output", "call_id": "call_1", "output": self.text("tool-result")},
                {"role": "user", "content": [{"type": "input_text", "text": wish}]},
            ],
            "tools": [{"type": "function", "name": "look", "parameters": schema()}],
        })
    }

    fn anthropic(&self, model: &str, is_streamed: bool, wish: &str) -> Value {
        let image =
            json!({"type": "base64", "media_type": "image/png", "data": self.text("image")});
        json!({
            "model": model, "stream": is_streamed, "max_tokens": 512, "system": self.text("system"),
            "metadata": {"user_id": self.text("metadata-user")},
            "messages": [
                {"role": "user", "content": [
                    {"type": "text", "text": self.text("prompt")},
                    {"type": "image", "source": image},
                    {"type": "document", "title": self.text("file-name"),
                     "source": {"type": "text", "media_type": "text/plain", "data": self.text("file-name")}},
                ]},
                {"role": "assistant", "content": [
                    {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"q": self.text("tool-args")}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "content": self.text("tool-result")},
                ]},
                {"role": "assistant", "content": "seen"},
                {"role": "user", "content": wish},
            ],
            "tools": [{"name": "look", "input_schema": schema()}],
        })
    }

    fn gemini(&self, wish: &str) -> Value {
        json!({
            "systemInstruction": {"parts": [{"text": self.text("system")}]},
            "contents": [
                {"role": "user", "parts": [
                    {"text": self.text("prompt")},
                    {"inlineData": {"mimeType": "image/png", "data": self.text("image")}},
                ]},
                {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {"q": self.text("tool-args")}}}]},
                {"role": "user", "parts": [
                    {"functionResponse": {"name": "look", "response": {"output": self.text("tool-result")}}},
                ]},
                {"role": "model", "parts": [{"text": "seen"}]},
                {"role": "user", "parts": [{"text": wish}]},
            ],
            "tools": [{"functionDeclarations": [{"name": "look", "parameters": schema()}]}],
        })
    }

    fn ollama(&self, model: &str, is_streamed: bool, wish: &str) -> Value {
        json!({
            "model": model, "stream": is_streamed,
            "messages": [
                {"role": "system", "content": self.text("system")},
                {"role": "user", "content": self.text("prompt"), "images": [self.text("image")]},
                {"role": "assistant", "content": "", "tool_calls": [
                    {"function": {"name": "look", "arguments": {"q": self.text("tool-args")}}},
                ]},
                {"role": "tool", "tool_name": "look", "content": self.text("tool-result")},
                {"role": "user", "content": wish},
            ],
            "tools": [{"type": "function", "function": {"name": "look", "parameters": schema()}}],
        })
    }

    /// Answers of the provider that hold what must not be kept or passed on.
    fn scripted(&self) -> Vec<Step> {
        let said = json!({"error": {"message": self.text("provider-error"), "type": self.text("provider-error")}}).to_string();
        let answer = |status: u16, body: &str, ending: Ending| Scripted {
            status,
            headers: vec![
                ("content-type".to_owned(), "application/json".to_owned()),
                (
                    "set-cookie".to_owned(),
                    format!("session={}", self.text("set-cookie")),
                ),
            ],
            chunks: vec![(Duration::ZERO, Bytes::from(body.to_owned()))],
            ending,
        };
        let quoting =
            json!({"error": {"message": format!("bad key {}", self.text("provider-key"))}})
                .to_string();
        let event = format!(
            "data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n",
            self.text("cut-prompt")
        );
        [
            ("error with words", answer(400, &said, Ending::Whole)),
            ("server error with words", answer(500, &said, Ending::Whole)),
            (
                "not json",
                answer(502, self.text("provider-error"), Ending::Whole),
            ),
            (
                "good status, bad body",
                answer(200, self.text("provider-error"), Ending::Whole),
            ),
            (
                "error that quotes the credential",
                answer(400, &quoting, Ending::Whole),
            ),
            (
                "refusal that quotes the credential",
                answer(422, &quoting, Ending::Whole),
            ),
            ("stream that is cut", answer(200, &event, Ending::Cut)),
        ]
        .into_iter()
        .map(|(name, script)| {
            let mut request = self.ask("chat", "oai/gpt-x", true, self.text("cut-prompt"));
            request.name = format!("provider's {name}");
            Step {
                request,
                script: Some(script),
                must_pass: false,
            }
        })
        .collect()
    }

    /// Odd behaviours of the provider, and a client that hangs up in the middle.
    fn odd(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for model in ODD {
            for is_streamed in [false, true] {
                let request = self.ask("chat", &format!("oai/{model}"), is_streamed, &self.wish());
                steps.push(Step::plain(request));
            }
        }
        steps.push(Step::plain(self.ask(
            "chat",
            "acc/gpt-x",
            false,
            &self.wish(),
        )));
        let embedding =
            json!({"model": "oai/gpt-x", "input": [self.text("embedding")]}).to_string();
        steps.push(Step::plain(self.post(
            "embedding",
            "/v1/embeddings",
            embedding.as_bytes(),
        )));
        let count = self
            .anthropic("ant/claude-x", false, self.text("prompt"))
            .to_string();
        steps.push(Step::plain(self.post(
            "counting",
            "/v1/messages/count_tokens",
            count.as_bytes(),
        )));
        for (dialect, model) in [
            ("chat", "oai/sim-slow"),
            ("anthropic", "ant/sim-slow"),
            ("responses", "oai/sim-slow"),
        ] {
            let mut request = self.ask(dialect, model, true, self.text("cut-prompt"));
            request.name = format!("{dialect}, hung up");
            request.cut_after = Some(400);
            steps.push(Step::plain(request));
        }
        steps
    }
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"q": {"type": "string"}}})
}

/// What another client asks: nothing of the first one's may be in the answers.
pub(super) fn others(key: &str) -> Vec<Request> {
    let headers = [("x-api-key", key)];
    let chat = |model: &str, is_streamed: bool| {
        let said = json!({"model": model, "stream": is_streamed, "messages": [{"role": "user", "content": "good day"}]});
        Request::new(
            format!("chat {model} {is_streamed}"),
            "POST /v1/chat/completions",
            &headers,
            said.to_string().as_bytes(),
        )
    };
    let mut requests = vec![
        chat("other/gpt-y", false),
        chat("other/gpt-y", true),
        chat("no-such-model", false),
        Request::new("broken", "POST /v1/messages", &headers, b"{"),
    ];
    for path in [
        "/v1/models",
        "/api/tags",
        "/v1beta/models",
        "/health",
        "/metrics",
        "/",
        "/api/v1/usage",
        "/nothing",
    ] {
        requests.push(Request::new(path, &format!("GET {path}"), &headers, b""));
        requests.push(Request::new(
            format!("{path} without a key"),
            &format!("GET {path}"),
            &[],
            b"",
        ));
    }
    requests
}
