//! `mirk sim`: the simulated provider alone.

use std::{net::SocketAddr, time::Duration};

use clap::Args;
use mirk_model::Dialect;
use serde_json::json;

use super::{Failure, Invocation, door};
use crate::sim;

/// Run the simulated provider alone, to test your own set-up against.
#[derive(Debug, Args)]
#[command(
    after_help = "It speaks every provider's dialect and takes any credential that begins with `sim-`.\n\
    The model's name says how it behaves: sim-slow, sim-429, sim-cut, sim-500, …\n\n\
    Example:\n  mirk sim --listen 127.0.0.1:9999"
)]
pub(super) struct Sim {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Milliseconds between the events of a stream
    #[arg(long, default_value_t = 2)]
    gap_ms: u64,
    /// The one dialect to speak, such as `anthropic`; all by default
    #[arg(long, value_parser = dialect)]
    speaks: Option<Dialect>,
}

/// A dialect by its name.
fn dialect(name: &str) -> Result<Dialect, String> {
    let all = [
        Dialect::OpenAiChat,
        Dialect::OpenAiResponses,
        Dialect::Anthropic,
        Dialect::Gemini,
        Dialect::Ollama,
    ];
    let named = all.into_iter().find(|dialect| dialect.to_string() == name);
    named
        .ok_or_else(|| "one of openai-chat, openai-responses, anthropic, gemini, ollama".to_owned())
}

impl Sim {
    pub(super) fn run(self, invocation: &Invocation) -> Result<u8, Failure> {
        let options = sim::SimOptions {
            listen: self.listen,
            event_gap: Duration::from_millis(self.gap_ms),
            speaks: self.speaks,
            ..sim::SimOptions::default()
        };
        door::runtime()?.block_on(async {
            let sim = sim::Sim::start(options)
                .await
                .map_err(|error| Failure::io("the simulated provider", &error))?;
            let ready = json!({"event": "ready", "url": sim.base(), "pid": std::process::id()});
            invocation.out.result(&ready, |out, _| {
                format!(
                    "{} The simulated provider listens on {}. Ctrl-C ends it.",
                    out.good("✓"),
                    sim.base()
                )
            })?;
            tokio::signal::ctrl_c()
                .await
                .map_err(|error| Failure::io("waiting", &error))?;
            sim.stop().await;
            Ok(0)
        })
    }
}
