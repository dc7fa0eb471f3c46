//! The ways to write a moment or a wait: seconds, Go durations, epochs in any unit, HTTP dates and
//! RFC 3339. Total: whatever comes, the answer is a moment or nothing.

use mirk_model::Timestamp;

/// The longest value that is looked at.
const MOST: usize = 64;

const MICROS: i64 = 1_000_000;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A moment in whichever way it is written; a number below 10^8 is a wait in seconds from `now`,
/// a greater one an epoch in seconds, milliseconds, microseconds or nanoseconds by its size.
pub(crate) fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = short(text)?;
    if let Some(number) = decimal(text) {
        let whole = text.split('.').next().unwrap_or_default();
        // What does not fit is later than anything that is believed.
        let whole: i64 = whole.parse().unwrap_or(i64::MAX);
        return Some(match whole {
            ..100_000_000 => now.plus_micros(number.max(0)),
            100_000_000..100_000_000_000 => Timestamp::from_micros(number),
            100_000_000_000..100_000_000_000_000 => {
                Timestamp::from_micros(whole.saturating_mul(1_000))
            }
            100_000_000_000_000..100_000_000_000_000_000 => Timestamp::from_micros(whole),
            _ => Timestamp::from_micros(whole / 1_000),
        });
    }
    wait(text)
        .map(|wait| now.plus_micros(wait))
        .or_else(|| Timestamp::parse(text))
        .or_else(|| http_date(text))
}

/// A wait: seconds, or a duration such as `6m0s`, `1.5s`, `20ms`. In microseconds, never negative.
pub(super) fn wait(text: &str) -> Option<i64> {
    let text = short(text)?;
    if let Some(seconds) = decimal(text) {
        return Some(seconds.max(0));
    }
    let mut total: i64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = rest.split_at_checked(digits)?;
        let letters = unit
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(unit.len());
        let (unit, after) = unit.split_at_checked(letters)?;
        let number = decimal(number)?;
        let part = match unit {
            "d" => number.saturating_mul(86_400),
            "h" => number.saturating_mul(3_600),
            "m" => number.saturating_mul(60),
            "s" => number,
            "ms" => number / 1_000,
            "us" | "µs" => number / 1_000_000,
            "ns" => 0,
            _ => return None,
        };
        total = total.saturating_add(part);
        rest = after;
    }
    Some(total)
}

/// A decimal number, times a million, held at the ends of the range.
pub(crate) fn decimal(text: &str) -> Option<i64> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let value = |digits: &mut dyn Iterator<Item = u8>| {
        digits.fold(0_i64, |value, digit| {
            let digit = i64::from(digit.saturating_sub(b'0'));
            value.saturating_mul(10).saturating_add(digit)
        })
    };
    let whole = value(&mut whole.bytes()).saturating_mul(MICROS);
    let millionths = value(&mut fraction.bytes().chain(std::iter::repeat(b'0')).take(6));
    let number = whole.saturating_add(millionths);
    Some(if is_negative { -number } else { number })
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that is sent today.
pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    let (_, date) = text.split_once(", ")?;
    let mut parts = date.split(' ');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let (time, zone) = (parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let is_whole = parts.next().is_none() && zone == "GMT";
    is_whole
        .then(|| Timestamp::parse(&format!("{year}-{month:02}-{day}T{time}Z")))
        .flatten()
}

fn short(text: &str) -> Option<&str> {
    let text = text.trim();
    (!text.is_empty() && text.len() <= MOST).then_some(text)
}
