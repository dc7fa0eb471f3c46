//! A process that is killed loses nothing that it was told is kept.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use super::{Folder, entry, open};
use crate::{Db, books::settings};

const CHILD: &str = "MIRK_STORE_TEST_CRASH";
const NAME: &str = "tests::crash::what_was_answered_survives_a_kill";

/// Writes from four threads and names on its output what it was told is durable, until killed.
fn write_until_killed(data: &Path) {
    let store = Arc::new(open(data).unwrap());
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let store = store.clone();
            std::thread::spawn(move || {
                for number in 0.. {
                    let name = format!("{thread}-{number}");
                    let batch = settings::set(&name, "kept").audit(entry(&name));
                    store.apply(batch).unwrap();
                    println!("\nkept {name}");
                }
            })
        })
        .collect();
    for each in threads {
        each.join().unwrap();
    }
}

#[test]
fn what_was_answered_survives_a_kill() {
    #[expect(clippy::disallowed_methods, reason = "how the child learns its folder")]
    if let Some(data) = std::env::var_os(CHILD) {
        return write_until_killed(Path::new(&data));
    }
    let folder = Folder::new();
    for round in 1..=5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .env(CHILD, folder.data())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut kept: Vec<String> = Vec::new();
        while kept.len() < round * 17 {
            let line = lines.next().unwrap().unwrap();
            kept.extend(line.strip_prefix("kept ").map(str::to_owned));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kept.extend(lines.filter_map(|line| Some(line.ok()?.strip_prefix("kept ")?.to_owned())));
        let store = folder.open();
        let there = settings::all(&store).unwrap();
        for name in &kept {
            assert!(there.iter().any(|(each, _)| each == name), "{name} is lost");
        }
        assert!(store.verify_audit().unwrap().is_whole());
        store.close().unwrap();
    }
}
