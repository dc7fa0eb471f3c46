//! The key hierarchy: root key, installation master key, purpose keys, tenants' DEKs.
//!
//! Purpose keys and DEKs are random and wrapped, not derived: rotating the root or the master
//! key must not change a pepper. Invariant: opening never makes a key, so a wrong root key
//! cannot quietly start a second hierarchy over existing data.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use aws_lc_rs::hmac;
use mirk_model::{ApiKey, DekId, Entropy, InstallId, KeyringRow, Secret, TenantId, Timestamp};

use crate::RootKey;
use crate::cipher::{self, Fault, Key, fresh_key};
use crate::key::decoy;
use crate::ring::Ring;
use crate::wrap::{DEK, IMK, Wrapper, wrapped_by};

const API_KEY: &str = "mac/api-key";
const SESSION: &str = "mac/session";
const AUDIT: &str = "mac/audit";
const ROW: &str = "mac/row";
const FINGERPRINT: &str = "mac/fingerprint";
const SYSTEM: &str = "enc/system";
const ARGON2: &str = "argon2/secret";

/// Every purpose key of an installation; each new hierarchy gets one of each.
const PURPOSES: [&str; 7] = [API_KEY, SESSION, AUDIT, ROW, FINGERPRINT, SYSTEM, ARGON2];

/// The info that turns an installation master key into its wrap key.
const WRAP_INFO: &[u8] = b"wrap|v1";

/// An opened hierarchy: seals, opens, makes and checks MACs, hashes passwords.
///
/// Shows nothing in `Debug`. Keys are wiped on drop.
pub struct Vault {
    pub(crate) install: InstallId,
    pub(crate) api_key: Ring<hmac::Key>,
    pub(crate) session: Ring<hmac::Key>,
    pub(crate) audit: Ring<hmac::Key>,
    pub(crate) row: Ring<hmac::Key>,
    pub(crate) fingerprint: Ring<hmac::Key>,
    pub(crate) argon2: Ring<Key>,
    pub(crate) deks: Deks,
    /// A key row that nobody holds the token of: what an unknown key is checked against.
    pub(crate) decoy: ApiKey,
    imk: Imk,
}

impl fmt::Debug for Vault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Vault(..)")
    }
}

/// Why a hierarchy could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreateError {
    /// The crypto provider refused.
    #[error("the crypto provider refused to wrap a key")]
    Provider,
    /// The tenant has a DEK already.
    #[error("the tenant has a data key already")]
    Exists,
}

/// Why a hierarchy could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The keyring is whole, but another root key wrapped it.
    #[error("the root key is not the one that this installation was made with")]
    WrongRoot,
    /// A row of the keyring is damaged, or belongs to another installation.
    #[error("key {0} of the keyring is damaged or belongs to another installation")]
    Damaged(DekId),
    /// A key that every installation has is not among the rows.
    #[error("the keyring has no key for {0}")]
    Missing(&'static str),
    /// A key comes twice in the same version.
    #[error("the keyring has two keys of the same version for {0}")]
    Doubled(&'static str),
}

/// The installation master key that wraps new rows.
struct Imk {
    /// Its row, with the wrapping it came with.
    row: KeyringRow,
    key: Key,
    wrap_key: Key,
}

impl Imk {
    fn new(install: InstallId, row: KeyringRow, key: Key) -> Result<Self, Fault> {
        let wrap_key = cipher::derive(&key, install.as_bytes(), WRAP_INFO)?;
        let wrap_key = Secret::new(*wrap_key);
        Ok(Self { row, key, wrap_key })
    }

    const fn wrapper(&self) -> Wrapper<'_> {
        Wrapper::imk(self.row.id, &self.wrap_key)
    }
}

/// Keys that seal records, found by owner and id together. No owner: the installation.
#[derive(Default)]
pub(crate) struct Deks {
    keys: HashMap<(Option<TenantId>, DekId), Key>,
    newest: HashMap<Option<TenantId>, (u32, DekId)>,
}

