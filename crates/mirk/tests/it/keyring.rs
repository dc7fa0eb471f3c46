//! The root key in the system's keyring, over the built binary: with a real Secret Service, without
//! one, and with a session bus that hangs. What needs gnome-keyring is skipped, and says so, where
//! there is none.
#![cfg(test)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mirk::clock::SystemClock;
use mirk_model::Clock;

use crate::harness::Folder;
use crate::root::{everything, mirk, run_once, shown};

/// A session bus with an unlocked keyring in `folder`, for as long as this lives.
struct Desktop {
    bus: Child,
    address: String,
}

impl Desktop {
    /// Starts one; `None`, with the reason printed, where there is none to start.
    fn start(folder: &Folder, password: Option<&[u8]>) -> Option<Self> {
        let is_there = |name: &str| Path::new("/usr/bin").join(name).exists();
        if !is_there("gnome-keyring-daemon") || !is_there("dbus-daemon") {
            eprintln!("SKIPPED: gnome-keyring or dbus is not installed");
            return None;
        }
        let socket = folder.path().join("bus");
        let mut bus = Command::new("/usr/bin/dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile", "--print-address"])
            .arg(format!("--address=unix:path={}", socket.display()))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", folder.path().join("home"))
            .env("XDG_RUNTIME_DIR", folder.path().join("run"))
            .env("XDG_DATA_DIRS", "/nowhere")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(bus.stdout.take().unwrap())
            .read_line(&mut address)
            .unwrap();
        let desktop = Self {
            bus,
            address: address.trim().to_owned(),
        };
        if let Some(password) = password {
            desktop.keyring(folder, "--unlock", password);
        }
        Some(desktop)
    }

    /// Starts the keyring; it goes to the background and ends with the bus.
    fn keyring(&self, folder: &Folder, how: &str, password: &[u8]) {
        for name in ["home", "run"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
            fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(0o700))
                .unwrap();
        }
        let mut keyring = Command::new("/usr/bin/gnome-keyring-daemon")
            .args([how, "--daemonize", "--components=secrets"])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", folder.path().join("home"))
            .env("XDG_RUNTIME_DIR", folder.path().join("run"))
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        keyring.stdin.take().unwrap().write_all(password).unwrap();
        assert!(keyring.wait().unwrap().success());
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        drop(self.bus.kill());
        drop(self.bus.wait());
    }
}

/// The binary without a reference to a root key, on this session bus.
fn on_bus(folder: &Folder, address: &str, words: &[&str]) -> Command {
    let mut command = mirk(folder, "", words);
    command
        .env_remove("MIRK_ROOT_KEY")
        .env("DBUS_SESSION_BUS_ADDRESS", address);
    command
}

#[test]
fn the_first_root_key_is_kept_in_the_keyring_where_there_is_one() {
    let folder = Folder::new();
    let Some(desktop) = Desktop::start(&folder, Some(b"pw")) else {
        return;
    };
    let (ready, _) = run_once(
        &folder,
        on_bus(&folder, &desktop.address, &["up", "--json", "--yes"]),
        b"",
    )
    .unwrap();
    assert!(ready.contains("\"key\""));
    assert!(
        !folder.path().join("config/mirk/root.key").exists(),
        "no file is made beside the keyring"
    );
    let list = |address: &str| on_bus(&folder, address, &["key", "list"]).output().unwrap();
    assert!(
        list(&desktop.address).status.success(),
        "{}",
        shown(&list(&desktop.address))
    );
    let before = everything(&folder.path().join("data"));
    let gone = list("");
    assert_eq!(gone.status.code(), Some(78));
    assert!(
        shown(&gone).contains("no keyring can be reached"),
        "{}",
        shown(&gone)
    );
    assert_eq!(everything(&folder.path().join("data")), before);
    assert!(
        !folder.path().join("config/mirk/root.key").exists(),
        "no new key is made"
    );
}

#[test]
fn a_locked_keyring_is_said_to_be_locked_at_once_and_nobody_is_prompted() {
    let folder = Folder::new();
    let Some(desktop) = Desktop::start(&folder, Some(b"pw")) else {
        return;
    };
    let up = on_bus(&folder, &desktop.address, &["up", "--json", "--yes"]);
    run_once(&folder, up, b"").unwrap();
    drop(desktop);
    fs::remove_file(folder.path().join("bus")).unwrap_or_default();
    let Some(desktop) = Desktop::start(&folder, None) else {
        return;
    };
    desktop.keyring(&folder, "--start", b"");
    let before = everything(&folder.path().join("data"));
    let clock = SystemClock::new();
    let locked = on_bus(&folder, &desktop.address, &["key", "list"])
        .output()
        .unwrap();
    let took = Duration::from_nanos(clock.mono());
    assert_eq!(locked.status.code(), Some(78), "{}", shown(&locked));
    assert!(shown(&locked).contains("is locked"), "{}", shown(&locked));
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert_eq!(everything(&folder.path().join("data")), before);
    let other = Folder::new();
    let mut up = on_bus(&other, &desktop.address, &["up", "--json", "--yes"]);
    up.env("XDG_RUNTIME_DIR", folder.path().join("run"));
    let (_, words) = run_once(&other, up, b"").unwrap();
    assert!(
        words.contains("is locked") && words.contains("root.key"),
        "{words}"
    );
}

#[test]
fn a_bus_without_a_keyring_is_fallen_back_from_at_once_and_said() {
    let folder = Folder::new();
    let Some(desktop) = Desktop::start(&folder, None) else {
        return;
    };
    let clock = SystemClock::new();
    let (_, words) = run_once(
        &folder,
        on_bus(&folder, &desktop.address, &["up", "--json", "--yes"]),
        b"",
    )
    .unwrap();
    assert!(
        words.contains("root.key") && words.contains("no keyring can be reached"),
        "{words}"
    );
    assert!(Duration::from_nanos(clock.mono()) < Duration::from_secs(5));
}

#[test]
fn a_bus_that_hangs_is_given_up_on_within_five_seconds_and_said() {
    let folder = Folder::new();
    let path = folder.path().join("hung");
    let listener = UnixListener::bind(&path).unwrap();
    // Takes every connection and never answers.
    std::thread::spawn(move || {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept() {
            held.push(stream);
        }
    });
    let clock = SystemClock::new();
    let address = format!("unix:path={}", path.display());
    let (_, words) = run_once(
        &folder,
        on_bus(&folder, &address, &["up", "--json", "--yes"]),
        b"",
    )
    .unwrap();
    let took = Duration::from_nanos(clock.mono());
    assert!(words.contains("did not answer within 5 seconds"), "{words}");
    assert!(
        words.contains("root.key") && words.contains("Back it up"),
        "{words}"
    );
    assert!(
        (Duration::from_secs(4)..Duration::from_secs(9)).contains(&took),
        "{took:?}"
    );
    let file = fs::read_to_string(folder.path().join("config/mirk/root.key")).unwrap();
    assert_eq!(file.trim().len(), 44);
}

#[test]
fn without_a_bus_or_with_one_that_would_start_a_program_there_is_no_keyring() {
    for address in [
        "",
        "autolaunch:",
        "unixexec:path=/usr/bin/touch,argv1=started",
    ] {
        let folder = Folder::new();
        let (_, words) = run_once(
            &folder,
            on_bus(&folder, address, &["up", "--json", "--yes"]),
            b"",
        )
        .unwrap();
        assert!(
            words.contains("no keyring can be reached"),
            "{address}: {words}"
        );
        assert!(
            !folder.path().join("started").exists(),
            "{address} started a program"
        );
    }
}
