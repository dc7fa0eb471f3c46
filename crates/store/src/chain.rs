//! The audit chain: every row vouches for the one before, so that what is edited, deleted, moved
//! or cut off shows.

use std::{iter::Peekable, path::Path, slice};

use mirk_model::{AuditEntry, LengthPrefixed, Mac, MacPurpose};

use crate::{
    anchor::{self, Anchor},
    books::audit::{self, AuditRow},
    db::{DbError, Fetch, Statement},
};

/// A place in the chain: the number of its row and the row's MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Counts rows from one; zero before the first.
    pub seq: i64,
    /// The row's MAC; zeros before the first.
    pub hash: [u8; 32],
}

impl Link {
    /// What the first row hangs on.
    pub const START: Self = Self {
        seq: 0,
        hash: [0; 32],
    };
}

/// The statement that appends `entry` behind `head`, and the new head.
pub(crate) fn append(mac: &dyn Mac, head: &Link, entry: &AuditEntry) -> (Statement, Link) {
    let mut row = AuditRow {
        seq: head.seq.saturating_add(1),
        at: entry.at,
        actor: entry.actor.clone(),
        action: entry.action.to_owned(),
        object: entry.object.clone(),
        result: entry.result.to_owned(),
        details: entry
            .details
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect(),
        prev_hash: head.hash,
        hash: [0; 32],
    };
    row.hash = seal(mac, &row);
    let link = Link {
        seq: row.seq,
        hash: row.hash,
    };
    (audit::insert(&row), link)
}

/// `HMAC(LP(every field) ‖ hash of the row before)`.
fn seal(mac: &dyn Mac, row: &AuditRow) -> [u8; 32] {
    let mut input = LengthPrefixed::new("audit/v1")
        .number(row.seq)
        .number(row.at.as_micros())
        .field(row.actor.as_bytes())
        .field(row.action.as_bytes())
        .field(row.object.as_bytes())
        .field(row.result.as_bytes())
        .list(&row.details)
        .into_bytes();
    input.extend_from_slice(&row.prev_hash);
    mac.mac(MacPurpose::Audit, &input)
}

/// What a walk along the chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Rows that are there.
    pub rows: u64,
    /// Number of the first row that is missing, edited or out of place.
    pub first_bad: Option<i64>,
    /// Whether an anchor knows of rows behind the last one.
    pub is_truncated: bool,
}

impl Verdict {
    /// Whether the chain is whole.
    pub const fn is_whole(&self) -> bool {
        self.first_bad.is_none() && !self.is_truncated
    }
}

/// Walks along the whole chain and compares it with the anchors of the file at `anchors` and of
/// the database.
///
/// # Errors
/// When the database or the file cannot be read.
pub fn verify(reader: &dyn Fetch, mac: &dyn Mac, anchors: &Path) -> Result<Verdict, DbError> {
    let mut known = anchor::read(anchors)?;
    known.extend(audit::anchors(reader)?);
    known.sort_by_key(|anchor| anchor.seq);
    walk(reader, mac, &known)
}

fn walk(reader: &dyn Fetch, mac: &dyn Mac, anchors: &[Anchor]) -> Result<Verdict, DbError> {
    let mut walk = Walk {
        verdict: Verdict {
            rows: 0,
            first_bad: None,
            is_truncated: false,
        },
        head: Link::START,
        anchors: anchors.iter().peekable(),
    };
    let mut last = i64::MIN;
    loop {
        let page = audit::suspects(reader, last)?;
        let Some((end, _)) = page.last() else {
            return Ok(walk.finish());
        };
        last = *end;
        for (seq, row) in page {
            walk.step(mac, seq, row.as_ref());
        }
    }
}

struct Walk<'a> {
    verdict: Verdict,
    head: Link,
    anchors: Peekable<slice::Iter<'a, Anchor>>,
}

impl Walk<'_> {
    fn step(&mut self, mac: &dyn Mac, seq: i64, row: Option<&AuditRow>) {
        self.verdict.rows += 1;
        let expected = self.head.seq.saturating_add(1);
        let hash = row.map_or([0; 32], |row| row.hash);
        let mut is_good = seq == expected
            && row.is_some_and(|row| row.prev_hash == self.head.hash && seal(mac, row) == row.hash);
        while let Some(anchor) = self.anchors.next_if(|anchor| anchor.seq <= seq) {
            is_good &= anchor.seq != seq || anchor.head == hash;
        }
        if !is_good {
            // A gap shows at the row behind it; the first that is wrong is the one that is missing.
            self.verdict.first_bad.get_or_insert(seq.min(expected));
        }
        self.head = Link { seq, hash };
    }

    fn finish(mut self) -> Verdict {
        if self.anchors.peek().is_some() {
            self.verdict.is_truncated = true;
            let next = self.head.seq.saturating_add(1);
            self.verdict.first_bad.get_or_insert(next);
        }
        self.verdict
    }
}
