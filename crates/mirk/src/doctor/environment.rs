//! The environment: variables that hold secrets, and variables that do not do what one may think.

use std::collections::BTreeMap;

use mirk_provider::kind::KINDS;

use super::Finding;
use crate::config::find_secret;

/// Variables that other programs obey and Mirk does not, each with what to do instead.
const IGNORED: &[(&[&str], &str)] = &[
    (
        &[
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "ALL_PROXY",
            "http_proxy",
            "https_proxy",
            "all_proxy",
        ],
        "Mirk connects directly and does not use it; unset it if it was meant for Mirk",
    ),
    (
        &["SSL_CERT_FILE", "SSL_CERT_DIR"],
        "Mirk ignores it; to trust other CAs set upstream.ca_file",
    ),
];

/// Variables that let others read what goes on.
const LEAKY: &[(&str, &str)] = &[
    (
        "SSLKEYLOGFILE",
        "Mirk ignores it, other programs write their TLS keys there; unset it",
    ),
    (
        "LD_PRELOAD",
        "it puts code into Mirk that is not Mirk's; unset it",
    ),
    (
        "LD_AUDIT",
        "it puts code into Mirk that is not Mirk's; unset it",
    ),
];

/// Everything about the environment.
pub fn examine(environment: &BTreeMap<String, String>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = secrets(environment);
    if findings.is_empty() {
        findings.push(Finding::ok(
            "environment",
            "no variable holds what looks like a provider's key",
        ));
    }
    let is_set = |name: &str| environment.get(name).is_some_and(|value| !value.is_empty());
    for (names, remedy) in IGNORED {
        let set: Vec<&str> = names.iter().copied().filter(|name| is_set(name)).collect();
        if !set.is_empty() {
            let what = format!("set and not used by Mirk: {}", set.join(", "));
            findings.push(Finding::warn("environment", what, *remedy));
        }
    }
    for (name, remedy) in LEAKY {
        if is_set(name) {
            findings.push(Finding::warn(
                "environment",
                format!("{name} is set"),
                *remedy,
            ));
        }
    }
    findings
}

fn secrets(environment: &BTreeMap<String, String>) -> Vec<Finding> {
    let is_known = |name: &str| KINDS.iter().any(|facts| facts.variable == Some(name));
    // A variable whose value is a reference, a path or a word is not a secret by its name alone.
    let holds = |name: &str, value: &str| {
        (is_known(name) && !value.is_empty())
            || value.split_whitespace().count() == 1 && find_secret(value).is_some()
    };
    let names: Vec<&str> = environment
        .iter()
        .filter(|(name, value)| holds(name, value))
        .map(|(name, _)| shown(name))
        .collect();
    if names.is_empty() {
        return vec![];
    }
    let what = format!(
        "these variables hold what looks like keys: {}",
        names.join(", ")
    );
    let remedy = "every program you start can read them; once `mirk credential list` shows them, unset them \
                  and take them out of your shell's profile";
    vec![Finding::warn("environment", what, remedy)]
}

/// A variable's name as it may be shown: one that is not a usual name may be anything.
fn shown(name: &str) -> &str {
    let is_usual = name.len() <= 64
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_usual {
        name
    } else {
        "(one with an unusual name)"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn keys_are_named_and_never_shown() {
        let secret = "sk-ant-api03-canarycanarycanary";
        let findings = examine(&environment(&[
            ("ANTHROPIC_API_KEY", "x"),
            ("MY_OWN", secret),
            ("HOME", "/home/a"),
        ]));
        assert_eq!(findings.len(), 1);
        assert!(findings[0].what.contains("ANTHROPIC_API_KEY, MY_OWN"));
        assert!(!format!("{findings:?}").contains("canary"));
    }

    #[test]
    fn an_ordinary_environment_is_fine() {
        let usual = environment(&[
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("LS_COLORS", "rs=0:di=01;34:ln=01;36"),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/1000/bus"),
            ("SSH_AUTH_SOCK", "/run/user/1000/keyring/ssh"),
            ("MIRK_ROOT_KEY", "file:/home/a/.config/mirk/root.key"),
        ]);
        let findings = examine(&usual);
        assert!(
            findings
                .iter()
                .all(|finding| finding.verdict == Verdict::Ok),
            "{findings:?}"
        );
    }

    #[test]
    fn proxies_and_key_logs_are_pointed_out() {
        let findings = examine(&environment(&[
            ("https_proxy", "http://p:1"),
            ("SSLKEYLOGFILE", "/tmp/k"),
            ("SSL_CERT_FILE", "/c"),
        ]));
        assert_eq!(
            findings
                .iter()
                .filter(|finding| finding.verdict == Verdict::Warn)
                .count(),
            3
        );
    }
}
