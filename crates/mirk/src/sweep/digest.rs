//! SHA-256, SHA-1, MD5 and BLAKE3, to look for digests of what was said.
//!
//! Nothing here protects anything: these functions only compute what a leak could look like. The
//! vault alone names the cryptography that Mirk relies on.
#![expect(
    clippy::indexing_slicing,
    reason = "indexes into arrays of fixed size, below it by construction"
)]
#![expect(
    clippy::many_single_char_names,
    reason = "the letters of the standards"
)]

/// Initial state of SHA-256 and of BLAKE3.
const IV: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

const SHA256_K: [u32; 64] = [
    0x428a_2f98,
    0x7137_4491,
    0xb5c0_fbcf,
    0xe9b5_dba5,
    0x3956_c25b,
    0x59f1_11f1,
    0x923f_82a4,
    0xab1c_5ed5,
    0xd807_aa98,
    0x1283_5b01,
    0x2431_85be,
    0x550c_7dc3,
    0x72be_5d74,
    0x80de_b1fe,
    0x9bdc_06a7,
    0xc19b_f174,
    0xe49b_69c1,
    0xefbe_4786,
    0x0fc1_9dc6,
    0x240c_a1cc,
    0x2de9_2c6f,
    0x4a74_84aa,
    0x5cb0_a9dc,
    0x76f9_88da,
    0x983e_5152,
    0xa831_c66d,
    0xb003_27c8,
    0xbf59_7fc7,
    0xc6e0_0bf3,
    0xd5a7_9147,
    0x06ca_6351,
    0x1429_2967,
    0x27b7_0a85,
    0x2e1b_2138,
    0x4d2c_6dfc,
    0x5338_0d13,
    0x650a_7354,
    0x766a_0abb,
    0x81c2_c92e,
    0x9272_2c85,
    0xa2bf_e8a1,
    0xa81a_664b,
    0xc24b_8b70,
    0xc76c_51a3,
    0xd192_e819,
    0xd699_0624,
    0xf40e_3585,
    0x106a_a070,
    0x19a4_c116,
    0x1e37_6c08,
    0x2748_774c,
    0x34b0_bcb5,
    0x391c_0cb3,
    0x4ed8_aa4a,
    0x5b9c_ca4f,
    0x682e_6ff3,
    0x748f_82ee,
    0x78a5_636f,
    0x84c8_7814,
    0x8cc7_0208,
    0x90be_fffa,
    0xa450_6ceb,
    0xbef9_a3f7,
    0xc671_78f2,
];

const MD5_K: [u32; 64] = [
    0xd76a_a478,
    0xe8c7_b756,
    0x2420_70db,
    0xc1bd_ceee,
    0xf57c_0faf,
    0x4787_c62a,
    0xa830_4613,
    0xfd46_9501,
    0x6980_98d8,
    0x8b44_f7af,
    0xffff_5bb1,
    0x895c_d7be,
    0x6b90_1122,
    0xfd98_7193,
    0xa679_438e,
    0x49b4_0821,
    0xf61e_2562,
    0xc040_b340,
    0x265e_5a51,
    0xe9b6_c7aa,
    0xd62f_105d,
    0x0244_1453,
    0xd8a1_e681,
    0xe7d3_fbc8,
    0x21e1_cde6,
    0xc337_07d6,
    0xf4d5_0d87,
    0x455a_14ed,
    0xa9e3_e905,
    0xfcef_a3f8,
    0x676f_02d9,
    0x8d2a_4c8a,
    0xfffa_3942,
    0x8771_f681,
    0x6d9d_6122,
    0xfde5_380c,
    0xa4be_ea44,
    0x4bde_cfa9,
    0xf6bb_4b60,
    0xbebf_bc70,
    0x289b_7ec6,
    0xeaa1_27fa,
    0xd4ef_3085,
    0x0488_1d05,
    0xd9d4_d039,
    0xe6db_99e5,
    0x1fa2_7cf8,
    0xc4ac_5665,
    0xf429_2244,
    0x432a_ff97,
    0xab94_23a7,
    0xfc93_a039,
    0x655b_59c3,
    0x8f0c_cc92,
    0xffef_f47d,
    0x8584_5dd1,
    0x6fa8_7e4f,
    0xfe2c_e6e0,
    0xa301_4314,
    0x4e08_11a1,
    0xf753_7e82,
    0xbd3a_f235,
    0x2ad7_d2bb,
    0xeb86_d391,
];

