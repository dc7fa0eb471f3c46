//! A database that somebody else wrote to: nothing that was changed is used, and files stay private.
#![cfg(test)]

use std::{
    fs,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
};

use mirk_store::{Batch, Db, Fetch, Query, Value};
use rustix::process::Signal;
use serde_json::json;

use crate::{
    grow::Chance,
    harness::Trap,
    live::{CREDENTIAL, Live},
    talk::{Answer, Speech},
};

/// Adds `count` providers `p0`, `p1`, … with a credential each.
fn add_many(live: &Live, count: usize) {
    let base = format!("{}/v1", live.sim.base());
    for number in 0..count {
        let input = json!({
            "name": format!("p{number}"), "kind": "openai", "base_url": base, "secret": CREDENTIAL,
        });
        live.act("provider.add", input);
    }
}

/// Stops the server, changes the database behind its back, and starts it again.
fn behind_its_back(live: &mut Live, change: impl FnOnce(&mirk_store::Store)) {
    live.signal(Signal::TERM);
    assert_eq!(live.wait(), Some(0));
    let store = live.store();
    change(&store);
    store.close().unwrap();
    drop(store);
    live.serve();
}

fn write(store: &mirk_store::Store, sql: &'static str, values: Vec<Value>) {
    store.apply(Batch::new().run(sql, values)).unwrap();
}

/// The sealed credential of each provider, by its name.
fn sealed(store: &mirk_store::Store) -> Vec<(String, Vec<u8>)> {
    let sql = "SELECT p.name, c.sealed FROM credential c JOIN provider p ON p.id = c.provider ORDER BY p.name";
    let rows = store.fetch(&Query::new(sql, vec![])).unwrap().into_iter();
    let read = |row: mirk_store::Row| {
        let mut fields = row.into_fields();
        (fields.text().unwrap(), fields.bytes().unwrap())
    };
    rows.map(read).collect()
}

const RESEAL: &str =
    "UPDATE credential SET sealed = $1 WHERE provider = (SELECT id FROM provider WHERE name = $2)";

fn reseal(store: &mirk_store::Store, provider: &str, bytes: Vec<u8>) {
    write(
        store,
        RESEAL,
        vec![Value::Bytes(bytes), Value::Text(provider.to_owned())],
    );
}

fn ask(live: &Live, provider: &str) -> Answer {
    let (path, body) = Speech::Chat.request_named(&format!("{provider}/m"), false, "hello");
    live.client().ask(&live.key, &path, &body)
}

/// The changed credential of `provider` is not used, and the client gets a refusal.
fn assert_unusable(live: &Live, provider: &str, what: &str) {
    let before = live.sim.requests().len();
    let answer = ask(live, provider);
    assert_eq!(
        live.sim.requests().len(),
        before,
        "{what}: the provider was asked"
    );
    assert!(
        matches!(answer.head.status, 502 | 503),
        "{what}: {}",
        answer.text()
    );
    assert!(
        answer.text().contains("request_id"),
        "{what}: {}",
        answer.text()
    );
}

/// A server with a credential that was replaced by another provider's.
fn with_swapped() -> Live {
    let mut live = Live::start();
    add_many(&live, 2);
    behind_its_back(&mut live, |store| {
        let all = sealed(store);
        let other = all.iter().find(|(name, _)| name == "p1").unwrap();
        reseal(store, "p0", other.1.clone());
    });
    live
}

#[test]
fn vlt_02_a_changed_credential_is_called_so() {
    let answer = ask(&with_swapped(), "p0");
    assert_eq!(answer.head.status, 502, "{}", answer.text());
    let text = answer.text();
    assert!(text.contains("\"vault_integrity\""), "{text}");
}

#[test]
fn vlt_02_a_changed_credential_is_audited() {
    let live = with_swapped();
    ask(&live, "p0");
    let events = live.act("audit.list", json!({"limit": 100}));
    let events = events["events"].as_array().unwrap();
    let is_noted =
        |event: &serde_json::Value| event["action"].as_str().unwrap().contains("integrity");
    assert!(events.iter().any(is_noted), "{events:?}");
}

