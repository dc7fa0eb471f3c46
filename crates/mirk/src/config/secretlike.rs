//! Tells values that look like secrets, so that no configuration file ever holds one.

/// Which kind of secret a text looks like. Never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding(&'static str);

impl Finding {
    /// What to tell the operator.
    pub fn words(self) -> String {
        format!(
            "holds what looks like {}; put the secret elsewhere and refer to it with env:NAME, \
             file:/path or keyring:service/name",
            self.0
        )
    }
}

/// Beginnings of well-known tokens, and the fewest characters that must follow.
const PREFIXES: &[(&str, usize, &str)] = &[
    ("mrk_", 8, "an API key of Mirk"),
    ("MRK1", 24, "a ciphertext of Mirk"),
    ("sk-ant-", 8, "an Anthropic key"),
    ("sk-or-", 8, "an OpenRouter key"),
    ("sk-", 8, "an OpenAI key"),
    ("sk_live_", 8, "a payment key"),
    ("sk_test_", 8, "a payment key"),
    ("rk_live_", 8, "a payment key"),
    ("pk_live_", 8, "a payment key"),
    ("whsec_", 8, "a webhook secret"),
    ("AIza", 20, "a Google key"),
    ("ya29.", 12, "a Google token"),
    ("1//0", 20, "a Google token"),
    ("GOCSPX-", 8, "a Google secret"),
    ("gsk_", 12, "a Groq key"),
    ("xai-", 12, "an xAI key"),
    ("pplx-", 12, "a Perplexity key"),
    ("hf_", 16, "a Hugging Face token"),
    ("r8_", 16, "a Replicate token"),
    ("ghp_", 16, "a GitHub token"),
    ("gho_", 16, "a GitHub token"),
    ("ghu_", 16, "a GitHub token"),
    ("ghs_", 16, "a GitHub token"),
    ("ghr_", 16, "a GitHub token"),
    ("github_pat_", 16, "a GitHub token"),
    ("glpat-", 12, "a GitLab token"),
    ("gldt-", 12, "a GitLab token"),
    ("AKIA", 16, "an AWS key"),
    ("ASIA", 16, "an AWS key"),
    ("ABIA", 16, "an AWS key"),
    ("xoxb-", 8, "a Slack token"),
    ("xoxp-", 8, "a Slack token"),
    ("xoxa-", 8, "a Slack token"),
    ("xoxs-", 8, "a Slack token"),
    ("xapp-", 8, "a Slack token"),
    ("npm_", 16, "an npm token"),
    ("pypi-", 16, "a PyPI token"),
    ("dop_v1_", 16, "a DigitalOcean token"),
    ("shpat_", 16, "a Shopify token"),
    ("shpss_", 16, "a Shopify secret"),
    ("SG.", 16, "a SendGrid key"),
    ("key-", 24, "a Mailgun key"),
    ("lin_api_", 12, "a Linear key"),
    ("sntrys_", 12, "a Sentry token"),
    ("dapi", 28, "a Databricks token"),
    ("hvs.", 12, "a Vault token"),
    ("s.", 24, "a Vault token"),
    ("tskey-", 8, "a Tailscale key"),
    ("EAAC", 24, "a Facebook token"),
    ("eyJ", 16, "a JSON web token"),
    ("PMAK-", 16, "a Postman key"),
    ("secret_", 16, "a Notion secret"),
    ("ntn_", 16, "a Notion token"),
    ("sq0", 16, "a Square token"),
    ("nvapi-", 12, "an NVIDIA key"),
    ("fw_", 16, "a Fireworks key"),
    ("tgp_v1_", 12, "a Together key"),
    ("cpk_", 16, "a provider key"),
    ("csk-", 16, "a Cerebras key"),
];

/// Words in a key's name that say that its value is a secret.
const SECRET_NAMES: &[&str] = &[
    "password",
    "passwd",
    "secret",
    "api_key",
    "apikey",
    "api-key",
    "token",
    "private_key",
    "access_key",
];

/// Looks for anything secret-shaped in one line: values, keys and comments alike.
pub fn find(line: &str) -> Option<Finding> {
    if line.contains("-----BEGIN") {
        return Some(Finding("a private key or certificate"));
    }
    if let Some((name, value)) = line.split_once('=') {
        let name = name.trim().trim_matches('"').to_ascii_lowercase();
        let value = value.trim();
        let is_secret_name = SECRET_NAMES.iter().any(|word| name.contains(word));
        if is_secret_name && !is_reference(value.trim_matches(['"', '\''])) && !value.is_empty() {
            return Some(Finding("a secret, by the name of its key"));
        }
    }
    line.split(|letter: char| {
        letter.is_whitespace()
            || matches!(
                letter,
                '"' | '\'' | ',' | '[' | ']' | '{' | '}' | '`' | '<' | '>' | '(' | ')' | ';'
            )
    })
    .flat_map(|word| std::iter::once(word).chain(word.split_once('=').map(|(_, value)| value)))
    .find_map(find_in_word)
}

fn find_in_word(word: &str) -> Option<Finding> {
    if is_reference(word) {
        return None;
    }
    let bare = word.trim_matches(|letter: char| matches!(letter, '.' | ':' | '#' | '|' | '&'));
    let bare = bare.strip_prefix("Bearer").map_or(bare, str::trim);
    for (prefix, least, kind) in PREFIXES {
        if let Some(rest) = bare.strip_prefix(prefix)
            && rest.len() >= *least
            && rest.bytes().take(*least).all(is_token_byte)
        {
            return Some(Finding(kind));
        }
    }
    if mirk_model::is_placeholder(bare) {
        return Some(Finding("a placeholder for a secret"));
    }
    if has_userinfo(bare) {
        return Some(Finding("an address with a password in it"));
    }
    is_random(bare).then_some(Finding("a random token"))
}

fn is_reference(word: &str) -> bool {
    word == "stdin" || mirk_model::SecretRef::parse(word).is_ok()
}

const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'+' | b'=')
}

fn has_userinfo(word: &str) -> bool {
    word.split_once("://").is_some_and(|(_, rest)| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        authority
            .split_once('@')
            .is_some_and(|(user, _)| user.contains(':'))
    })
}

/// Whether the text is long and mixed enough to have been drawn at random: no dots, spaces or
/// path, letters and digits both, and a spread of characters that words do not have.
fn is_random(word: &str) -> bool {
    let word = word.trim_end_matches('=');
    if word.len() < 24 || word.starts_with('/') || word.contains("://") {
        return false;
    }
    if !word
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/'))
    {
        return false;
    }
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
    digits >= 3 && letters >= 4 && entropy(word) > 3.0
}

/// Shannon entropy in bits per character.
fn entropy(word: &str) -> f64 {
    let mut counts = [0_u32; 128];
    for byte in word.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count = count.saturating_add(1);
        }
    }
    let length = f64::from(u32::try_from(word.len()).unwrap_or(u32::MAX));
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / length;
            -share * share.log2()
        })
        .sum()
}
