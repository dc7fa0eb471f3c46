//! SipHash-2-4: a keyed hash, so that nobody without the key can tell or choose a fingerprint.
//!
//! Written here because std's keyed form is deprecated and no crate in the tree is one.

use std::hash::Hasher;

/// The state of one hash. Bytes may come in pieces of any size.
#[derive(Clone)]
pub(super) struct SipHasher {
    v: [u64; 4],
    tail: u64,
    length: u64,
}

impl SipHasher {
    pub(super) const fn new((k0, k1): (u64, u64)) -> Self {
        Self {
            v: [
                k0 ^ 0x736f_6d65_7073_6575,
                k1 ^ 0x646f_7261_6e64_6f6d,
                k0 ^ 0x6c79_6765_6e65_7261,
                k1 ^ 0x7465_6462_7974_6573,
            ],
            tail: 0,
            length: 0,
        }
    }

    const fn word(&mut self, word: u64) {
        let [v0, v1, v2, v3] = self.v;
        let [v0, v1, v2, v3] = round(round([v0, v1, v2, v3 ^ word]));
        self.v = [v0 ^ word, v1, v2, v3];
    }
}

impl Hasher for SipHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.tail |= u64::from(*byte) << (8 * (self.length % 8));
            self.length = self.length.wrapping_add(1);
            if self.length.is_multiple_of(8) {
                let word = std::mem::take(&mut self.tail);
                self.word(word);
            }
        }
    }

    fn finish(&self) -> u64 {
        let mut end = self.clone();
        end.word(self.tail | (self.length << 56));
        let [v0, v1, v2, v3] = end.v;
        let v = round(round(round(round([v0, v1, v2 ^ 0xff, v3]))));
        v.iter().fold(0, |all, part| all ^ part)
    }
}

const fn round([mut v0, mut v1, mut v2, mut v3]: [u64; 4]) -> [u64; 4] {
    v0 = v0.wrapping_add(v1);
    v1 = v1.rotate_left(13) ^ v0;
    v0 = v0.rotate_left(32);
    v2 = v2.wrapping_add(v3);
    v3 = v3.rotate_left(16) ^ v2;
    v0 = v0.wrapping_add(v3);
    v3 = v3.rotate_left(21) ^ v0;
    v2 = v2.wrapping_add(v1);
    v1 = v1.rotate_left(17) ^ v2;
    v2 = v2.rotate_left(32);
    [v0, v1, v2, v3]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_paper_come_out() {
        let key = (0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
        let bytes: Vec<u8> = (0..15).collect();
        let mut hasher = SipHasher::new(key);
        assert_eq!(hasher.finish(), 0x726f_db47_dd0e_0e31);
        for piece in bytes.chunks(4) {
            hasher.write(piece);
        }
        assert_eq!(hasher.finish(), 0xa129_ca61_49be_45e5);
    }
}
