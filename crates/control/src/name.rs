//! Names that people give: what they may be made of.

use mirk_model::{Kind, Problem};

/// Checks a label: 1 to 64 characters, printable, no control or direction characters.
pub(crate) fn label(field: &'static str, text: &str) -> Result<(), Problem> {
    let length = text.chars().count();
    let is_clean = text
        .chars()
        .all(|letter| !letter.is_control() && !is_invisible(letter));
    if (1..=64).contains(&length) && is_clean && text.trim() == text {
        return Ok(());
    }
    let words = "must be 1 to 64 printable characters, without spaces at its ends";
    Err(Problem::new(Kind::Invalid, words).about(field))
}

/// Characters that change how text around them is shown.
const fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Checks a name that is part of an address: letters, digits, `-`, `_` and `.`.
pub(crate) fn slug(field: &'static str, text: &str) -> Result<(), Problem> {
    let is_clean = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if (1..=64).contains(&text.len())
        && is_clean
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
    {
        return Ok(());
    }
    let words = "must be 1 to 64 letters, digits, dots, dashes or underscores, and begin with a letter or digit";
    Err(Problem::new(Kind::Invalid, words).about(field))
}

/// Checks a model's name, an alias or a glob.
pub(crate) fn model(field: &'static str, text: &str) -> Result<(), Problem> {
    let is_clean = text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b','));
    if (1..=128).contains(&text.len()) && is_clean {
        return Ok(());
    }
    let words = "must be 1 to 128 visible ASCII characters, without quotes, backslashes and commas";
    Err(Problem::new(Kind::Invalid, words).about(field))
}

/// Refuses a name that looks like a secret: names are shown and logged.
pub(crate) fn no_secret(field: &'static str, text: &str) -> Result<(), Problem> {
    let is_secret = ["mrk_", "sk-", "AIza", "gsk_", "ghp_", "xai-"]
        .iter()
        .any(|prefix| {
            text.find(prefix)
                .is_some_and(|at| text.len().saturating_sub(at) >= 24)
        });
    if is_secret {
        let words =
            "looks like a secret; names are shown and logged, secrets are given with --secret";
        return Err(Problem::new(Kind::Invalid, words).about(field));
    }
    Ok(())
}
