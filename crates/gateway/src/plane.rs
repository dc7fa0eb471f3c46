//! The directory as the data path uses it: rows that verify, addresses parsed, pools at hand.
//!
//! Invariant: a row whose MAC does not verify does not exist here. A plane never changes; a new
//! one replaces it whole, before the change that caused it is answered.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
};

use http::{HeaderMap, HeaderName, HeaderValue};
use mirk_dialect::bridge;
use mirk_model::{
    ApiKey, CredentialKind, CredentialRow, Kid, Operation, Problem, ProviderRow, Secret, TenantId,
};
use mirk_provider::{address::BaseUrl, kind::Facts, traits};
use mirk_store::Directory;
use mirk_vault::{Place, SealKind, Vault};
use zeroize::Zeroize;

use crate::{
    egress::{Egress, OriginPool, lock},
    limits::KeyLife,
    login::{self, Login, Logins},
};

/// How long an opened credential is kept, in nanoseconds.
pub(crate) const OPENED_FOR: u64 = 60_000_000_000;

/// One key, verified, with its living part.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) row: Arc<ApiKey>,
    pub(crate) life: Arc<KeyLife>,
}

/// One configured provider and its credentials.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) row: Arc<ProviderRow>,
    pub(crate) name: Arc<str>,
    pub(crate) facts: &'static Facts,
    pub(crate) base: BaseUrl,
    /// In order of creation. A provider that needs none has one without a secret.
    pub(crate) credentials: Vec<Arc<Credential>>,
    /// Which credential is next.
    pub(crate) turn: AtomicUsize,
    /// What its server turned out not to do although its kind does, one bit each.
    lacks: AtomicU32,
}

/// Some operations, one bit each.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Operations(u32);

impl Operations {
    /// Whether `operation` is one of them.
    pub(crate) const fn has(self, operation: Operation) -> bool {
        self.0 & Self::bit(operation) != 0
    }

    /// These and `operation`.
    pub(crate) const fn add(&mut self, operation: Operation) {
        self.0 |= Self::bit(operation);
    }

    const fn bit(operation: Operation) -> u32 {
        1 << (operation as u32)
    }
}

impl Upstream {
    /// What to ask this provider for when a client asks for `operation`: the same where it does
    /// that, else what stands for it, if there is anything.
    pub(crate) fn answers(
        &self,
        operation: Operation,
        is_stream: bool,
        model: &str,
    ) -> Option<Operation> {
        let lacks = Operations(self.lacks.load(Ordering::Relaxed));
        let serves = |asked: Operation| self.facts.serves(asked) && !lacks.has(asked);
        if serves(operation) {
            return Some(operation);
        }
        let best = traits::best_dialect(self.facts, model);
        bridge::upstream(operation, is_stream, best, serves)
    }

    /// Learns what its server does not do.
    pub(crate) fn learn(&self, lacks: Operations) {
        self.lacks.fetch_or(lacks.0, Ordering::Relaxed);
    }
}

/// One credential and the connections that are made with it.
#[derive(Debug)]
pub(crate) struct Credential {
    sealed: Sealed,
    pub(crate) pool: Arc<OriginPool>,
    /// Whether the audit log has been told that the credential is damaged.
    pub(crate) is_reported: AtomicBool,
    opened: Mutex<Option<Opened>>,
}

/// What there is to open.
#[derive(Debug)]
enum Sealed {
    /// The provider is asked without a credential.
    Nothing,
    /// A genuine row.
    Row(Arc<CredentialRow>),
    /// A genuine row that is not a key.
    Login(Arc<Login>),
    /// A row that was sealed for another origin.
    Elsewhere,
    /// A row whose MAC does not verify.
    Damaged,
}

#[derive(Debug)]
struct Opened {
    header: HeaderValue,
    secret: Arc<Secret<Vec<u8>>>,
    until: u64,
}

/// The header that carries a secret, and the secret.
pub(crate) type OpenedSecret = (HeaderValue, Arc<Secret<Vec<u8>>>);

/// Everything of one tenant that routing needs.
#[derive(Debug, Default)]
pub(crate) struct Tenant {
    pub(crate) upstreams: Vec<Arc<Upstream>>,
    pub(crate) routes: HashMap<String, Vec<String>>,
}

/// A snapshot for the data path.
#[derive(Debug, Default)]
pub(crate) struct Plane {
    pub(crate) keys: HashMap<Kid, Key>,
    pub(crate) tenants: HashMap<TenantId, Tenant>,
}

