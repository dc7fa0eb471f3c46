//! The ledger: exact, bounded, and summed up right.

use std::{sync::Arc, thread, time::Duration};

use mirk_model::{Counted, Exchange, Money, Outcome, RequestId, Timestamp, Usage};

use super::{Folder, TENANT, kid, stopwatch};
use crate::{
    Store,
    books::ledger::{self, By, Filter},
};

const START: i64 = 1_795_000_000_000_000;

fn exchange(number: u64) -> Exchange {
    let at = Timestamp::from_micros(START + i64::try_from(number).unwrap() * 1_000);
    let mut random = [0; 10];
    random[..8].copy_from_slice(&number.to_be_bytes());
    Exchange {
        request: RequestId::from_parts(at, random),
        at,
        tenant: TENANT,
        kid: kid(usize::try_from(number % 3).unwrap()),
        provider: if number.is_multiple_of(2) {
            "even"
        } else {
            "odd"
        }
        .into(),
        model: "model".into(),
        status: 200,
        outcome: if number.is_multiple_of(5) {
            Outcome::ClientClosed
        } else {
            Outcome::Ok
        },
        usage: Usage {
            input: number,
            output: 1,
            counted: Counted::Reported,
            ..Usage::default()
        },
        cost: (!number.is_multiple_of(4)).then_some(Money::from_nanos(7)),
        first_byte_us: Some(5),
        total_us: 9,
    }
}

fn everything() -> Filter {
    Filter {
        tenant: TENANT,
        kid: None,
        from: Timestamp::from_micros(0),
        until: Timestamp::from_micros(START * 2),
    }
}

fn push(store: &Store, rows: impl Iterator<Item = u64>) {
    for number in rows {
        while store.ledger().is_full() {
            thread::sleep(Duration::from_millis(1));
        }
        assert!(store.ledger().push(exchange(number)));
    }
}

#[test]
fn a_hundred_thousand_rows_from_four_threads_are_all_there_once() {
    const ROWS: u64 = 100_000;
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    let threads: Vec<_> = (0..4)
        .map(|part| {
            let store = store.clone();
            thread::spawn(move || push(&store, (part..ROWS).step_by(4)))
        })
        .collect();
    for each in threads {
        each.join().unwrap();
    }
    store.flush(Duration::from_mins(1)).unwrap();
    assert_eq!(store.ledger().pending(), 0);
    assert_eq!(ledger::count(&*store), Ok(ROWS));
    let totals = ledger::totals(&*store, &everything(), By::Provider).unwrap();
    assert_eq!(totals.len(), 2);
    let input: u64 = totals.iter().map(|each| each.usage.input).sum();
    assert_eq!(input, ROWS * (ROWS - 1) / 2);
    assert_eq!(totals.iter().map(|each| each.exchanges).sum::<u64>(), ROWS);
}

#[test]
fn rows_reach_the_disk_without_being_asked() {
    let folder = Folder::new();
    let store = folder.open();
    push(&store, 0..3);
    let start = stopwatch();
    while store.ledger().pending() > 0 {
        assert!(start.elapsed() < Duration::from_secs(2));
        thread::sleep(Duration::from_millis(5));
    }
    let page = ledger::page(&store, &everything(), None, 10).unwrap();
    assert_eq!(page, [exchange(2), exchange(1), exchange(0)]);
}

#[test]
fn the_same_row_twice_is_one_row_and_closing_keeps_what_waits() {
    let folder = Folder::new();
    let store = folder.open();
    push(&store, [1, 1, 2].into_iter());
    store.close().unwrap();
    drop(store);
    let store = folder.open();
    assert_eq!(ledger::count(&store), Ok(2));
    store.flush(Duration::from_secs(5)).unwrap();
}

