//! The sweep of an installation that is there already: markers go through its running server if
//! there is one, and everything it keeps is searched for them.
//!
//! Invariant: no request reaches a provider that is not on this machine's loopback.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use mirk_model::Clock;
use mirk_vault::SystemEntropy;
use serde_json::{Value, json};

use super::{
    Report, SweepError, at,
    ground::Ground,
    markers::{Marker, Markers},
    places::Hunt,
    traffic::Traffic,
    wire::{self, Request, act},
};
use crate::{clock::SystemClock, serve::socket::SOCKET};

/// An installation to be swept.
#[derive(Debug)]
pub struct Place {
    /// Its data folder.
    pub data_dir: PathBuf,
    /// Where its configuration is, if anywhere.
    pub config_dir: Option<PathBuf>,
    /// The file that holds its root key, if one does: searched for, and the one place it may be.
    pub root_key: Option<PathBuf>,
    /// Search the process's memory too.
    pub memory: bool,
}

/// Sweeps the installation at `place`.
///
/// # Errors
/// When it cannot be read, or its server runs and does not let itself be tried.
pub async fn sweep(place: &Place, say: &(dyn Fn(&str) + Sync)) -> Result<Report, SweepError> {
    std::fs::read_dir(&place.data_dir)
        .map_err(|error| SweepError::new("the data folder", error.kind().to_string()))?;
    let since = SystemClock::new().now().as_micros() / 1_000_000 - 1;
    let mut markers = Markers::default();
    let server = Running::find(&place.data_dir).await;
    let mut answers = Vec::new();
    match &server {
        Some(server) => {
            say("A server is running: a key labelled `sweep` is made, used and revoked.");
            markers = Markers::of_run(&SystemEntropy);
            answers = try_out(place, server, &mut markers).await?;
        }
        None => {
            say("No server is running here, so nothing can be planted; start it and sweep again.");
        }
    }
    if let Some(text) = place
        .root_key
        .as_ref()
        .and_then(|path| std::fs::read_to_string(path).ok())
    {
        markers.add(Marker::root(text.trim()));
    }
    let root_key = place.root_key.as_deref();
    let own: Vec<&Path> = root_key
        .into_iter()
        .chain([place.data_dir.as_path()])
        .collect();
    let mut hunt = Hunt::new(&markers);
    for (name, answer) in &answers {
        hunt.bytes(Ground::OwnAnswer, &format!("answer:{name}"), answer);
    }
    hunt.folder("data", &place.data_dir);
    if let Some(config) = &place.config_dir {
        // The root key's own file is where it belongs.
        hunt.shared("config", config, 0, &own);
    }
    if let Some(server) = &server {
        hunt.process("process", server.pid);
        if let Some(folder) = server.folder() {
            hunt.shared("cwd", &folder, since, &own);
        }
        if place.memory {
            hunt.memory("memory", server.pid);
        }
    }
    for folder in ["/tmp", "/var/tmp", "/dev/shm"] {
        hunt.shared(folder, Path::new(folder), since, &own);
    }
    let mut report = hunt.finish();
    report.requests = answers.len();
    Ok(report)
}

/// A server at work, by its process and its address.
struct Running {
    pid: u32,
    address: SocketAddr,
}

impl Running {
    /// The server that listens on the folder's command socket, as the kernel tells it.
    async fn find(data_dir: &Path) -> Option<Self> {
        let stream = tokio::net::UnixStream::connect(data_dir.join(SOCKET))
            .await
            .ok()?;
        let pid = u32::try_from(stream.peer_cred().ok()?.pid()?).ok()?;
        Some(Self {
            pid,
            address: listens_on(pid)?,
        })
    }

    /// Where the process works: relative paths end up there.
    fn folder(&self) -> Option<PathBuf> {
        let folder = std::fs::read_link(format!("/proc/{}/cwd", self.pid)).ok()?;
        // The root folder says nothing, and is everything.
        folder.parent().is_some().then_some(folder)
    }
}

