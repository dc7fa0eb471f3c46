//! Power cuts: whatever was acknowledged is there afterwards, and nothing else is broken.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "real time is measured, and how much is asked of the environment"
)]

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use mirk_store::{Fetch, Query};
use serde_json::json;

use crate::{
    grow::Chance,
    live::{Live, Office},
    talk::{Client, Speech},
};

/// How long a start may take. The goal is far below; the machine may be busy.
const READY: Duration = Duration::from_secs(3);

/// What a key was last known to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Its creation was acknowledged.
    Alive,
    /// Its revocation was asked for: dead or alive.
    Unclear,
    /// Its revocation was acknowledged.
    Dead,
}

/// Everything that was acknowledged, by key.
#[derive(Debug, Default)]
struct Known {
    keys: HashMap<String, (String, State)>,
    /// Answers that the client has whole, by key.
    answered: HashMap<String, usize>,
    changes: usize,
}

/// Creates and revokes keys until the server is gone.
fn change_keys(data: &std::path::Path, known: &Mutex<Known>, seed: u64) {
    let mut chance = Chance::new(seed);
    let Ok(mut office) = Office::open(data) else {
        return;
    };
    loop {
        let victim = {
            let known = known.lock().unwrap();
            let alive: Vec<_> = known
                .keys
                .iter()
                .filter(|(_, (_, state))| *state == State::Alive)
                .collect();
            (alive.len() > 3 && chance.below(2) == 0)
                .then(|| alive[chance.below(alive.len())].0.clone())
        };
        if let Some(kid) = victim {
            known.lock().unwrap().keys.get_mut(&kid).unwrap().1 = State::Unclear;
            let Ok(answer) = office.ask("key.revoke", &json!({"kid": kid})) else {
                return;
            };
            assert!(answer.get("ok").is_some(), "{answer}");
            let mut known = known.lock().unwrap();
            known.keys.get_mut(&kid).unwrap().1 = State::Dead;
            known.changes += 1;
        } else {
            let Ok(answer) = office.ask("key.create", &json!({"label": "crash"})) else {
                return;
            };
            let made = &answer["ok"];
            let (kid, key) = (made["kid"].as_str().unwrap(), made["key"].as_str().unwrap());
            let mut known = known.lock().unwrap();
            known
                .keys
                .insert(kid.to_owned(), (key.to_owned(), State::Alive));
            known.changes += 1;
        }
    }
}

/// Asks with keys that are alive until the server is gone.
fn ask(addr: std::net::SocketAddr, known: &Mutex<Known>, is_over: &AtomicBool) {
    let (path, body) = Speech::Chat.request("gpt-x", false, "hello");
    let Ok(mut client) = Client::try_connect(addr) else {
        return;
    };
    while !is_over.load(Ordering::Relaxed) {
        let alive = {
            let known = known.lock().unwrap();
            let found = known
                .keys
                .iter()
                .find(|(_, (_, state))| *state == State::Alive);
            found.map(|(kid, (key, _))| (kid.clone(), key.clone()))
        };
        let Some((kid, key)) = alive else { continue };
        if client.try_post(&key, &path, &body).is_err() {
            return;
        }
        let Some(head) = client.try_head() else {
            return;
        };
        if client.rest().1 == crate::talk::End::Broken {
            return;
        }
        if head.status == 200 {
            *known.lock().unwrap().answered.entry(kid).or_default() += 1;
        }
    }
}

/// Every key does what was last acknowledged of it; what was unclear is decided now, for good.
fn check_keys(live: &Live, known: &mut Known) {
    let (path, body) = Speech::Chat.request("gpt-x", false, "hello");
    let mut client = live.client();
    for (kid, (key, state)) in &mut known.keys {
        let status = client.ask(key, &path, &body).head.status;
        let found = if status == 200 {
            State::Alive
        } else {
            State::Dead
        };
        assert!(matches!(status, 200 | 401), "{status}");
        if *state != State::Unclear {
            assert_eq!(found, *state, "an acknowledged change was lost");
        }
        *state = found;
        if status == 200 {
            *known.answered.entry(kid.clone()).or_default() += 1;
        }
    }
    // Keys that are dead stay dead; a few of them are asked again each time.
    let mut dead: Vec<_> = known
        .keys
        .iter()
        .filter(|(_, (_, state))| *state == State::Dead)
        .map(|(kid, _)| kid.clone())
        .collect();
    dead.sort();
    for kid in dead.iter().skip(40) {
        known.keys.remove(kid);
    }
}

