//! The directory: new before the answer, whole, and without what cannot be read.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
    mpsc,
};

use super::{Folder, key, kid, revoked, with_tenant};
use crate::{
    Db, DbError,
    books::{keys, settings},
};

#[test]
fn a_revoked_key_is_dead_before_the_answer() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    with_tenant(&store);
    store.apply(keys::insert(&key(1), 10)).unwrap();
    let seen = Arc::new(AtomicU64::new(0));
    let hook = seen.clone();
    store.on_change(Box::new(move |directory| {
        hook.store(directory.revision, Ordering::SeqCst);
    }));
    let (sender, receiver) = mpsc::channel();
    let (in_answer, hook) = (store.clone(), seen.clone());
    store.apply_then(
        keys::update(&revoked(&key(1))),
        Box::new(move |result| {
            let directory = in_answer.directory();
            let is_dead = directory.keys[&kid(1)].revoked_at.is_some();
            let is_heard = hook.load(Ordering::SeqCst) == directory.revision;
            sender.send((result.is_ok(), is_dead, is_heard)).unwrap();
        }),
    );
    assert_eq!(receiver.recv().unwrap(), (true, true, true));
    let again = store.apply(keys::update(&revoked(&key(1))));
    assert_eq!(again, Err(DbError::Conflict));
}

#[test]
fn a_change_of_something_else_makes_no_new_snapshot() {
    let folder = Folder::new();
    let store = folder.open();
    let before = store.directory().revision;
    store.apply(settings::set("a", "b")).unwrap();
    assert_eq!(store.directory().revision, before);
}

#[test]
fn a_blocked_key_is_out_of_force_also_after_other_changes() {
    let folder = Folder::new();
    let store = folder.open();
    with_tenant(&store);
    store.apply(keys::insert(&key(1), 10)).unwrap();
    assert!(store.directory().key(&kid(1)).is_some());
    store.block_key(kid(1));
    store.apply(keys::insert(&key(2), 10)).unwrap();
    assert!(store.directory().key(&kid(1)).is_none());
    assert!(store.directory().key(&kid(2)).is_some());
}

#[test]
fn a_row_that_something_else_wrote_is_left_out() {
    let folder = Folder::new();
    let store = folder.open();
    with_tenant(&store);
    store
        .apply(keys::insert(&key(1), 10).and(keys::insert(&key(2), 10)))
        .unwrap();
    drop(store);
    folder
        .raw()
        .execute_batch("UPDATE api_key SET scopes = 'everything' WHERE label = 'key 1'")
        .unwrap();
    let store = folder.open();
    assert!(store.directory().key(&kid(1)).is_none());
    assert!(store.directory().key(&kid(2)).is_some());
}

#[test]
fn a_hook_that_panics_leaves_nobody_waiting_and_an_ill_store() {
    let folder = Folder::new();
    let store = folder.open();
    with_tenant(&store);
    store.on_change(Box::new(|_| panic!("as this test wants")));
    let inserted = store.apply(keys::insert(&key(1), 10));
    assert_eq!(inserted, Err(DbError::Closed));
    assert_eq!(store.apply(settings::set("a", "b")), Err(DbError::Closed));
    drop(store);
    assert!(folder.open().directory().key(&kid(1)).is_some());
}
