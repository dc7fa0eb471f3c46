//! Every target, in one table: a parser of foreign bytes and what must hold whatever the bytes are.
//!
//! A target panics when its promise is broken; the runner adds that it ends soon and holds little memory.
//! What a target chooses beside its input (cuts, an operation) it takes from the input's own hash.

use crate::corpus::Format;

mod address;
mod config;
mod endpoint;
mod failure;
mod guard;
mod json;
mod model;
mod models;
mod scrub;
mod sse;
mod tap;
mod translate;
mod value;
mod vault;

/// A parser under test.
#[derive(Debug)]
pub struct Target {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Runs it on an input; panics when a promise is broken.
    pub run: fn(&[u8]),
    /// What its inputs are meant to look like.
    pub format: Format,
    /// Only examples whose file name has this in it, folders included; empty for all.
    pub below: &'static str,
    /// Seeds beside the examples.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

impl Target {
    /// A target that begins with the examples of its format.
    pub const fn new(name: &'static str, run: fn(&[u8]), format: Format) -> Self {
        Self {
            name,
            run,
            format,
            below: "",
            seeds: Vec::new,
        }
    }

    /// The same target, with only those examples whose file name has `below` in it.
    #[must_use]
    pub const fn below(mut self, below: &'static str) -> Self {
        self.below = below;
        self
    }

    /// The same target, with seeds of its own.
    #[must_use]
    pub const fn with(mut self, seeds: fn() -> Vec<Vec<u8>>) -> Self {
        self.seeds = seeds;
        self
    }
}

/// Every target.
pub static TARGETS: &[Target] = &[
    Target::new("sse-lines", sse::lines, Format::Stream),
    Target::new("json-scan", json::scan, Format::Json),
    Target::new("json-limits", json::limits, Format::Json),
    Target::new("json-splice", json::splice, Format::Json),
    Target::new("json-value", value::value, Format::Json),
    Target::new("tap", tap::tap, Format::Stream),
    Target::new("scrub", scrub::scrub, Format::Prose),
    Target::new("failure", failure::failure, Format::Prose).with(failure::seeds),
    Target::new("endpoint", endpoint::find, Format::Path).with(endpoint::seeds),
    Target::new("models", models::list, Format::Path),
    Target::new("token", vault::token, Format::Token).with(vault::tokens),
    Target::new("sealed", vault::sealed, Format::Bytes).with(vault::blobs),
    Target::new("glob", model::glob, Format::Path).with(model::globs),
    Target::new("moment", model::moment, Format::Token).with(model::moments),
    Target::new("reference", vault::reference, Format::Token),
    Target::new("base-url", address::base_url, Format::Url),
    Target::new("vet", address::vet_ip, Format::Bytes).with(address::ips),
    Target::new("cidr", address::cidr, Format::Url),
    Target::new("config-file", config::file, Format::Toml).with(config::seeds),
    Target::new("config-value", config::value, Format::Toml).with(config::seeds),
    Target::new("guard", guard::first, Format::Http),
    Target::new(
        "ask-chat",
        translate::asked::<{ translate::CHAT }>,
        Format::Json,
    )
    .below("/requests/chat/"),
    Target::new(
        "ask-responses",
        translate::asked::<{ translate::RESPONSES }>,
        Format::Json,
    )
    .below("/requests/responses/"),
    Target::new(
        "ask-anthropic",
        translate::asked::<{ translate::ANTHROPIC }>,
        Format::Json,
    )
    .below("/requests/messages/"),
    Target::new(
        "ask-gemini",
        translate::asked::<{ translate::GEMINI }>,
        Format::Json,
    )
    .below("/requests/gemini/"),
    Target::new(
        "ask-ollama",
        translate::asked::<{ translate::OLLAMA }>,
        Format::Json,
    )
    .below("/requests/ollama/"),
    Target::new(
        "reply-chat",
        translate::replied::<{ translate::CHAT }>,
        Format::Json,
    )
    .below("/replies/chat/"),
    Target::new(
        "reply-responses",
        translate::replied::<{ translate::RESPONSES }>,
        Format::Json,
    )
    .below("/replies/responses/"),
    Target::new(
        "reply-anthropic",
        translate::replied::<{ translate::ANTHROPIC }>,
        Format::Json,
    )
    .below("/replies/messages/"),
    Target::new(
        "reply-gemini",
        translate::replied::<{ translate::GEMINI }>,
        Format::Json,
    )
    .below("/replies/gemini/"),
    Target::new(
        "reply-ollama",
        translate::replied::<{ translate::OLLAMA }>,
        Format::Json,
    )
    .below("/replies/ollama/"),
    Target::new(
        "stream-chat",
        translate::streamed::<{ translate::CHAT }>,
        Format::Stream,
    )
    .below("/streams/chat/"),
    Target::new(
        "stream-responses",
        translate::streamed::<{ translate::RESPONSES }>,
        Format::Stream,
    )
    .below("/streams/responses/"),
    Target::new(
        "stream-anthropic",
        translate::streamed::<{ translate::ANTHROPIC }>,
        Format::Stream,
    )
    .below("/streams/messages/"),
    Target::new(
        "stream-gemini",
        translate::streamed::<{ translate::GEMINI }>,
        Format::Stream,
    )
    .below("/streams/gemini/"),
    Target::new(
        "stream-ollama",
        translate::streamed::<{ translate::OLLAMA }>,
        Format::Stream,
    )
    .below("/streams/ollama/"),
    Target::new("failure-words", translate::failure, Format::Json).below("/errors/"),
    Target::new("embed", translate::embed, Format::Json)
        .below("/embeddings/")
        .with(translate::vectors),
    Target::new("count", translate::count, Format::Json).below("/requests/"),
    Target::new("clawpipe", translate::prompt, Format::Json)
        .below("/prompts/")
        .with(translate::prompts),
];
