//! Tokens that another program keeps: read where it keeps them, again when they may have changed,
//! and never renewed, because a second program that renews logs the first one out.

use std::{fmt, sync::Arc};

use mirk_model::{Kind, Problem, Secret, Timestamp};
use mirk_vault::{Login as Tokens, Manner, Place, Pointer, SealKind};

use super::{
    Login, Tools,
    open::{Opened, Token},
};
use crate::{egress::lock, plane::integrity};

/// A token as another program has it now.
#[derive(Debug)]
pub struct Pointed {
    /// What the provider takes.
    pub access: Secret<String>,
    /// When it expires, if the program says.
    pub expires_at: Option<Timestamp>,
}

/// Why another program's token cannot be read. Never holds a path or a profile's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PointedError {
    /// The file is gone or cannot be read.
    #[error("the other program's file cannot be read")]
    Unreadable,
    /// The file is somebody else's, a link, or open to others.
    #[error("the other program's file is not its owner's alone")]
    Open,
    /// The profile is gone, or not a token.
    #[error("the other program does not have this profile any more")]
    Gone,
}

/// Reads tokens of other programs.
pub trait Pointers: Send + Sync + fmt::Debug {
    /// The token that `pointer` leads to, as it is now. Blocks, briefly.
    ///
    /// # Errors
    /// [`PointedError`], which says why not.
    fn read(&self, pointer: &Pointer) -> Result<Pointed, PointedError>;
}

/// Sees to it that a token that lives is at hand. Read at most once a minute while it lives, and
/// always when it does not, or with `is_doubted`.
pub(super) async fn ready(
    tools: &Arc<Tools>,
    login: &Arc<Login>,
    is_doubted: bool,
) -> Result<(), Problem> {
    let (mono, now) = (tools.clock.mono(), tools.clock.now());
    let is_at_hand = lock(&login.opened).as_ref().is_some_and(|opened| {
        let token = Token::at(now, opened.issued_at, opened.expires_at);
        mono < opened.until && token == Token::Fresh
    });
    if is_at_hand && !is_doubted {
        return Ok(());
    }
    let row = login.row();
    let place = Place::of(row.tenant, "credential", row.id.as_bytes(), "sealed")
        .at_generation(row.generation);
    let bytes = tools
        .vault
        .open_sealed(&place, SealKind::Pointer, &row.sealed)
        .map_err(|_integrity| integrity())?;
    let pointer = Pointer::from_bytes(bytes.expose()).map_err(|_integrity| integrity())?;
    let pointers = Arc::clone(&tools.pointers);
    let read = tokio::task::spawn_blocking(move || pointers.read(&pointer)).await;
    let found = match read {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return Err(refused(&format!("{error}"))),
        Err(_gone) => return Err(refused("the other program's file cannot be read")),
    };
    if found.expires_at.is_some_and(|expires| now >= expires) {
        return Err(refused("the other program's token has expired"));
    }
    let tokens = Tokens {
        access: found.access,
        refresh: None,
        issued_at: now,
        expires_at: found.expires_at,
        endpoint: String::new(),
        client_id: String::new(),
        scopes: String::new(),
        manner: Manner::Form,
    };
    *lock(&login.opened) = Some(Opened::new(&tokens, row.generation, mono)?);
    Ok(())
}

/// After the provider refused the token: whether the program has another one by now.
pub(super) async fn changed(tools: &Arc<Tools>, login: &Arc<Login>) -> bool {
    let before = lock(&login.opened)
        .as_ref()
        .map(|opened| Arc::clone(&opened.secret));
    if ready(tools, login, true).await.is_err() {
        return false;
    }
    let after = lock(&login.opened);
    match (before, after.as_ref()) {
        (Some(before), Some(after)) => before.expose() != after.secret.expose(),
        _ => false,
    }
}

fn refused(why: &str) -> Problem {
    let words = format!(
        "This provider's credential is kept by OpenClaw, and {why}. Run OpenClaw, or log in with \
         `openclaw models auth login`; Mirk never renews another program's token."
    );
    Problem::new(Kind::UpstreamAuth, words)
}
