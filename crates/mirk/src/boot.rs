//! Opening an installation: the store, the vault over it, and everything that acts on them.

use std::{fs, path::Path, sync::Arc};

use mirk_control::{Control, Reach};
use mirk_gateway::{Roots, Timeouts};
use mirk_model::{Clock, Entropy, InstallId, Kind, Problem, SecretRef, TenantId};
use mirk_provider::address::{self, BaseUrl, Policy};
use mirk_store::{
    Batch, Db, OpenError, OpenOptions, Store,
    books::{install, keyring, settings, tenants},
};
use mirk_vault::{SystemEntropy, Vault};

use crate::{
    clock::SystemClock,
    config::{Mode, Settings, Sources},
    root::{self, RootError, Surroundings},
};

/// The stored setting that says where the root key is, by reference.
const ROOT_SETTING: &str = "root_key";

/// Why an installation did not open.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The store.
    #[error("{}", in_words(.0))]
    Store(#[from] OpenError),
    /// The root key.
    #[error("{0}")]
    Root(#[from] RootError),
    /// The root key is not the one that this data was encrypted under.
    #[error(
        "the root key is not the one that this data is encrypted under; nothing was changed. Name the right one with MIRK_ROOT_KEY"
    )]
    WrongRoot,
    /// The key hierarchy is damaged.
    #[error("the key hierarchy in the store is damaged: {0}; restore a backup")]
    Damaged(String),
    /// The store could not be read or written.
    #[error("{0}")]
    Db(#[from] mirk_store::DbError),
    /// Something else.
    #[error("{0}")]
    Other(Problem),
}

fn in_words(error: &OpenError) -> String {
    match error {
        OpenError::Missing => "there is no installation here yet; start with `mirk up`".to_owned(),
        OpenError::Locked => {
            "another Mirk is using this data folder; stop it, or use its command socket".to_owned()
        }
        other => other.to_string(),
    }
}

/// An open installation.
#[derive(Debug)]
pub struct Installation {
    /// What survives a restart.
    pub store: Arc<Store>,
    /// Secrets.
    pub vault: Arc<Vault>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// Whose things this installation keeps.
    pub tenant: TenantId,
    /// Whether it was made just now.
    pub is_new: bool,
    /// What the operator should hear about the root key, once.
    pub remark: Option<String>,
}

/// Opens the installation in the data folder; makes one there if `may_create` and none is.
///
/// # Errors
/// When it cannot be opened. Nothing is made then.
pub fn open(
    settings: &Settings,
    sources: &Sources,
    may_create: bool,
) -> Result<Installation, BootError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let store = Arc::new(Store::open(&OpenOptions {
        data_dir: settings.data_dir.clone(),
        create: may_create,
        clock: Arc::clone(&clock),
        anchors: None,
    })?);
    let rows = keyring::all(&*store)?;
    let known = install::get(&*store)?;
    let (vault, tenant, remark) = match known {
        Some(install) if !rows.is_empty() => {
            let source = root_source(&store, settings)?;
            let around = surroundings(settings, sources, install.id);
            let key = root::read(&source, &around)?;
            let vault = Vault::open(&key, install.id, &rows).map_err(|error| match error {
                mirk_vault::OpenError::WrongRoot => BootError::WrongRoot,
                other => BootError::Damaged(other.to_string()),
            })?;
            let tenant = tenants::all(&*store)?.first().map(|tenant| tenant.id);
            let missing = || BootError::Damaged("it has no tenant".to_owned());
            (vault, tenant.ok_or_else(missing)?, None)
        }
        _ if may_create => create(&store, settings, sources, (&*clock, &*entropy))?,
        _ => return Err(BootError::Store(OpenError::Missing)),
    };
    let vault = Arc::new(vault);
    store.attach(Arc::clone(&vault) as _);
    let is_new = known.is_none();
    let installation = Installation {
        store,
        vault,
        clock,
        entropy,
        tenant,
        is_new,
        remark,
    };
    if is_new {
        installation.note_creation()?;
    }
    Ok(installation)
}

fn surroundings<'a>(
    settings: &'a Settings,
    sources: &'a Sources,
    install: InstallId,
) -> Surroundings<'a> {
    Surroundings {
        environment: &sources.environment,
        data_dir: &settings.data_dir,
        install,
    }
}

/// Where the root key of existing data is: as the settings say, else as noted when it was made.
fn root_source(store: &Store, settings: &Settings) -> Result<SecretRef, BootError> {
    if let Some(source) = &settings.root_key {
        return Ok(source.clone());
    }
    let noted = settings::get(store, ROOT_SETTING)?;
    let read = noted
        .as_deref()
        .and_then(|text| SecretRef::parse(text).ok());
    read.ok_or_else(|| {
        let words =
            "the settings do not say where the root key is; name it with MIRK_ROOT_KEY=file:…";
        BootError::Root(RootError {
            source_name: "settings",
            words: words.to_owned(),
        })
    })
}

type Created = (Vault, TenantId, Option<String>);

