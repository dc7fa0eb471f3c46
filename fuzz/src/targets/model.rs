//! Small parsers of the nouns: globs over models' names, moments, scopes.

use mirk_model::{ModelFilter, ScopeSet, Timestamp};

/// Names and globs are at most 256 bytes in life; some more, so that a slow match shows.
const LONGEST: usize = 2 << 10;

/// Globs and names whose match takes a second look.
pub(super) fn globs() -> Vec<Vec<u8>> {
    let pairs = [
        "claude-* claude-opus",
        "a*b*c axxbyyc",
        "**a*a*a*b aaaaaaaaaaaaaaaaaaaaaaaa",
        "* x",
        " ",
    ];
    pairs.iter().map(|pair| pair.as_bytes().to_vec()).collect()
}

/// Asserts that a glob matches what a table of all its prefixes says.
pub(super) fn glob(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (glob, name) = text.split_once(' ').unwrap_or((text, text));
    if glob.len() > LONGEST || name.len() > LONGEST {
        return;
    }
    let allows = ModelFilter::new(vec![glob.to_owned()]).allows(name);
    assert!(allows == matches(glob.as_bytes(), name.as_bytes()));
    let rests = (0..3).map(|_| "*".to_owned()).collect();
    assert!(
        ModelFilter::new(rests).allows(name),
        "a star refuses a name"
    );
}

/// Which prefixes of `name` the glob matches, byte of the glob by byte.
fn matches(glob: &[u8], name: &[u8]) -> bool {
    let mut row = vec![false; name.len()];
    let mut is_empty_matched = true;
    for wanted in glob {
        let mut before = is_empty_matched;
        is_empty_matched &= *wanted == b'*';
        let mut reached = is_empty_matched;
        for (cell, byte) in row.iter_mut().zip(name) {
            let old = *cell;
            *cell = if *wanted == b'*' {
                reached || old
            } else {
                before && wanted == byte
            };
            reached |= *cell;
            before = old;
        }
    }
    row.last().copied().unwrap_or(is_empty_matched)
}

/// Moments at the edges of the calendar.
pub(super) fn moments() -> Vec<Vec<u8>> {
    let texts = [
        "2026-11-22T18:30:00.125Z",
        "0000-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59.999999999-23:59",
        "2016-12-31T23:59:60Z",
        "1970-01-01T00:00:00-00:00",
        "2024-02-29T24:00:00Z",
        "chat, models,embeddings",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Asserts that a moment that is read is shown as a text that reads as the same millisecond, and that a set of
/// scopes is shown as one that reads as the same set.
pub(super) fn moment(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(scopes) = ScopeSet::parse(text) {
        assert!(ScopeSet::parse(&scopes.to_string()) == Ok(scopes));
    }
    let Some(moment) = Timestamp::parse(text) else {
        return;
    };
    let shown = moment.to_string();
    let again = Timestamp::parse(&shown).map(Timestamp::as_millis);
    // Not so before the year 0, which an offset can lead to.
    let is_shown = !shown.ends_with("us") && !shown.starts_with('-');
    assert!(!is_shown || again == Some(moment.as_millis()));
    assert!(Timestamp::from_day(moment.day()) <= moment);
}
