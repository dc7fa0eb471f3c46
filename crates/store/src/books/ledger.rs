//! The ledger: one row an exchange. Written by the store's writer only, read here.
//!
//! Request ids begin with the time of arrival, so a range of time is a range of ids.

use mirk_model::{Counted, Exchange, Kid, Money, Outcome, RequestId, TenantId, Timestamp, Usage};

use super::every;
use crate::db::{Cell, DbError, Fetch, Fields, Query, values};

/// A row that is there already stays: writing a row again after an unclear failure is safe.
pub(crate) const INSERT: &str = "
    INSERT INTO ledger (
           request, at, tenant, kid, provider, model, status, outcome,
           input, cached, cache_write, output, reasoning, counted,
           cost, first_byte_us, total_us)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
    ON CONFLICT (request) DO NOTHING";

const PAGE: &str = "
    SELECT request, at, tenant, kid, provider, model, status, outcome,
           input, cached, cache_write, output, reasoning, counted,
           cost, first_byte_us, total_us
      FROM ledger
     WHERE request >= $1 AND request < $2
       AND tenant = $3
       AND ($4 IS NULL OR kid = $4)
     ORDER BY request DESC
     LIMIT $5";

/// The totals of each group, for a column of the ledger.
macro_rules! totals {
    ($group:literal) => {
        concat!(
            "
    SELECT ",
            $group,
            ", COUNT(*), COUNT(cost), COALESCE(SUM(cost), 0),
           SUM(input), SUM(cached), SUM(cache_write), SUM(output), SUM(reasoning),
           SUM(CASE WHEN outcome = 'ok' THEN 1 ELSE 0 END)
      FROM ledger
     WHERE request >= $1 AND request < $2
       AND tenant = $3
       AND ($4 IS NULL OR kid = $4)
     GROUP BY 1
     ORDER BY 1"
        )
    };
}

const BY_DAY: &str = totals!("CAST(at / 86400000000 AS TEXT)");
const BY_PROVIDER: &str = totals!("provider");
const BY_MODEL: &str = totals!("model");
const BY_KEY: &str = totals!("kid");

const COUNT: &str = "
    SELECT COUNT(*)
      FROM ledger";

const FORGET: &str = "
    DELETE FROM ledger
     WHERE request < $1";

/// Tokens of one row that are kept: no provider sells a thousand billion at once, and a sum over
/// forged counts must not overflow.
const MOST_TOKENS: i64 = 1 << 40;

/// Cost of one row that is kept, in nano-dollars: about a million dollars.
const MOST_NANOS: i64 = 1 << 50;

/// Which rows.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    /// Whose.
    pub tenant: TenantId,
    /// Only of this key.
    pub kid: Option<Kid>,
    /// Arrived at this moment or later, to the millisecond.
    pub from: Timestamp,
    /// Arrived before this moment, to the millisecond.
    pub until: Timestamp,
}

impl Filter {
    fn bounds(&self) -> (RequestId, RequestId) {
        let first =
            |at: Timestamp| RequestId::from_parts(at.max(Timestamp::from_micros(0)), [0; 10]);
        (first(self.from), first(self.until))
    }

    fn query(&self, sql: &'static str, until: RequestId) -> Query {
        Query::new(
            sql,
            values![
                self.bounds().0.as_bytes(),
                until.as_bytes(),
                self.tenant.as_bytes(),
                self.kid.as_ref().map(Kid::as_str),
            ],
        )
        .unhurried()
    }
}

/// What totals are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// UTC day, as `2026-11-22`.
    Day,
    /// Name of the provider.
    Provider,
    /// Model at the provider.
    Model,
    /// Key.
    Key,
}

/// The sums of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// The day, provider, model or key.
    pub group: String,
    /// Exchanges.
    pub exchanges: u64,
    /// Those that ended well.
    pub succeeded: u64,
    /// Those with a known cost.
    pub priced: u64,
    /// Cost of those.
    pub cost: Money,
    /// Tokens. Where the numbers come from is not summed up.
    pub usage: Usage,
}

/// Up to `limit` exchanges, newest first; older than `before` if given.
///
/// # Errors
/// When the database cannot be read, or a row is malformed.
pub fn page(
    reader: &dyn Fetch,
    filter: &Filter,
    before: Option<RequestId>,
    limit: u32,
) -> Result<Vec<Exchange>, DbError> {
    let until = filter.bounds().1;
    let until = before.map_or(until, |before| before.min(until));
    let mut query = filter.query(PAGE, until);
    query.values.push(limit.into());
    every(reader, &query, read)
}

