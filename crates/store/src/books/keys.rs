//! API keys.

use mirk_model::{ApiKey, KeyKind, KeyLimits, Kid, ModelFilter, ScopeSet, TenantId, Timestamp};

use super::{first, readable};
use crate::db::{Batch, DbError, Fetch, Fields, Noun, Query, values};

const ALL: &str = "
    SELECT kid, tenant, label, kind, key_mac, pepper_version, scopes, models,
           rpm, tpm, concurrency, lifetime_calls, daily_calls,
           not_before, expires_at, revoked_at, created_at, version, row_mac
      FROM api_key
     ORDER BY created_at, kid";

const OF_TENANT: &str = "
    SELECT kid, tenant, label, kind, key_mac, pepper_version, scopes, models,
           rpm, tpm, concurrency, lifetime_calls, daily_calls,
           not_before, expires_at, revoked_at, created_at, version, row_mac
      FROM api_key
     WHERE tenant = $1
     ORDER BY created_at, kid";

const GET: &str = "
    SELECT kid, tenant, label, kind, key_mac, pepper_version, scopes, models,
           rpm, tpm, concurrency, lifetime_calls, daily_calls,
           not_before, expires_at, revoked_at, created_at, version, row_mac
      FROM api_key
     WHERE tenant = $1 AND kid = $2";

/// Counts and inserts in one statement, so that no two callers both get the last place.
const INSERT: &str = "
    INSERT INTO api_key (
           kid, tenant, label, kind, key_mac, pepper_version, scopes, models,
           rpm, tpm, concurrency, lifetime_calls, daily_calls,
           not_before, expires_at, revoked_at, created_at, version, row_mac)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
           $11, $12, $13, $14, $15, $16, $17, $18, $19
     WHERE (SELECT COUNT(*)
              FROM api_key
             WHERE tenant = $2
               AND revoked_at IS NULL
               AND (expires_at IS NULL OR expires_at > $17)) < $20";

const UPDATE: &str = "
    UPDATE api_key
       SET label = $1, key_mac = $2, pepper_version = $3, scopes = $4, models = $5,
           rpm = $6, tpm = $7, concurrency = $8, lifetime_calls = $9, daily_calls = $10,
           not_before = $11, expires_at = $12, revoked_at = $13, version = $14, row_mac = $15
     WHERE tenant = $16 AND kid = $17 AND version = $18";

/// Every readable key, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub fn all(reader: &dyn Fetch) -> Result<Vec<ApiKey>, DbError> {
    readable(reader, &Query::new(ALL, values![]), read)
}

/// The keys of `tenant`, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub fn of_tenant(reader: &dyn Fetch, tenant: TenantId) -> Result<Vec<ApiKey>, DbError> {
    let query = Query::new(OF_TENANT, values![tenant.as_bytes()]);
    readable(reader, &query, read)
}

/// One key of `tenant`.
///
/// # Errors
/// When the database cannot be read, or the row is malformed.
pub fn get(reader: &dyn Fetch, tenant: TenantId, kid: Kid) -> Result<Option<ApiKey>, DbError> {
    let query = Query::new(GET, values![tenant.as_bytes(), kid.as_str()]);
    first(reader, &query, read)
}

fn read(fields: &mut Fields) -> Result<ApiKey, DbError> {
    Ok(ApiKey {
        kid: Kid::parse(fields.text()?.as_bytes()).ok_or(DbError::Malformed)?,
        tenant: TenantId::from_bytes(fields.array()?),
        label: fields.text()?,
        kind: read_kind(&fields.text()?)?,
        key_mac: fields.array()?,
        pepper_version: fields.count()?,
        scopes: read_scopes(&fields.text()?)?,
        models: ModelFilter::new(fields.list()?),
        limits: KeyLimits {
            rpm: fields.optional_count()?,
            tpm: fields.optional_count()?,
            concurrency: fields.optional_count()?,
            lifetime_calls: fields.optional_count()?,
            daily_calls: fields.optional_count()?,
        },
        not_before: fields.optional_time()?,
        expires_at: fields.optional_time()?,
        revoked_at: fields.optional_time()?,
        created_at: fields.time()?,
        version: fields.int()?,
        row_mac: fields.array()?,
    })
}

fn read_kind(text: &str) -> Result<KeyKind, DbError> {
    match text.as_bytes() {
        [letter] => KeyKind::from_letter(*letter).ok_or(DbError::Malformed),
        _ => Err(DbError::Malformed),
    }
}

fn read_scopes(text: &str) -> Result<ScopeSet, DbError> {
    if text.is_empty() {
        return Ok(ScopeSet::default());
    }
    ScopeSet::parse(text).or(Err(DbError::Malformed))
}

/// Adds a key, if its tenant has fewer than `cap` keys that are neither revoked nor expired when
/// it is created. Applying it fails with [`DbError::Limit`] otherwise.
pub fn insert(key: &ApiKey, cap: u64) -> Batch {
    let limits = &key.limits;
    Batch::new()
        .run(
            INSERT,
            values![
                key.kid.as_str(),
                key.tenant.as_bytes(),
                key.label.as_str(),
                key.kind.letter().to_string(),
                &key.key_mac,
                key.pepper_version,
                key.scopes.to_string(),
                key.models.globs(),
                limits.rpm,
                limits.tpm,
                limits.concurrency,
                limits.lifetime_calls,
                limits.daily_calls,
                key.not_before,
                key.expires_at,
                key.revoked_at,
                key.created_at,
                key.version,
                &key.row_mac,
                cap,
            ],
        )
        .within_limit()
        .touch(Noun::Keys)
}

/// Writes `key` over the row of the version before: `key.version - 1`. Owner, kind and creation
/// never change. Fails with [`DbError::Conflict`] when the row has another version by now.
/// A revocation is this with `revoked_at` set.
pub fn update(key: &ApiKey) -> Batch {
    let limits = &key.limits;
    let before: i64 = key.version.saturating_sub(1);
    let revoked_at: Option<Timestamp> = key.revoked_at;
    Batch::new()
        .run(
            UPDATE,
            values![
                key.label.as_str(),
                &key.key_mac,
                key.pepper_version,
                key.scopes.to_string(),
                key.models.globs(),
                limits.rpm,
                limits.tpm,
                limits.concurrency,
                limits.lifetime_calls,
                limits.daily_calls,
                key.not_before,
                key.expires_at,
                revoked_at,
                key.version,
                &key.row_mac,
                key.tenant.as_bytes(),
                key.kid.as_str(),
                before,
            ],
        )
        .expect_rows(1)
        .touch(Noun::Keys)
}
