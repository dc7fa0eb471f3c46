//! Folders, files, locks, damage and schemas.

use std::{
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
    process::Command,
    time::Duration,
};

use super::{Folder, entry, key, options, stopwatch, with_tenant};
use crate::{
    Batch, Db, DbError, Fetch, MIGRATIONS, Migration, OpenError, OpenOptions, PlaceError, Query,
    Store,
    books::{keys, settings},
    open::open_with,
};

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn folders_are_0700_and_files_0600_whatever_the_umask_is() {
    rustix::process::umask(rustix::fs::Mode::empty());
    let folder = Folder::new();
    let store = folder.open();
    with_tenant(&store);
    store.apply(Batch::new().audit(entry("a"))).unwrap();
    store
        .backup(&folder.data().join("backups/b.sqlite"))
        .unwrap();
    drop(store);
    let store = folder.open();
    with_lots(&store);
    let data = folder.data();
    for each in [data.clone(), data.join("db"), data.join("backups")] {
        assert_eq!(mode(&each), 0o700, "{}", each.display());
    }
    for each in [
        "mirk.lock",
        "audit.anchor",
        "db/data.sqlite",
        "db/data.sqlite-wal",
        "db/data.sqlite-shm",
        "backups/b.sqlite",
    ] {
        assert_eq!(mode(&data.join(each)), 0o600, "{each}");
    }
}

fn with_lots(store: &Store) {
    store
        .apply(settings::set("a", &"b".repeat(10_000)))
        .unwrap();
}

