//! Every setting there is: one entry gives file key, variable, default, help and documentation.

use std::{fmt::Display, path::PathBuf};

use super::{LogLevel, Mode, Raw, Settings};

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Its key in the file, with dots for tables.
    pub path: &'static str,
    /// Its environment variable.
    pub env: &'static str,
    /// Its default, as text; empty means none or computed.
    pub default: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    pub(super) take: fn(&mut Settings, &Raw) -> Result<(), String>,
    pub(super) show: fn(&Settings) -> String,
}

impl Setting {
    /// The name of its flag.
    pub fn flag(&self) -> String {
        self.path.replace(['.', '_'], "-")
    }
}

const MODES: [(&str, Mode); 3] = [
    ("local", Mode::Local),
    ("team", Mode::Team),
    ("hosted", Mode::Hosted),
];

const LEVELS: [(&str, LogLevel); 5] = [
    ("off", LogLevel::Off),
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
];

fn named<T: PartialEq>(choices: &[(&str, T)], value: &T) -> String {
    choices
        .iter()
        .find(|(_, choice)| choice == value)
        .map_or_else(String::new, |(name, _)| (*name).to_owned())
}

fn joined<T: Display>(items: &[T]) -> String {
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// An address that a person can write to, in visible ASCII.
fn contact(raw: &Raw) -> Result<String, String> {
    let text = raw.text()?;
    let is_uri = text.starts_with("mailto:") || text.starts_with("https://");
    if is_uri && text.len() <= 256 && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("must be an address like mailto:security@example.org or https://…".to_owned())
    }
}

macro_rules! set {
    ($field:ident, $raw:ident => $read:expr) => {
        |settings, $raw| {
            settings.$field = $read?;
            Ok(())
        }
    };
}