#[test]
fn vlt_02_a_provider_whose_credential_was_changed_is_not_asked_without() {
    let mut live = Live::start();
    let base = format!("{}/v1", live.sim.base());
    let input =
        json!({"name": "lab", "kind": "openai-compatible", "base_url": base, "secret": CREDENTIAL});
    live.act("provider.add", input);
    behind_its_back(&mut live, |store| reseal(store, "lab", vec![0; 162]));
    assert_unusable(&live, "lab", "lab");
}

#[test]
fn vlt_05_06_07_no_changed_ciphertext_is_used() {
    let mut live = Live::start();
    add_many(&live, 1);
    let mut length = 0;
    behind_its_back(&mut live, |store| {
        length = sealed(store)
            .iter()
            .find(|(name, _)| name == "p0")
            .unwrap()
            .1
            .len();
    });
    add_many_more(&live, length);
    let odd = ["o0", "o1", "o2", "o3", "o4", "o5"];
    behind_its_back(&mut live, |store| {
        let mut chance = Chance::new(7);
        for (name, mut bytes) in sealed(store) {
            if let Some(at) = name
                .strip_prefix('p')
                .and_then(|number| number.parse::<usize>().ok())
                .filter(|at| *at < length)
            {
                bytes[at] ^= 1 << chance.below(8);
                reseal(store, &name, bytes);
            } else if let Some(kind) = odd.iter().position(|odd| *odd == name) {
                match kind {
                    0 => bytes.truncate(bytes.len() - 1),
                    1 => bytes.push(0),
                    2 => bytes.clear(),
                    3 => {
                        bytes = (0..bytes.len())
                            .map(|_| u8::try_from(chance.below(256)).unwrap())
                            .collect();
                    }
                    4 => bytes[4] = 0,
                    _ => bytes[4] = 255,
                }
                reseal(store, &name, bytes);
            }
        }
    });
    println!("{length} bytes, each changed once");
    for at in 0..length {
        assert_unusable(&live, &format!("p{at}"), &format!("byte {at} of {length}"));
    }
    for name in odd {
        assert_unusable(&live, name, name);
    }
    assert_eq!(ask(&live, "oai").head.status, 200, "the others go on");
    assert!(!live.stderr().contains("panicked at"));
}

fn add_many_more(live: &Live, length: usize) {
    let base = format!("{}/v1", live.sim.base());
    let names = (1..length)
        .map(|number| format!("p{number}"))
        .chain((0..6).map(|number| format!("o{number}")));
    for name in names {
        let input = json!({"name": name, "kind": "openai", "base_url": base, "secret": CREDENTIAL});
        live.act("provider.add", input);
    }
}

#[test]
fn vlt_02_swapped_ciphertexts_are_not_used() {
    let mut live = Live::start();
    add_many(&live, 4);
    behind_its_back(&mut live, |store| {
        let all = sealed(store);
        let of = |name: &str| {
            all.iter()
                .find(|(known, _)| known == name)
                .unwrap()
                .1
                .clone()
        };
        reseal(store, "p0", of("p1"));
        reseal(store, "p1", of("p0"));
        // With its row's MAC too.
        let swap = "UPDATE credential SET (sealed, row_mac) = (SELECT o.sealed, o.row_mac FROM credential o
            JOIN provider p ON p.id = o.provider WHERE p.name = $1) WHERE provider = (SELECT id FROM provider WHERE name = $2)";
        write(
            store,
            swap,
            vec![Value::Text("p3".to_owned()), Value::Text("p2".to_owned())],
        );
    });
    for name in ["p0", "p1", "p2"] {
        assert_unusable(&live, name, name);
    }
    assert_eq!(ask(&live, "p3").head.status, 200);
}

