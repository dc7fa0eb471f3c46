//! Which passwords may be used: long enough, and not made of things that everybody tries.
//!
//! NIST 800-63B-4: at least 15 characters, every character allowed, no composition rules. The
//! embedded list has fewer than 200 words: the most famous passwords, not a breach corpus. It is
//! used as parts rather than as whole strings, which makes it cover far more than itself: words of
//! the list, words of the context, runs, sequences, keyboard rows and years count as one
//! character each, a text that repeats itself counts once, and what is left must still be eight.
//! Text is taken as it comes; it is not brought into a Unicode normal form.

/// Fewest characters.
const MIN_CHARS: usize = 15;
/// Most bytes.
pub(crate) const MAX_PASSWORD_BYTES: usize = 1_024;
/// What must be left once every easy part counts as one character.
const MIN_EFFECTIVE: usize = 8;
/// A run or a sequence of fewer characters is nothing special.
const MIN_RUN: usize = 3;
/// A context word of fewer characters would hit by chance.
const MIN_WORD: usize = 3;

/// The embedded list, one lower-case word a line, sorted.
pub const BLOCKED_WORDS: &str = include_str!("blocked.txt");

/// Our own name and names like it, which people put into passwords for us.
const OWN_WORDS: [&str; 3] = ["mirk", "router", "openai"];

/// Rows that fingers walk along, forwards or backwards.
const ROWS: [&str; 9] = [
    "0123456789012345",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "azertyuiop",
    "qazwsxedcrfvtgbyhnujm",
    "1q2w3e4r5t6y7u8i9o0p",
];

/// Why a password may not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Fewer than 15 characters.
    #[error("at least 15 characters are needed")]
    TooShort,
    /// More than 1,024 bytes.
    #[error("at most 1,024 bytes are allowed")]
    TooLong,
    /// Made of well-known words, names from its surroundings, repetitions or sequences.
    #[error("it is made of well-known words, repetitions or sequences")]
    Blocked,
}

/// Whether `password` may be used by somebody whose surroundings are `context`: handle, e-mail,
/// organisation, host name. Context words count forwards and backwards.
///
/// # Errors
/// [`PolicyError`] says which rule it breaks.
pub fn check_password(password: &str, context: &[&str]) -> Result<(), PolicyError> {
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(PolicyError::TooLong);
    }
    if password.chars().count() < MIN_CHARS {
        return Err(PolicyError::TooShort);
    }
    let plain = fold(password);
    if Easy::with(context).effective_length(unit(&plain)) < MIN_EFFECTIVE {
        return Err(PolicyError::Blocked);
    }
    Ok(())
}

