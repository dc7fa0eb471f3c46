//! Numbers that look random and are the same in every run (`SplitMix64`), and a hash to begin them with.

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A source of numbers.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// A source that `seed` decides.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A source that these bytes decide: what a target chooses beside its input comes from the input.
    pub fn of(bytes: &[u8]) -> Self {
        Self(hash(bytes))
    }

    /// The next number.
    pub const fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// A number below `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.number() % end).unwrap_or(0)
    }

    /// True once in `times`.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// The low byte of the next number.
    pub const fn byte(&mut self) -> u8 {
        let [low, ..] = self.number().to_le_bytes();
        low
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }

    /// A number that is mostly small and at most `most`.
    pub fn small(&mut self, most: usize) -> usize {
        let bits = self.below(usize::try_from(most.max(1).ilog2()).unwrap_or(0) + 2);
        self.below(1 << bits).min(most)
    }
}

/// FNV-1a, eight bytes at a time.
pub fn hash(bytes: &[u8]) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01B3;
    let start = 0xCBF2_9CE4_8422_2325 ^ u64::try_from(bytes.len()).unwrap_or(0);
    let (words, tail) = bytes.as_chunks::<8>();
    let mixed = words.iter().fold(start, |mixed, word| {
        (mixed ^ u64::from_le_bytes(*word))
            .wrapping_mul(PRIME)
            .rotate_left(23)
    });
    tail.iter().fold(mixed, |mixed, byte| {
        (mixed ^ u64::from(*byte)).wrapping_mul(PRIME)
    })
}

/// Cuts `bytes` into pieces: whole, byte by byte, or at places of chance.
pub fn cut<'a>(bytes: &'a [u8], chance: &mut Chance) -> Vec<&'a [u8]> {
    // Byte by byte only where that is quick.
    let longest = match chance.below(4) {
        0 if bytes.len() <= 4096 => 1,
        1 => 16,
        2 => 300,
        _ => 20_000,
    };
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let length = 1 + chance.below(longest.max(bytes.len() / 4096));
        let (piece, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        pieces.push(piece);
        rest = after;
    }
    pieces
}