const MD5_SHIFTS: [[u32; 4]; 4] = [
    [7, 12, 17, 22],
    [5, 9, 14, 20],
    [4, 11, 16, 23],
    [6, 10, 15, 21],
];

/// The order of bytes in a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Big,
    Little,
}

/// The message with the padding that the three older functions share, as words in their order.
fn padded(data: &[u8], order: Order) -> Vec<[u32; 16]> {
    let bits = (data.len() as u64).wrapping_mul(8);
    let mut whole = data.to_vec();
    whole.push(0x80);
    while whole.len() % 64 != 56 {
        whole.push(0);
    }
    whole.extend_from_slice(&if order == Order::Big {
        bits.to_be_bytes()
    } else {
        bits.to_le_bytes()
    });
    let (blocks, _) = whole.as_chunks::<64>();
    let word = |four: &[u8; 4]| {
        if order == Order::Big {
            u32::from_be_bytes(*four)
        } else {
            u32::from_le_bytes(*four)
        }
    };
    let words = |block: &[u8; 64]| {
        let (fours, _) = block.as_chunks::<4>();
        std::array::from_fn(|at| fours.get(at).map_or(0, word))
    };
    blocks.iter().map(words).collect()
}

fn add<const N: usize>(state: &mut [u32; N], more: [u32; N]) {
    for (word, more) in state.iter_mut().zip(more) {
        *word = word.wrapping_add(more);
    }
}

