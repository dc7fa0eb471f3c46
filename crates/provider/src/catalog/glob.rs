//! The patterns of the price file: `*` is any run of characters, `#` is one digit.

/// Whether all of `name` fits `glob`. Linear in practice: a mismatch widens only the latest `*`.
pub(super) fn matches(glob: &str, name: &str) -> bool {
    let (glob, name) = (glob.as_bytes(), name.as_bytes());
    let (mut g, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = name.get(n) {
        match glob.get(g) {
            Some(b'*') => {
                star = Some((g + 1, n));
                g += 1;
            }
            Some(wanted) if wanted == byte || *wanted == b'#' && byte.is_ascii_digit() => {
                g += 1;
                n += 1;
            }
            _ => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    g = after;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    glob.iter().skip(g).all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_run_and_a_hash_one_digit() {
        for (glob, name, fits) in [
            ("claude-2*", "claude-2.1", true),
            ("claude-2*", "claude-2", true),
            ("claude-2*", "x-claude-2", false),
            ("*claude-v2*", "anthropic.claude-v2:1", true),
            ("*-tts", "gemini-tts", true),
            ("*-tts", "gemini-ttsx", false),
            ("a-####-##-##", "a-2026-11-22", true),
            ("a-####-##-##", "a-2026-11-2x", false),
            ("a-####-##-##", "a-2026-11-222", false),
            ("*-tts-*", "x-tt-tts-y", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(glob, name), fits, "{glob} {name}");
        }
    }
}