#[test]
fn a_folder_that_is_too_open_is_closed_and_one_open_to_all_is_refused() {
    let folder = Folder::new();
    std::fs::create_dir(folder.data()).unwrap();
    let set = |mode| {
        std::fs::set_permissions(folder.data(), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set(0o755);
    drop(folder.open());
    assert_eq!(mode(&folder.data()), 0o700);
    set(0o777);
    let refused = Store::open(&options(&folder.data())).unwrap_err();
    assert!(matches!(refused, OpenError::Place(PlaceError::Unsafe(_))));
}

#[test]
fn links_are_not_followed() {
    let unsafe_place = |folder: &Folder| {
        let refused = Store::open(&options(&folder.data())).unwrap_err();
        assert!(
            matches!(refused, OpenError::Place(PlaceError::Unsafe(_))),
            "{refused:?}"
        );
    };
    let folder = Folder::new();
    std::fs::create_dir(folder.0.join("real")).unwrap();
    symlink(folder.0.join("real"), folder.data()).unwrap();
    unsafe_place(&folder);
    for victim in ["db", "db/data.sqlite", "db/data.sqlite-wal", "mirk.lock"] {
        let folder = Folder::new();
        drop(folder.open());
        let path = folder.data().join(victim);
        let moved = folder.0.join("moved");
        if path.exists() {
            std::fs::rename(&path, &moved).unwrap();
        } else {
            std::fs::write(&moved, b"").unwrap();
        }
        symlink(&moved, &path).unwrap();
        unsafe_place(&folder);
    }
}

#[test]
fn a_second_opener_is_locked_out_until_the_first_is_done() {
    let folder = Folder::new();
    let store = folder.open();
    assert_eq!(
        Store::open(&options(&folder.data())).unwrap_err(),
        OpenError::Locked
    );
    drop(store);
    drop(folder.open());
}

#[test]
fn nothing_is_made_when_it_was_not_asked_for() {
    let folder = Folder::new();
    let missing = OpenOptions {
        create: false,
        ..options(&folder.data())
    };
    assert_eq!(Store::open(&missing).unwrap_err(), OpenError::Missing);
    assert!(!folder.data().exists());
}

#[test]
fn a_damaged_file_is_refused() {
    let folder = Folder::new();
    let store = folder.open();
    with_lots(&store);
    drop(store);
    let mut bytes = std::fs::read(folder.db()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0x5a);
    std::fs::write(folder.db(), &bytes).unwrap();
    assert_eq!(
        Store::open(&options(&folder.data())).unwrap_err(),
        OpenError::Corrupt
    );
    bytes[..64].fill(0x5a);
    std::fs::write(folder.db(), &bytes).unwrap();
    assert_eq!(
        Store::open(&options(&folder.data())).unwrap_err(),
        OpenError::Corrupt
    );
    assert_eq!(std::fs::read(folder.db()).unwrap(), bytes);
}

const NEXT: &[Migration] = &[
    MIGRATIONS[0],
    MIGRATIONS[1],
    Migration {
        version: 3,
        sql: "CREATE TABLE more (a {{int}} NOT NULL) {{table}};",
    },
];

#[test]
fn a_newer_schema_is_refused_and_the_file_is_not_touched() {
    let folder = Folder::new();
    open_with(&options(&folder.data()), NEXT)
        .unwrap()
        .close()
        .unwrap();
    let before = std::fs::read(folder.db()).unwrap();
    assert_eq!(
        Store::open(&options(&folder.data())).unwrap_err(),
        OpenError::SchemaNewer
    );
    assert_eq!(std::fs::read(folder.db()).unwrap(), before);
}

#[test]
fn another_schema_of_the_same_number_is_refused() {
    let folder = Folder::new();
    drop(folder.open());
    let other = [Migration {
        version: 1,
        sql: "CREATE TABLE other (a {{int}}) {{table}};",
    }];
    let refused = open_with(&options(&folder.data()), &other).unwrap_err();
    assert_eq!(refused, OpenError::Db(DbError::SchemaForeign));
}

#[test]
fn existing_data_is_backed_up_before_the_schema_changes() {
    let folder = Folder::new();
    let store = folder.open();
    with_tenant(&store);
    store.apply(keys::insert(&key(1), 10)).unwrap();
    drop(store);
    let store = open_with(&options(&folder.data()), NEXT).unwrap();
    assert!(store.directory().keys.contains_key(&super::kid(1)));
    let backups: Vec<_> = std::fs::read_dir(folder.data().join("backups"))
        .unwrap()
        .map(|each| each.unwrap().path())
        .collect();
    assert_eq!(backups.len(), 1);
    let backup = rusqlite::Connection::open(&backups[0]).unwrap();
    let keys: i64 = backup
        .query_row("SELECT COUNT(*) FROM api_key", [], |row| row.get(0))
        .unwrap();
    assert_eq!(keys, 1);
    assert!(backup.prepare("SELECT * FROM more").is_err());
}

#[test]
fn credentials_from_before_there_were_kinds_are_keys() {
    let folder = Folder::new();
    drop(open_with(&options(&folder.data()), &MIGRATIONS[..1]));
    let raw = folder.raw();
    raw.execute_batch(
        "PRAGMA foreign_keys = OFF;
         INSERT INTO credential VALUES (zeroblob(16), zeroblob(16), zeroblob(16), 'old',
             'https://x:443', x'01', '00000000', 1, 1, 5, zeroblob(32));",
    )
    .unwrap();
    drop(raw);
    let store = folder.open();
    let directory = store.directory();
    let row = &directory.credentials[0];
    assert_eq!(row.kind, mirk_model::CredentialKind::Key);
    assert!(!row.needs_login && row.expires_day.is_none());
    // What its MAC was made over then.
    let then = mirk_model::LengthPrefixed::new("credential-row/v1");
    assert!(row.mac_input().starts_with(&then.into_bytes()));
}

#[test]
fn a_failing_step_leaves_the_schema_as_it_was() {
    let folder = Folder::new();
    drop(folder.open());
    let broken = [
        MIGRATIONS[0],
        MIGRATIONS[1],
        Migration {
            version: 3,
            sql: "CREATE TABLE half (a {{int}}) {{table}}; CREATE TABLE half (b {{int}});",
        },
    ];
    assert!(open_with(&options(&folder.data()), &broken).is_err());
    drop(folder.open());
    assert!(folder.raw().prepare("SELECT * FROM half").is_err());
}

#[test]
fn a_vanished_folder_fails_closed_and_is_not_made_again() {
    let folder = Folder::new();
    let store = folder.open();
    std::fs::remove_dir_all(folder.data()).unwrap();
    let start = stopwatch();
    while store.health() != Err(DbError::Gone) {
        assert!(start.elapsed() < Duration::from_secs(1));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(store.apply(settings::set("a", "b")), Err(DbError::Gone));
    assert_eq!(settings::all(&store), Err(DbError::Gone));
    assert!(store.ledger().is_full());
    drop(store);
    assert!(!folder.data().exists());
}

#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    const CHILD: &str = "MIRK_STORE_TEST_READ_ONLY";
    #[expect(clippy::disallowed_methods, reason = "how the child learns its folder")]
    if let Some(data) = std::env::var_os(CHILD) {
        let refused = Store::open(&options(Path::new(&data))).unwrap_err();
        assert_eq!(refused, OpenError::Place(PlaceError::ReadOnly));
        return;
    }
    let folder = Folder::new();
    drop(folder.open());
    std::fs::remove_file(folder.data().join("mirk.lock")).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args([
            "--exact",
            "tests::files::a_folder_that_cannot_be_written_is_refused",
        ])
        .env(CHILD, folder.data());
    if rustix::process::geteuid().is_root() {
        // Root writes anywhere, so somebody else has to try, in a folder of theirs.
        use std::os::unix::process::CommandExt;
        const NOBODY: u32 = 65_534;
        for each in [folder.data(), folder.data().join("db"), folder.db()] {
            std::os::unix::fs::chown(each, Some(NOBODY), None).unwrap();
        }
        let copy = folder.0.join("test");
        std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
        child = Command::new(copy);
        child
            .args([
                "--exact",
                "tests::files::a_folder_that_cannot_be_written_is_refused",
            ])
            .env(CHILD, folder.data())
            .current_dir("/")
            .uid(NOBODY);
    }
    std::fs::set_permissions(folder.data(), std::fs::Permissions::from_mode(0o500)).unwrap();
    let output = child.output().unwrap();
    std::fs::set_permissions(folder.data(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[test]
fn every_setting_is_in_force() {
    let folder = Folder::new();
    let store = folder.open();
    let ask = |sql: &'static str| {
        let rows = store.fetch(&Query::new(sql, vec![])).unwrap();
        rows.into_iter()
            .next()
            .unwrap()
            .into_fields()
            .value()
            .unwrap()
    };
    for (sql, expected) in [
        ("PRAGMA foreign_keys", 1_i64),
        ("PRAGMA secure_delete", 1),
        ("PRAGMA trusted_schema", 0),
        ("PRAGMA cell_size_check", 1),
        ("PRAGMA temp_store", 2),
        ("PRAGMA mmap_size", 0),
        ("PRAGMA synchronous", 2),
        ("PRAGMA query_only", 1),
        ("PRAGMA busy_timeout", 5_000),
    ] {
        assert_eq!(ask(sql), expected.into(), "{sql}");
    }
    assert_eq!(ask("PRAGMA journal_mode"), "wal".into());
    let extension = Query::new("SELECT load_extension('x')", vec![]);
    assert!(store.fetch(&extension).is_err());
    let attach = Query::new("ATTACH ':memory:' AS other", vec![]);
    assert!(store.fetch(&attach).is_err());
    // Defensive: the schema cannot be edited as a table.
    assert!(
        store
            .apply(Batch::new().run("PRAGMA writable_schema = ON", vec![]))
            .is_ok_and(|_| {
                store
                    .apply(Batch::new().run("DELETE FROM sqlite_schema", vec![]))
                    .is_err()
            })
    );
}

#[test]
fn no_table_has_a_column_for_a_body_or_an_address() {
    let schema: String = MIGRATIONS.iter().map(|step| step.sql).collect();
    let schema = schema.to_lowercase();
    for word in [
        "prompt", "body", "content", "message", "ip ", "addr", "peer",
    ] {
        assert!(!schema.contains(word), "{word}");
    }
    let folder = Folder::new();
    drop(folder.open());
    let strict: i64 = folder
        .raw()
        .query_row(
            "SELECT COUNT(*) FROM pragma_table_list WHERE type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite%'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(strict, 0);
}
