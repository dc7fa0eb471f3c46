//! Settings: flag, then `MIRK_*` environment, then file, then default.
//!
//! Invariant: a setting is one entry in [`SETTINGS`]; the file may refer to secrets and never
//! hold one; nothing is ever read from the working folder or its parents.

mod file;
mod secretlike;
mod settings;
mod value;

use std::{collections::BTreeMap, ffi::OsString, net::SocketAddr, path::PathBuf, time::Duration};

use mirk_model::SecretRef;
use mirk_provider::address::Cidr;

pub use secretlike::{Finding, find as find_secret};
pub use settings::{SETTINGS, Setting};
pub use value::Raw;

/// Who may be out there, which decides what the defaults guard against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// One person on their own machine.
    #[default]
    Local,
    /// An organisation.
    Team,
    /// Many tenants who do not trust each other.
    Hosted,
}

/// How much is logged. Metadata only, at every level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What went wrong inside Mirk.
    Error,
    /// And what the operator should look at.
    Warn,
    /// And one line per request.
    #[default]
    Info,
    /// And housekeeping.
    Debug,
}

/// Settings as they are meant: every one has a value.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Mode.
    pub mode: Mode,
    /// Addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// The data folder.
    pub data_dir: PathBuf,
    /// Where the root key is; absent means the place that `mirk up` chose.
    pub root_key: Option<SecretRef>,
    /// How much is logged.
    pub log: LogLevel,
    /// Origins of web pages that may call the model routes.
    pub origins: Vec<String>,
    /// Names besides the listeners' own that a request's Host may have.
    pub hosts: Vec<String>,
    /// Where to report a vulnerability of this server, as a URI.
    pub contact: Option<String>,
    /// A file of CA certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Private address ranges that upstreams may be in.
    pub private: Vec<Cidr>,
    /// Upstream ports allowed beyond the usual.
    pub ports: Vec<u16>,
    /// Name lookup, TCP and TLS together.
    pub connect: Duration,
    /// Until an upstream begins to answer.
    pub first_byte: Duration,
    /// Between two pieces of an upstream's answer.
    pub idle: Duration,
    /// Largest body, in bytes.
    pub body_bytes: usize,
    /// Deepest JSON.
    pub json_depth: usize,
    /// Connections at once from one address.
    pub per_peer: usize,
    /// How long streams may go on after a request to stop.
    pub drain: Duration,
    /// Live keys per account.
    pub keys_per_account: u32,
    /// Where each setting's value came from, by path.
    pub origin: BTreeMap<&'static str, Origin>,
}

/// Where a setting's value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// The configuration file, at this line.
    File(usize),
    /// This environment variable.
    Environment(&'static str),
    /// A flag of the command line.
    Flag,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => out.write_str("default"),
            Self::File(line) => write!(out, "file, line {line}"),
            Self::Environment(name) => write!(out, "environment {name}"),
            Self::Flag => out.write_str("flag"),
        }
    }
}

/// A setting that cannot be used: which, where, why, and what to do. Never its value when that
/// may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {words}")]
pub struct ConfigError {
    /// Setting, variable, flag or file and line.
    pub place: String,
    /// What is wrong, and what to do.
    pub words: String,
}

impl ConfigError {
    pub(crate) fn new(place: impl Into<String>, words: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            words: words.into(),
        }
    }
}

/// What the command line and the environment say.
#[derive(Debug, Default)]
pub struct Sources {
    /// `--config`.
    pub file: Option<PathBuf>,
    /// Flags that set a setting: its path and the text given.
    pub flags: Vec<(&'static str, String)>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
}

/// In place of a variable's value that is not text.
const NOT_TEXT: &str = "\u{fffd}";

impl Sources {
    /// The process's environment and nothing else. Variables that are not text are left out; one
    /// that is meant for Mirk is kept, as a text that [`load`] refuses.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the door to the environment"
    )]
    pub fn from_environment() -> Self {
        let text = |(name, value): (OsString, OsString)| {
            let name = name.into_string().ok()?;
            let value = value.into_string().ok();
            value
                .or_else(|| name.starts_with("MIRK_").then(|| NOT_TEXT.to_owned()))
                .map(|value| (name, value))
        };
        Self {
            environment: std::env::vars_os().filter_map(text).collect(),
            ..Self::default()
        }
    }

    /// Sets a setting from the command line, if it was given.
    #[must_use]
    pub fn flag(mut self, path: &'static str, text: Option<String>) -> Self {
        self.flags.extend(text.map(|text| (path, text)));
        self
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.environment
            .get(name)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    fn home(&self, variable: &str, below: &str) -> Option<PathBuf> {
        let named = self
            .variable(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute());
        named.or_else(|| Some(PathBuf::from(self.variable("HOME")?).join(below)))
    }

    /// The folder for configuration: `$XDG_CONFIG_HOME/mirk`, else `~/.config/mirk`.
    pub fn config_home(&self) -> Option<PathBuf> {
        self.home("XDG_CONFIG_HOME", ".config")
            .map(|home| home.join("mirk"))
    }

    fn data_home(&self) -> Option<PathBuf> {
        self.home("XDG_DATA_HOME", ".local/share")
            .map(|home| home.join("mirk"))
    }
}

