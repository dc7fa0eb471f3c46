//! One pass over any number of bytes for thousands of patterns: Wu and Manber's algorithm.
//!
//! The last four bytes of a window of eight say how far the next pattern can begin, so that most
//! bytes are never looked at.

use super::encode::Pattern;

/// The shortest pattern that can be looked for.
pub(super) const SHORTEST: usize = 8;

/// Bytes that are looked at together.
const BLOCK: usize = 4;

/// The tables have this many bits of index.
const BITS: u32 = 18;

/// All patterns, ready to be looked for.
pub(super) struct Searcher {
    patterns: Vec<Pattern>,
    shifts: Vec<u8>,
    /// Where the patterns of a hash begin in `order`; one more at the end.
    starts: Vec<u32>,
    order: Vec<u32>,
    longest: usize,
}

fn hash(block: [u8; BLOCK]) -> usize {
    (u32::from_le_bytes(block).wrapping_mul(0x9e37_79b1) >> (32 - BITS)) as usize
}

/// The block that ends before `end`.
fn block(bytes: &[u8], end: usize) -> Option<[u8; BLOCK]> {
    bytes.get(end.checked_sub(BLOCK)?..end)?.try_into().ok()
}

impl Searcher {
    /// Prepares `patterns`; those shorter than [`SHORTEST`] are left out.
    pub(super) fn new(mut patterns: Vec<Pattern>) -> Self {
        patterns.retain(|pattern| pattern.bytes.len() >= SHORTEST);
        let size = 1_usize << BITS;
        let farthest = u8::try_from(SHORTEST - BLOCK + 1).unwrap_or(1);
        let mut shifts = vec![farthest; size];
        let mut buckets: Vec<(usize, u32)> = Vec::with_capacity(patterns.len());
        for (index, pattern) in patterns.iter().enumerate() {
            for end in BLOCK..=SHORTEST {
                let Some(hashed) = block(&pattern.bytes, end).map(hash) else {
                    continue;
                };
                let shift = u8::try_from(SHORTEST - end).unwrap_or(farthest);
                if let Some(known) = shifts.get_mut(hashed) {
                    *known = shift.min(*known);
                }
                if end == SHORTEST {
                    buckets.push((hashed, u32::try_from(index).unwrap_or(u32::MAX)));
                }
            }
        }
        buckets.sort_unstable();
        let mut counts = vec![0_u32; size + 1];
        for (hashed, _) in &buckets {
            if let Some(count) = counts.get_mut(hashed + 1) {
                *count += 1;
            }
        }
        let mut sum = 0_u32;
        for count in &mut counts {
            sum += *count;
            *count = sum;
        }
        let longest = patterns
            .iter()
            .map(|pattern| pattern.bytes.len())
            .max()
            .unwrap_or(0);
        let order = buckets.into_iter().map(|(_, index)| index).collect();
        Self {
            patterns,
            shifts,
            starts: counts,
            order,
            longest,
        }
    }

    /// Bytes of the longest pattern: the overlap that pieces of a stream need.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// Tells `found` of every occurrence: the pattern and where it begins.
    pub(super) fn scan(&self, bytes: &[u8], found: &mut dyn FnMut(&Pattern, usize)) {
        let mut end = SHORTEST;
        while let Some(hashed) = block(bytes, end).map(hash) {
            let shift = usize::from(self.shifts.get(hashed).copied().unwrap_or(1));
            if shift == 0 {
                self.compare(hashed, bytes, end - SHORTEST, found);
            }
            end += shift.max(1);
        }
    }

    fn compare(
        &self,
        hashed: usize,
        bytes: &[u8],
        start: usize,
        found: &mut dyn FnMut(&Pattern, usize),
    ) {
        let bound = |at: usize| self.starts.get(at).map_or(0, |start| *start as usize);
        let rest = bytes.get(start..).unwrap_or_default();
        for index in self
            .order
            .get(bound(hashed)..bound(hashed + 1))
            .unwrap_or_default()
        {
            if let Some(pattern) = self.patterns.get(*index as usize)
                && rest.starts_with(&pattern.bytes)
            {
                found(pattern, start);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn searcher(texts: &[Vec<u8>]) -> Searcher {
        let pattern = |(marker, bytes): (usize, &Vec<u8>)| Pattern {
            marker,
            encoding: "raw",
            bytes: bytes.clone(),
        };
        Searcher::new(texts.iter().enumerate().map(pattern).collect())
    }

    proptest! {
        #[test]
        fn it_finds_exactly_what_a_simple_search_finds(
            texts in prop::collection::vec(prop::collection::vec(0_u8..3, 8..14), 1..12),
            hay in prop::collection::vec(0_u8..3, 0..400),
        ) {
            let mut found = Vec::new();
            searcher(&texts).scan(&hay, &mut |pattern, at| found.push((at, pattern.marker)));
            found.sort_unstable();
            let mut wanted = Vec::new();
            for (index, text) in texts.iter().enumerate() {
                for (at, window) in hay.windows(text.len()).enumerate() {
                    if window == text {
                        wanted.push((at, index));
                    }
                }
            }
            wanted.sort_unstable();
            prop_assert_eq!(found, wanted);
        }
    }

    #[test]
    fn a_pattern_at_the_very_end_is_found() {
        let mut found = Vec::new();
        searcher(&[b"abcdefgh".to_vec()]).scan(b"12abcdefgh", &mut |_, at| found.push(at));
        assert_eq!(found, [2]);
    }
}
