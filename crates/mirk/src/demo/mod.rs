//! The demonstration: a whole Mirk in a temporary folder, a simulated provider, one streaming
//! request in each dialect, and proof of what was kept and what was not.

mod client;

use std::{
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use mirk_control::Actor;
use mirk_model::{Clock, Entropy};
use mirk_store::books::{audit, ledger};
use serde_json::{Value, json};

use crate::{
    boot,
    config::{LogLevel, Settings, Sources},
    serve::{run::Running, socket::Office},
    sim::{Sim, SimOptions},
    sweep,
};

/// Why the demonstration could not be given.
#[derive(Debug, thiserror::Error)]
#[error("the demonstration stopped at {step}: {words}")]
pub struct DemoError {
    step: &'static str,
    words: String,
}

fn at<E: std::fmt::Display>(step: &'static str) -> impl FnOnce(E) -> DemoError {
    move |error| DemoError {
        step,
        words: error.to_string(),
    }
}

/// One dialect's round trip.
#[derive(Clone, Debug)]
pub struct Trip {
    /// The dialect as people call it.
    pub dialect: &'static str,
    /// Method and path.
    pub path: String,
    /// Status.
    pub status: u16,
    /// Pieces in which the stream arrived.
    pub pieces: usize,
    /// To the first piece.
    pub first: Duration,
    /// To the last.
    pub total: Duration,
    /// Whether the answer was what the provider was asked to say.
    pub is_right: bool,
}

/// All of it.
#[derive(Debug)]
pub struct Shown {
    /// One for each dialect.
    pub trips: Vec<Trip>,
    /// What was sent as the prompt, and what the provider was asked to say.
    pub prompt: String,
    /// The ledger's rows, as the store has them.
    pub ledger: Vec<Value>,
    /// The latest audit rows.
    pub audit: Vec<Value>,
    /// Whether the audit chain is whole.
    pub is_chain_whole: bool,
    /// What the sweep found.
    pub sweep: sweep::Report,
}

/// A folder that is gone when this is. It must outlive the runtime: work that a stopped
/// demonstration left behind there may still make files.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new one, with a name that nobody guesses, which nobody else may open.
    ///
    /// # Errors
    /// When the place for temporary files takes none.
    pub fn new() -> std::io::Result<Self> {
        let mut name = [0; 8];
        mirk_vault::SystemEntropy.fill(&mut name);
        let path = std::env::temp_dir().join(format!(
            "mirk-demo-{}",
            data_encoding::HEXLOWER.encode(&name)
        ));
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A thread that is just ending may put a file where one was just taken away. After that,
        // nothing more can be done about a folder that does not go.
        for _ in 0..100 {
            match fs::remove_dir_all(&self.0) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                _ => return,
            }
        }
    }
}

/// How a dialect is asked: its name, the path, the header for the key with what stands before it,
/// and the body with `{PROMPT}` in it.
struct Way {
    dialect: &'static str,
    path: &'static str,
    key: (&'static str, &'static str),
    body: &'static str,
}

const WAYS: [Way; 5] = [
    Way {
        dialect: "OpenAI Chat",
        path: "/v1/chat/completions",
        key: ("authorization", "Bearer "),
        body: r#"{"model":"openai/gpt-demo","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"{PROMPT}"}]}"#,
    },
    Way {
        dialect: "OpenAI Responses",
        path: "/v1/responses",
        key: ("authorization", "Bearer "),
        body: r#"{"model":"openai/gpt-demo","stream":true,"input":"{PROMPT}"}"#,
    },
    Way {
        dialect: "Anthropic",
        path: "/v1/messages",
        key: ("x-api-key", ""),
        body: r#"{"model":"anthropic/claude-demo","max_tokens":256,"stream":true,"messages":[{"role":"user","content":"{PROMPT}"}]}"#,
    },
    Way {
        dialect: "Gemini",
        path: "/v1beta/models/gemini-demo:streamGenerateContent?alt=sse",
        key: ("x-goog-api-key", ""),
        body: r#"{"contents":[{"role":"user","parts":[{"text":"{PROMPT}"}]}]}"#,
    },
    Way {
        dialect: "Ollama",
        path: "/api/chat",
        key: ("authorization", "Bearer "),
        body: r#"{"model":"ollama/llama-demo","messages":[{"role":"user","content":"{PROMPT}"}]}"#,
    },
];

