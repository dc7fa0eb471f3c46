//! The three ways to the upstream: direct, through nginx, through Mirk.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::ChildStdout;
use tokio::time::{sleep, timeout};

use crate::clock;
use crate::failure::{Doing, Failure};
use crate::process::{Launch, Running};
use crate::wire::{Connection, Ignore};

/// How long a program may take to answer for the first time.
const START_LIMIT: Duration = Duration::from_secs(20);

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// Straight to the mock.
    Direct,
    /// Through nginx as a plain reverse proxy.
    Nginx,
    /// Through Mirk with keys, limits, vault, metering and log on.
    Mirk,
}

impl Way {
    /// The word used in the table and in the JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nginx => "nginx",
            Self::Mirk => "mirk",
        }
    }
}

/// A way that can be asked now.
#[derive(Debug)]
pub(crate) struct Target {
    /// Which way it is.
    pub(crate) way: Way,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What its callers present: the upstream's credential, or a key of Mirk.
    pub(crate) bearer: String,
    /// The gateway's process; none when direct.
    pub(crate) process: Option<Running>,
}

impl Target {
    /// Ends the gateway.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        match self.process {
            Some(process) => process.stop().await,
            None => Ok(()),
        }
    }

    /// The gateway's resident memory in kB.
    pub(crate) fn resident_kb(&self) -> Option<u64> {
        self.process.as_ref()?.resident_kb()
    }
}

/// A gateway that can be started again and again.
#[derive(Debug)]
pub(crate) struct Recipe {
    /// Which way it opens.
    pub(crate) way: Way,
    /// How it is started.
    pub(crate) launch: Launch,
    /// Where it will listen.
    pub(crate) address: SocketAddr,
    /// What its callers present.
    pub(crate) bearer: String,
}

impl Recipe {
    /// Starts it and asks `request` until it is answered with 200. Also the ns from spawn to that answer.
    pub(crate) async fn start(&self, request: &[u8]) -> Result<(Target, u64), Failure> {
        let spawned_ns = clock::now_ns();
        let (mut process, stdout) = Running::start(&self.launch)?;
        if let Some(stdout) = stdout {
            drop(tokio::spawn(drain(stdout)));
        }
        let asked = timeout(START_LIMIT, self.first_answer(&mut process, request)).await;
        let answered_ns = asked.ok().flatten().ok_or_else(|| self.silence())?;
        let (way, address, bearer) = (self.way, self.address, self.bearer.clone());
        let target = Target {
            way,
            address,
            bearer,
            process: Some(process),
        };
        Ok((target, answered_ns - spawned_ns))
    }

    /// Why a start failed, with the last thing the program said.
    fn silence(&self) -> Failure {
        let log = self
            .launch
            .log
            .as_deref()
            .and_then(|path| std::fs::read_to_string(path).ok());
        let last = log
            .as_deref()
            .and_then(|log| log.lines().last())
            .unwrap_or("nothing");
        let name = self.way.name();
        Failure::Setup(format!(
            "{name} did not answer the first request with 200; it said: {last}"
        ))
    }

    /// When the first 200 came; none when the process ended before.
    async fn first_answer(&self, process: &mut Running, request: &[u8]) -> Option<u64> {
        loop {
            if let Ok(mut connection) = Connection::open(self.address).await
                && let Ok(head) = connection.exchange(request, &mut Ignore).await
                && head.status == 200
            {
                return Some(clock::now_ns());
            }
            if !process.is_alive() {
                return None;
            }
            sleep(Duration::from_millis(1)).await;
        }
    }
}

/// A loopback address nobody listens on.
pub(crate) fn free_address() -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing("looking for a free port")?;
    listener.local_addr().doing("looking for a free port")
}

/// A pipe that nobody reads would stop the program once it is full.
async fn drain(stdout: ChildStdout) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(_)) = lines.next_line().await {}
}