impl Deks {
    /// Adds a key; false when the owner has one of this version already.
    fn add(&mut self, row: &KeyringRow, key: Key) -> bool {
        let newest = self.newest.get(&row.tenant);
        if newest.is_some_and(|(version, _)| *version == row.version) {
            return false;
        }
        if newest.is_none_or(|(version, _)| *version < row.version) {
            self.newest.insert(row.tenant, (row.version, row.id));
        }
        self.keys.insert((row.tenant, row.id), key).is_none()
    }

    /// The owner's key with this id.
    pub(crate) fn get(&self, owner: Option<TenantId>, id: DekId) -> Option<&Key> {
        self.keys.get(&(owner, id))
    }

    /// The owner's newest key.
    pub(crate) fn newest(&self, owner: Option<TenantId>) -> Option<(DekId, &Key)> {
        let (_, id) = self.newest.get(&owner)?;
        Some((*id, self.get(owner, *id)?))
    }
}

/// Unwrapped keys by purpose, on the way into a [`Vault`].
#[derive(Default)]
struct Opened {
    purposes: BTreeMap<&'static str, Vec<(u32, Key)>>,
    deks: Deks,
}

impl Opened {
    /// Sorts a key in; [`OpenError::Doubled`] when its place is taken.
    fn add(&mut self, row: &KeyringRow, purpose: &'static str, key: Key) -> Result<(), OpenError> {
        if purpose == DEK || purpose == SYSTEM {
            let added = self.deks.add(row, key);
            return added.then_some(()).ok_or(OpenError::Doubled(purpose));
        }
        self.purposes
            .entry(purpose)
            .or_default()
            .push((row.version, key));
        Ok(())
    }

    fn ring(&mut self, purpose: &'static str) -> Result<Ring<Key>, OpenError> {
        let keys = self
            .purposes
            .remove(purpose)
            .ok_or(OpenError::Missing(purpose))?;
        Ring::of(keys).ok_or(OpenError::Doubled(purpose))
    }

    /// The purpose's keys with their HMAC schedules made, which the hot path then reuses.
    fn macs(&mut self, purpose: &'static str) -> Result<Ring<hmac::Key>, OpenError> {
        let ring = self.ring(purpose)?;
        Ok(ring.map(|key| hmac::Key::new(hmac::HMAC_SHA256, key.expose())))
    }

    fn into_vault(mut self, install: InstallId, imk: Imk) -> Result<Vault, OpenError> {
        if self.deks.newest(None).is_none() {
            return Err(OpenError::Missing(SYSTEM));
        }
        let api_key = self.macs(API_KEY)?;
        Ok(Vault {
            install,
            decoy: decoy(api_key.version()).ok_or(OpenError::Missing(API_KEY))?,
            api_key,
            session: self.macs(SESSION)?,
            audit: self.macs(AUDIT)?,
            row: self.macs(ROW)?,
            fingerprint: self.macs(FINGERPRINT)?,
            argon2: self.ring(ARGON2)?,
            deks: self.deks,
            imk,
        })
    }
}

impl Vault {
    /// A new hierarchy with one tenant, and the rows to keep. Call it only where no row exists.
    ///
    /// # Errors
    /// [`CreateError::Provider`], in which case nothing must be kept.
    pub fn create(
        root: &RootKey,
        entropy: &dyn Entropy,
        install: InstallId,
        tenant: TenantId,
        now: Timestamp,
    ) -> Result<(Self, Vec<KeyringRow>), CreateError> {
        let key = fresh_key(entropy);
        let mut row = new_row(IMK, None, now, entropy);
        Wrapper::root(root.key())
            .wrap(install, &mut row, &key, entropy)
            .map_err(|_fault| CreateError::Provider)?;
        let imk = Imk::new(install, row, key).map_err(|_fault| CreateError::Provider)?;
        let mut rows = vec![imk.row.clone()];
        let mut opened = Opened::default();
        let owned = PURPOSES.map(|purpose| (purpose, None));
        for (purpose, owner) in owned.into_iter().chain([(DEK, Some(tenant))]) {
            let mut row = new_row(purpose, owner, now, entropy);
            let key = fresh_key(entropy);
            imk.wrapper()
                .wrap(install, &mut row, &key, entropy)
                .map_err(|_fault| CreateError::Provider)?;
            opened
                .add(&row, purpose, key)
                .map_err(|_doubled| CreateError::Exists)?;
            rows.push(row);
        }
        let vault = opened.into_vault(install, imk);
        Ok((vault.map_err(|_missing| CreateError::Provider)?, rows))
    }

