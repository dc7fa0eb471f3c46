//! Accounts of people, and the one-time set-up link that makes the first.

use mirk_model::{AccountId, TenantId, Timestamp};

use super::{every, first};
use crate::db::{Batch, DbError, Fetch, Fields, Query, values};

const ALL: &str = "
    SELECT id, tenant, handle, pwhash, pepper_version, epoch, created_at
      FROM account
     ORDER BY created_at, id";

const BY_HANDLE: &str = "
    SELECT id, tenant, handle, pwhash, pepper_version, epoch, created_at
      FROM account
     WHERE handle = $1";

const INSERT: &str = "
    INSERT INTO account (id, tenant, handle, pwhash, pepper_version, epoch, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// Refuses when there is an account, so that two set-ups at once make one owner.
const INSERT_OWNER: &str = "
    INSERT INTO account (id, tenant, handle, pwhash, pepper_version, epoch, created_at)
    SELECT $1, $2, $3, $4, $5, $6, $7
     WHERE NOT EXISTS (SELECT 1 FROM account)";

const SET_PASSWORD: &str = "
    UPDATE account
       SET pwhash = $1, pepper_version = $2, epoch = epoch + 1
     WHERE id = $3 AND epoch = $4";

const INSERT_SETUP: &str = "
    INSERT INTO setup_token (mac, created_at)
    VALUES ($1, $2)";

const SETUP: &str = "
    SELECT created_at
      FROM setup_token
     WHERE mac = $1";

const FORGET_SETUPS: &str = "
    DELETE FROM setup_token";

/// One account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Id.
    pub id: AccountId,
    /// Whose.
    pub tenant: TenantId,
    /// The name to log in with.
    pub handle: String,
    /// Password hash in the vault's format.
    pub pwhash: String,
    /// Version of the pepper in the hash.
    pub pepper_version: u32,
    /// Counts changes of the password; sessions of an older epoch are dead.
    pub epoch: i64,
    /// Created at.
    pub created_at: Timestamp,
}

/// All accounts, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub fn all(reader: &dyn Fetch) -> Result<Vec<Account>, DbError> {
    every(reader, &Query::new(ALL, values![]), read)
}

/// The account with this handle.
///
/// # Errors
/// When the database cannot be read.
pub fn by_handle(reader: &dyn Fetch, handle: &str) -> Result<Option<Account>, DbError> {
    first(reader, &Query::new(BY_HANDLE, values![handle]), read)
}

fn read(fields: &mut Fields) -> Result<Account, DbError> {
    Ok(Account {
        id: AccountId::from_bytes(fields.array()?),
        tenant: TenantId::from_bytes(fields.array()?),
        handle: fields.text()?,
        pwhash: fields.text()?,
        pepper_version: fields.count()?,
        epoch: fields.int()?,
        created_at: fields.time()?,
    })
}

/// Adds an account. Fails with [`DbError::Constraint`] when the handle is taken.
pub fn insert(account: &Account) -> Batch {
    Batch::new().run(INSERT, columns(account)).expect_rows(1)
}

/// Adds the first account. Fails with [`DbError::Conflict`] when there is one.
pub fn insert_owner(account: &Account) -> Batch {
    Batch::new()
        .run(INSERT_OWNER, columns(account))
        .expect_rows(1)
}

fn columns(account: &Account) -> Vec<crate::db::Value> {
    values![
        account.id.as_bytes(),
        account.tenant.as_bytes(),
        account.handle.as_str(),
        account.pwhash.as_str(),
        account.pepper_version,
        account.epoch,
        account.created_at,
    ]
}

/// Replaces the password of the account at its epoch, and begins the next.
pub fn set_password(account: &Account, pwhash: &str, pepper_version: u32) -> Batch {
    Batch::new()
        .run(
            SET_PASSWORD,
            values![pwhash, pepper_version, account.id.as_bytes(), account.epoch],
        )
        .expect_rows(1)
        .wipe()
}

/// Adds the MAC of a set-up token.
pub fn insert_setup(mac: &[u8; 32], now: Timestamp) -> Batch {
    Batch::new()
        .run(INSERT_SETUP, values![mac, now])
        .expect_rows(1)
}

/// When the set-up token with this MAC was made, if there is one.
///
/// # Errors
/// When the database cannot be read.
pub fn setup_made_at(reader: &dyn Fetch, mac: &[u8; 32]) -> Result<Option<Timestamp>, DbError> {
    first(reader, &Query::new(SETUP, values![mac]), Fields::time)
}

/// Removes all set-up tokens, before a new one is made.
pub fn forget_setups() -> Batch {
    Batch::new().run(FORGET_SETUPS, values![])
}