fn read(fields: &mut Fields) -> Result<Exchange, DbError> {
    Ok(Exchange {
        request: RequestId::from_bytes(fields.array()?),
        at: fields.time()?,
        tenant: TenantId::from_bytes(fields.array()?),
        kid: Kid::parse(fields.text()?.as_bytes()).ok_or(DbError::Malformed)?,
        provider: fields.text()?.into(),
        model: fields.text()?.into(),
        status: fields.count()?,
        outcome: read_outcome(&fields.text()?)?,
        usage: Usage {
            input: fields.count()?,
            cached: fields.count()?,
            cache_write: fields.count()?,
            output: fields.count()?,
            reasoning: fields.count()?,
            counted: read_counted(&fields.text()?)?,
        },
        cost: fields.optional_int()?.map(Money::from_nanos),
        first_byte_us: fields.optional_count()?,
        total_us: fields.count()?,
    })
}

fn read_outcome(name: &str) -> Result<Outcome, DbError> {
    [
        Outcome::Ok,
        Outcome::Failed,
        Outcome::ClientClosed,
        Outcome::Incomplete,
        Outcome::Revoked,
    ]
    .into_iter()
    .find(|outcome| outcome.name() == name)
    .ok_or(DbError::Malformed)
}

fn read_counted(name: &str) -> Result<Counted, DbError> {
    [Counted::Nothing, Counted::Reported, Counted::Estimated]
        .into_iter()
        .find(|counted| counted.name() == name)
        .ok_or(DbError::Malformed)
}

/// The totals of each group, in the order of their names.
///
/// # Errors
/// When the database cannot be read.
pub fn totals(reader: &dyn Fetch, filter: &Filter, by: By) -> Result<Vec<Total>, DbError> {
    let sql = match by {
        By::Day => BY_DAY,
        By::Provider => BY_PROVIDER,
        By::Model => BY_MODEL,
        By::Key => BY_KEY,
    };
    let mut totals = every(reader, &filter.query(sql, filter.bounds().1), read_total)?;
    if by == By::Day {
        for total in &mut totals {
            let day = total.group.parse().or(Err(DbError::Malformed))?;
            let text = Timestamp::from_day(day).to_string();
            text.split('T')
                .next()
                .unwrap_or_default()
                .clone_into(&mut total.group);
        }
    }
    Ok(totals)
}

fn read_total(fields: &mut Fields) -> Result<Total, DbError> {
    Ok(Total {
        group: fields.text()?,
        exchanges: fields.count()?,
        priced: fields.count()?,
        cost: Money::from_nanos(fields.int()?),
        usage: Usage {
            input: fields.count()?,
            cached: fields.count()?,
            cache_write: fields.count()?,
            output: fields.count()?,
            reasoning: fields.count()?,
            counted: Counted::Nothing,
        },
        succeeded: fields.count()?,
    })
}

/// Rows in all, of every tenant.
///
/// # Errors
/// When the database cannot be read.
pub fn count(reader: &dyn Fetch) -> Result<u64, DbError> {
    let query = Query::new(COUNT, values![]).unhurried();
    let counts = every(reader, &query, Fields::count)?;
    counts.into_iter().next().ok_or(DbError::Malformed)
}

/// Removes what arrived before `moment`.
pub fn forget_before(moment: Timestamp) -> crate::db::Batch {
    let first = RequestId::from_parts(moment.max(Timestamp::from_micros(0)), [0; 10]);
    crate::db::Batch::new().run(FORGET, values![first.as_bytes()])
}

/// The values of a row, in the order of [`INSERT`], without copying. `request` is its id's bytes.
pub(crate) fn cells<'a>(exchange: &'a Exchange, request: &'a [u8; 16]) -> [Cell<'a>; 17] {
    let usage = &exchange.usage;
    [
        Cell::Bytes(request),
        Cell::Int(exchange.at.as_micros()),
        Cell::Bytes(exchange.tenant.as_bytes()),
        Cell::Text(exchange.kid.as_str()),
        Cell::Text(&exchange.provider),
        Cell::Text(&exchange.model),
        Cell::Int(exchange.status.into()),
        Cell::Text(exchange.outcome.name()),
        tokens(usage.input),
        tokens(usage.cached),
        tokens(usage.cache_write),
        tokens(usage.output),
        tokens(usage.reasoning),
        Cell::Text(usage.counted.name()),
        exchange.cost.map_or(Cell::Null, |cost| {
            Cell::Int(cost.as_nanos().clamp(-MOST_NANOS, MOST_NANOS))
        }),
        exchange.first_byte_us.map_or(Cell::Null, micros),
        micros(exchange.total_us),
    ]
}

fn tokens(count: u64) -> Cell<'static> {
    Cell::Int(i64::try_from(count).unwrap_or(i64::MAX).min(MOST_TOKENS))
}

fn micros(count: u64) -> Cell<'static> {
    Cell::Int(i64::try_from(count).unwrap_or(i64::MAX))
}
