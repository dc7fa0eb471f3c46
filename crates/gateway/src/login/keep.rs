//! What a renewal changes, made durable with its audit row before anybody uses it.

use std::{sync::Arc, time::Duration};

use mirk_model::{AuditEntry, CredentialRow, Mac, MacPurpose};
use mirk_store::{Batch, Db, DbError, books::credentials};
use mirk_vault::{Place, SealKind};
use tokio::sync::oneshot;

use super::{Login, Tools, open::Opened, renew::Renewed};
use crate::egress::lock;

/// How often it is tried to make tokens durable, and the pause after the first time.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(100);

/// Makes new tokens durable, then the ones in use. Tokens that cannot be made durable are held
/// for the next renewal, which then does not ask the endpoint: the old refresh token is spent.
pub(super) async fn keep(
    tools: &Tools,
    login: &Login,
    tokens: mirk_vault::Login,
) -> Result<Renewed, Option<Duration>> {
    let begun = login.row().generation;
    for attempt in 0..TRIES {
        let Some(before) = newest(tools, login) else {
            // Removed meanwhile: there is nothing to keep them for.
            return Err(None);
        };
        if before.generation != begun {
            login.follow(&before);
            return Ok(Renewed::Fresh);
        }
        let Some(row) = reseal(tools, &before, &tokens) else {
            break;
        };
        let batch = credentials::update(&row, &before.row_mac);
        let audit = entry(tools, "credential.refresh", &row, vec![]);
        match apply(tools, batch.audit(audit)).await {
            Ok(()) => {
                let generation = row.generation;
                login.follow(&Arc::new(row));
                if let Ok(opened) = Opened::new(&tokens, generation, tools.clock.mono()) {
                    *lock(&login.opened) = Some(opened);
                }
                return Ok(Renewed::Fresh);
            }
            // Another change came first: once more on top of it.
            Err(DbError::Conflict) => {}
            Err(_) => tokio::time::sleep(PAUSE.saturating_mul(1_u32 << attempt.min(8))).await,
        }
    }
    *lock(&login.pending) = Some(tokens);
    Err(None)
}

/// Writes down that the login has ended. `reason` is one of the endpoint's closed words.
pub(super) async fn end(
    tools: &Tools,
    login: &Login,
    reason: &'static str,
) -> Result<Renewed, Option<Duration>> {
    for _ in 0..TRIES {
        let Some(before) = newest(tools, login) else {
            return Err(None);
        };
        if before.generation != login.row().generation {
            login.follow(&before);
            return Ok(Renewed::Fresh);
        }
        let mut row = CredentialRow::clone(&before);
        row.needs_login = true;
        row.row_mac = tools.vault.mac(MacPurpose::Row, &row.mac_input());
        let batch = credentials::update(&row, &before.row_mac);
        let details = vec![("reason", reason.to_owned())];
        let audit = entry(tools, "credential.needs_login", &row, details);
        match apply(tools, batch.audit(audit)).await {
            Ok(()) => {
                login.follow(&Arc::new(row));
                return Ok(Renewed::Ended);
            }
            Err(DbError::Conflict) => {}
            // Found again at the next try, when the store can be written.
            Err(_) => return Err(None),
        }
    }
    Err(None)
}

/// The row as the store has it now, if it is there and genuine.
fn newest(tools: &Tools, login: &Login) -> Option<Arc<CredentialRow>> {
    let id = login.row().id;
    let directory = tools.store.directory();
    let row = directory.credentials.iter().find(|row| row.id == id)?;
    let is_genuine = tools.vault.row_mac_valid(&row.mac_input(), &row.row_mac);
    is_genuine.then(|| Arc::clone(row))
}

fn reseal(
    tools: &Tools,
    before: &CredentialRow,
    tokens: &mirk_vault::Login,
) -> Option<CredentialRow> {
    let mut row = before.clone();
    row.generation = before.generation.checked_add(1)?;
    let place = Place::of(row.tenant, "credential", row.id.as_bytes(), "sealed")
        .at_generation(row.generation);
    let bytes = tokens.to_bytes();
    row.sealed = tools
        .vault
        .seal(&place, SealKind::Login, &bytes, &*tools.entropy)
        .ok()?;
    row.expires_day = tokens.expires_at.map(mirk_model::Timestamp::day);
    row.row_mac = tools.vault.mac(MacPurpose::Row, &row.mac_input());
    Some(row)
}

fn entry(
    tools: &Tools,
    action: &'static str,
    row: &CredentialRow,
    details: Vec<(&'static str, String)>,
) -> AuditEntry {
    AuditEntry {
        at: tools.clock.now(),
        actor: "system".to_owned(),
        action,
        object: row.label.clone(),
        result: "ok",
        details,
    }
}

async fn apply(tools: &Tools, batch: Batch) -> Result<(), DbError> {
    let (written, done) = oneshot::channel();
    tools.store.apply_then(
        batch,
        Box::new(move |applied| {
            // Whoever waited may be gone.
            written.send(applied.map(|_rows| ())).unwrap_or_default();
        }),
    );
    done.await.unwrap_or(Err(DbError::Closed))
}
