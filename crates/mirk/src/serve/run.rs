//! A running server: everything wired, started, and ended in order.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use mirk_gateway::{Gateway, Parts};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use super::{
    listen::{self, Listener, PeerHasher, Server},
    service::Service,
    socket::{self, Office},
};
use crate::{
    boot::{self, Installation, LookUp},
    config::{LogLevel, Settings},
    log::Log,
    openclaw::OpenClaw,
};

/// How often housekeeping runs.
const HOUSEKEEPING: Duration = Duration::from_secs(5);

/// Why the server did not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {}", .error.kind())]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The command socket cannot be opened.
    #[error("cannot open the command socket in the data folder: {}", .0.kind())]
    Socket(io::Error),
    /// The rest.
    #[error("{0}")]
    Other(String),
    /// What waited could not be written before the end.
    #[error("some of what was acknowledged last may not be on disk: {0}")]
    Close(mirk_store::DbError),
}

/// A server that listens, and has not yet begun to answer.
#[derive(Debug)]
pub struct Running {
    /// The actions, for what is to be done before the first request.
    pub office: Arc<Office>,
    /// The address to tell people.
    pub address: SocketAddr,
    log: Arc<Log>,
    gateway: Arc<Gateway>,
    service: Service,
    server: Arc<Server<Service>>,
    listeners: Vec<Listener>,
    installation: Arc<Installation>,
    drain: Duration,
    commands: tokio::net::UnixListener,
    ending: Ending,
}

impl Running {
    /// Wires everything and begins to listen. Must be called on the runtime.
    ///
    /// # Errors
    /// When an address is taken, or the settings do not work out.
    pub fn start(settings: &Settings, installation: Installation) -> Result<Self, ServeError> {
        let other = |problem: mirk_model::Problem| ServeError::Other(problem.to_string());
        let installation = Arc::new(installation);
        let log = Log::start(
            settings.log,
            Arc::clone(&installation.store),
            Arc::clone(&installation.vault) as _,
        );
        let gateway = Gateway::new(Parts {
            vault: Arc::clone(&installation.vault),
            store: Arc::clone(&installation.store),
            ledger: Arc::clone(&log) as _,
            clock: Arc::clone(&installation.clock),
            entropy: Arc::clone(&installation.entropy),
            policy: boot::policy(settings),
            timeouts: boot::timeouts(settings),
            roots: boot::roots(settings).map_err(other)?,
            limits: limits(settings),
            origins: settings.origins.clone(),
            pointers: Arc::new(OpenClaw),
        })
        .map_err(other)?;
        let listeners = listeners(settings)?;
        let commands = socket::bind(installation.store.data_dir()).map_err(ServeError::Socket)?;
        let ending = Ending::new().map_err(|error| ServeError::Other(error.to_string()))?;
        let address = listeners
            .first()
            .and_then(|listener| listener.address().ok())
            .ok_or_else(|| ServeError::Other("there is no address to listen on".to_owned()))?;
        let egress = Arc::clone(gateway.egress());
        let reach = Arc::new(LookUp {
            egress: Arc::clone(&egress),
        });
        let office = Arc::new(Office {
            control: installation.control(settings, reach),
            egress,
        });
        let service = Service::new(
            Arc::clone(&gateway),
            &installation,
            settings.contact.clone(),
        );
        let server = Server::new(
            service.clone(),
            server_limits(settings),
            PeerHasher::default(),
        );
        let server = Arc::new(server);
        Ok(Self {
            office,
            address,
            log,
            gateway,
            service,
            server,
            listeners,
            installation,
            drain: settings.drain,
            commands,
            ending,
        })
    }

    /// Answers until a signal ends it, then drains.
    ///
    /// # Errors
    /// When the command socket cannot be opened, or the store cannot write what waits.
    pub async fn run(self) -> Result<(), ServeError> {
        self.run_until(std::future::pending()).await
    }