/// Gives the demonstration in `folder`, telling `say` what happens.
///
/// # Errors
/// At the first step that fails.
pub async fn give(folder: &Folder, say: &(dyn Fn(&str) + Send + Sync)) -> Result<Shown, DemoError> {
    let entropy: Arc<dyn Entropy> = Arc::new(mirk_vault::SystemEntropy);
    let sim = Sim::start(SimOptions {
        event_gap: Duration::from_millis(8),
        ..SimOptions::default()
    })
    .await
    .map_err(at("the simulated provider"))?;
    say("A simulated provider answers on loopback.");
    let settings = settings(folder.path())?;
    let installation = install(&settings).await?;
    let (store, clock) = (
        Arc::clone(&installation.store),
        Arc::clone(&installation.clock),
    );
    let running = Running::start(&settings, installation).map_err(at("the server"))?;
    let (address, office) = (running.address, Arc::clone(&running.office));
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(running.run_until(async {
        // Also when the sender is dropped.
        drop(ended.await);
    }));
    say("Mirk is set up in a temporary folder and listens beside it.");
    let marker = Marker::new(&*entropy);
    let key = furnish(&office, &sim.base(), &marker).await?;
    say("Providers, their sealed credential and one key are in place.");
    let mut trips = Vec::new();
    for way in &WAYS {
        trips.push(trip(way, address, (&key, &marker), &*clock).await?);
    }
    settle(&store).await?;
    let ledger = ledger_rows(&store, &office, &*clock).map_err(at("the ledger"))?;
    let audit = audit_rows(&store).map_err(at("the audit log"))?;
    let is_chain_whole = store
        .verify_audit()
        .map_err(at("the audit log"))?
        .is_whole();
    say("Searching every byte that was kept for what was said.");
    let sought = [
        ("prompt", marker.prompt.clone()),
        ("completion", marker.completion.clone()),
        ("credential", marker.credential.clone()),
        ("key", key.clone()),
    ];
    let sweep = sweep::quick(folder.path(), &sought).map_err(at("the sweep"))?;
    drop(end);
    server
        .await
        .map_err(at("the server's end"))?
        .map_err(at("the server's end"))?;
    sim.stop().await;
    Ok(Shown {
        trips,
        prompt: marker.ask(),
        ledger,
        audit,
        is_chain_whole,
        sweep,
    })
}

/// Waits until every exchange is in the ledger.
async fn settle(store: &Arc<mirk_store::Store>) -> Result<(), DemoError> {
    let store = Arc::clone(store);
    let flushed = tokio::task::spawn_blocking(move || store.flush(Duration::from_secs(5)));
    flushed
        .await
        .map_err(at("the ledger"))?
        .map_err(at("the ledger"))
}

async fn install(settings: &Settings) -> Result<boot::Installation, DemoError> {
    let (settings, sources) = (settings.clone(), Sources::default());
    let opened = tokio::task::spawn_blocking(move || boot::open(&settings, &sources, true));
    opened.await.map_err(at("set-up"))?.map_err(at("set-up"))
}

/// What is searched for at the end: it occurs nowhere else in the world.
struct Marker {
    prompt: String,
    completion: String,
    credential: String,
}

impl Marker {
    fn new(entropy: &dyn Entropy) -> Self {
        let word = || {
            let mut bytes = [0; 10];
            entropy.fill(&mut bytes);
            data_encoding::BASE32_NOPAD
                .encode(&bytes)
                .to_ascii_lowercase()
        };
        Self {
            prompt: format!("prompt-{}", word()),
            completion: format!("answer-{}", word()),
            credential: format!("sim-{}", word()),
        }
    }

    fn ask(&self) -> String {
        format!(
            "My secret is {}. Please reply with \"{}\".",
            self.prompt, self.completion
        )
    }
}

