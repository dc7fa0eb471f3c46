//! One vector, as numbers or as base64.
//!
//! Invariant: what is a vector here is an array of JSON numbers that 32-bit floats can hold, or
//! base64 of such floats; nothing else comes out.

use data_encoding::{BASE64, BASE64_NOPAD};

use crate::json::{Misread, Type, Value};

/// A vector as its provider wrote it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Vector<'a> {
    /// An array of numbers.
    Numbers(Value<'a>),
    /// A string of base64.
    Base64(Value<'a>),
}

impl<'a> Vector<'a> {
    /// The vector that `value` is; what is inside shows when it is written.
    pub(super) fn read(value: Value<'a>) -> Result<Self, Misread> {
        match value.kind() {
            Type::Array => Ok(Self::Numbers(value)),
            Type::Text => Ok(Self::Base64(value)),
            _ => Err(Misread::here("is neither numbers nor base64")),
        }
    }

    /// The vector as a JSON array, digits as they are where there are digits.
    pub(super) fn numbers(self) -> Result<String, Misread> {
        let mut out = String::from("[");
        match self {
            Self::Numbers(array) => {
                out.reserve(array.raw().len());
                for number in numbers(array)? {
                    comma(&mut out);
                    out.push_str(number);
                }
            }
            Self::Base64(text) => {
                for float in floats(text)? {
                    comma(&mut out);
                    // The shortest digits that are this float, and never an exponent.
                    out.push_str(&float.to_string());
                }
            }
        }
        out.push(']');
        Ok(out)
    }

    /// The vector as base64 of little-endian 32-bit floats.
    pub(super) fn base64(self) -> Result<String, Misread> {
        let mut bytes = Vec::new();
        match self {
            Self::Numbers(array) => {
                for number in numbers(array)? {
                    let float = number
                        .parse::<f32>()
                        .ok()
                        .filter(|float| float.is_finite())
                        .ok_or_else(|| Misread::here("holds a number that is too large"))?;
                    bytes.extend_from_slice(&float.to_le_bytes());
                }
            }
            Self::Base64(text) => {
                for float in floats(text)? {
                    bytes.extend_from_slice(&float.to_le_bytes());
                }
            }
        }
        Ok(BASE64.encode(&bytes))
    }
}

fn comma(out: &mut String) {
    if out.len() > 1 {
        out.push(',');
    }
}

/// The numbers of an array that has nothing else. The array is valid JSON, so that text between
/// its brackets and commas which starts like a number is one.
fn numbers(array: Value<'_>) -> Result<impl Iterator<Item = &str>, Misread> {
    let inside = array
        .raw()
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .map(str::trim_ascii)
        .filter(|inside| !inside.is_empty())
        .ok_or_else(|| Misread::here("is an empty vector"))?;
    let is_plain =
        |byte: u8| byte.is_ascii_digit() || byte.is_ascii_whitespace() || b"+-.,eE".contains(&byte);
    if !inside.bytes().all(is_plain) {
        return Err(Misread::here("holds what is not a number"));
    }
    Ok(inside.split(',').map(str::trim_ascii))
}

/// The floats that base64 holds, all of them finite.
fn floats(text: Value<'_>) -> Result<Vec<f32>, Misread> {
    let text = text.text()?;
    let plain = text.trim_end_matches('=');
    let bytes = BASE64_NOPAD
        .decode(plain.as_bytes())
        .map_err(|_odd| Misread::here("is not base64"))?;
    let (fours, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() || fours.is_empty() {
        return Err(Misread::here("is not a vector of 32-bit floats"));
    }
    let floats: Vec<f32> = fours.iter().map(|four| f32::from_le_bytes(*four)).collect();
    if floats.iter().all(|float| float.is_finite()) {
        Ok(floats)
    } else {
        Err(Misread::here("holds what is not a number"))
    }
}
