//! Anchors: where the audit chain's head was, written down outside the database, so that a chain
//! that was cut or rolled back disagrees with its past.
//!
//! One line each, only ever appended: `seq head at`, numbers in decimal, the head in hex.

use std::{
    fs::OpenOptions,
    io::{ErrorKind, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use mirk_model::Timestamp;

use crate::{chain::Link, db::DbError};

/// Rows after which the head is anchored at once.
const EVERY: i64 = 1_000;

/// Ticks of the idle writer after which rows without an anchor get one: five seconds.
const TICKS: u32 = 10;

/// Where the chain's head was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Number of the row.
    pub seq: i64,
    /// The row's MAC.
    pub head: [u8; 32],
    /// When it was written.
    pub at: Timestamp,
}

/// Reads the anchors of the file at `path`; none when there is no file.
pub(crate) fn read(path: &Path) -> Result<Vec<Anchor>, DbError> {
    let mut text = String::new();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(no_follow())
        .open(path);
    match file {
        Ok(mut file) => file.read_to_string(&mut text).or(Err(DbError::Io))?,
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        Err(_) => return Err(DbError::Io),
    };
    // A line that a crash cut off says nothing; whoever may forge lines may as well remove them.
    Ok(text.lines().filter_map(parse).collect())
}

fn no_follow() -> i32 {
    rustix::fs::OFlags::NOFOLLOW.bits().cast_signed()
}

fn parse(line: &str) -> Option<Anchor> {
    let mut words = line.split(' ');
    let anchor = Anchor {
        seq: words.next()?.parse().ok()?,
        head: from_hex(words.next()?)?,
        at: Timestamp::from_micros(words.next()?.parse().ok()?),
    };
    words.next().is_none().then_some(anchor)
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(bytes)
}

fn line(anchor: &Anchor) -> String {
    let head: String = anchor
        .head
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0f])
        .filter_map(|nibble| char::from_digit(nibble.into(), 16))
        .collect();
    format!("{} {head} {}\n", anchor.seq, anchor.at.as_micros())
}

#[derive(Debug, Default)]
struct Progress {
    head: Option<Link>,
    anchored: i64,
    ticks: u32,
}

/// Decides when to anchor, and does.
#[derive(Debug)]
pub(crate) struct Anchors {
    path: PathBuf,
    progress: Mutex<Progress>,
}

impl Anchors {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            progress: Mutex::default(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The durable head is `head` now.
    pub(crate) fn chained(&self, head: Link) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.head = Some(head);
    }

    /// Called when the writer is idle or closing: writes the head down if it is time, and gives
    /// the anchor back for the database's own list.
    pub(crate) fn tick(&self, now: Timestamp, is_closing: bool) -> Result<Option<Anchor>, DbError> {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(head) = progress.head else {
            return Ok(None);
        };
        let waiting = head.seq.saturating_sub(progress.anchored);
        progress.ticks = progress.ticks.saturating_add(1);
        if waiting == 0 || (waiting < EVERY && progress.ticks < TICKS && !is_closing) {
            return Ok(None);
        }
        let anchor = Anchor {
            seq: head.seq,
            head: head.hash,
            at: now,
        };
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(no_follow())
            .open(&self.path)
            .and_then(|mut file| {
                file.write_all(line(&anchor).as_bytes())?;
                file.sync_data()
            })
            .or(Err(DbError::Io))?;
        progress.anchored = head.seq;
        progress.ticks = 0;
        Ok(Some(anchor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_reads_back_and_a_forged_line_does_not() {
        let anchor = Anchor {
            seq: 12,
            head: [0xab; 32],
            at: Timestamp::from_micros(-5),
        };
        assert_eq!(parse(line(&anchor).trim_end()), Some(anchor));
        for forged in ["", "1 2 3", "1 zz 3", "x", "1"] {
            assert_eq!(parse(forged), None, "{forged}");
        }
    }
}
