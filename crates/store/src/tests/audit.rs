//! Tampering with the audit log shows, and where it began.

use super::{Folder, entry, open, options};
use crate::{Batch, Db, DbError, Store, books::audit, verify};

/// A closed store with `rows` audit rows.
fn chain(rows: usize) -> Folder {
    let folder = Folder::new();
    let store = folder.open();
    for row in 0..rows {
        store
            .apply(Batch::new().audit(entry(&row.to_string())))
            .unwrap();
    }
    store.close().unwrap();
    folder
}

/// What verification says after `tamper` ran on the closed file.
fn after(folder: &Folder, tamper: &str) -> (u64, Option<i64>, bool) {
    folder.raw().execute_batch(tamper).unwrap();
    let verdict = folder.open().verify_audit().unwrap();
    (verdict.rows, verdict.first_bad, verdict.is_truncated)
}

#[test]
fn an_untouched_chain_is_whole() {
    assert_eq!(after(&chain(9), "SELECT 1"), (9, None, false));
}

#[test]
fn an_edited_row_is_found() {
    let edit = "UPDATE audit SET object = 'x' WHERE seq = 4";
    assert_eq!(after(&chain(9), edit), (9, Some(4), false));
}

#[test]
fn a_row_that_is_not_even_a_row_is_found() {
    let edit = "UPDATE audit SET details = 'no list', hash = x'00' WHERE seq = 4";
    assert_eq!(after(&chain(9), edit), (9, Some(4), false));
}

#[test]
fn a_deleted_row_is_found() {
    let delete = "DELETE FROM audit WHERE seq = 4";
    assert_eq!(after(&chain(9), delete), (8, Some(4), false));
    let delete = "DELETE FROM audit WHERE seq = 1";
    assert_eq!(after(&chain(9), delete), (8, Some(1), false));
}

#[test]
fn reordered_rows_are_found() {
    let swap = "
        UPDATE audit SET seq = 99 WHERE seq = 3;
        UPDATE audit SET seq = 3 WHERE seq = 6;
        UPDATE audit SET seq = 6 WHERE seq = 99;";
    assert_eq!(after(&chain(9), swap), (9, Some(3), false));
}

#[test]
fn a_row_slipped_in_before_the_first_is_found() {
    let insert = "
        INSERT INTO audit SELECT 0, at, actor, action, object, result, details, prev_hash, hash
        FROM audit WHERE seq = 1";
    assert_eq!(after(&chain(3), insert), (4, Some(0), false));
}

#[test]
fn a_cut_tail_is_found_by_the_anchor_even_when_the_database_forgets_its_own() {
    let cut = "DELETE FROM audit WHERE seq > 6; DELETE FROM audit_anchor";
    assert_eq!(after(&chain(9), cut), (6, Some(7), true));
}

#[test]
fn a_tail_that_grew_again_after_a_cut_disagrees_with_the_anchor() {
    let folder = chain(9);
    folder
        .raw()
        .execute_batch("DELETE FROM audit WHERE seq > 6; DELETE FROM audit_anchor")
        .unwrap();
    let store = folder.open();
    for _ in 0..5 {
        store.apply(Batch::new().audit(entry("new"))).unwrap();
    }
    let verdict = store.verify_audit().unwrap();
    assert_eq!((verdict.rows, verdict.first_bad), (11, Some(9)));
}

#[test]
fn an_emptied_log_is_truncated() {
    assert_eq!(after(&chain(2), "DELETE FROM audit"), (0, Some(1), true));
}

#[test]
fn anchors_are_written_outside_when_the_caller_says_where() {
    let folder = Folder::new();
    let anchors = folder.0.join("elsewhere.anchor");
    let options = crate::OpenOptions {
        anchors: Some(anchors.clone()),
        ..options(&folder.data())
    };
    let store = Store::open(&options).unwrap();
    store.attach(std::sync::Arc::new(super::TestMac));
    store.apply(Batch::new().audit(entry("a"))).unwrap();
    store.close().unwrap();
    assert!(std::fs::read_to_string(&anchors).unwrap().starts_with("1 "));
    assert!(!folder.data().join("audit.anchor").exists());
}

#[test]
fn entries_before_the_vault_is_attached_are_refused_with_their_change() {
    let folder = Folder::new();
    let store = Store::open(&options(&folder.data())).unwrap();
    let batch = crate::books::settings::set("a", "b").audit(entry("a"));
    assert_eq!(store.apply(batch), Err(DbError::NoMac));
    assert_eq!(crate::books::settings::all(&store).unwrap(), []);
}

#[test]
fn a_chain_goes_on_over_restarts_and_failed_batches() {
    let folder = chain(3);
    let store = open(&folder.data()).unwrap();
    let failing = Batch::new().audit(entry("never")).and(
        Batch::new()
            .run("DELETE FROM setting", vec![])
            .expect_rows(1),
    );
    assert_eq!(store.apply(failing), Err(DbError::Conflict));
    // The chain is behind all statements of a batch, so this one fails after its entry's turn.
    let doubled = Batch::new()
        .audit(entry("first half"))
        .run(
            "INSERT INTO setting (name, value) VALUES ('a', 'b')",
            vec![],
        )
        .run(
            "INSERT INTO setting (name, value) VALUES ('a', 'b')",
            vec![],
        );
    assert_eq!(store.apply(doubled), Err(DbError::Constraint));
    store.apply(Batch::new().audit(entry("last"))).unwrap();
    let rows = audit::latest(&store, None, 2).unwrap();
    assert_eq!((rows[0].seq, rows[0].object.as_str()), (4, "last"));
    assert_eq!(rows[0].details, ["label=a=b"]);
    assert_eq!(rows[0].prev_hash, rows[1].hash);
    let older = audit::latest(&store, Some(rows[1].seq), 10).unwrap();
    assert_eq!(older.len(), 2);
    let verdict = verify(&store, &super::TestMac, store.anchors()).unwrap();
    assert!(verdict.is_whole());
}
