//! Settings: every source, every refusal, and never a value that may be a secret.

use std::{fs, os::unix::fs::PermissionsExt};

use super::*;

fn sources(text: &str) -> (tempdir::Folder, Sources) {
    let folder = tempdir::Folder::new();
    let path = folder.path().join("mirk.toml");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let mut sources = Sources {
        file: Some(path),
        ..Sources::default()
    };
    sources
        .environment
        .insert("HOME".into(), folder.path().display().to_string());
    (folder, sources)
}

mod tempdir {
    use std::{
        fs,
        path::{Path, PathBuf},
        sync::atomic::{AtomicU32, Ordering},
    };

    static NEXT: AtomicU32 = AtomicU32::new(0);

    pub(super) struct Folder(PathBuf);

    impl Folder {
        pub(super) fn new() -> Self {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path =
                std::env::temp_dir().join(format!("mirk-config-{}-{number}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        pub(super) fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }
}

#[test]
fn every_default_is_readable() {
    let mut settings = Settings::defaults(&Sources::default());
    for setting in SETTINGS
        .iter()
        .filter(|setting| !setting.default.is_empty())
    {
        (setting.take)(&mut settings, &Raw::Text(setting.default.to_owned())).unwrap();
    }
    assert_eq!(settings.listen.len(), 2);
    assert_eq!(settings.body_bytes, 32 * 1024 * 1024);
}

#[test]
fn flag_beats_environment_beats_file_beats_default() {
    let (_folder, mut sources) =
        sources("log = \"warn\"\n[limits]\njson_depth = 64\nbody_bytes = 2048\n");
    sources
        .environment
        .insert("MIRK_LIMITS_JSON_DEPTH".into(), "32".into());
    sources
        .environment
        .insert("MIRK_LOG".into(), "debug".into());
    let sources = sources.flag("log", Some("off".into()));
    let settings = load(&sources).unwrap();
    assert_eq!(settings.log, LogLevel::Off);
    assert_eq!(settings.json_depth, 32);
    assert_eq!(settings.body_bytes, 2048);
    assert_eq!(settings.origin["limits.body_bytes"], Origin::File(4));
}

#[test]
fn an_unknown_setting_is_refused_with_a_suggestion_and_its_line() {
    let (_folder, sources) = sources("# settings\nlogs = \"info\"\n");
    let error = load(&sources).unwrap_err().to_string();
    assert!(
        error.contains("line 2, logs") && error.contains("did you mean `log`"),
        "{error}"
    );
}

#[test]
fn wrong_types_duplicates_and_broken_toml_are_refused_with_their_line() {
    for (text, line) in [
        ("log = 5\n", 1),
        ("log = \"info\"\nlog = \"warn\"\n", 2),
        ("log = [\n\n", 1),
        ("\nlog = true\n", 2),
        ("limits = 5\n", 1),
        ("[limits]\nbody_bytes = \"many\"\n", 2),
    ] {
        let (_folder, sources) = sources(text);
        let error = load(&sources).unwrap_err();
        assert!(
            error.place.contains(&format!("line {line}")),
            "{text:?}: {error}"
        );
    }
}

#[test]
fn a_secret_anywhere_is_refused_without_being_shown() {
    let body = "q7Zp3mVx9Lw2Rt8Yk5Nc1Hd4";
    let shapes = PREFIXES_FOR_TESTS
        .iter()
        .map(|prefix| format!("{prefix}{body}{body}"));
    for secret in shapes.chain([body.to_owned(), format!("postgres://me:{body}@host/db")]) {
        for line in [
            format!("root_key = \"{secret}\""),
            format!("# old: {secret}"),
            format!("hosts = [\"a\", \"{secret}\"]"),
            format!("\"{secret}\" = 1"),
        ] {
            let (_folder, sources) = sources(&format!("log = \"info\"\n{line}\n"));
            let error = load(&sources).expect_err(&line).to_string();
            assert!(error.contains("line 2"), "{error}");
            assert!(!error.contains(body), "the value was shown");
        }
    }
}

const PREFIXES_FOR_TESTS: &[&str] = &[
    "sk-",
    "sk-ant-api03-",
    "sk-or-v1-",
    "sk-proj-",
    "AIza",
    "ghp_",
    "github_pat_",
    "xoxb-",
    "AKIA",
    "mrk_lu_",
    "gsk_",
    "hf_",
    "glpat-",
    "eyJhbGciOi",
    "npm_",
    "pypi-",
    "SG.",
    "hvs.",
    "ya29.",
    "whsec_",
    "sk_live_",
    "nvapi-",
];

#[test]
fn placeholders_are_refused() {
    for value in ["changeme", "your-api-key", "sk-xxxx", "secret", "123456"] {
        let (_folder, sources) = sources(&format!("root_key = \"{value}\"\n"));
        load(&sources).expect_err(value);
    }
}

#[test]
fn ordinary_values_are_not_taken_for_secrets() {
    let text = "mode = \"team\"\nlisten = [\"10.0.0.5:8443\"]\nhosts = [\"router-2026-eu-west-1.internal.example.com\"]\n\
                root_key = \"file:/etc/mirk/root.key\"\ndata_dir = \"/var/lib/mirk\"\n# see the handbook for what this means\n";
    let (_folder, sources) = sources(text);
    load(&sources).unwrap();
}

#[test]
fn a_file_that_others_may_write_or_that_is_a_link_is_refused() {
    let (folder, mut sources) = sources("log = \"info\"\n");
    let path = folder.path().join("mirk.toml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(
        load(&sources)
            .unwrap_err()
            .words
            .contains("written by others")
    );
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let link = folder.path().join("link.toml");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    sources.file = Some(link);
    assert!(load(&sources).unwrap_err().words.contains("symbolic link"));
}

#[test]
fn a_public_address_is_refused_in_local_mode() {
    let sources = Sources::from([("HOME", "/h"), ("MIRK_LISTEN", "0.0.0.0:8790")]);
    assert!(load(&sources).unwrap_err().words.contains("other machines"));
}

#[test]
fn names_of_other_routers_are_honoured_or_explained() {
    let settings = load(&Sources::from([("HOME", "/h"), ("PORT", "9000")])).unwrap();
    assert!(settings.listen.iter().all(|address| address.port() == 9000));
    let error = load(&Sources::from([
        ("HOME", "/h"),
        ("REQUIRE_API_KEY", "false"),
    ]))
    .unwrap_err();
    assert_eq!(error.place, "REQUIRE_API_KEY");
}

impl<const N: usize> From<[(&str, &str); N]> for Sources {
    fn from(pairs: [(&str, &str); N]) -> Self {
        let environment = pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Self {
            environment,
            ..Self::default()
        }
    }
}
