//! Group commit: what fails alone, what waits, what is exact under threads.

use std::{
    sync::{Arc, Barrier, mpsc},
    thread,
    time::Duration,
};

use super::{Folder, TENANT, entry, key, kid, stopwatch, with_tenant};
use crate::{
    Applied, Batch, Db, DbError, Store,
    books::{accounts, credentials, keys, providers, routes, settings},
    counters::{self, Window},
};
use mirk_model::{
    AccountId, CredentialId, CredentialKind, CredentialRow, ProviderId, ProviderRow, RouteId,
    RouteRow, TenantId, Timestamp,
};

/// Runs `job` in `count` threads at once and gives what they returned.
fn at_once<T: Send + 'static>(
    count: usize,
    job: impl Fn(usize) -> T + Send + Sync + 'static,
) -> Vec<T> {
    let job = Arc::new(job);
    let barrier = Arc::new(Barrier::new(count));
    let threads: Vec<_> = (0..count)
        .map(|number| {
            let (job, barrier) = (job.clone(), barrier.clone());
            thread::spawn(move || {
                barrier.wait();
                job(number)
            })
        })
        .collect();
    threads
        .into_iter()
        .map(|each| each.join().unwrap())
        .collect()
}

#[test]
fn fifty_threads_get_exactly_ten_keys_under_a_cap_of_ten() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    with_tenant(&store);
    let shared = store.clone();
    let results = at_once(50, move |number| {
        shared.apply(keys::insert(&key(number), 10).audit(entry("key")))
    });
    let granted = results.iter().filter(|each| each.is_ok()).count();
    assert_eq!(granted, 10);
    assert!(
        results
            .iter()
            .filter_map(|each| each.as_ref().err())
            .all(|error| *error == DbError::Limit)
    );
    assert_eq!(store.directory().keys.len(), 10);
    let verdict = store.verify_audit().unwrap();
    assert_eq!((verdict.rows, verdict.first_bad), (10, None));
}

#[test]
fn revoked_and_expired_keys_leave_their_places() {
    let folder = Folder::new();
    let store = folder.open();
    with_tenant(&store);
    let mut expired = key(1);
    expired.expires_at = Some(Timestamp::from_micros(1_000));
    store.apply(keys::insert(&expired, 2)).unwrap();
    store.apply(keys::insert(&key(2), 2)).unwrap();
    store.apply(keys::insert(&key(3), 2)).unwrap();
    assert_eq!(store.apply(keys::insert(&key(4), 2)), Err(DbError::Limit));
    store.apply(keys::update(&super::revoked(&key(3)))).unwrap();
    store.apply(keys::insert(&key(4), 2)).unwrap();
}

#[test]
fn forty_threads_take_exactly_what_the_counters_allow() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    with_tenant(&store);
    store.apply(keys::insert(&key(1), 10)).unwrap();
    let day = Window::Day(Timestamp::from_micros(1_795_000_000_000_000));
    let shared = store.clone();
    let results = at_once(40, move |_| {
        shared.apply(counters::take(kid(1), &[(Window::Lifetime, 25), (day, 30)]))
    });
    assert_eq!(results.iter().filter(|each| each.is_ok()).count(), 25);
    assert_eq!(counters::used(&*store, kid(1), Window::Lifetime), Ok(25));
    // All or none: a take that fails in one window takes from none.
    assert_eq!(counters::used(&*store, kid(1), day), Ok(25));
    store
        .apply(counters::give_back(kid(1), &[Window::Lifetime, day]))
        .unwrap();
    assert_eq!(counters::used(&*store, kid(1), day), Ok(24));
    store
        .apply(counters::take(kid(1), &[(Window::Lifetime, 25)]))
        .unwrap();
    let none = counters::take(kid(1), &[(Window::Day(Timestamp::from_day(1)), 0)]);
    assert_eq!(store.apply(none), Err(DbError::Limit));
    let later = Timestamp::from_micros(1_795_100_000_000_000);
    store.apply(counters::forget_days_before(later)).unwrap();
    assert_eq!(counters::used(&*store, kid(1), day), Ok(0));
    assert_eq!(counters::used(&*store, kid(1), Window::Lifetime), Ok(25));
}

#[test]
fn a_batch_that_fails_harms_nobody_in_its_group() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    let shared = store.clone();
    let results = at_once(32, move |number| {
        let name = format!("name {number}");
        let batch = settings::set(&name, "a");
        if number % 2 == 0 {
            shared.apply(batch)
        } else {
            shared.apply(batch.run("DELETE FROM route", vec![]).expect_rows(1))
        }
    });
    for (number, result) in results.into_iter().enumerate() {
        assert_eq!(result.err(), (number % 2 == 1).then_some(DbError::Conflict));
    }
    assert_eq!(settings::all(&*store).unwrap().len(), 16);
}