impl Plane {
    /// Builds a plane from `directory`, keeping from `old` what lives on. Keys that are gone or
    /// revoked end what they have under way.
    pub(crate) fn build(
        directory: &Directory,
        vault: &Vault,
        (egress, logins): (&Egress, &Logins),
        old: &Self,
    ) -> Self {
        let mut plane = Self {
            keys: keys(directory, vault, &old.keys),
            ..Self::default()
        };
        let known = |mac_input: &[u8], mac: &[u8; 32]| vault.row_mac_valid(mac_input, mac);
        for row in directory
            .providers
            .iter()
            .filter(|row| known(&row.mac_input(), &row.row_mac))
        {
            let credentials = directory
                .credentials
                .iter()
                .filter(|credential| {
                    credential.provider == row.id && credential.tenant == row.tenant
                })
                .map(|credential| {
                    (
                        credential,
                        known(&credential.mac_input(), &credential.row_mac),
                    )
                });
            if let Some(upstream) = Upstream::build(row, credentials, (egress, logins)) {
                plane
                    .tenants
                    .entry(row.tenant)
                    .or_default()
                    .upstreams
                    .push(Arc::new(upstream));
            }
        }
        for row in directory
            .routes
            .iter()
            .filter(|row| known(&row.mac_input(), &row.row_mac))
        {
            let tenant = plane.tenants.entry(row.tenant).or_default();
            tenant.routes.insert(row.alias.clone(), row.targets.clone());
        }
        plane
    }

    /// Forgets opened credentials whose time is over.
    pub(crate) fn sweep(&self, now: u64) {
        let upstreams = self.tenants.values().flat_map(|tenant| &tenant.upstreams);
        for credential in upstreams.flat_map(|upstream| &upstream.credentials) {
            if let Sealed::Login(login) = &credential.sealed {
                login.sweep(now);
            }
            let mut opened = lock(&credential.opened);
            if opened.as_ref().is_some_and(|opened| now >= opened.until) {
                *opened = None;
            }
        }
    }
}

/// The keys that verify, each with the life it had. Those that are gone or revoked end theirs.
fn keys(directory: &Directory, vault: &Vault, old: &HashMap<Kid, Key>) -> HashMap<Kid, Key> {
    let mut keys = HashMap::with_capacity(directory.keys.len());
    for (kid, row) in &directory.keys {
        let is_genuine = vault.row_mac_valid(&row.mac_input(), &row.row_mac);
        if is_genuine && !directory.blocked.contains(kid) {
            let life = old.get(kid).map(|key| Arc::clone(&key.life));
            let row = Arc::clone(row);
            let life = life.unwrap_or_default();
            keys.insert(*kid, Key { row, life });
        }
    }
    for (kid, key) in old {
        let new = keys.get(kid);
        if new.is_none_or(|key| key.row.revoked_at.is_some()) {
            key.life.revoke();
        }
    }
    keys
}

impl Upstream {
    fn build<'a>(
        row: &Arc<ProviderRow>,
        rows: impl Iterator<Item = (&'a Arc<CredentialRow>, bool)>,
        (egress, logins): (&Egress, &Logins),
    ) -> Option<Self> {
        let facts = mirk_provider::kind::by_name(&row.kind)?;
        let base = BaseUrl::parse(&row.base_url).ok()?;
        let origin = base.origin();
        let (mut credentials, mut unusable) = (Vec::new(), Vec::new());
        let mut ended = Vec::new();
        let mut has_row = false;
        for (credential, is_genuine) in rows {
            has_row = true;
            let pool = egress.pool(&origin, Some(credential.id));
            // A credential that is bound to another origin is never opened for this one, and one
            // that somebody else wrote for none. Neither is replaced by asking without.
            let (list, sealed) = match (is_genuine, credential.origin == origin.to_string()) {
                (true, true) if credential.enabled && credential.needs_login => {
                    (&mut ended, Sealed::Login(logins.of(credential)))
                }
                (true, true) if credential.enabled => {
                    (&mut credentials, Sealed::of(credential, logins))
                }
                (true, true) => continue,
                (true, false) => (&mut unusable, Sealed::Elsewhere),
                (false, _) => (&mut unusable, Sealed::Damaged),
            };
            list.push(Arc::new(Credential::new(sealed, pool)));
        }
        // One that needs its owner is asked for only where there is no other.
        if credentials.is_empty() {
            credentials = ended;
        }
        credentials.append(&mut unusable);
        if !has_row && facts.may_lack_credential {
            credentials.push(Arc::new(Credential::new(
                Sealed::Nothing,
                egress.pool(&origin, None),
            )));
        }
        Some(Self {
            row: Arc::clone(row),
            name: Arc::from(row.name.as_str()),
            facts,
            base,
            credentials,
            turn: AtomicUsize::new(0),
            lacks: AtomicU32::new(0),
        })
    }

