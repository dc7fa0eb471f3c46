//! The log: one JSON object a line on standard error, metadata only, written by its own thread.
//!
//! Invariant: the fields are closed. A line about a request holds `ts`, `level`, `event`,
//! `request_id`, `tenant_hash`, `kid`, `provider`, `model`, `in_tok`, `out_tok`, `latency_ms`,
//! `ttfb_ms`, `status` and `cost`, and nothing else; a line about the process holds `ts`, `level`,
//! `event` and words of our own.

use std::{
    fmt::Write as _,
    io::Write as _,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use mirk_gateway::Ledger;
use mirk_model::{Exchange, Mac, MacPurpose, TenantId, Timestamp};
use mirk_store::Store;

use crate::config::LogLevel;

/// Lines that wait at most; more are dropped and counted, as a log must never hold up requests.
const MOST_WAITING: usize = 65_536;

/// How long lines are gathered before they are written together.
const GATHER: Duration = Duration::from_millis(100);

enum Line {
    Exchange(Box<Exchange>),
    Event {
        at: Timestamp,
        level: LogLevel,
        event: &'static str,
        words: String,
    },
}

#[derive(Default)]
struct Queue {
    lines: Vec<Line>,
    is_closed: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    ready: Condvar,
    dropped: AtomicU64,
}

/// The log and the ledger: every finished exchange goes to both.
pub struct Log {
    level: LogLevel,
    shared: Arc<Shared>,
    store: Option<Arc<Store>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Log")
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

impl Log {
    /// A log at `level`, whose exchanges also go into `store`'s ledger. Tenants show as a keyed
    /// hash by `mac`.
    pub fn start(level: LogLevel, store: Arc<Store>, mac: Arc<dyn Mac>) -> Arc<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            ready: Condvar::new(),
            dropped: AtomicU64::new(0),
        });
        let thread = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_all(&thread, &*mac))
            .ok();
        Arc::new(Self {
            level,
            shared,
            store: Some(store),
            writer: Mutex::new(writer),
        })
    }

    /// Writes an event of the process itself. `words` are ours, never a request's.
    pub fn event(
        &self,
        at: Timestamp,
        level: LogLevel,
        event: &'static str,
        words: impl Into<String>,
    ) {
        if level <= self.level {
            self.push(Line::Event {
                at,
                level,
                event,
                words: words.into(),
            });
        }
    }

    /// Writes what waits and ends the writer.
    pub fn close(&self) {
        lock(&self.shared.queue).is_closed = true;
        self.shared.ready.notify_one();
        if let Some(writer) = lock(&self.writer).take() {
            // A writer that panicked has nothing left to write.
            drop(writer.join());
        }
    }

    fn push(&self, line: Line) {
        let mut queue = lock(&self.shared.queue);
        if queue.lines.len() >= MOST_WAITING {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let is_first = queue.lines.is_empty();
        queue.lines.push(line);
        drop(queue);
        if is_first {
            self.shared.ready.notify_one();
        }
    }
}

impl Ledger for Log {
    fn record(&self, exchange: Exchange) {
        if self.level >= LogLevel::Info {
            self.push(Line::Exchange(Box::new(exchange.clone())));
        }
        if let Some(store) = &self.store {
            store.ledger().push(exchange);
        }
    }

    fn is_full(&self) -> bool {
        self.store
            .as_ref()
            .is_some_and(|store| store.ledger().is_full())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write_all(shared: &Shared, mac: &dyn Mac) {
    let mut text = String::new();
    let mut tenants = Tenants {
        mac,
        known: Vec::new(),
    };
    loop {
        let mut queue = lock(&shared.queue);
        while queue.lines.is_empty() && !queue.is_closed {
            queue = shared
                .ready
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if !queue.is_closed {
            // Gathered, so that a busy server writes many lines with one call.
            let waited = shared.ready.wait_timeout(queue, GATHER);
            queue = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(queue, _)| queue);
        }
        let lines = std::mem::take(&mut queue.lines);
        let is_closed = queue.is_closed;
        drop(queue);
        text.clear();
        for line in &lines {
            render(&mut text, line, &mut tenants);
        }
        if std::io::stderr().lock().write_all(text.as_bytes()).is_err() {
            shared
                .dropped
                .fetch_add(lines.len() as u64, Ordering::Relaxed);
        }
        if is_closed {
            return;
        }
    }
}

struct Tenants<'a> {
    mac: &'a dyn Mac,
    known: Vec<(TenantId, String)>,
}

impl Tenants<'_> {
    /// Eight hex digits of a keyed hash: the same for all lines of a tenant, and nothing else.
    fn hash(&mut self, tenant: TenantId) -> &str {
        if !self.known.iter().any(|(known, _)| *known == tenant) {
            let mac = self.mac.mac(MacPurpose::Fingerprint, tenant.as_bytes());
            let mut text = data_encoding::HEXLOWER.encode(&mac);
            text.truncate(8);
            self.known.push((tenant, text));
        }
        self.known
            .iter()
            .find(|(known, _)| *known == tenant)
            .map_or("", |(_, text)| text)
    }
}

fn render(text: &mut String, line: &Line, tenants: &mut Tenants<'_>) {
    let written = match line {
        Line::Event {
            at,
            level,
            event,
            words,
        } => writeln!(
            text,
            r#"{{"ts":"{at}","level":"{}","event":"{event}","words":{}}}"#,
            name(*level),
            serde_json::Value::from(words.as_str())
        ),
        Line::Exchange(exchange) => render_exchange(text, exchange, tenants),
    };
    // Writing to a String does not fail.
    written.unwrap_or_default();
}

const fn name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Off => "off",
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    }
}

fn render_exchange(
    text: &mut String,
    exchange: &Exchange,
    tenants: &mut Tenants<'_>,
) -> std::fmt::Result {
    let tenant = tenants.hash(exchange.tenant);
    write!(
        text,
        r#"{{"ts":"{}","level":"info","event":"exchange","request_id":"{}","tenant_hash":"{tenant}","kid":"{}","#,
        exchange.at, exchange.request, exchange.kid,
    )?;
    let (provider, model) = (quoted(&exchange.provider), quoted(&exchange.model));
    write!(
        text,
        r#""provider":{provider},"model":{model},"in_tok":{},"out_tok":{},"latency_ms":{},"#,
        exchange.usage.input,
        exchange.usage.output,
        exchange.total_us / 1_000,
    )?;
    match exchange.first_byte_us {
        Some(first_byte) => write!(text, r#""ttfb_ms":{},"#, first_byte / 1_000)?,
        None => text.push_str(r#""ttfb_ms":null,"#),
    }
    write!(text, r#""status":{},"#, exchange.status)?;
    match exchange.cost {
        Some(cost) => writeln!(text, r#""cost":{}}}"#, cost.as_nanos()),
        None => writeln!(text, r#""cost":null}}"#),
    }
}

/// JSON text; a character that could confuse a terminal or a line reader is escaped.
fn quoted(words: &str) -> String {
    let mut out = String::with_capacity(words.len().saturating_add(2));
    out.push('"');
    for letter in words.chars().take(256) {
        if letter.is_ascii_graphic() && letter != '"' && letter != '\\' || letter == ' ' {
            out.push(letter);
        } else {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                // Writing to a String does not fail.
                write!(out, "\\u{unit:04x}").unwrap_or_default();
            }
        }
    }
    out.push('"');
    out
}
