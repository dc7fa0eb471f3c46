//! Exact counts that survive a crash: calls in a key's life and in a UTC day. A take is durable
//! before it is granted, so no crash grants a call twice.

use mirk_model::{Kid, Timestamp};

use crate::db::{Batch, DbError, Fetch, Query, values};

/// Counts one call under the cap, in one statement, so that no two callers both get the last one.
const TAKE: &str = "
    INSERT INTO counter (kid, span, period_start, used)
    SELECT $1, $2, $3, 1
     WHERE $4 > 0
    ON CONFLICT (kid, span, period_start)
    DO UPDATE SET used = counter.used + 1
     WHERE counter.used < $4";

const GIVE_BACK: &str = "
    UPDATE counter
       SET used = used - 1
     WHERE kid = $1 AND span = $2 AND period_start = $3 AND used > 0";

const USED: &str = "
    SELECT used
      FROM counter
     WHERE kid = $1 AND span = $2 AND period_start = $3";

const FORGET: &str = "
    DELETE FROM counter
     WHERE span = 'day' AND period_start < $1";

/// What a count runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    /// The key's whole life.
    Lifetime,
    /// The UTC day that holds this moment.
    Day(Timestamp),
}

impl Window {
    const fn span(self) -> &'static str {
        match self {
            Self::Lifetime => "lifetime",
            Self::Day(_) => "day",
        }
    }

    const fn start(self) -> Timestamp {
        match self {
            Self::Lifetime => Timestamp::from_micros(0),
            Self::Day(at) => Timestamp::from_day(at.day()),
        }
    }
}

/// Takes one call of `kid` from each window, all or none. Applying it fails with
/// [`DbError::Limit`] when a cap is reached.
pub fn take(kid: Kid, windows: &[(Window, u64)]) -> Batch {
    windows.iter().fold(Batch::new(), |batch, (window, cap)| {
        batch
            .run(
                TAKE,
                values![kid.as_str(), window.span(), window.start(), *cap],
            )
            .within_limit()
    })
}

/// Gives one call back to each of `windows`: those of the take, not of now.
pub fn give_back(kid: Kid, windows: &[Window]) -> Batch {
    windows.iter().fold(Batch::new(), |batch, window| {
        batch.run(
            GIVE_BACK,
            values![kid.as_str(), window.span(), window.start()],
        )
    })
}

/// Calls taken in `window`.
///
/// # Errors
/// When the database cannot be read.
pub fn used(reader: &dyn Fetch, kid: Kid, window: Window) -> Result<u64, DbError> {
    let values = values![kid.as_str(), window.span(), window.start()];
    reader
        .fetch(&Query::new(USED, values))?
        .into_iter()
        .next()
        .map_or(Ok(0), |row| row.into_fields().count())
}

/// Removes the counts of days before the one that holds `now`.
pub fn forget_days_before(now: Timestamp) -> Batch {
    Batch::new().run(FORGET, values![Timestamp::from_day(now.day())])
}