/// The database is whole, and the ledger has no row that nobody asked for.
fn check_store(live: &Live, known: &Known) -> (usize, usize) {
    let store = live.store();
    let ask = |sql: &'static str| store.fetch(&Query::new(sql, vec![])).unwrap();
    let whole = ask("PRAGMA integrity_check")
        .remove(0)
        .into_fields()
        .text()
        .unwrap();
    assert_eq!(whole, "ok");
    assert!(ask("PRAGMA foreign_key_check").is_empty());
    let noted = ask("SELECT COUNT(*) FROM audit WHERE action IN ('key.create', 'key.revoke')");
    let noted: usize = noted
        .into_iter()
        .next()
        .unwrap()
        .into_fields()
        .count()
        .unwrap();
    assert!(
        noted > known.changes,
        "{noted} of {} changes are in the audit log",
        known.changes
    );
    let rows = ask(
        "SELECT kid, COUNT(*), COUNT(DISTINCT request) FROM ledger WHERE outcome = 'ok' GROUP BY kid",
    );
    let (mut written, mut expected) = (0, known.answered.values().sum());
    for row in rows {
        let mut fields = row.into_fields();
        let (kid, count, requests): (String, usize, usize) = (
            fields.text().unwrap(),
            fields.count().unwrap(),
            fields.count().unwrap(),
        );
        assert_eq!(count, requests, "a request is there twice");
        if known.answered.contains_key(&kid) {
            written += count;
        } else {
            // Made and not acknowledged before the cut, and never used: no row can be there.
            assert_eq!(kid, live.kid, "rows of a key that nobody has");
            expected += count;
            written += count;
        }
    }
    store.close().unwrap();
    (written, expected)
}

#[test]
fn heavy_crash_cycles() {
    let cycles = std::env::var("MIRK_CRASH_CYCLES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(100);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = std::env::var("MIRK_CRASH_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(since.subsec_nanos().into());
    println!("seed {seed}");
    let mut chance = Chance::new(seed);
    let mut live = Live::start();
    let known = Arc::new(Mutex::new(Known::default()));
    let (mut slowest, mut lost, mut cuts) = (Duration::ZERO, 0, 0);
    let begun = Instant::now();
    for cycle in 0..cycles {
        let is_over = AtomicBool::new(false);
        let (data, addr) = (live.data(), live.addr);
        std::thread::scope(|scope| {
            for thread in 0..2 {
                let (data, known) = (&data, &known);
                scope.spawn(move || change_keys(data, known, seed ^ (cycle * 2 + thread)));
            }
            let (asked, over) = (&known, &is_over);
            scope.spawn(move || ask(addr, asked, over));
            std::thread::sleep(Duration::from_micros(chance.next() % 150_000));
            live.kill();
            is_over.store(true, Ordering::Relaxed);
        });
        cuts += 1;
        if cycle % 10 == 9 {
            let mut known = known.lock().unwrap();
            let (written, expected) = check_store(&live, &known);
            lost += expected.saturating_sub(written);
            // A row more than answers the client has: it was cut off in between.
            assert!(
                written <= expected + 10,
                "{written} rows for {expected} answers"
            );
            known.answered.clear();
            forget_ledger(&live);
        }
        let taken = live.serve();
        assert!(taken < READY, "ready after {taken:?}");
        slowest = slowest.max(taken);
        check_keys(&live, &mut known.lock().unwrap());
        let verdict = live.act("audit.verify", json!({}));
        assert_eq!(verdict["ok"], json!(true), "{verdict}");
    }
    let known = known.lock().unwrap();
    println!(
        "{cuts} cuts in {:?}: {} acknowledged changes, none lost; ready after at most {slowest:?}; {lost} ledger rows lost",
        begun.elapsed(),
        known.changes
    );
    assert!(
        known.changes > usize::try_from(cycles).unwrap(),
        "the server was hardly used"
    );
    // Rows wait at most 200 ms; a cut loses what was answered since.
    assert!(lost <= cuts * 200, "{lost} rows lost in {cuts} cuts");
    assert!(!live.stderr().contains("panicked at"));
}

/// Begins the count anew.
fn forget_ledger(live: &Live) {
    use mirk_store::{Batch, Db};
    let store = live.store();
    store
        .apply(Batch::new().run("DELETE FROM ledger", vec![]))
        .unwrap();
    store.close().unwrap();
}
