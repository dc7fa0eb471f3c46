//! The sweep of a Mirk made for it: an installation in a temporary folder with simulated
//! providers, served by this executable as a process of its own.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

use mirk_model::{Clock, Entropy};
use mirk_vault::SystemEntropy;
use serde_json::{Value, json};

use super::{
    Report, SweepError, at,
    child::{FOLDERS, Home, Server},
    ground::Ground,
    markers::{Marker, Markers},
    places::Hunt,
    traffic::{self, ODD, Traffic, UPSTREAMS},
    wire::{self, act},
};
use crate::{
    clock::SystemClock,
    sim::{Sim, SimOptions},
};

/// How to sweep.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Search the process's memory too. Needs the right to trace processes.
    pub memory: bool,
    /// Serve with the planted leaks.
    #[cfg(feature = "leaky")]
    pub leaky: bool,
}

/// What would make libraries talk, if they could.
pub(super) const LOUD: &str = "trace,hyper=trace,h2=trace,rustls=trace";

/// Folders in which every process may put files.
const SHARED: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// What the operator can ask for, whose answers are searched as well.
const QUESTIONS: [(&str, &str); 8] = [
    ("key.list", "{}"),
    ("provider.list", "{}"),
    ("credential.list", "{}"),
    ("route.list", "{}"),
    ("model.list", "{}"),
    ("usage.show", "{\"by\":\"model\"}"),
    ("audit.list", "{\"limit\":10000}"),
    ("setup.status", "{}"),
];

/// Classes that good requests carry to the provider, or good answers to the client.
const CARRIED: [&str; 13] = [
    "prompt",
    "system",
    "completion",
    "tool-args",
    "tool-call",
    "tool-result",
    "file-name",
    "metadata-user",
    "image",
    "cut-prompt",
    "embedding",
    "provider-key",
    "access-token",
];

/// What came back for one request.
struct Answer {
    ground: Ground,
    place: String,
    bytes: Vec<u8>,
}

/// One sweep at work.
struct Sweep<'a> {
    options: Options,
    say: &'a (dyn Fn(&str) + Sync),
    home: Home,
    /// The provider that the first client uses, and the one that only the second does.
    sims: (Sim, Sim),
    markers: Markers,
    keys: (String, String),
    from: Ipv4Addr,
    since: i64,
    requests: usize,
}

/// Sweeps a Mirk of its own, telling `say` what happens.
///
/// # Errors
/// When something could not be planted, sent or looked at.
pub async fn sweep(options: Options, say: &(dyn Fn(&str) + Sync)) -> Result<Report, SweepError> {
    let mut sweep = Sweep::begin(options, say).await?;
    let mut report = Report::default();
    for log in ["info", "debug"] {
        say(&format!(
            "Log level {log}: a server of its own answers good, bad, odd and broken requests."
        ));
        report = sweep.round(log, report).await?;
    }
    let mut hunt = Hunt::new(&sweep.markers);
    hunt.resume(report);
    sweep.at_rest(&mut hunt);
    let mut report = hunt.finish();
    report.requests = sweep.requests;
    #[cfg(feature = "leaky")]
    if options.leaky {
        report.leaks = super::leaks::found(&report);
        super::leaks::clean(&sweep.home);
    }
    sweep.sims.0.stop().await;
    sweep.sims.1.stop().await;
    Ok(report)
}

impl<'a> Sweep<'a> {
    async fn begin(options: Options, say: &'a (dyn Fn(&str) + Sync)) -> Result<Self, SweepError> {
        let entropy = SystemEntropy;
        let since = SystemClock::new().now().as_micros() / 1_000_000 - 1;
        let home = Home::new(&entropy)?;
        let start = async || {
            Sim::start(SimOptions::default())
                .await
                .map_err(at("the simulated provider"))
        };
        let sims = (start().await?, start().await?);
        let mut markers = Markers::of_run(&entropy);
        let from = own_address(&entropy);
        markers.add(Marker::address(from));
        let base = sims.1.base();
        let add = [
            "provider",
            "add",
            "other",
            "--kind",
            "openai",
            "--base-url",
            &base,
            "--secret",
            "stdin",
            "--models",
            "gpt-y",
            "--yes",
        ];
        home.run(&add, markers.text("other-provider-key"))?;
        let root = std::fs::read_to_string(home.root_key()).map_err(at("the root key"))?;
        markers.add(Marker::root(root.trim()));
        say("A Mirk of its own is set up in a temporary folder, with two simulated providers.");
        let keys = (String::new(), String::new());
        Ok(Self {
            options,
            say,
            home,
            sims,
            markers,
            keys,
            from,
            since,
            requests: 0,
        })
    }