    /// Whether the provider's own list has the model; a provider without a list may have any.
    pub(crate) fn lists(&self, model: &str) -> bool {
        self.row.models.iter().any(|known| known == model)
    }
}

impl Sealed {
    fn of(row: &Arc<CredentialRow>, logins: &Logins) -> Self {
        match row.kind {
            CredentialKind::Key => Self::Row(Arc::clone(row)),
            CredentialKind::OAuth | CredentialKind::Reference => Self::Login(logins.of(row)),
        }
    }
}

impl Credential {
    fn new(sealed: Sealed, pool: Arc<OriginPool>) -> Self {
        Self {
            sealed,
            pool,
            is_reported: AtomicBool::new(false),
            opened: Mutex::default(),
        }
    }

    /// The header that carries the secret, and the secret itself so that an echo of it can be
    /// masked. Opened at most once a minute.
    pub(crate) fn open(
        &self,
        vault: &Vault,
        facts: &Facts,
        now: u64,
    ) -> Result<Option<OpenedSecret>, Problem> {
        let row = match &self.sealed {
            Sealed::Nothing => return Ok(None),
            Sealed::Row(row) => row,
            Sealed::Login(login) => return login.open(vault, now).map(Some),
            Sealed::Elsewhere => return Err(elsewhere()),
            Sealed::Damaged => return Err(integrity()),
        };
        let mut opened = lock(&self.opened);
        if let Some(opened) = opened.as_ref().filter(|opened| now < opened.until) {
            return Ok(Some((opened.header.clone(), Arc::clone(&opened.secret))));
        }
        let place = Place::of(row.tenant, "credential", row.id.as_bytes(), "sealed")
            .at_generation(row.generation);
        let secret = vault
            .open_sealed(&place, SealKind::ProviderKey, &row.sealed)
            .map_err(|_integrity| integrity())?;
        let header = header(facts, secret.expose())?;
        let secret = Arc::new(secret);
        let until = now.saturating_add(OPENED_FOR);
        *opened = Some(Opened {
            header: header.clone(),
            secret: Arc::clone(&secret),
            until,
        });
        Ok(Some((header, secret)))
    }

    /// The login, where the credential is not a key.
    pub(crate) const fn login(&self) -> Option<&Arc<Login>> {
        match &self.sealed {
            Sealed::Login(login) => Some(login),
            Sealed::Nothing | Sealed::Row(_) | Sealed::Elsewhere | Sealed::Damaged => None,
        }
    }

    /// Masks what else belongs to the secret that was sent.
    pub(crate) fn mask<'a>(&self, text: Cow<'a, [u8]>) -> Cow<'a, [u8]> {
        match self.login() {
            Some(login) => login.mask(text),
            None => text,
        }
    }

    /// Puts the opened secret where the provider looks for it.
    pub(crate) fn put(&self, headers: &mut HeaderMap, facts: &Facts, secret: HeaderValue) {
        if self.login().is_some() {
            login::mark(headers, facts, secret);
        } else {
            headers.insert(HeaderName::from_static(facts.auth.header()), secret);
        }
    }
}

/// The header of an access token.
pub(crate) fn bearer(token: &[u8]) -> Result<HeaderValue, Problem> {
    prefixed("Bearer ", token)
}

fn header(facts: &Facts, secret: &[u8]) -> Result<HeaderValue, Problem> {
    prefixed(facts.auth.prefix(), secret)
}

fn prefixed(prefix: &str, secret: &[u8]) -> Result<HeaderValue, Problem> {
    let mut bytes = prefix.as_bytes().to_vec();
    bytes.extend_from_slice(secret);
    let value = HeaderValue::from_bytes(&bytes);
    bytes.zeroize();
    let mut value = value.map_err(|_invalid| integrity())?;
    value.set_sensitive(true);
    Ok(value)
}

fn elsewhere() -> Problem {
    Problem::new(
        mirk_model::Kind::CredentialNeedsReentry,
        "The stored credential is bound to another address of this provider. Add it again with `mirk credential add`.",
    )
}

pub(crate) fn integrity() -> Problem {
    Problem::new(
        mirk_model::Kind::VaultIntegrity,
        "The provider's stored credential does not authenticate. Add it again with `mirk credential add`.",
    )
}