    /// As [`Running::run`], until a signal or `also` ends it.
    ///
    /// # Errors
    /// As [`Running::run`].
    pub async fn run_until(mut self, also: impl Future<Output = ()>) -> Result<(), ServeError> {
        let (end, ended) = watch::channel(false);
        let commands = tokio::spawn(socket::run(self.commands, Arc::clone(&self.office)));
        let mut doors = tokio::task::JoinSet::new();
        for listener in self.listeners {
            doors.spawn(Arc::clone(&self.server).run(listener, ended.clone()));
        }
        let keeping = tokio::spawn(housekeeping(Arc::clone(&self.gateway)));
        self.log.event(
            self.installation.clock.now(),
            LogLevel::Info,
            "start",
            format!("listening on port {}", self.address.port()),
        );
        tokio::select! {
            () = self.ending.comes() => {}
            () = also => {}
        }
        self.log.event(
            self.installation.clock.now(),
            LogLevel::Info,
            "drain",
            "ending; streams may finish",
        );
        self.service.drain();
        // Nobody hears this when the doors are closed already.
        end.send(true).unwrap_or_default();
        let patience = self.drain.saturating_add(Duration::from_secs(5));
        let drained = tokio::time::timeout(patience, async {
            while doors.join_next().await.is_some() {}
        })
        .await;
        keeping.abort();
        commands.abort();
        if drained.is_err() {
            doors.abort_all();
        }
        self.log.event(
            self.installation.clock.now(),
            LogLevel::Info,
            "stop",
            "stopped",
        );
        self.log.close();
        let store = Arc::clone(&self.installation.store);
        let closed = tokio::task::spawn_blocking(move || store.close()).await;
        match closed {
            Ok(closed) => closed.map_err(ServeError::Close),
            Err(_panicked) => Err(ServeError::Close(mirk_store::DbError::Io)),
        }
    }
}

fn limits(settings: &Settings) -> mirk_gateway::Limits {
    let mut limits = mirk_gateway::Limits {
        body: settings.body_bytes,
        ..mirk_gateway::Limits::default()
    };
    limits.json.depth = u32::try_from(settings.json_depth).unwrap_or(limits.json.depth);
    limits
}

fn server_limits(settings: &Settings) -> listen::Limits {
    /// All local clients share one address.
    const LOCAL_FACTOR: usize = 40;
    let mut limits = listen::Limits::default();
    limits.bounds.body_bytes = settings.body_bytes as u64;
    let is_local = settings
        .listen
        .iter()
        .all(|address| address.ip().is_loopback());
    limits.per_peer = settings
        .per_peer
        .saturating_mul(if is_local { LOCAL_FACTOR } else { 1 });
    limits.drain = settings.drain;
    limits
}

/// Listens on every address. Where the default is in force, a machine without IPv6 is served on
/// IPv4 alone.
fn listeners(settings: &Settings) -> Result<Vec<Listener>, ServeError> {
    let is_default = settings.origin.get("listen") == Some(&crate::config::Origin::Default);
    let mut listeners = Vec::new();
    for address in &settings.listen {
        match Listener::bind(*address, settings.hosts.iter().map(String::as_str)) {
            Ok(listener) => listeners.push(listener),
            Err(_no_ipv6) if is_default && address.is_ipv6() && !listeners.is_empty() => {}
            Err(error) => {
                return Err(ServeError::Listen {
                    address: *address,
                    error,
                });
            }
        }
    }
    Ok(listeners)
}

/// Signals that end the process in order. Listened to from the start, so that none is missed
/// between the ready line and the first request. A closed terminal does not end a server.
#[derive(Debug)]
pub(crate) struct Ending {
    terminate: Signal,
    interrupt: Signal,
    _hangup: Signal,
}

impl Ending {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            _hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Completes when the process is asked to end.
    pub(crate) async fn comes(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

async fn housekeeping(gateway: Arc<Gateway>) {
    let mut tick = tokio::time::interval(HOUSEKEEPING);
    loop {
        tick.tick().await;
        gateway.sweep();
    }
}
