//! Tests over real files in folders of their own.

mod audit;
mod crash;
mod files;
mod group;
mod ledger;
mod model;
mod snapshot;

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use mirk_model::{
    ApiKey, AuditEntry, Clock, KeyKind, KeyLimits, Kid, Mac, MacPurpose, ModelFilter, ScopeSet,
    TenantId, Timestamp,
};

use crate::{
    Db, OpenError, OpenOptions, Store,
    books::{keys, tenants},
};

/// A folder that ends with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!(
            "mirk-store-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    fn db(&self) -> PathBuf {
        self.data().join("db/data.sqlite")
    }

    fn open(&self) -> Store {
        open(&self.data()).unwrap()
    }

    /// A second way into the file, for tampering and for looking.
    fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.db()).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn options(data: &Path) -> OpenOptions {
    OpenOptions {
        data_dir: data.to_owned(),
        create: true,
        clock: Arc::new(Running::default()),
        anchors: None,
    }
}

fn open(data: &Path) -> Result<Store, OpenError> {
    let store = Store::open(&options(data))?;
    assert!(store.attach(Arc::new(TestMac)));
    Ok(store)
}

/// The real time, where a test is about waiting.
#[expect(clippy::disallowed_methods, reason = "the store's own waits are real")]
fn stopwatch() -> Instant {
    Instant::now()
}

/// A clock that advances by a microsecond at each look.
#[derive(Debug, Default)]
struct Running(AtomicU64);

impl Clock for Running {
    fn now(&self) -> Timestamp {
        let looks = self.0.fetch_add(1, Ordering::Relaxed);
        Timestamp::from_micros(1_795_000_000_000_000 + i64::try_from(looks).unwrap())
    }

    fn mono(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) * 1_000
    }
}

/// Stands in for the vault: keyed enough for the chain to show a change.
#[derive(Debug)]
struct TestMac;

impl Mac for TestMac {
    fn mac(&self, purpose: MacPurpose, input: &[u8]) -> [u8; 32] {
        let mut mac = [0; 32];
        for (index, part) in mac.chunks_exact_mut(8).enumerate() {
            let mut hasher = DefaultHasher::new();
            (purpose, index, input).hash(&mut hasher);
            part.copy_from_slice(&hasher.finish().to_be_bytes());
        }
        mac
    }
}

const TENANT: TenantId = TenantId::from_bytes([7; 16]);

fn with_tenant(store: &Store) {
    let tenant = tenants::Tenant {
        id: TENANT,
        name: "default".into(),
        created_at: Timestamp::from_micros(1),
    };
    store.apply(tenants::insert(&tenant)).unwrap();
}

fn kid(number: usize) -> Kid {
    Kid::parse(format!("{number:012}").as_bytes()).unwrap()
}

fn key(number: usize) -> ApiKey {
    let mut key_mac = [0; 32];
    key_mac[..8].copy_from_slice(&(number as u64).to_be_bytes());
    ApiKey {
        kid: kid(number),
        tenant: TENANT,
        label: format!("key {number}"),
        kind: KeyKind::User,
        key_mac,
        pepper_version: 1,
        scopes: ScopeSet::DEFAULT,
        models: ModelFilter::new(vec!["claude-*".into(), "a,b\"c".into()]),
        limits: KeyLimits {
            rpm: Some(60),
            daily_calls: Some(u64::MAX >> 1),
            ..KeyLimits::default()
        },
        not_before: None,
        expires_at: Some(Timestamp::from_micros(4_000_000_000_000_000)),
        revoked_at: None,
        created_at: Timestamp::from_micros(1_000),
        version: 1,
        row_mac: [3; 32],
    }
}

fn revoked(key: &ApiKey) -> ApiKey {
    ApiKey {
        revoked_at: Some(Timestamp::from_micros(2_000)),
        version: key.version + 1,
        ..key.clone()
    }
}

fn entry(object: &str) -> AuditEntry {
    AuditEntry {
        at: Timestamp::from_micros(5),
        actor: "cli".into(),
        action: "key.create",
        object: object.into(),
        result: "ok",
        details: vec![("label", "a=b".into())],
    }
}

#[test]
fn what_was_written_is_there_after_closing_and_opening() {
    let folder = Folder::new();
    let store = folder.open();
    with_tenant(&store);
    store
        .apply(keys::insert(&key(1), 10).audit(entry("1")))
        .unwrap();
    assert_eq!(*store.directory().keys[&kid(1)], key(1));
    store.close().unwrap();
    assert_eq!(store.close(), Ok(()));
    assert!(store.apply(keys::update(&revoked(&key(1)))).is_err());
    drop(store);
    let store = folder.open();
    assert_eq!(*store.directory().keys[&kid(1)], key(1));
    assert_eq!(keys::get(&store, TENANT, kid(1)).unwrap(), Some(key(1)));
    assert!(store.verify_audit().unwrap().is_whole());
}
