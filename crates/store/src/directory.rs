//! What the data path looks up on every request, in memory: keys, providers, credentials, routes.
//!
//! Invariant: a snapshot is never changed. A commit that touches a noun makes a new one, which is
//! in place before the caller hears that the change is durable.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;
use mirk_model::{ApiKey, CredentialRow, Kid, ProviderRow, RouteRow};

use crate::{
    books::{credentials, keys, providers, routes},
    db::{DbError, Fetch, Noun, Touched},
};

/// One snapshot. Rows that could not be read are left out: to the data path they do not exist.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// Counts snapshots.
    pub revision: u64,
    /// All keys, also revoked and expired ones.
    pub keys: HashMap<Kid, Arc<ApiKey>>,
    /// All providers, by name.
    pub providers: Vec<Arc<ProviderRow>>,
    /// All credentials, oldest first.
    pub credentials: Vec<Arc<CredentialRow>>,
    /// All routes, by alias.
    pub routes: Vec<Arc<RouteRow>>,
    /// Keys that are out of force although the database does not say so yet.
    pub blocked: HashSet<Kid>,
}

impl Directory {
    /// The key, unless it is unknown or blocked.
    pub fn key(&self, kid: &Kid) -> Option<&Arc<ApiKey>> {
        let key = self.keys.get(kid)?;
        (!self.blocked.contains(kid)).then_some(key)
    }
}

/// Called with each new snapshot, on the writer's thread, before the answer.
pub type OnChange = Box<dyn Fn(&Arc<Directory>) + Send + Sync>;

/// The current snapshot and who wants to hear of new ones.
#[derive(Default)]
pub(crate) struct Directories {
    current: ArcSwap<Directory>,
    /// Also keeps writers of `current` in order: the writer's thread, and whoever blocks a key.
    hooks: Mutex<Vec<OnChange>>,
}

impl fmt::Debug for Directories {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Directories").finish_non_exhaustive()
    }
}

impl Directories {
    pub(crate) fn current(&self) -> Arc<Directory> {
        self.current.load_full()
    }

    pub(crate) fn on_change(&self, hook: OnChange) {
        self.hooks().push(hook);
    }

    /// Reads what was touched and puts the new snapshot in place.
    pub(crate) fn reload(&self, touched: Touched, reader: &dyn Fetch) -> Result<(), DbError> {
        let hooks = self.hooks();
        let mut next = Directory::clone(&self.current());
        if touched.has(Noun::Keys) {
            let all = keys::all(reader)?;
            next.keys = all.into_iter().map(|key| (key.kid, key.into())).collect();
        }
        if touched.has(Noun::Providers) {
            next.providers = shared(providers::all(reader)?);
        }
        if touched.has(Noun::Credentials) {
            next.credentials = shared(credentials::all(reader)?);
        }
        if touched.has(Noun::Routes) {
            next.routes = shared(routes::all(reader)?);
        }
        self.publish(&hooks, next);
        Ok(())
    }

    /// Puts `kid` out of force until the store is opened again.
    pub(crate) fn block(&self, kid: Kid) {
        let hooks = self.hooks();
        let mut next = Directory::clone(&self.current());
        next.blocked.insert(kid);
        self.publish(&hooks, next);
    }

    fn hooks(&self) -> MutexGuard<'_, Vec<OnChange>> {
        self.hooks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, hooks: &[OnChange], mut next: Directory) {
        next.revision += 1;
        let next = Arc::new(next);
        self.current.store(next.clone());
        for hook in hooks {
            hook(&next);
        }
    }
}

fn shared<T>(rows: Vec<T>) -> Vec<Arc<T>> {
    rows.into_iter().map(Arc::new).collect()
}