#[test]
fn waiting_batches_share_syncs_and_are_answered_on_the_writer() {
    const BATCHES: usize = 512;
    let folder = Folder::new();
    let store = folder.open();
    let (sender, receiver) = mpsc::channel();
    let start = stopwatch();
    for number in 0..BATCHES {
        let sender = sender.clone();
        store.apply_then(
            settings::set(&format!("name {number}"), "a"),
            Box::new(move |result| sender.send(result).unwrap()),
        );
    }
    for _ in 0..BATCHES {
        let result = receiver.recv_timeout(Duration::from_secs(30)).unwrap();
        assert_eq!(result, Ok(Applied { rows: vec![1] }));
    }
    let grouped = start.elapsed();
    assert_eq!(settings::all(&store).unwrap().len(), BATCHES);
    let start = stopwatch();
    for number in 0..16 {
        store
            .apply(settings::set("alone", &number.to_string()))
            .unwrap();
    }
    let alone = start.elapsed() / 16;
    // 512 batches in groups of 64 are some eight syncs, far from 512.
    assert!(grouped < alone * 256, "{grouped:?} against {alone:?} each");
}

#[test]
fn a_lock_that_somebody_else_holds_is_busy_and_heals() {
    let folder = Folder::new();
    let store = folder.open();
    let other = folder.raw();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let start = stopwatch();
    assert_eq!(store.apply(settings::set("a", "b")), Err(DbError::Busy));
    assert!(start.elapsed() < Duration::from_secs(7));
    assert_eq!(store.health(), Err(DbError::Busy));
    assert_eq!(settings::all(&store).unwrap(), []);
    other.execute_batch("ROLLBACK").unwrap();
    store.apply(settings::set("a", "b")).unwrap();
    assert_eq!(store.health(), Ok(()));
}

#[test]
fn a_full_disk_keeps_nothing_partial_and_heals_by_itself() {
    let folder = Folder::new();
    let store = folder.open();
    // The pragma answers with a row, which a batch does not take; it is in force all the same.
    let cap = Batch::new().run("PRAGMA max_page_count = 1", vec![]);
    assert!(store.apply(cap).is_err());
    let batch = settings::set("a", "b").and(settings::set("big", &"b".repeat(4_000_000)));
    assert_eq!(store.apply(batch), Err(DbError::Full));
    assert_eq!(settings::all(&store).unwrap(), []);
    assert_eq!(store.health(), Err(DbError::Full));
    let start = stopwatch();
    while store.health().is_err() {
        assert!(start.elapsed() < Duration::from_secs(5));
        thread::sleep(Duration::from_millis(50));
    }
    store.apply(settings::set("a", "b")).unwrap();
}

#[test]
fn text_that_looks_like_sql_is_only_text() {
    let folder = Folder::new();
    let store = folder.open();
    with_tenant(&store);
    let texts = [
        "'; DROP TABLE setting; --",
        "\" OR 1=1",
        "$1 $2 ?1 :name",
        "%_\\",
        "\u{0}null\u{0}",
        "',(SELECT wrapped FROM keyring)) --",
    ];
    for text in texts {
        store.apply(settings::set(text, text)).unwrap();
        assert_eq!(settings::get(&store, text).unwrap().as_deref(), Some(text));
        store.apply(routes::set(&route(text))).unwrap();
    }
    assert_eq!(settings::all(&store).unwrap().len(), texts.len());
    let aliases: Vec<_> = store
        .directory()
        .routes
        .iter()
        .map(|each| each.alias.clone())
        .collect();
    assert_eq!(aliases.len(), texts.len());
    assert!(
        texts
            .iter()
            .all(|text| aliases.contains(&(*text).to_owned()))
    );
}

fn route(alias: &str) -> RouteRow {
    RouteRow {
        id: RouteId::from_bytes(alias.bytes().fold([0; 16], |mut id, byte| {
            id.rotate_left(1);
            id[0] ^= byte;
            id
        })),
        tenant: TENANT,
        alias: alias.into(),
        targets: vec![alias.into(), "b/c".into()],
        created_at: Timestamp::from_micros(1),
        row_mac: [1; 32],
    }
}

fn provider(tenant: TenantId) -> ProviderRow {
    ProviderRow {
        id: ProviderId::from_bytes([1; 16]),
        tenant,
        name: "openai".into(),
        kind: "openai".into(),
        base_url: "https://api.example".into(),
        models: vec!["a".into()],
        enabled: true,
        created_at: Timestamp::from_micros(1),
        version: 1,
        row_mac: [1; 32],
    }
}

