//! API key tokens: `mrk_<l|t><u|p|m>_<kid>_<secret>_<crc>`, 70 characters of ASCII.
//!
//! The kid (12 characters) is public, the secret (43) is not. Both are drawn one character at a
//! time, evenly over base62: bytes of 248 and more are thrown away, the rest is taken modulo 62.
//! 43 such characters carry 256.03 bits. Spelling 32 random bytes in 43 digits would carry 256,
//! but its first digit would almost never be `z`, which a test of evenness sees.
//! The CRC-32 (IEEE) over everything before the last `_` is spelt in six digits, the highest
//! first: a mistyped or invented token is dropped without looking anything up.

use std::fmt;

use mirk_model::{Entropy, KeyKind, Kid, Secret};
use zeroize::Zeroizing;

/// Length of every token.
pub const TOKEN_BYTES: usize = 70;

const PREFIX: &[u8] = b"mrk_";
const KID_CHARS: usize = 12;
const SECRET_CHARS: usize = 43;
const CRC_CHARS: usize = 6;
/// Everything before the last `_`.
const CHECKED_BYTES: usize = TOKEN_BYTES - CRC_CHARS - 1;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The highest multiple of 62 in a byte: from here on a byte would favour the first characters.
const EVEN_BELOW: u8 = 248;

/// Whether a token is for real use or for tests; the letter after `mrk_`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Realm {
    /// `l`: for real use.
    Live,
    /// `t`: for tests.
    Test,
}

impl Realm {
    const fn letter(self) -> char {
        match self {
            Self::Live => 'l',
            Self::Test => 't',
        }
    }

    const fn from_letter(letter: u8) -> Option<Self> {
        match letter {
            b'l' => Some(Self::Live),
            b't' => Some(Self::Test),
            _ => None,
        }
    }
}

/// A well-formed token, not yet proved. Shows its kid only, and is not compared: proving is
/// [`Vault::verify_key`](crate::Vault::verify_key)'s work, in constant time.
#[derive(Clone, Copy)]
pub struct Token<'a> {
    /// Live or test.
    pub realm: Realm,
    /// Whose key it claims to be.
    pub kind: KeyKind,
    /// Public id, which the row is found by.
    pub kid: Kid,
    secret: &'a [u8; SECRET_CHARS],
}

impl Token<'_> {
    /// The secret part, for the MAC.
    pub const fn secret_part(&self) -> &[u8] {
        self.secret
    }
}

impl fmt::Debug for Token<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Token({})", self.kid)
    }
}

/// A new token for real use and its kid.
pub fn mint(kind: KeyKind, entropy: &dyn Entropy) -> (Secret<String>, Kid) {
    mint_in(Realm::Live, kind, entropy)
}

/// A new token of this realm and its kid.
pub fn mint_in(realm: Realm, owner: KeyKind, entropy: &dyn Entropy) -> (Secret<String>, Kid) {
    let kid = draw_kid(entropy);
    // Exact capacity: the text never moves, so no copy stays behind.
    let mut token = Zeroizing::new(String::with_capacity(TOKEN_BYTES));
    token.push_str("mrk_");
    token.push(realm.letter());
    token.push(owner.letter());
    token.push('_');
    token.push_str(kid.as_str());
    token.push('_');
    draw(SECRET_CHARS, entropy, |character| token.push(character));
    let crc = crc_digits(token.as_bytes());
    token.push('_');
    token.extend(crc.iter().copied().map(char::from));
    (Secret::new(std::mem::take(&mut *token)), kid)
}

/// Reads a token: length, letters, characters, CRC. No allocation, no look-up.
pub fn parse(bytes: &[u8]) -> Option<Token<'_>> {
    let bytes: &[u8; TOKEN_BYTES] = bytes.try_into().ok()?;
    let (head, rest) = bytes.split_first_chunk::<7>()?;
    let [b'm', b'r', b'k', b'_', realm, owner, b'_'] = head else {
        return None;
    };
    let (kid, rest) = rest.split_first_chunk::<KID_CHARS>()?;
    let (b'_', rest) = rest.split_first()? else {
        return None;
    };
    let (secret, rest) = rest.split_first_chunk::<SECRET_CHARS>()?;
    let (b'_', crc) = rest.split_first()? else {
        return None;
    };
    let (checked, _) = bytes.split_first_chunk::<CHECKED_BYTES>()?;
    if !secret.iter().all(u8::is_ascii_alphanumeric) || crc_digits(checked) != *crc {
        return None;
    }
    Some(Token {
        realm: Realm::from_letter(*realm)?,
        kind: KeyKind::from_letter(*owner)?,
        kid: Kid::parse(kid)?,
        secret,
    })
}

/// Whether somebody meant this to be one of our tokens: it starts with `mrk_`.
pub fn is_shaped(bytes: &[u8]) -> bool {
    bytes.starts_with(PREFIX)
}

fn draw_kid(entropy: &dyn Entropy) -> Kid {
    loop {
        let mut text = String::with_capacity(KID_CHARS);
        draw(KID_CHARS, entropy, |character| text.push(character));
        if let Some(kid) = Kid::parse(text.as_bytes()) {
            return kid;
        }
    }
}

/// Gives `count` base62 characters, each as likely as the other.
fn draw(count: usize, entropy: &dyn Entropy, mut give: impl FnMut(char)) {
    let mut given = 0;
    let mut random = Zeroizing::new([0; 64]);
    while given < count {
        entropy.fill(&mut *random);
        let even = random.iter().filter(|byte| **byte < EVEN_BELOW);
        for byte in even.take(count - given) {
            give(base62(u32::from(*byte)));
            given += 1;
        }
    }
}

/// The last base62 digit of a number.
fn base62(number: u32) -> char {
    let digit = ALPHABET.get((number % 62) as usize);
    char::from(digit.copied().unwrap_or(b'0'))
}

fn crc_digits(checked: &[u8]) -> [u8; CRC_CHARS] {
    let mut digits = [0; CRC_CHARS];
    let mut rest = crc32(checked);
    for digit in digits.iter_mut().rev() {
        *digit = base62(rest) as u8;
        rest /= 62;
    }
    digits
}

/// CRC-32 as in IEEE 802.3: reflected, polynomial 0x04C11DB7.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        let at = (crc ^ u32::from(*byte)) & 0xFF;
        let step = CRC_TABLE.get(at as usize).copied().unwrap_or_default();
        (crc >> 8) ^ step
    })
}

const CRC_TABLE: [u32; 256] = crc_table();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "runs in the compiler, where a wrong index is a compile error; at stays below 256"
)]
const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < table.len() {
        let mut value = at as u32;
        let mut bit = 0;
        while bit < 8 {
            let carry = value & 1;
            value >>= 1;
            if carry == 1 {
                value ^= 0xEDB8_8320;
            }
            bit += 1;
        }
        table[at] = value;
        at += 1;
    }
    table
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