fn create(
    store: &Store,
    settings: &Settings,
    sources: &Sources,
    (clock, entropy): (&dyn Clock, &dyn Entropy),
) -> Result<Created, BootError> {
    let (install, tenant, now) = (
        InstallId::random(entropy),
        TenantId::random(entropy),
        clock.now(),
    );
    let (source, key, remark) = if let Some(source) = &settings.root_key {
        (
            source.clone(),
            first_root(source, settings, sources, install)?,
            None,
        )
    } else {
        let home = sources.config_home().ok_or_else(|| RootError {
            source_name: "settings",
            words: "no home folder is known for it; name one with MIRK_ROOT_KEY=file:…".to_owned(),
        })?;
        root::create(&home, &install.to_string(), entropy)?
    };
    let (vault, rows) = Vault::create(&key, entropy, install, tenant, now)
        .map_err(|error| BootError::Damaged(error.to_string()))?;
    let mut batch = install::create(&install::Install {
        id: install,
        created_at: now,
    })
    .and(tenants::insert(&tenants::Tenant {
        id: tenant,
        name: "local".to_owned(),
        created_at: now,
    }))
    .and(keyring::set_root_source(source.scheme(), now));
    for row in &rows {
        batch = batch.and(keyring::insert(row));
    }
    if let Some(text) = noted(&source) {
        batch = batch.and(settings::set(ROOT_SETTING, &text));
    }
    store.apply(batch)?;
    Ok((vault, tenant, remark))
}

/// The first use of a root key that the operator names: a file that is not there yet is made.
fn first_root(
    source: &SecretRef,
    settings: &Settings,
    sources: &Sources,
    install: InstallId,
) -> Result<mirk_vault::RootKey, BootError> {
    if let SecretRef::File(path) = source
        && !Path::new(path).exists()
    {
        return Ok(root::create_file(Path::new(path), &SystemEntropy)?);
    }
    Ok(root::read(
        source,
        &surroundings(settings, sources, install),
    )?)
}

/// The reference as text, when it is one that works without anybody at the keyboard.
fn noted(source: &SecretRef) -> Option<String> {
    match source {
        SecretRef::File(path) => std::path::absolute(path)
            .ok()
            .map(|path| format!("file:{}", path.display())),
        SecretRef::Keyring { service, name } => Some(format!("keyring:{service}/{name}")),
        SecretRef::Env(name) => Some(format!("env:{name}")),
        SecretRef::Credential(name) => Some(format!("credential:{name}")),
        SecretRef::Passphrase => Some("passphrase:".to_owned()),
        SecretRef::Stdin => None,
    }
}

impl Installation {
    fn note_creation(&self) -> Result<(), BootError> {
        let entry = mirk_model::AuditEntry {
            at: self.clock.now(),
            actor: "system".to_owned(),
            action: "install.create",
            object: self.vault.install().to_string(),
            result: "ok",
            details: vec![],
        };
        self.store.apply(Batch::new().audit(entry))?;
        Ok(())
    }

    /// The actions over this installation.
    pub fn control(&self, settings: &Settings, reach: Arc<dyn Reach>) -> Control {
        Control {
            store: Arc::clone(&self.store),
            vault: Arc::clone(&self.vault),
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
            reach,
            policy: policy(settings),
            tenant: self.tenant,
            keys_per_account: settings.keys_per_account,
        }
    }
}

/// Which addresses providers may have.
pub fn policy(settings: &Settings) -> Policy {
    Policy {
        mode: match settings.mode {
            Mode::Local | Mode::Team => address::Mode::Local,
            Mode::Hosted => address::Mode::Hosted,
        },
        private: settings.private.clone(),
        allowed_ports: settings.ports.clone(),
    }
}

/// How long providers may take.
pub fn timeouts(settings: &Settings) -> Timeouts {
    Timeouts {
        connect: settings.connect,
        first_byte: settings.first_byte,
        idle: settings.idle,
    }
}

/// Where systems keep the certificates of the authorities they trust.
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
];

/// The largest bundle that is read.
const MOST_BUNDLE: u64 = 8 * 1024 * 1024;

/// The authorities to trust: those of the settings' file alone, else the system's. No variable
/// of the environment changes that.
///
/// # Errors
/// When the settings name a file that cannot be read or holds none.
pub fn roots(settings: &Settings) -> Result<Roots, Problem> {
    let read = |path: &Path| {
        let is_small = fs::metadata(path).is_ok_and(|metadata| metadata.len() <= MOST_BUNDLE);
        if is_small {
            fs::read(path)
                .map(|text| Roots::from_pem(&text))
                .unwrap_or_default()
        } else {
            Roots::default()
        }
    };
    if let Some(path) = &settings.ca_file {
        let roots = read(path);
        if roots.is_empty() {
            let words = "the file cannot be read or holds no certificate in PEM form";
            return Err(Problem::new(Kind::Invalid, words).about("upstream.ca_file"));
        }
        return Ok(roots);
    }
    let found = BUNDLES
        .iter()
        .map(|path| read(Path::new(path)))
        .find(|roots| !roots.is_empty());
    Ok(found.unwrap_or_default())
}

/// A [`Reach`] that looks names up on a runtime of its own, for callers without one.
#[derive(Debug)]
pub struct LookUp {
    /// The client whose policy counts.
    pub egress: Arc<mirk_gateway::Egress>,
}

impl Reach for LookUp {
    fn check(&self, base: &BaseUrl) -> Result<(), Problem> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|_failed| {
                Problem::new(Kind::Internal, "the address could not be looked up")
            })?;
        runtime.block_on(mirk_gateway::check_origin(&self.egress, &base.origin()))
    }
}