fn settings(folder: &Path) -> Result<Settings, DemoError> {
    let path = |name: &str| folder.join(name).display().to_string();
    let sources = Sources::default()
        .flag("data_dir", Some(path("data")))
        .flag("root_key", Some(format!("file:{}", path("root.key"))))
        .flag("listen", Some("127.0.0.1:0".to_owned()));
    let mut settings = crate::config::load(&sources).map_err(at("the settings"))?;
    // The log is standard error, which is the screen here; `mirk sweep` searches it too.
    settings.log = LogLevel::Off;
    Ok(settings)
}

/// Adds the providers with their credential, and makes a key.
async fn furnish(office: &Arc<Office>, base: &str, marker: &Marker) -> Result<String, DemoError> {
    let (office, base, secret) = (
        Arc::clone(office),
        base.to_owned(),
        marker.credential.clone(),
    );
    let made = tokio::task::spawn_blocking(move || {
        for kind in ["openai", "anthropic", "gemini", "ollama"] {
            let secret = (kind != "ollama").then_some(secret.as_str());
            let input = json!({"name": kind, "kind": kind, "base_url": base, "secret": secret});
            office
                .control
                .perform(&Actor::operator(), "provider.add", input)?;
        }
        office
            .control
            .perform(&Actor::operator(), "key.create", json!({"label": "demo"}))
    });
    let made = made
        .await
        .map_err(at("the providers"))?
        .map_err(at("the providers"))?;
    Ok(made
        .get("key")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned())
}

async fn trip(
    way: &Way,
    address: std::net::SocketAddr,
    (key, marker): (&str, &Marker),
    clock: &dyn Clock,
) -> Result<Trip, DemoError> {
    let prompt = json!(marker.ask()).to_string();
    let prompt = prompt.trim_matches('"');
    let sent = client::Sent {
        path: way.path,
        key: (way.key.0, format!("{}{key}", way.key.1)),
        body: way.body.replace("{PROMPT}", prompt),
    };
    let heard = client::send(address, &sent, clock)
        .await
        .map_err(at(way.dialect))?;
    Ok(Trip {
        dialect: way.dialect,
        path: format!("POST {}", way.path),
        status: heard.status,
        pieces: heard.pieces,
        first: heard.first,
        total: heard.total,
        is_right: heard.status == 200 && spoken(&heard.body).contains(&marker.completion),
    })
}

/// The text that a stream of any dialect carries: every string value of every event, joined.
fn spoken(body: &str) -> String {
    let events = body.lines().filter_map(|line| {
        let data = line.strip_prefix("data:").unwrap_or(line).trim();
        serde_json::from_str::<Value>(data).ok()
    });
    let mut text = String::new();
    for event in events {
        let delta = [
            "/choices/0/delta/content",
            "/delta",
            "/delta/text",
            "/candidates/0/content/parts/0/text",
            "/message/content",
        ];
        if let Some(words) = delta
            .iter()
            .find_map(|path| event.pointer(path).and_then(Value::as_str))
        {
            text.push_str(words);
        }
    }
    text
}

fn ledger_rows(
    store: &mirk_store::Store,
    office: &Office,
    clock: &dyn Clock,
) -> Result<Vec<Value>, mirk_store::DbError> {
    let now = clock.now();
    let filter = ledger::Filter {
        tenant: office.control.tenant,
        kid: None,
        from: now.plus_micros(-3_600_000_000),
        until: now.plus_micros(3_600_000_000),
    };
    let rows = ledger::page(store, &filter, None, 20)?;
    Ok(rows
        .iter()
        .rev()
        .map(|row| {
            json!({
                "provider": &*row.provider,
                "model": &*row.model,
                "status": row.status,
                "outcome": row.outcome.name(),
                "input_tokens": row.usage.input,
                "output_tokens": row.usage.output,
                "ttfb_ms": row.first_byte_us.map(|micros| micros / 1_000),
                "total_ms": row.total_us / 1_000,
                "cost": row.cost.map_or_else(|| "unpriced".to_owned(), |cost| cost.to_string()),
            })
        })
        .collect())
}

fn audit_rows(store: &mirk_store::Store) -> Result<Vec<Value>, mirk_store::DbError> {
    let rows = audit::latest(store, None, 20)?;
    Ok(rows
        .iter()
        .rev()
        .map(|row| json!({"seq": row.seq, "actor": row.actor, "action": row.action, "object": row.object, "result": row.result}))
        .collect())
}