/// Every setting.
pub const SETTINGS: &[Setting] = &[
    Setting {
        path: "mode",
        env: "MIRK_MODE",
        default: "local",
        about: "Who may be out there: `local` (one person), `team` or `hosted` (tenants who do not trust each other).",
        take: set!(mode, raw => raw.choice(&MODES)),
        show: |settings| named(&MODES, &settings.mode),
    },
    Setting {
        path: "listen",
        env: "MIRK_LISTEN",
        default: "127.0.0.1:8790, [::1]:8790",
        about: "Addresses to listen on.",
        take: set!(listen, raw => raw.addresses()),
        show: |settings| joined(&settings.listen),
    },
    Setting {
        path: "data_dir",
        env: "MIRK_DATA_DIR",
        default: "",
        about: "The data folder; by default `$XDG_DATA_HOME/mirk`.",
        take: set!(data_dir, raw => raw.text().map(PathBuf::from)),
        show: |settings| settings.data_dir.display().to_string(),
    },
    Setting {
        path: "root_key",
        env: "MIRK_ROOT_KEY",
        default: "",
        about: "Where the root key is: `keyring:service/name`, `file:/path`, `env:NAME`, `credential:name` or `passphrase:`.",
        take: set!(root_key, raw => raw.reference().map(Some)),
        show: |settings| {
            settings
                .root_key
                .as_ref()
                .map_or_else(String::new, |root| root.scheme().to_owned())
        },
    },
    Setting {
        path: "log",
        env: "MIRK_LOG",
        default: "info",
        about: "How much is logged, metadata only: `off`, `error`, `warn`, `info`, `debug`.",
        take: set!(log, raw => raw.choice(&LEVELS)),
        show: |settings| named(&LEVELS, &settings.log),
    },
    Setting {
        path: "origins",
        env: "MIRK_ORIGINS",
        default: "",
        about: "Origins of web pages that may call the model routes, like `https://app.example`.",
        take: set!(origins, raw => raw.list().map(|items| items.into_iter().map(str::to_owned).collect())),
        show: |settings| joined(&settings.origins),
    },
    Setting {
        path: "hosts",
        env: "MIRK_HOSTS",
        default: "",
        about: "Names besides the listeners' own that a request's Host may have.",
        take: set!(hosts, raw => raw.list().map(|items| items.into_iter().map(str::to_ascii_lowercase).collect())),
        show: |settings| joined(&settings.hosts),
    },
    Setting {
        path: "contact",
        env: "MIRK_CONTACT",
        default: "",
        about: "Where to report a vulnerability of this server, for `/.well-known/security.txt`: `mailto:…` or `https://…`.",
        take: set!(contact, raw => contact(raw).map(Some)),
        show: |settings| settings.contact.clone().unwrap_or_default(),
    },
    Setting {
        path: "upstream.ca_file",
        env: "MIRK_UPSTREAM_CA_FILE",
        default: "",
        about: "A PEM file of CA certificates to trust for providers, instead of the system's.",
        take: set!(ca_file, raw => raw.text().map(|text| Some(PathBuf::from(text)))),
        show: |settings| {
            settings
                .ca_file
                .as_ref()
                .map_or_else(String::new, |path| path.display().to_string())
        },
    },
    Setting {
        path: "upstream.private",
        env: "MIRK_UPSTREAM_PRIVATE",
        default: "",
        about: "Private address ranges that providers may be in, like `192.168.1.0/24`.",
        take: set!(private, raw => raw.cidrs()),
        show: |settings| joined(&settings.private),
    },
    Setting {
        path: "upstream.ports",
        env: "MIRK_UPSTREAM_PORTS",
        default: "",
        about: "Provider ports allowed beyond the usual ones.",
        take: set!(ports, raw => raw.ports()),
        show: |settings| joined(&settings.ports),
    },
    Setting {
        path: "upstream.connect_seconds",
        env: "MIRK_UPSTREAM_CONNECT_SECONDS",
        default: "10",
        about: "How long name lookup, TCP and TLS to a provider may take together.",
        take: set!(connect, raw => raw.seconds(120)),
        show: |settings| settings.connect.as_secs().to_string(),
    },
    Setting {
        path: "upstream.first_byte_seconds",
        env: "MIRK_UPSTREAM_FIRST_BYTE_SECONDS",
        default: "120",
        about: "How long a provider may take to begin its answer.",
        take: set!(first_byte, raw => raw.seconds(3_600)),
        show: |settings| settings.first_byte.as_secs().to_string(),
    },
    Setting {
        path: "upstream.idle_seconds",
        env: "MIRK_UPSTREAM_IDLE_SECONDS",
        default: "300",
        about: "How long a provider may fall silent in the middle of an answer.",
        take: set!(idle, raw => raw.seconds(3_600)),
        show: |settings| settings.idle.as_secs().to_string(),
    },
    Setting {
        path: "limits.body_bytes",
        env: "MIRK_LIMITS_BODY_BYTES",
        default: "33554432",
        about: "The largest body of a request, in bytes.",
        take: set!(body_bytes, raw => raw.size(1_024, 1 << 30)),
        show: |settings| settings.body_bytes.to_string(),
    },
    Setting {
        path: "limits.json_depth",
        env: "MIRK_LIMITS_JSON_DEPTH",
        default: "128",
        about: "How deep the JSON of a request may nest.",
        take: set!(json_depth, raw => raw.size(8, 1_024)),
        show: |settings| settings.json_depth.to_string(),
    },
    Setting {
        path: "limits.connections_per_address",
        env: "MIRK_LIMITS_CONNECTIONS_PER_ADDRESS",
        default: "256",
        about: "Connections at once from one address; loopback listeners take 40 times as many.",
        take: set!(per_peer, raw => raw.size(1, 1_000_000)),
        show: |settings| settings.per_peer.to_string(),
    },
    Setting {
        path: "limits.drain_seconds",
        env: "MIRK_LIMITS_DRAIN_SECONDS",
        default: "30",
        about: "How long streams may go on after Mirk was asked to stop.",
        take: set!(drain, raw => raw.seconds(3_600)),
        show: |settings| settings.drain.as_secs().to_string(),
    },
    Setting {
        path: "keys.per_account",
        env: "MIRK_KEYS_PER_ACCOUNT",
        default: "10",
        about: "Live keys that one account may have.",
        take: set!(keys_per_account, raw => raw.number(1, 100_000).map(|count| u32::try_from(count).unwrap_or(u32::MAX))),
        show: |settings| settings.keys_per_account.to_string(),
    },
];
