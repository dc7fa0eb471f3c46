//! How a command reaches an installation: through a running server's socket, or directly.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    sync::Arc,
    time::Duration,
};

use mirk_control::{Actor, Control};
use mirk_gateway::Egress;
use mirk_model::{Kind, Problem};
use mirk_store::{OpenError, Store};
use serde_json::{Value, json};

use super::{Failure, Invocation, exit::code};
use crate::{
    boot::{self, BootError, LookUp},
    config::Settings,
    serve::socket::SOCKET,
    test_provider,
};

/// How long a running server may take over one command.
const PATIENCE: Duration = Duration::from_mins(1);

/// A way to an installation.
pub(crate) enum Door {
    /// A server is running.
    Server(UnixStream),
    /// No server is running; the data folder is ours.
    Folder {
        control: Box<Control>,
        egress: Arc<Egress>,
        store: Arc<Store>,
    },
}

impl Door {
    /// Opens the way; makes an installation if there is none and `may_create`.
    pub(crate) fn open(invocation: &Invocation, may_create: bool) -> Result<Self, Failure> {
        let settings = invocation.settings()?;
        if let Ok(stream) = UnixStream::connect(settings.data_dir.join(SOCKET)) {
            let set = stream.set_read_timeout(Some(PATIENCE));
            set.map_err(|error| Failure::io("the command socket", &error))?;
            return Ok(Self::Server(stream));
        }
        let installation = boot::open(&settings, &invocation.sources, may_create)?;
        if let Some(remark) = &installation.remark {
            invocation.out.remark(remark);
        }
        let egress = egress(&settings, &installation)?;
        let reach = Arc::new(LookUp {
            egress: Arc::clone(&egress),
        });
        let control = Box::new(installation.control(&settings, reach));
        Ok(Self::Folder {
            control,
            egress,
            store: installation.store,
        })
    }

    /// Does one action.
    pub(crate) fn perform(&mut self, action: &str, input: Value) -> Result<Value, Failure> {
        match self {
            Self::Server(stream) => ask(stream, action, &input),
            Self::Folder {
                control, egress, ..
            } if action == test_provider::ACTION => {
                let runtime = runtime()?;
                Ok(runtime.block_on(test_provider::run(control, egress, input))?)
            }
            Self::Folder { control, .. } => {
                Ok(control.perform(&Actor::operator(), action, input)?)
            }
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Self::Folder { store, .. } = self {
            // Every change was durable when it was answered; this only tidies up.
            store.close().unwrap_or_default();
        }
    }
}

fn egress(settings: &Settings, installation: &boot::Installation) -> Result<Arc<Egress>, Failure> {
    let timeouts = boot::timeouts(settings);
    let roots = boot::roots(settings)?;
    let clock = Arc::clone(&installation.clock);
    Ok(Arc::new(Egress::new(
        boot::policy(settings),
        timeouts,
        &roots,
        clock,
    )?))
}

/// A runtime for one command.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("starting", &error))
}

/// A runtime for a server: a worker for each core.
pub(crate) fn server_runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("starting", &error))
}

fn ask(stream: &mut UnixStream, action: &str, input: &Value) -> Result<Value, Failure> {
    let failed = |error: std::io::Error| Failure::io("the running server did not answer", &error);
    let line = zeroize::Zeroizing::new(format!("{}\n", json!({"action": action, "input": input})));
    stream.write_all(line.as_bytes()).map_err(failed)?;
    let mut answer = zeroize::Zeroizing::new(String::new());
    BufReader::new(&*stream)
        .read_line(&mut answer)
        .map_err(failed)?;
    let mut answer: Value = serde_json::from_str(&answer)
        .map_err(|_malformed| Failure::new(code::IO, "io", "the running server hung up"))?;
    if let Some(value) = answer.get_mut("ok") {
        return Ok(value.take());
    }
    let text = |key: &str| {
        answer
            .get("problem")
            .and_then(|problem| problem.get(key))
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let kind = text("code")
        .and_then(|code| Kind::by_code(&code))
        .unwrap_or(Kind::Internal);
    let mut problem = Problem::new(kind, text("words").unwrap_or_default());
    problem.param = text("param").map(Into::into);
    Err(problem.into())
}

impl From<BootError> for Failure {
    fn from(error: BootError) -> Self {
        let (code, name) = match &error {
            BootError::Store(OpenError::Locked) => (code::BUSY, "locked"),
            BootError::Store(OpenError::Corrupt) | BootError::Damaged(_) => {
                (code::DATA, "db_corrupt")
            }
            BootError::Store(OpenError::SchemaNewer) => (code::CONFIG, "schema_newer"),
            BootError::Store(OpenError::Missing) => (code::CONFIG, "no_installation"),
            BootError::Store(OpenError::Place(_)) => (code::PERMISSION, "data_dir"),
            BootError::Store(OpenError::Db(_)) | BootError::Db(_) => (code::IO, "storage"),
            BootError::Root(_) => (code::CONFIG, "root_key"),
            BootError::WrongRoot => (code::CONFIG, "wrong_root_key"),
            BootError::Other(_) => (code::FAILED, "failed"),
        };
        Self::new(code, name, error.to_string())
    }
}