    /// Serves with this log level, sends everything, and searches while the server runs.
    async fn round(&mut self, log: &'static str, report: Report) -> Result<Report, SweepError> {
        let mut server = self.serve(log)?;
        if self.keys.0.is_empty() {
            self.furnish()?;
        }
        self.leak(&mut server)?;
        let mut answers = self.drive(server.address).await?;
        let good = answers
            .iter()
            .filter(|answer| wire::status(&answer.bytes) == 200)
            .count();
        answers.extend(self.drive_other(server.address).await?);
        self.requests += answers.len();
        (self.say)(&format!(
            "{} requests were sent, {good} of the client's were served. Searching.",
            answers.len()
        ));
        let mut hunt = Hunt::new(&self.markers);
        hunt.resume(report);
        self.look(&mut hunt, &answers, server.pid())?;
        server.stop()?;
        Ok(hunt.finish())
    }

    /// Sends all that the first client has to send; what must be served has to be.
    async fn drive(&self, to: SocketAddr) -> Result<Vec<Answer>, SweepError> {
        let traffic = Traffic {
            markers: &self.markers,
            key: &self.keys.0,
        };
        let mut answers = Vec::new();
        for step in traffic.steps() {
            if let Some(script) = step.script {
                self.sims.0.script(script);
            }
            let bytes = wire::send(self.from, to, &step.request)
                .await
                .map_err(at("a request"))?;
            let (name, status) = (step.request.name, wire::status(&bytes));
            if step.must_pass && status != 200 {
                return Err(SweepError::new(
                    "a request",
                    format!("{name} was answered with {status}"),
                ));
            }
            answers.push(Answer {
                ground: Ground::OwnAnswer,
                place: format!("answer:{name}"),
                bytes,
            });
        }
        Ok(answers)
    }

    /// Sends what another client has to send.
    async fn drive_other(&self, to: SocketAddr) -> Result<Vec<Answer>, SweepError> {
        let mut answers = Vec::new();
        for request in traffic::others(&self.keys.1) {
            let bytes = wire::send(Ipv4Addr::LOCALHOST, to, &request)
                .await
                .map_err(at("a request"))?;
            let place = format!("other-answer:{}", request.name);
            answers.push(Answer {
                ground: Ground::Kept,
                place,
                bytes,
            });
        }
        Ok(answers)
    }

    /// Searches everything that there is while the server runs.
    fn look(&self, hunt: &mut Hunt, answers: &[Answer], pid: u32) -> Result<(), SweepError> {
        for answer in answers {
            hunt.bytes(answer.ground, &answer.place, &answer.bytes);
        }
        let received = everything(&self.sims.0);
        self.control(&received, answers)?;
        hunt.bytes(Ground::OwnProvider, "provider", &received);
        hunt.bytes(
            Ground::OtherProvider,
            "other-provider",
            &everything(&self.sims.1),
        );
        self.seen_by_operator(hunt)?;
        self.at_rest(hunt);
        hunt.process("process", pid);
        if self.options.memory {
            hunt.memory("memory", pid);
        }
        for folder in SHARED {
            hunt.shared(folder, Path::new(folder), self.since, &[self.home.root()]);
        }
        Ok(())
    }

    fn serve(&self, log: &str) -> Result<Server, SweepError> {
        let serve = ["serve", "--listen", "127.0.0.1:0", "--json", "--allow-root"];
        #[cfg(feature = "leaky")]
        if self.options.leaky {
            let command = super::leaks::command(&self.home, &self.markers, log)?;
            return Server::start(&self.home, command);
        }
        let mut command = self.home.command(&serve)?;
        command
            .env("MIRK_LOG", log)
            .env("RUST_LOG", LOUD)
            .env("RUST_BACKTRACE", "full");
        Server::start(&self.home, command)
    }

    #[cfg(feature = "leaky")]
    fn leak(&self, server: &mut Server) -> Result<(), SweepError> {
        if !self.options.leaky {
            return Ok(());
        }
        let providers = (self.sims.0.addr(), self.sims.1.addr());
        super::leaks::tell(server, &self.markers, providers)?;
        server.wait_for(&self.home.path("stdout"), super::leaks::DONE)
    }