/// The first IPv4 address of loopback that the process listens on.
fn listens_on(pid: u32) -> Option<SocketAddr> {
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let targets = descriptors
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let sockets: Vec<String> = targets
        .filter_map(|target| {
            Some(
                target
                    .to_str()?
                    .strip_prefix("socket:[")?
                    .strip_suffix(']')?
                    .to_owned(),
            )
        })
        .collect();
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/tcp")).ok()?;
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        let (host, port) = local.split_once(':')?;
        let host = Ipv4Addr::from(u32::from_str_radix(host, 16).ok()?.to_ne_bytes());
        let is_ours = *state == "0A" && sockets.iter().any(|known| known == inode);
        let host = if host.is_unspecified() {
            Ipv4Addr::LOCALHOST
        } else {
            host
        };
        let port = u16::from_str_radix(port, 16).ok()?;
        (is_ours && host.is_loopback()).then(|| SocketAddr::from((host, port)))
    })
}

/// Sends everything with a key that can reach providers on loopback only, and revokes it.
async fn try_out(
    place: &Place,
    server: &Running,
    markers: &mut Markers,
) -> Result<Vec<(String, Vec<u8>)>, SweepError> {
    let data = place.data_dir.as_path();
    let providers = act(data, "provider.list", &json!({})).map_err(at("the providers"))?;
    let near = near(&providers);
    let mut globs: Vec<String> = near.iter().map(|(name, _)| format!("{name}/*")).collect();
    if globs.is_empty() {
        // A key without any glob could ask for everything, and be charged for it.
        globs.push("sweep/nothing".to_owned());
    }
    let made = act(
        data,
        "key.create",
        &json!({"label": "sweep", "models": globs}),
    )
    .map_err(at("the key"))?;
    let text = |name: &str| {
        made.get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (kid, key) = (text("kid"), text("key"));
    markers.add(Marker::secret("api-key", &key));
    let requests = requests(&Traffic { markers, key: &key }, &near);
    let sent = send_all(server.address, &requests).await;
    // Also after a request that failed.
    act(data, "key.revoke", &json!({"kid": kid})).map_err(at("revoking the key"))?;
    sent
}

fn requests(traffic: &Traffic<'_>, near: &[(String, String)]) -> Vec<Request> {
    let mut requests = traffic.refused();
    for (provider, model) in near {
        requests.extend(traffic.asks(&format!("{provider}/{model}")));
    }
    requests
}

async fn send_all(
    address: SocketAddr,
    requests: &[Request],
) -> Result<Vec<(String, Vec<u8>)>, SweepError> {
    let mut answers = Vec::new();
    for request in requests {
        let answer = wire::send(Ipv4Addr::LOCALHOST, address, request).await;
        let answer = answer.map_err(|error| {
            SweepError::new("a request", format!("{}: {}", request.name, error.kind()))
        })?;
        answers.push((request.name.clone(), answer));
    }
    Ok(answers)
}

/// The enabled providers at an address of loopback, each with a model. A name is not trusted to
/// mean this machine.
fn near(providers: &Value) -> Vec<(String, String)> {
    let rows = providers
        .get("providers")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let near = |row: &Value| {
        let text = |name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
        let base = text("base_url")?;
        let host = base
            .strip_prefix("http://")
            .or_else(|| base.strip_prefix("https://"))?;
        let is_near = host
            .split('/')
            .next()?
            .parse::<SocketAddr>()
            .is_ok_and(|address| address.ip().is_loopback());
        let is_enabled = row.get("enabled").and_then(Value::as_bool).unwrap_or(false);
        let model = row.pointer("/models/0").and_then(Value::as_str)?.to_owned();
        (is_near && is_enabled).then_some((text("name")?, model))
    };
    rows.iter().filter_map(near).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_providers_on_loopback_are_sent_to() {
        let row = |name: &str, base: &str, enabled: bool| json!({"name": name, "base_url": base, "enabled": enabled, "models": ["m"]});
        let list = json!({"providers": [
            row("near", "http://127.0.0.1:9/v1", true),
            row("six", "http://[::1]:9", true),
            row("off", "http://127.0.0.1:9", false),
            row("far", "https://api.example.com/v1", true),
            row("trick", "http://127.0.0.1.example.com:80", true),
            row("private", "http://10.0.0.1:80", true),
        ]});
        let names: Vec<_> = near(&list).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["near", "six"]);
    }
}