#[test]
fn no_edit_of_the_database_sends_a_credential_elsewhere() {
    let mut live = Live::start();
    add_many(&live, 3);
    let trap = Trap::new();
    let (base, origin) = (
        format!("http://{}/v1", trap.addr()),
        format!("http://{}", trap.addr()),
    );
    behind_its_back(&mut live, |store| {
        let text = |text: &str| Value::Text(text.to_owned());
        write(
            store,
            "UPDATE provider SET base_url = $1 WHERE name IN ('p0', 'p1')",
            vec![text(&base)],
        );
        let rebind = "UPDATE credential SET origin = $1 WHERE provider IN (SELECT id FROM provider WHERE name IN ('p1', 'p2'))";
        write(store, rebind, vec![text(&origin)]);
    });
    for name in ["p0", "p1", "p2"] {
        let answer = ask(&live, name);
        assert!(answer.head.status >= 400, "{name}: {}", answer.text());
    }
    assert_eq!(trap.count(), 0, "a credential was sent elsewhere");
    assert!(live.sim.requests().is_empty());
}

#[test]
fn no_edit_of_the_database_makes_a_key_more_than_it_was() {
    let mut live = Live::start();
    let (dead_kid, dead) = live.new_key(json!({}));
    let (poor_kid, poor) = live.new_key(json!({"scopes": "models"}));
    let (brief_kid, brief) = live.new_key(json!({"not_before": "2090-01-01T00:00:00Z"}));
    live.act("key.revoke", json!({"kid": dead_kid}));
    behind_its_back(&mut live, |store| {
        let text = |text: &str| Value::Text(text.to_owned());
        write(
            store,
            "UPDATE api_key SET revoked_at = NULL WHERE kid = $1",
            vec![text(&dead_kid)],
        );
        write(
            store,
            "UPDATE api_key SET scopes = 'chat,embeddings,models' WHERE kid = $1",
            vec![text(&poor_kid)],
        );
        write(
            store,
            "UPDATE api_key SET not_before = NULL WHERE kid = $1",
            vec![text(&brief_kid)],
        );
    });
    let (path, body) = Speech::Chat.request("gpt-x", false, "hello");
    for key in [&dead, &poor, &brief] {
        assert_eq!(live.client().ask(key, &path, &body).head.status, 401);
    }
    assert_eq!(live.client().ask(&live.key, &path, &body).head.status, 200);
}

/// Everything below `folder` that is more open than it may be.
fn open_to_others(folder: &Path, found: &mut Vec<(PathBuf, u32)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        let bits = metadata.permissions().mode() & 0o7777;
        let most = if metadata.is_dir() { 0o700 } else { 0o600 };
        if bits != most {
            found.push((path.clone(), bits));
        }
        if metadata.is_dir() {
            open_to_others(&path, found);
        }
    }
}

#[test]
fn stor_17_files_stay_private_under_any_umask() {
    let mut live = Live::start();
    live.signal(Signal::TERM);
    assert_eq!(live.wait(), Some(0));
    // A new installation under a umask that takes nothing away, and a server over it.
    fs::remove_dir_all(live.data()).unwrap();
    fs::remove_file(live.folder.join("root.key")).unwrap();
    let plain = live.command(&[]);
    let run = |words: &str| {
        let mut shell = std::process::Command::new("/bin/sh");
        shell
            .arg("-c")
            .arg(format!("umask 000; exec \"$0\" {words}"))
            .arg(plain.get_program())
            .env_clear();
        shell.envs(
            plain
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        shell
    };
    let base = live.sim.base();
    let made = run(&format!(
        "provider add oai --kind openai --base-url {base} --secret env:SIMKEY --models gpt-x --yes"
    ))
    .output()
    .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    live.serve_with(run("serve --listen 127.0.0.1:0 --json"));
    let (_, key) = live.new_key(json!({}));
    let (path, body) = Speech::Chat.request("gpt-x", false, "hello");
    assert_eq!(live.client().ask(&key, &path, &body).head.status, 200);
    let mut found = Vec::new();
    open_to_others(&live.data(), &mut found);
    assert!(found.is_empty(), "{found:?}");
    let bits = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(bits(live.data()), 0o700);
    assert_eq!(bits(live.folder.join("root.key")), 0o600);
    let socket = fs::metadata(live.data().join("mirk.sock")).unwrap();
    assert!(socket.file_type().is_socket() && socket.permissions().mode() & 0o777 == 0o600);
}