    /// Opens the hierarchy that `rows` keep. Makes nothing, whatever is wrong. Rows of purposes
    /// that this version does not know are left alone.
    ///
    /// # Errors
    /// [`OpenError::WrongRoot`] when every byte is in order but the root key is another one;
    /// otherwise which key is damaged, missing or there twice.
    pub fn open(
        root: &RootKey,
        install: InstallId,
        rows: &[KeyringRow],
    ) -> Result<Self, OpenError> {
        let imks = open_imks(root, install, rows)?;
        let mut opened = Opened::default();
        for row in rows {
            let known = PURPOSES.iter().chain([&DEK]).find(|it| **it == row.purpose);
            let Some(purpose) = known else { continue };
            let damaged = OpenError::Damaged(row.id);
            // A DEK has an owner, and nothing else has.
            if (*purpose == DEK) != row.tenant.is_some() {
                return Err(damaged);
            }
            let by = wrapped_by(row).ok_or(damaged)?;
            let imk = imks.all().find(|imk| imk.row.id == by).ok_or(damaged)?;
            let key = imk
                .wrapper()
                .unwrap(install, row)
                .map_err(|_refused| damaged)?;
            opened.add(row, purpose, key)?;
        }
        opened.into_vault(install, imks.into_current())
    }

    /// The row of the installation master key, wrapped by `new_root`. It takes the place of the
    /// row with the same id; from then on only `new_root` opens the hierarchy.
    ///
    /// # Errors
    /// [`CreateError::Provider`], in which case the old row stands.
    pub fn rewrap_root(
        &self,
        new_root: &RootKey,
        entropy: &dyn Entropy,
    ) -> Result<KeyringRow, CreateError> {
        let mut row = self.imk.row.clone();
        Wrapper::root(new_root.key())
            .wrap(self.install, &mut row, &self.imk.key, entropy)
            .map_err(|_fault| CreateError::Provider)?;
        Ok(row)
    }

    /// Gives a new tenant its DEK, and returns the row to keep.
    ///
    /// # Errors
    /// [`CreateError::Exists`] when the tenant has one.
    pub fn add_tenant(
        &mut self,
        tenant: TenantId,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<KeyringRow, CreateError> {
        if self.deks.newest(Some(tenant)).is_some() {
            return Err(CreateError::Exists);
        }
        let key = fresh_key(entropy);
        let mut row = new_row(DEK, Some(tenant), now, entropy);
        self.imk
            .wrapper()
            .wrap(self.install, &mut row, &key, entropy)
            .map_err(|_fault| CreateError::Provider)?;
        self.deks.add(&row, key);
        Ok(row)
    }

    /// The installation that this hierarchy belongs to.
    pub const fn install(&self) -> InstallId {
        self.install
    }
}

fn open_imks(
    root: &RootKey,
    install: InstallId,
    rows: &[KeyringRow],
) -> Result<Ring<Imk>, OpenError> {
    let mut imks = Vec::new();
    for row in rows.iter().filter(|row| row.purpose == IMK) {
        let damaged = OpenError::Damaged(row.id);
        let key = Wrapper::root(root.key()).unwrap(install, row);
        let key = key.map_err(|fault| match fault {
            Fault::OtherKey => OpenError::WrongRoot,
            Fault::Format | Fault::Damaged | Fault::Provider => damaged,
        })?;
        let imk = Imk::new(install, row.clone(), key).map_err(|_fault| damaged)?;
        imks.push((row.version, imk));
    }
    if imks.is_empty() {
        return Err(OpenError::Missing(IMK));
    }
    Ring::of(imks).ok_or(OpenError::Doubled(IMK))
}

fn new_row(
    purpose: &str,
    tenant: Option<TenantId>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> KeyringRow {
    KeyringRow {
        id: DekId::random(entropy),
        purpose: purpose.to_owned(),
        version: 1,
        tenant,
        wrapped: Vec::new(),
        created_at: now,
    }
}

#[cfg(test)]
#[path = "hierarchy_tests.rs"]
mod tests;