fn credential(tenant: TenantId) -> CredentialRow {
    CredentialRow {
        id: CredentialId::from_bytes([2; 16]),
        tenant,
        provider: ProviderId::from_bytes([1; 16]),
        label: "one".into(),
        origin: "https://api.example:443".into(),
        sealed: b"MRK1 sealed".to_vec(),
        fingerprint: "01234567".into(),
        generation: 1,
        kind: CredentialKind::OAuth,
        needs_login: true,
        expires_day: Some(20_000),
        enabled: true,
        created_at: Timestamp::from_micros(1),
        row_mac: [1; 32],
    }
}

#[test]
fn rules_of_the_schema_hold() {
    let folder = Folder::new();
    let store = folder.open();
    with_tenant(&store);
    let other = TenantId::from_bytes([8; 16]);
    store
        .apply(crate::books::tenants::insert(
            &crate::books::tenants::Tenant {
                id: other,
                name: "other".into(),
                created_at: Timestamp::from_micros(2),
            },
        ))
        .unwrap();
    store.apply(providers::insert(&provider(TENANT))).unwrap();
    let refused = |batch| assert_eq!(store.apply(batch), Err(DbError::Constraint));
    refused(providers::insert(&provider(TENANT)));
    // A credential for a provider of another tenant.
    refused(credentials::insert(&credential(other)));
    store
        .apply(credentials::insert(&credential(TENANT)))
        .unwrap();
    refused(providers::remove(TENANT, provider(TENANT).id));
    refused(keys::insert(
        &mirk_model::ApiKey {
            tenant: TenantId::from_bytes([9; 16]),
            ..key(1)
        },
        9,
    ));
    let gone = store.apply(credentials::remove(other, credential(TENANT).id));
    assert_eq!(gone, Err(DbError::Conflict));
    store
        .apply(
            credentials::remove_of_provider(TENANT, provider(TENANT).id)
                .and(providers::remove(TENANT, provider(TENANT).id)),
        )
        .unwrap();
    assert!(store.directory().providers.is_empty() && store.directory().credentials.is_empty());
}

#[test]
fn a_removed_secret_is_in_no_file() {
    let folder = Folder::new();
    let store = folder.open();
    with_tenant(&store);
    let mut row = credential(TENANT);
    row.sealed = b"canary-of-the-sealed-bytes".repeat(40);
    store
        .apply(providers::insert(&provider(TENANT)).and(credentials::insert(&row)))
        .unwrap();
    assert!(is_in_files(&folder, b"canary-of-the-sealed-bytes"));
    store.apply(credentials::remove(TENANT, row.id)).unwrap();
    assert!(!is_in_files(&folder, b"canary-of-the-sealed-bytes"));
}

fn is_in_files(folder: &Folder, needle: &[u8]) -> bool {
    std::fs::read_dir(folder.data().join("db"))
        .unwrap()
        .any(|each| {
            let bytes = std::fs::read(each.unwrap().path()).unwrap();
            bytes.windows(needle.len()).any(|window| window == needle)
        })
}

#[test]
fn two_set_ups_at_once_make_one_owner_and_a_link_works_once() {
    let folder = Folder::new();
    let store: Arc<Store> = Arc::new(folder.open());
    with_tenant(&store);
    let now = Timestamp::from_micros(100);
    store.apply(accounts::insert_setup(&[5; 32], now)).unwrap();
    assert_eq!(accounts::setup_made_at(&*store, &[5; 32]), Ok(Some(now)));
    assert_eq!(accounts::setup_made_at(&*store, &[6; 32]), Ok(None));
    let shared = store.clone();
    let results = at_once(8, move |number| {
        let account = accounts::Account {
            id: AccountId::from_bytes([u8::try_from(number).unwrap(); 16]),
            tenant: TENANT,
            handle: format!("owner {number}"),
            pwhash: "$argon2id$".into(),
            pepper_version: 1,
            epoch: 0,
            created_at: now,
        };
        shared.apply(accounts::insert_owner(&account).and(accounts::forget_setups()))
    });
    assert_eq!(results.iter().filter(|each| each.is_ok()).count(), 1);
    assert_eq!(accounts::setup_made_at(&*store, &[5; 32]), Ok(None));
    let owner = accounts::all(&*store).unwrap().remove(0);
    assert_eq!(
        accounts::by_handle(&*store, &owner.handle).unwrap(),
        Some(owner.clone())
    );
    store
        .apply(accounts::set_password(&owner, "new", 2))
        .unwrap();
    let again = store.apply(accounts::set_password(&owner, "newer", 2));
    assert_eq!(again, Err(DbError::Conflict));
}
