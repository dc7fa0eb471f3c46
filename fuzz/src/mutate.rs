//! An input out of a seed: a few changes of bytes, tokens, numbers, nesting and length.

use crate::{
    chance::{Chance, hash},
    corpus::Format,
    shape, words,
};

const KIB: usize = 1 << 10;

/// The input with this number. The first ones are the seeds themselves.
pub fn input(seed: u64, name: &str, format: Format, seeds: &[Vec<u8>], number: u64) -> Vec<u8> {
    if let Some(whole) = usize::try_from(number).ok().and_then(|at| seeds.get(at)) {
        return whole.clone();
    }
    let salt = hash(name.as_bytes()).rotate_left(17);
    let mut chance = Chance::new(seed ^ salt ^ number.wrapping_mul(0xD6E8_FEB8_6659_FD93));
    let most = match chance.below(1_000) {
        0 => KIB * KIB,
        1..40 => 64 * KIB,
        _ => 4 * KIB,
    };
    let base = base(seeds, &mut chance);
    let mut bytes = if chance.one_in(32) {
        noise(format, &mut chance)
    } else if chance.one_in(2) && matches!(format, Format::Json | Format::Stream | Format::Prose) {
        shape::mutate(base, format, &mut chance).unwrap_or_else(|| base.to_vec())
    } else {
        changed(base.to_vec(), format, seeds, &mut chance)
    };
    if chance.one_in(4) {
        bytes = changed(bytes, format, seeds, &mut chance);
    }
    if most > 4 * KIB {
        stretch(&mut bytes, most, &mut chance);
    }
    bytes.truncate(most.max(base.len().min(64 * KIB)));
    bytes
}

/// A seed, mostly a short one: long seeds say little more and take longer.
fn base<'a>(seeds: &'a [Vec<u8>], chance: &mut Chance) -> &'a [u8] {
    let mut pick = || chance.pick(seeds).map_or(&[][..], Vec::as_slice);
    let (one, other) = (pick(), pick());
    let is_wanted = one.len() <= other.len() || (one.len() > 4 * KIB && chance.one_in(16));
    if is_wanted { one } else { other }
}

/// Tokens and bytes in no order.
fn noise(format: Format, chance: &mut Chance) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..chance.small(200) {
        if chance.one_in(4) {
            bytes.push(chance.byte());
        } else {
            bytes.extend(word(format, chance));
        }
    }
    bytes
}

fn word(format: Format, chance: &mut Chance) -> &'static [u8] {
    let from = if chance.one_in(6) {
        words::NUMBERS
    } else {
        words::tokens(format)
    };
    chance.pick(from).copied().unwrap_or_default().as_bytes()
}

fn changed(mut bytes: Vec<u8>, format: Format, seeds: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    for _ in 0..=chance.small(8) {
        match chance.below(12) {
            0 | 1 => flip(&mut bytes, chance),
            2 => insert(&mut bytes, &[chance.byte(), chance.byte()], chance),
            3 => cut_out(&mut bytes, chance),
            4 => repeat(&mut bytes, 16, chance),
            5 => bytes.truncate(chance.below(bytes.len() + 1)),
            6 | 7 => insert(&mut bytes, word(format, chance), chance),
            8 => {
                cut_out(&mut bytes, chance);
                insert(&mut bytes, word(format, chance), chance);
            }
            9 => splice(&mut bytes, seeds, chance),
            10 => other_number(&mut bytes, chance),
            _ => nest(&mut bytes, chance),
        }
    }
    bytes
}

fn flip(bytes: &mut [u8], chance: &mut Chance) {
    let at = chance.below(bytes.len());
    let mask = if chance.one_in(2) {
        1 << chance.below(8)
    } else {
        chance.byte()
    };
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= mask;
    }
}

fn insert(bytes: &mut Vec<u8>, new: &[u8], chance: &mut Chance) {
    let at = chance.below(bytes.len() + 1);
    bytes.splice(at..at, new.iter().copied());
}