/// Lower case, with the usual digits-for-letters kept: those are tried in [`Easy::word_at`].
fn fold(text: &str) -> Vec<char> {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// The letter that a digit or sign is written for.
const fn unmask(character: char) -> char {
    match character {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

/// What the text says over and over, the last time maybe cut short; all of it when it does not.
fn unit(text: &[char]) -> &[char] {
    let repeats = |period: &usize| {
        let shifted = text.iter().skip(*period);
        text.iter().zip(shifted).all(|(one, other)| one == other)
    };
    let period = (1..=text.len() / 2).find(repeats);
    text.get(..period.unwrap_or(text.len())).unwrap_or(text)
}

/// Everything that counts as one character.
struct Easy {
    words: Vec<Vec<char>>,
    rows: Vec<Vec<char>>,
}

impl Easy {
    fn with(context: &[&str]) -> Self {
        let split = |word: &&str| -> Vec<Vec<char>> {
            let parts = word.split(|character: char| !character.is_alphanumeric());
            parts.chain([*word]).map(fold).collect()
        };
        let mut words: Vec<Vec<char>> = OWN_WORDS.iter().chain(context).flat_map(split).collect();
        let turned: Vec<Vec<char>> = words.iter().map(|word| backwards(word)).collect();
        words.extend(turned);
        words.extend(BLOCKED_WORDS.lines().map(fold));
        words.retain(|word| word.len() >= MIN_WORD);
        let rows = ROWS.iter().map(|row| fold(row)).collect::<Vec<_>>();
        let reversed = rows.iter().map(|row| backwards(row)).collect::<Vec<_>>();
        Self {
            words,
            rows: [rows, reversed].concat(),
        }
    }

    /// Characters that are left when every easy part counts as one, taking the longest first.
    fn effective_length(&self, text: &[char]) -> usize {
        let mut rest = text;
        let mut length = 0;
        while !rest.is_empty() {
            let easy = self
                .word_at(rest)
                .max(self.row_at(rest))
                .max(run_at(rest))
                .max(year_at(rest));
            rest = rest.get(easy.max(1)..).unwrap_or_default();
            length += 1;
        }
        length
    }

    /// Length of the longest word that `text` starts with, digits read as letters too.
    fn word_at(&self, text: &[char]) -> usize {
        let matches = |word: &&Vec<char>| {
            let starts = text.len() >= word.len();
            starts
                && word
                    .iter()
                    .zip(text)
                    .all(|(w, t)| w == t || *w == unmask(*t))
        };
        let lengths = self.words.iter().filter(matches).map(Vec::len);
        lengths.max().unwrap_or(0)
    }

    /// Length of the longest piece of a keyboard row that `text` starts with.
    fn row_at(&self, text: &[char]) -> usize {
        let walk = |row: &Vec<char>| {
            let starts = (0..row.len()).map(|at| {
                let piece = row.iter().skip(at).zip(text);
                piece.take_while(|(one, other)| one == other).count()
            });
            starts.max().unwrap_or(0)
        };
        let longest = self.rows.iter().map(walk).max().unwrap_or(0);
        if longest >= MIN_RUN { longest } else { 0 }
    }
}

fn backwards(word: &[char]) -> Vec<char> {
    word.iter().rev().copied().collect()
}

/// Length of the run of one character that `text` starts with.
fn run_at(text: &[char]) -> usize {
    let run = text.iter().take_while(|it| Some(*it) == text.first());
    let run = run.count();
    if run >= MIN_RUN { run } else { 0 }
}

/// Four when `text` starts with a year from 1900 to 2099.
fn year_at(text: &[char]) -> usize {
    match text {
        ['1', '9', tens, ones, ..] | ['2', '0', tens, ones, ..]
            if tens.is_ascii_digit() && ones.is_ascii_digit() =>
        {
            4
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn famous_passwords_are_blocked_however_they_are_stretched() {
        for password in [
            "passwordpassword",
            "qwertyuiop12345",
            "Mirk2026Mirk2026Mirk",
            "P@ssw0rd-Passw0rd",
            "letmeinletmein2025!",
            "aaaaaaaaaaaaaaaaaaaa",
            "abcabcabcabcabcabc",
            "zyxwvutsrqponmlkjihg",
            "123456789012345",
            "1q2w3e4r5t6y7u8i",
            "admin-admin-admin-1",
        ] {
            let checked = check_password(password, &[]);
            assert_eq!(checked, Err(PolicyError::Blocked), "{password}");
        }
    }

    #[test]
    fn context_words_count_forwards_and_backwards() {
        let context = ["grete.lundqvist@example.org"];
        for password in ["lundqvist-grete-2026", "tsivqdnul-eterg-2026"] {
            let checked = check_password(password, &context);
            assert_eq!(checked, Err(PolicyError::Blocked), "{password}");
            assert_eq!(check_password(password, &[]), Ok(()), "{password}");
        }
    }

    #[test]
    fn long_and_unusual_passwords_are_free() {
        for password in [
            "correct horse battery staple",
            "Vq7#mLz0!tRw9^xK",
            "  räksmörgås på tåget  ",
            "🦉🌧️🪵🧭 owl rain log compass",
            "nul \0 inside is fine too",
        ] {
            assert_eq!(check_password(password, &["mirk"]), Ok(()), "{password}");
        }
    }

    #[test]
    fn length_is_counted_in_characters_below_and_bytes_above() {
        assert_eq!(
            check_password("åäöÅÄÖåäöÅÄÖ12", &[]),
            Err(PolicyError::TooShort)
        );
        let unit = "kT4 vexing jousts; ";
        let long: String = unit.chars().cycle().take(1_024).collect();
        assert_eq!(check_password(&long, &[]), Ok(()));
        assert_eq!(
            check_password(&format!("{long}x"), &[]),
            Err(PolicyError::TooLong)
        );
    }

    #[test]
    fn repeating_something_short_does_not_make_it_long() {
        let stretched = check_password("xK9#xK9#xK9#xK9#xK9", &[]);
        assert_eq!(stretched, Err(PolicyError::Blocked));
    }

    #[test]
    fn the_list_is_sorted_lower_case_and_without_doubles() {
        let words: Vec<&str> = BLOCKED_WORDS.lines().collect();
        assert!(words.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(words.iter().all(|word| word.to_lowercase() == *word));
        assert!((100..200).contains(&words.len()));
    }
}
