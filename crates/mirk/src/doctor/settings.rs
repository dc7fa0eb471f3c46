//! The settings: the file they come from, and values that open doors.

use std::{collections::BTreeMap, fs, io::Read, os::unix::fs::MetadataExt, path::PathBuf};

use rustix::process::geteuid;

use super::Finding;
use crate::{
    boot,
    config::{self, Mode, Settings, Sources, find_secret},
};

/// The largest configuration file that is read.
const MOST_BYTES: u64 = 1024 * 1024;

/// Reads the settings as well as they can be read: with a file that cannot be used, those of the
/// flags, the data folder's variable and the defaults.
pub fn read(sources: &Sources) -> (Option<Settings>, Vec<Finding>) {
    let mut findings = file(sources);
    match config::load(sources) {
        Ok(settings) => {
            findings.extend(dangers(&settings));
            findings.push(authorities(&settings));
            (Some(settings), findings)
        }
        Err(error) => {
            let remedy = "put that right; `mirk config check` says whether it is";
            findings.push(Finding::bad("settings", error.to_string(), remedy));
            (config::load(&bare(sources)).ok(), findings)
        }
    }
}

/// The sources without the configuration file and without variables that may be at fault.
fn bare(sources: &Sources) -> Sources {
    let mut environment: BTreeMap<String, String> = sources
        .environment
        .iter()
        .filter(|(name, _)| ["HOME", "XDG_DATA_HOME", "MIRK_DATA_DIR"].contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    // Where no file can be.
    environment.insert("XDG_CONFIG_HOME".to_owned(), "/dev/null".to_owned());
    Sources {
        file: None,
        flags: sources.flags.clone(),
        environment,
    }
}

fn path(sources: &Sources) -> Option<PathBuf> {
    let named = sources
        .environment
        .get("MIRK_CONFIG")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    let usual = || sources.config_home().map(|home| home.join("mirk.toml"));
    sources.file.clone().or(named).or_else(usual)
}

fn file(sources: &Sources) -> Vec<Finding> {
    const CHECK: &str = "configuration file";
    let Some(path) = path(sources) else {
        return vec![];
    };
    let Ok(metadata) = fs::symlink_metadata(&path) else {
        return vec![Finding::ok(CHECK, "there is none; defaults are in force")];
    };
    let shown = path.display();
    let mut findings = Vec::new();
    if metadata.is_symlink() {
        findings.push(Finding::bad(
            CHECK,
            format!("{shown} is a symbolic link"),
            "name the file itself",
        ));
        return findings;
    }
    if metadata.uid() != geteuid().as_raw() && metadata.uid() != 0 {
        let remedy = "it must be yours or root's";
        findings.push(Finding::bad(
            CHECK,
            format!("{shown} belongs to somebody else"),
            remedy,
        ));
    }
    if metadata.mode() & 0o022 != 0 {
        let what = format!(
            "{shown} may be written by others (mode {:03o})",
            metadata.mode() & 0o777
        );
        findings.push(Finding::bad(CHECK, what, format!("chmod 600 {shown}")));
    }
    let mut text = String::new();
    let read =
        fs::File::open(&path).and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text));
    let lines: Vec<String> = text
        .lines()
        .enumerate()
        .filter(|(_, line)| find_secret(line).is_some())
        .map(|(index, _)| index.saturating_add(1).to_string())
        .collect();
    if read.is_ok() && !lines.is_empty() {
        let what = format!(
            "{shown} holds what looks like a secret in line {}",
            lines.join(", ")
        );
        let remedy = "replace it by a reference (env:NAME, file:/path, keyring:service/name), and replace the secret";
        findings.push(Finding::bad(
            "secrets in the configuration file",
            what,
            remedy,
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, format!("{shown} is in order")));
    }
    findings
}

fn dangers(settings: &Settings) -> Vec<Finding> {
    let mut findings = vec![listeners(settings)];
    let mut danger = |what: String, remedy: &str| {
        findings.push(Finding::warn("settings", what, remedy));
    };
    let ranges = settings.private.iter().map(ToString::to_string);
    for range in ranges.filter(|range| is_wide(range)) {
        let what = format!("upstream.private allows all of {range}");
        danger(what, "name the narrowest range that your providers are in");
    }
    let origins = settings.origins.iter();
    for origin in origins.filter(|origin| origin.starts_with("http://")) {
        let what = format!("origins lets {origin} call, which is not https");
        danger(what, "let only https:// pages call");
    }
    let is_open = |path: &PathBuf| fs::metadata(path).is_ok_and(|file| file.mode() & 0o022 != 0);
    if let Some(path) = settings.ca_file.as_ref().filter(|path| is_open(path)) {
        let what = format!(
            "upstream.ca_file ({}) may be written by others",
            path.display()
        );
        danger(
            what,
            "run `chmod go-w` on it: whoever writes it decides whom Mirk trusts",
        );
    }
    if settings.mode == Mode::Hosted && !settings.private.is_empty() {
        let what = "upstream.private is set in hosted mode: tenants can reach those networks";
        danger(what.to_owned(), "unset it");
    }
    if settings.body_bytes > 256 << 20 {
        let what = "limits.body_bytes is more than 256 MiB for one request";
        danger(what.to_owned(), "lower it");
    }
    findings
}

/// Whom Mirk trusts to say who a provider is.
fn authorities(settings: &Settings) -> Finding {
    const CHECK: &str = "certificates";
    match boot::roots(settings) {
        Err(problem) => {
            let what = format!("upstream.ca_file: {problem}");
            Finding::bad(
                CHECK,
                what,
                "name a PEM file with the certificates to trust, or unset it",
            )
        }
        Ok(roots) if roots.is_empty() => {
            let what = "this machine trusts no authority: no provider can be reached over https";
            Finding::warn(
                CHECK,
                what,
                "install the system's certificates (ca-certificates)",
            )
        }
        Ok(_) if settings.ca_file.is_some() => Finding::ok(
            CHECK,
            "those of upstream.ca_file are trusted, and no others",
        ),
        Ok(_) => Finding::ok(CHECK, "those of the system are trusted"),
    }
}

fn listeners(settings: &Settings) -> Finding {
    const CHECK: &str = "listeners";
    let addresses = settings
        .listen
        .iter()
        .filter(|address| !address.ip().is_loopback());
    let open: Vec<String> = addresses.map(ToString::to_string).collect();
    if open.is_empty() {
        return Finding::ok(CHECK, "only this machine can connect");
    }
    let what = format!(
        "other machines can connect, without TLS: {}",
        open.join(", ")
    );
    let remedy = "listen on 127.0.0.1 and put a TLS proxy or tunnel in front";
    Finding::bad(CHECK, what, remedy)
}

/// Whether a range holds more than a large site's network.
fn is_wide(range: &str) -> bool {
    let (address, bits) = range.split_once('/').unwrap_or((range, "128"));
    let bits: u8 = bits.parse().unwrap_or(0);
    bits < if address.contains(':') { 32 } else { 8 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_half_the_world_is_wide() {
        for (range, wide) in [
            ("0.0.0.0/0", true),
            ("::/0", true),
            ("10.0.0.0/8", false),
            ("fd00::/8", true),
            ("192.168.1.0/24", false),
        ] {
            assert_eq!(is_wide(range), wide, "{range}");
        }
    }
}
