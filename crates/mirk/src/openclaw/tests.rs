//! Files as OpenClaw writes them, and files that are not to be trusted.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::*;

const TEXT: &str = r#"{
  "version": 1,
  "profiles": {
    "anthropic:default": {"type": "token", "provider": "anthropic", "token": "tok-1", "expires": 1800000000000},
    "openai:work": {"type": "api_key", "provider": "openai", "key": "key-1", "email": "x"},
    "openai:me": {"type": "oauth", "provider": "openai-codex", "access": "acc-1", "refresh": "ref-1", "expires": 1},
    "openai:ref": {"type": "api_key", "provider": "openai", "keyRef": {"source": "env", "id": "X"}},
    "odd:one": {"type": "cookie", "provider": "odd", "cookie": "c"}
  },
  "order": {"openai": ["openai:me"]}
}"#;

struct Folder(PathBuf);

impl Folder {
    /// A state folder with one agent, `main`, whose file holds `TEXT`.
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("mirk-claw-{}-{number}", std::process::id()));
        let folder = Self(path);
        fs::create_dir_all(folder.0.join("agents/main/agent")).unwrap();
        for name in ["", "agents", "agents/main", "agents/main/agent"] {
            folder.mode(name, 0o700);
        }
        fs::write(folder.file(), TEXT).unwrap();
        fs::set_permissions(folder.file(), fs::Permissions::from_mode(0o600)).unwrap();
        folder
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.0.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.0.join("agents/main/agent/auth-profiles.json")
    }

    fn spot(&self) -> Spot {
        Spot {
            state: self.0.clone(),
            agent: "main".to_owned(),
        }
    }

    fn refused(&self) -> FileError {
        self.spot().profiles().unwrap_err()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[test]
fn profiles_are_read_by_name_and_kind() {
    let folder = Folder::new();
    let home = Home(folder.0.clone());
    let spots = home.spots(None).unwrap();
    assert_eq!(spots, [folder.spot()]);
    assert_eq!(home.spots(Some("other")).unwrap(), []);
    let profiles = spots[0].profiles().unwrap();
    let kinds: Vec<_> = profiles
        .iter()
        .map(|profile| (profile.name.as_str(), profile.stored.kind()))
        .collect();
    assert_eq!(
        kinds,
        [
            ("anthropic:default", "token"),
            ("odd:one", "unknown"),
            ("openai:me", "oauth"),
            ("openai:ref", "reference"),
            ("openai:work", "api_key"),
        ]
    );
    assert!(!format!("{profiles:?}").contains("-1"), "a secret shows");
}

#[test]
fn a_pointer_leads_to_the_token_as_it_is_now() {
    let folder = Folder::new();
    let pointer = |profile: &str| Pointer {
        program: "openclaw".to_owned(),
        file: folder.file().display().to_string(),
        profile: profile.to_owned(),
    };
    let read = OpenClaw.read(&pointer("anthropic:default")).unwrap();
    assert_eq!(read.access.expose(), "tok-1");
    assert_eq!(read.expires_at.unwrap().as_millis(), 1_800_000_000_000);
    fs::write(folder.file(), TEXT.replace("tok-1", "tok-2")).unwrap();
    let read = OpenClaw.read(&pointer("anthropic:default")).unwrap();
    assert_eq!(read.access.expose(), "tok-2");
    let gone = |profile: &str| OpenClaw.read(&pointer(profile)).unwrap_err();
    assert_eq!(gone("anthropic:other"), PointedError::Gone);
    // A key is imported, not pointed at.
    assert_eq!(gone("openai:work"), PointedError::Gone);
    let elsewhere = Pointer {
        file: "/etc/auth-profiles.json".to_owned(),
        ..pointer("x")
    };
    assert_eq!(
        OpenClaw.read(&elsewhere).unwrap_err(),
        PointedError::Unreadable
    );
}

#[test]
fn files_that_others_can_read_or_change_are_refused() {
    for mode in [0o640, 0o604, 0o660, 0o602] {
        let folder = Folder::new();
        folder.mode("agents/main/agent/auth-profiles.json", mode);
        assert_eq!(folder.refused(), FileError::Mode, "{mode:o}");
    }
    for name in ["", "agents", "agents/main", "agents/main/agent"] {
        let folder = Folder::new();
        folder.mode(name, 0o770);
        assert_eq!(folder.refused(), FileError::Mode, "{name}");
    }
}

#[test]
fn links_are_not_followed_below_the_folder() {
    for name in ["agents", "agents/main", "agents/main/agent"] {
        let folder = Folder::new();
        let moved = folder.0.join("moved");
        fs::rename(folder.0.join(name), &moved).unwrap();
        symlink(&moved, folder.0.join(name)).unwrap();
        assert_eq!(folder.refused(), FileError::Link, "{name}");
    }
    let folder = Folder::new();
    let moved = folder.0.join("moved.json");
    fs::rename(folder.file(), &moved).unwrap();
    symlink(&moved, folder.file()).unwrap();
    assert_eq!(folder.refused(), FileError::Link);
}

#[test]
fn what_is_not_a_file_of_openclaw_s_is_refused_without_waiting() {
    let folder = Folder::new();
    fs::remove_file(folder.file()).unwrap();
    assert_eq!(folder.refused(), FileError::Missing);
    fs::create_dir(folder.file()).unwrap();
    folder.mode("agents/main/agent/auth-profiles.json", 0o700);
    assert_eq!(folder.refused(), FileError::Malformed);
    let folder = Folder::new();
    for text in [
        "",
        "{}",
        "[1]",
        "{\"profiles\": 3}",
        "{\"profiles\": {\"a\": 1}}",
    ] {
        fs::write(folder.file(), text).unwrap();
        assert_eq!(folder.refused(), FileError::Malformed, "{text}");
    }
    fs::write(folder.file(), vec![b' '; 1024 * 1024 + 1]).unwrap();
    assert_eq!(folder.refused(), FileError::Malformed);
}

#[test]
fn the_folder_is_the_variable_s_or_the_usual_one() {
    let of = |state, home| Home::of(state, home).map(|home| home.0);
    assert_eq!(of(Some("/s"), Some("/h")), Some(PathBuf::from("/s")));
    assert_eq!(
        of(Some(""), Some("/h")),
        Some(PathBuf::from("/h/.openclaw"))
    );
    assert_eq!(of(None, None), None);
}