#[test]
fn pages_and_totals_follow_the_filter() {
    let folder = Folder::new();
    let store = folder.open();
    push(&store, 0..100);
    store.flush(Duration::from_secs(5)).unwrap();
    let middle = Filter {
        kid: Some(kid(1)),
        from: exchange(10).at,
        until: exchange(20).at,
        ..everything()
    };
    let rows = ledger::page(&store, &middle, None, 50).unwrap();
    assert_eq!(
        rows,
        [exchange(19), exchange(16), exchange(13), exchange(10)]
    );
    let older = ledger::page(&store, &middle, Some(exchange(16).request), 1).unwrap();
    assert_eq!(older, [exchange(13)]);
    let days = ledger::totals(&store, &everything(), By::Day).unwrap();
    assert_eq!(days.len(), 1);
    assert_eq!(days[0].group, "2026-11-18");
    assert_eq!(
        (days[0].exchanges, days[0].succeeded, days[0].priced),
        (100, 80, 75)
    );
    assert_eq!(days[0].cost, Money::from_nanos(75 * 7));
    assert_eq!(
        ledger::totals(&store, &everything(), By::Key)
            .unwrap()
            .len(),
        3
    );
    assert_eq!(
        ledger::totals(&store, &everything(), By::Model)
            .unwrap()
            .len(),
        1
    );
    let stranger = Filter {
        tenant: mirk_model::TenantId::from_bytes([1; 16]),
        ..everything()
    };
    assert_eq!(ledger::page(&store, &stranger, None, 9).unwrap(), []);
}

#[test]
fn forged_counts_do_not_break_the_sums() {
    let folder = Folder::new();
    let store = folder.open();
    for number in 0..10 {
        let mut row = exchange(number);
        row.usage.input = u64::MAX;
        row.cost = Some(Money::from_nanos(i64::MAX));
        assert!(store.ledger().push(row));
    }
    store.flush(Duration::from_secs(5)).unwrap();
    let totals = ledger::totals(&store, &everything(), By::Model).unwrap();
    assert_eq!(totals[0].usage.input, 10 << 40);
}

#[test]
#[ignore = "needs a small disk of its own: MIRK_STORE_TEST_DISK names its mount point"]
fn on_a_full_disk_rows_stay_queued_and_get_there_when_there_is_room() {
    #[expect(clippy::disallowed_methods, reason = "only the caller knows the disk")]
    let disk = std::env::var_os("MIRK_STORE_TEST_DISK").unwrap();
    let disk = std::path::PathBuf::from(disk);
    let store = super::open(&disk.join("data")).unwrap();
    push(&store, 0..10);
    store.flush(Duration::from_secs(5)).unwrap();
    let filler = disk.join("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    while std::io::Write::write_all(&mut file, &[0; 4_096]).is_ok() {}
    push(&store, 10..60_000);
    assert!(store.flush(Duration::from_secs(20)).is_err());
    assert_eq!(store.health(), Err(crate::DbError::Full));
    let refused = crate::Db::apply(&store, crate::books::settings::set("a", &"b".repeat(9_000)));
    assert_eq!(refused, Err(crate::DbError::Full));
    // Also the open handle keeps the space.
    drop(file);
    std::fs::remove_file(&filler).unwrap();
    let start = stopwatch();
    while store.health().is_err() {
        assert!(start.elapsed() < Duration::from_secs(5));
        thread::sleep(Duration::from_millis(20));
    }
    store.flush(Duration::from_mins(1)).unwrap();
    assert_eq!(ledger::count(&store), Ok(60_000));
}

#[test]
#[ignore = "prints a figure: microseconds of the writer for one row"]
fn how_long_a_row_takes() {
    const ROWS: u64 = 100_000;
    let folder = Folder::new();
    let store = folder.open();
    let rows: Vec<_> = (0..ROWS).map(exchange).collect();
    let start = stopwatch();
    for row in rows {
        while store.ledger().is_full() {
            thread::yield_now();
        }
        assert!(store.ledger().push(row));
    }
    let pushed = start.elapsed();
    store.flush(Duration::from_mins(1)).unwrap();
    println!(
        "{:.2} us a push, {:.2} us a row to disk",
        pushed.as_secs_f64() * 1e6 / 1e5,
        start.elapsed().as_secs_f64() * 1e6 / 1e5
    );
}