/// SHA-256 (FIPS 180-4).
pub(super) fn sha256(data: &[u8]) -> Vec<u8> {
    let mut state = IV;
    for block in padded(data, Order::Big) {
        let mut w = [0_u32; 64];
        w[..16].copy_from_slice(&block);
        for i in 16..64 {
            let (x, y) = (w[i - 15], w[i - 2]);
            let small = x.rotate_right(7) ^ x.rotate_right(18) ^ (x >> 3);
            let large = y.rotate_right(17) ^ y.rotate_right(19) ^ (y >> 10);
            w[i] = w[i - 16]
                .wrapping_add(small)
                .wrapping_add(w[i - 7])
                .wrapping_add(large);
        }
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
        for i in 0..64 {
            let s1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
            let choice = (e & f) ^ (!e & g);
            let t1 = h
                .wrapping_add(s1)
                .wrapping_add(choice)
                .wrapping_add(SHA256_K[i])
                .wrapping_add(w[i]);
            let s0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
            let majority = (a & b) ^ (a & c) ^ (b & c);
            (h, g, f, e) = (g, f, e, d.wrapping_add(t1));
            (d, c, b, a) = (c, b, a, t1.wrapping_add(s0).wrapping_add(majority));
        }
        add(&mut state, [a, b, c, d, e, f, g, h]);
    }
    state.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// SHA-1 (FIPS 180-4).
pub(super) fn sha1(data: &[u8]) -> Vec<u8> {
    let mut state: [u32; 5] = [
        0x6745_2301,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    for block in padded(data, Order::Big) {
        let mut w = [0_u32; 80];
        w[..16].copy_from_slice(&block);
        for i in 16..80 {
            w[i] = (w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16]).rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (i, word) in w.iter().enumerate() {
            let (f, k) = match i / 20 {
                0 => ((b & c) | (!b & d), 0x5a82_7999),
                1 => (b ^ c ^ d, 0x6ed9_eba1),
                2 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc_u32),
                _ => (b ^ c ^ d, 0xca62_c1d6),
            };
            let next = a
                .rotate_left(5)
                .wrapping_add(f)
                .wrapping_add(e)
                .wrapping_add(k)
                .wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        add(&mut state, [a, b, c, d, e]);
    }
    state.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// MD5 (RFC 1321).
pub(super) fn md5(data: &[u8]) -> Vec<u8> {
    let mut state: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for block in padded(data, Order::Little) {
        let [mut a, mut b, mut c, mut d] = state;
        for i in 0..64 {
            let (f, g) = match i / 16 {
                0 => ((b & c) | (!b & d), i),
                1 => ((d & b) | (!d & c), 5 * i + 1),
                2 => (b ^ c ^ d, 3 * i + 5),
                _ => (c ^ (b | !d), 7 * i),
            };
            let sum = a
                .wrapping_add(f)
                .wrapping_add(MD5_K[i])
                .wrapping_add(block[g % 16]);
            let turned = sum.rotate_left(MD5_SHIFTS[i / 16][i % 4]);
            (a, d, c, b) = (d, c, b, b.wrapping_add(turned));
        }
        add(&mut state, [a, b, c, d]);
    }
    state.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The longest message that one chunk of BLAKE3 takes.
const CHUNK: usize = 1_024;

const PERMUTATION: [usize; 16] = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];

/// Positions of the state that the eight mixings of a round take.
const MIXINGS: [[usize; 4]; 8] = [
    [0, 4, 8, 12],
    [1, 5, 9, 13],
    [2, 6, 10, 14],
    [3, 7, 11, 15],
    [0, 5, 10, 15],
    [1, 6, 11, 12],
    [2, 7, 8, 13],
    [3, 4, 9, 14],
];

/// BLAKE3 of a message that fits into one chunk; none for a longer one.
pub(super) fn blake3(data: &[u8]) -> Option<Vec<u8>> {
    const START: u32 = 1;
    const END: u32 = 2;
    const ROOT: u32 = 8;
    if data.len() > CHUNK {
        return None;
    }
    let mut state = IV;
    let blocks: Vec<&[u8]> = if data.is_empty() {
        vec![data]
    } else {
        data.chunks(64).collect()
    };
    let last = blocks.len() - 1;
    for (at, bytes) in blocks.iter().enumerate() {
        let mut block = [0_u8; 64];
        block[..bytes.len()].copy_from_slice(bytes);
        let (fours, _) = block.as_chunks::<4>();
        let words =
            std::array::from_fn(|at| fours.get(at).map_or(0, |four| u32::from_le_bytes(*four)));
        let flags = if at == 0 { START } else { 0 } | if at == last { END | ROOT } else { 0 };
        state = compress(
            state,
            words,
            u32::try_from(bytes.len()).unwrap_or(64),
            flags,
        );
    }
    Some(state.iter().flat_map(|word| word.to_le_bytes()).collect())
}

fn compress(chaining: [u32; 8], mut words: [u32; 16], length: u32, flags: u32) -> [u32; 8] {
    let mut v = [0_u32; 16];
    v[..8].copy_from_slice(&chaining);
    v[8..12].copy_from_slice(&IV[..4]);
    (v[14], v[15]) = (length, flags);
    for _ in 0..7 {
        for (at, [a, b, c, d]) in MIXINGS.into_iter().enumerate() {
            for (word, right, left) in [(words[2 * at], 16, 12), (words[2 * at + 1], 8, 7)] {
                v[a] = v[a].wrapping_add(v[b]).wrapping_add(word);
                v[d] = (v[d] ^ v[a]).rotate_right(right);
                v[c] = v[c].wrapping_add(v[d]);
                v[b] = (v[b] ^ v[c]).rotate_right(left);
            }
        }
        words = PERMUTATION.map(|from| words[from]);
    }
    std::array::from_fn(|at| v[at] ^ v[at + 8])
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    #[test]
    fn the_digests_of_nothing_and_of_abc_are_the_published_ones() {
        let cases: [(Vec<u8>, &str); 8] = [
            (
                sha256(b""),
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                sha256(b"abc"),
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (sha1(b""), "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
            (sha1(b"abc"), "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (md5(b""), "d41d8cd98f00b204e9800998ecf8427e"),
            (md5(b"abc"), "900150983cd24fb0d6963f7d28e17f72"),
            (
                blake3(b"").unwrap(),
                "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
            ),
            (
                blake3(b"abc").unwrap(),
                "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
            ),
        ];
        for (got, wanted) in cases {
            assert_eq!(HEXLOWER.encode(&got), wanted);
        }
    }

    #[test]
    fn messages_of_several_blocks_have_the_published_digests() {
        let long = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(
            HEXLOWER.encode(&sha1(long)),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
        );
        assert_eq!(
            HEXLOWER.encode(&sha256(long)),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        );
        let digits =
            b"12345678901234567890123456789012345678901234567890123456789012345678901234567890";
        assert_eq!(
            HEXLOWER.encode(&md5(digits)),
            "57edf4a22be3c955ac49da2e2107b67a"
        );
        // The reference vectors of BLAKE3 count up to 250 and begin again.
        let counted: Vec<u8> = (0..=250).cycle().take(1_024).collect();
        assert_eq!(
            HEXLOWER.encode(&blake3(&counted).unwrap()),
            "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"
        );
        assert_eq!(blake3(&[0; 1_025]), None);
    }
}