    #[cfg(not(feature = "leaky"))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "it leaks with the feature only"
    )]
    fn leak(&self, _server: &mut Server) -> Result<(), SweepError> {
        Ok(())
    }

    /// Makes the owner's account, the providers with their credential, and both keys.
    fn furnish(&mut self) -> Result<(), SweepError> {
        let data = self.home.path("data");
        let act = |action, input: Value| act(&data, action, &input).map_err(at("set-up"));
        for (name, kind, model) in UPSTREAMS {
            let secret = self.markers.text("provider-key");
            let models: Vec<_> = std::iter::once(model)
                .chain(ODD)
                .chain(["sim-slow"])
                .collect();
            let base = self.sims.0.base();
            act(
                "provider.add",
                json!({"name": name, "kind": kind, "base_url": base, "secret": secret, "models": models}),
            )?;
        }
        // A provider with an account's tokens, which nothing renews during a sweep.
        let base = self.sims.0.base();
        act(
            "provider.add",
            json!({"name": "acc", "kind": "openai", "base_url": base, "models": ["gpt-x"], "without_secret": true}),
        )?;
        let tokens = json!({
            "access": self.markers.text("access-token"), "refresh": self.markers.text("refresh-token"),
            "expires_in": 86_400, "token_endpoint": format!("{base}/oauth/token"), "client_id": "sweep",
        });
        act(
            "credential.add",
            json!({"provider": "acc", "label": "account", "secret": tokens.to_string(), "oauth": true, "accept_terms": true}),
        )?;
        act(
            "setup.owner",
            json!({"handle": self.markers.text("handle"), "password": self.markers.text("password")}),
        )?;
        let make = |label: &str| {
            let made = act("key.create", json!({"label": label}))?;
            let key = made.get("key").and_then(Value::as_str);
            key.map(str::to_owned)
                .ok_or_else(|| SweepError::new("set-up", "no key was made"))
        };
        self.keys = (make("sweep")?, make("other")?);
        self.markers.add(Marker::secret("api-key", &self.keys.0));
        self.markers
            .add(Marker::secret("other-api-key", &self.keys.1));
        let wish = Traffic {
            markers: &self.markers,
            key: &self.keys.0,
        }
        .wish();
        self.markers.around("prompt", &wish);
        Ok(())
    }

    /// Checks that the markers travelled: a sweep after traffic that carried nothing proves nothing.
    fn control(&self, received: &[u8], answers: &[Answer]) -> Result<(), SweepError> {
        let mut hunt = Hunt::new(&self.markers);
        hunt.bytes(Ground::Kept, "provider", received);
        for answer in answers {
            hunt.bytes(Ground::Kept, &answer.place, &answer.bytes);
        }
        let report = hunt.finish();
        match CARRIED.iter().find(|class| {
            !report
                .findings
                .iter()
                .any(|finding| finding.class == **class)
        }) {
            None => Ok(()),
            Some(class) => Err(SweepError::new(
                "the control",
                format!("the marker for {class} did not travel"),
            )),
        }
    }

    fn seen_by_operator(&self, hunt: &mut Hunt) -> Result<(), SweepError> {
        for (action, input) in QUESTIONS {
            let input = serde_json::from_str(input).unwrap_or_default();
            let answer = act(&self.home.path("data"), action, &input)
                .map_err(at("the operator's questions"))?;
            hunt.bytes(
                Ground::Kept,
                &format!("admin:{action}"),
                answer.to_string().as_bytes(),
            );
        }
        Ok(())
    }

    /// Searches the installation's own folders and what it printed.
    fn at_rest(&self, hunt: &mut Hunt) {
        for folder in FOLDERS {
            hunt.folder(folder, &self.home.path(folder));
        }
        for output in ["stdout", "stderr"] {
            hunt.file(Ground::Kept, output, &self.home.path(output));
        }
    }
}

/// All that a provider received, as text.
fn everything(sim: &Sim) -> Vec<u8> {
    let mut bytes = Vec::new();
    for request in sim.requests() {
        bytes.extend_from_slice(format!("{} {}\n", request.method, request.target).as_bytes());
        for (name, value) in &request.headers {
            bytes.extend_from_slice(format!("{name}: ").as_bytes());
            bytes.extend_from_slice(value);
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(&request.body);
        bytes.push(b'\n');
    }
    bytes
}

/// An address of the loopback network that nothing else uses. Only Linux has the whole of it.
fn own_address(entropy: &dyn Entropy) -> Ipv4Addr {
    let mut random = [0; 3];
    entropy.fill(&mut random);
    let [a, b, c] = random.map(|byte| 100 + byte % 150);
    if cfg!(target_os = "linux") {
        Ipv4Addr::new(127, a, b, c)
    } else {
        Ipv4Addr::LOCALHOST
    }
}