/// Reads the settings from every source.
///
/// # Errors
/// At the first setting that cannot be used.
pub fn load(sources: &Sources) -> Result<Settings, ConfigError> {
    if let Some((name, _)) = sources
        .environment
        .iter()
        .find(|(name, text)| name.starts_with("MIRK_") && *text == NOT_TEXT)
    {
        return Err(ConfigError::new(name.clone(), "is not UTF-8 text"));
    }
    let mut settings = Settings::defaults(sources);
    if let Some((path, text)) = file::read(sources)? {
        for (setting, raw, line) in file::parse(&path, &text)? {
            let place = format!("{path}, line {line}, {}", setting.path);
            (setting.take)(&mut settings, &raw).map_err(|words| ConfigError::new(place, words))?;
            settings.origin.insert(setting.path, Origin::File(line));
        }
    }
    for setting in SETTINGS {
        let Some(text) = sources.variable(setting.env) else {
            continue;
        };
        take_text(&mut settings, setting, text)
            .map_err(|words| ConfigError::new(setting.env, words))?;
        settings
            .origin
            .insert(setting.path, Origin::Environment(setting.env));
    }
    compatibility(&mut settings, sources)?;
    for (path, text) in &sources.flags {
        let Some(setting) = SETTINGS.iter().find(|setting| setting.path == *path) else {
            continue;
        };
        take_text(&mut settings, setting, text)
            .map_err(|words| ConfigError::new(format!("--{}", setting.flag()), words))?;
        settings.origin.insert(setting.path, Origin::Flag);
    }
    settings.check()?;
    Ok(settings)
}

fn take_text(settings: &mut Settings, setting: &Setting, text: &str) -> Result<(), String> {
    if let Some(finding) = find_secret(text) {
        return Err(finding.words());
    }
    (setting.take)(settings, &Raw::Text(text.to_owned()))
}

/// Names that other routers read: honoured where safe, explained where not (C23).
fn compatibility(settings: &mut Settings, sources: &Sources) -> Result<(), ConfigError> {
    if let Some(port) = sources.variable("PORT")
        && settings
            .origin
            .get("listen")
            .is_none_or(|origin| *origin == Origin::Default)
    {
        let port: u16 = port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or_else(|| ConfigError::new("PORT", "not a port number from 1 to 65535"))?;
        for address in &mut settings.listen {
            address.set_port(port);
        }
        settings
            .origin
            .insert("listen", Origin::Environment("PORT"));
    }
    if sources
        .variable("REQUIRE_API_KEY")
        .is_some_and(|text| text.eq_ignore_ascii_case("false") || text == "0")
    {
        let words = "a key is always required; unset this variable";
        return Err(ConfigError::new("REQUIRE_API_KEY", words));
    }
    Ok(())
}

impl Settings {
    fn defaults(sources: &Sources) -> Self {
        let mut settings = Self {
            mode: Mode::Local,
            listen: vec![],
            data_dir: sources.data_home().unwrap_or_default(),
            root_key: None,
            log: LogLevel::Info,
            origins: vec![],
            hosts: vec![],
            contact: None,
            ca_file: None,
            private: vec![],
            ports: vec![],
            connect: Duration::ZERO,
            first_byte: Duration::ZERO,
            idle: Duration::ZERO,
            body_bytes: 0,
            json_depth: 0,
            per_peer: 0,
            drain: Duration::ZERO,
            keys_per_account: 0,
            origin: BTreeMap::new(),
        };
        for setting in SETTINGS {
            if !setting.default.is_empty() {
                // The defaults are checked by a test; one that fails here would leave zero.
                let _checked_by_test =
                    (setting.take)(&mut settings, &Raw::Text(setting.default.to_owned()));
            }
            settings.origin.insert(setting.path, Origin::Default);
        }
        settings
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.data_dir.as_os_str().is_empty() {
            let words = "no home folder is known; say where with --data-dir";
            return Err(ConfigError::new("data_dir", words));
        }
        if !self.data_dir.is_absolute() {
            return Err(ConfigError::new("data_dir", "must be an absolute path"));
        }
        if self.mode == Mode::Local
            && let Some(address) = self
                .listen
                .iter()
                .find(|address| !address.ip().is_loopback())
        {
            let words = format!(
                "{address} is reachable from other machines and Mirk would speak plain HTTP there; \
                 listen on 127.0.0.1, and put a TLS proxy or tunnel in front"
            );
            return Err(ConfigError::new("listen", words));
        }
        Ok(())
    }

    /// Every setting with its value in words and where it came from. Holds no secret: settings
    /// never do.
    pub fn rows(&self) -> Vec<(&'static str, String, Origin)> {
        SETTINGS
            .iter()
            .map(|setting| {
                let origin = self
                    .origin
                    .get(setting.path)
                    .cloned()
                    .unwrap_or(Origin::Default);
                (setting.path, (setting.show)(self), origin)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