/// A place and a length inside `bytes`, mostly short.
fn run_of(bytes: &[u8], chance: &mut Chance) -> std::ops::Range<usize> {
    let at = chance.below(bytes.len() + 1);
    at..at + chance.small(bytes.len() - at)
}

fn cut_out(bytes: &mut Vec<u8>, chance: &mut Chance) {
    let run = run_of(bytes, chance);
    bytes.drain(run);
}

/// Puts a run in again, at its own place or another, some times over.
fn repeat(bytes: &mut Vec<u8>, most: usize, chance: &mut Chance) {
    let run = run_of(bytes, chance);
    let at = if chance.one_in(2) {
        run.end
    } else {
        chance.below(bytes.len() + 1)
    };
    let times = 1 + chance.small(most);
    let copied = bytes.get(run).unwrap_or_default().repeat(times);
    bytes.splice(at..at, copied);
}

/// The front of these bytes and the back of another seed.
fn splice(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], chance: &mut Chance) {
    let other = chance.pick(seeds).map_or(&[][..], Vec::as_slice);
    let from = chance.below(other.len() + 1);
    bytes.truncate(chance.below(bytes.len() + 1));
    bytes.extend(other.get(from..).unwrap_or_default());
}

/// Another number in the place of one that stands there.
fn other_number(bytes: &mut Vec<u8>, chance: &mut Chance) {
    let from = chance.below(bytes.len() + 1);
    let rest = bytes.get(from..).unwrap_or_default();
    let Some(start) = rest.iter().position(u8::is_ascii_digit) else {
        return;
    };
    let digits = rest
        .iter()
        .skip(start)
        .take_while(|byte| byte.is_ascii_digit());
    let end = start + digits.count();
    let number = chance.pick(words::NUMBERS).copied().unwrap_or("0");
    bytes.splice(from + start..from + end, number.bytes());
}

/// Wraps a run in brackets, shallow or far deeper than anything allows.
fn nest(bytes: &mut Vec<u8>, chance: &mut Chance) {
    let run = run_of(bytes, chance);
    let (open, close) = *chance
        .pick(&[
            ("[", "]"),
            ("{\"a\":", "}"),
            ("[{\"text\":", "}]"),
            ("\"", "\""),
            ("{", ""),
        ])
        .unwrap_or(&("[", "]"));
    let depth = 1 + chance.small(300);
    bytes.splice(run.end..run.end, close.repeat(depth).bytes());
    bytes.splice(run.start..run.start, open.repeat(depth).bytes());
}

/// Makes `bytes` long: a run many times over, a long line, deep nesting, or all of it again.
fn stretch(bytes: &mut Vec<u8>, most: usize, chance: &mut Chance) {
    let wanted = most / 2 + chance.below(most / 2);
    let room = wanted.saturating_sub(bytes.len());
    let at = chance.below(bytes.len() + 1);
    match chance.below(5) {
        0 => {
            let byte = *chance.pick(b"a \\\"[{\n\r,:%\xff0").unwrap_or(&b'a');
            bytes.splice(at..at, std::iter::repeat_n(byte, room));
        }
        1 => {
            let whole = bytes.clone();
            while !whole.is_empty() && bytes.len() < wanted {
                bytes.extend_from_slice(&whole);
            }
        }
        2 => {
            let word = *chance
                .pick(&[
                    "{\"a\":",
                    "[[",
                    "[],",
                    "{},",
                    "0,",
                    "\"\\u0041",
                    "data: {\n",
                    "%41",
                    "sk-a0 ",
                    "or-",
                ])
                .unwrap_or(&"[");
            bytes.splice(at..at, word.repeat(room / word.len()).bytes());
        }
        _ => {
            let run = run_of(bytes, chance);
            let times = room / run.len().max(1);
            let copied = bytes.get(run).unwrap_or_default().repeat(times);
            bytes.splice(at..at, copied);
        }
    }
}
