//! The audit log, as it is read and as the chain appends to it.

use mirk_model::Timestamp;

use super::{every, first};
use crate::{
    anchor::Anchor,
    chain::Link,
    db::{DbError, Expect, Fetch, Fields, Query, Statement, values},
};

/// Rows of one page of an export.
pub const PAGE: u32 = 1_000;

const INSERT: &str = "
    INSERT INTO audit (seq, at, actor, action, object, result, details, prev_hash, hash)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

const AFTER: &str = "
    SELECT seq, at, actor, action, object, result, details, prev_hash, hash
      FROM audit
     WHERE seq > $1
     ORDER BY seq
     LIMIT $2";

const LATEST: &str = "
    SELECT seq, at, actor, action, object, result, details, prev_hash, hash
      FROM audit
     WHERE seq < $1
     ORDER BY seq DESC
     LIMIT $2";

const HEAD: &str = "
    SELECT seq, hash
      FROM audit
     ORDER BY seq DESC
     LIMIT 1";

const ANCHORS: &str = "
    SELECT seq, head, at
      FROM audit_anchor
     ORDER BY seq";

const ADD_ANCHOR: &str = "
    INSERT INTO audit_anchor (seq, head, at)
    VALUES ($1, $2, $3)
    ON CONFLICT (seq) DO NOTHING";

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Counts events from one, without gaps.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub object: String,
    /// How it ended.
    pub result: String,
    /// Further fields as `name=value`.
    pub details: Vec<String>,
    /// MAC of the event before; zeros for the first.
    pub prev_hash: [u8; 32],
    /// MAC of this event.
    pub hash: [u8; 32],
}

/// Up to `limit` events after `seq`, oldest first: for exports and for verification.
///
/// # Errors
/// When the database cannot be read, or a row is malformed.
pub fn after(reader: &dyn Fetch, seq: i64, limit: u32) -> Result<Vec<AuditRow>, DbError> {
    every(reader, &Query::new(AFTER, values![seq, limit]), read)
}

/// Up to `limit` events before `seq`, or the latest, newest first.
///
/// # Errors
/// When the database cannot be read, or a row is malformed.
pub fn latest(
    reader: &dyn Fetch,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<AuditRow>, DbError> {
    let before = before.unwrap_or(i64::MAX);
    every(reader, &Query::new(LATEST, values![before, limit]), read)
}

/// As [`after`], but a malformed row comes as its number only: that is a finding, not a failure.
pub(crate) fn suspects(
    reader: &dyn Fetch,
    seq: i64,
) -> Result<Vec<(i64, Option<AuditRow>)>, DbError> {
    reader
        .fetch(&Query::new(AFTER, values![seq, PAGE]).unhurried())?
        .into_iter()
        .map(|row| {
            let seq = row.clone().into_fields().int()?;
            Ok((seq, read(&mut row.into_fields()).ok()))
        })
        .collect()
}

fn read(fields: &mut Fields) -> Result<AuditRow, DbError> {
    Ok(AuditRow {
        seq: fields.int()?,
        at: fields.time()?,
        actor: fields.text()?,
        action: fields.text()?,
        object: fields.text()?,
        result: fields.text()?,
        details: fields.list()?,
        prev_hash: fields.array()?,
        hash: fields.array()?,
    })
}

/// The last row's place in the chain.
pub(crate) fn head(reader: &dyn Fetch) -> Result<Link, DbError> {
    let head = first(reader, &Query::new(HEAD, values![]), |fields| {
        Ok(Link {
            seq: fields.int()?,
            hash: fields.array()?,
        })
    })?;
    Ok(head.unwrap_or(Link::START))
}

pub(crate) fn insert(row: &AuditRow) -> Statement {
    Statement {
        sql: INSERT,
        values: values![
            row.seq,
            row.at,
            row.actor.as_str(),
            row.action.as_str(),
            row.object.as_str(),
            row.result.as_str(),
            row.details.as_slice(),
            &row.prev_hash,
            &row.hash,
        ],
        expect: Expect::Exactly {
            rows: 1,
            otherwise: DbError::Conflict,
        },
    }
}

pub(crate) fn anchors(reader: &dyn Fetch) -> Result<Vec<Anchor>, DbError> {
    every(reader, &Query::new(ANCHORS, values![]), |fields| {
        Ok(Anchor {
            seq: fields.int()?,
            head: fields.array()?,
            at: fields.time()?,
        })
    })
}

pub(crate) fn add_anchor(anchor: &Anchor) -> Statement {
    Statement {
        sql: ADD_ANCHOR,
        values: values![anchor.seq, &anchor.head, anchor.at],
        expect: Expect::Any,
    }
}
