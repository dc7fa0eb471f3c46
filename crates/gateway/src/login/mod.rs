//! OAuth credentials in use: which access token goes out, and who renews it when.
//!
//! Invariants: at any time at most one renewal of a login is under way, whoever waits for it; a
//! new access token is used only once the refresh token that came with it is durable; tokens of
//! another program are read and never renewed.

mod endpoint;
mod keep;
mod open;
mod pointed;
mod renew;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use http::StatusCode;
use mirk_model::{Clock, CredentialId, CredentialKind, CredentialRow, Entropy, Kind, Problem};
use mirk_store::Store;
use mirk_vault::Vault;

pub use pointed::{Pointed, PointedError, Pointers};

pub(crate) use open::mark;

use crate::{
    Gateway,
    dispatch::{self, Failed, Sent},
    egress::{Egress, lock},
    plan::Attempt,
    translate::Outgoing,
};
use open::{Opened, Token};
use renew::{Flight, Pace, Renewed};

/// How long a request waits for a renewal while the old token still lives.
const PATIENCE: Duration = Duration::from_secs(3);

/// What renewals need.
pub(crate) struct Tools {
    pub(crate) vault: Arc<Vault>,
    pub(crate) store: Arc<Store>,
    pub(crate) egress: Arc<Egress>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// Whether tenants share this installation who do not trust each other.
    pub(crate) is_hosted: bool,
    /// Reads tokens of other programs.
    pub(crate) pointers: Arc<dyn Pointers>,
}

/// Every login that is in use.
pub(crate) struct Logins {
    tools: Arc<Tools>,
    by_id: Mutex<HashMap<CredentialId, Weak<Login>>>,
}

impl fmt::Debug for Logins {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Logins").finish_non_exhaustive()
    }
}

/// One credential that is not a key: what is stored, what is opened of it, and its renewal.
pub(crate) struct Login {
    /// The newest genuine row.
    row: Mutex<Arc<CredentialRow>>,
    opened: Mutex<Option<Opened>>,
    flight: Mutex<Option<Flight>>,
    pace: Mutex<Pace>,
    /// New tokens that could not be made durable yet. They are used by nobody.
    pending: Mutex<Option<mirk_vault::Login>>,
}

impl fmt::Debug for Login {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Login").finish_non_exhaustive()
    }
}

impl Login {
    fn new(row: &Arc<CredentialRow>) -> Self {
        Self {
            row: Mutex::new(Arc::clone(row)),
            opened: Mutex::default(),
            flight: Mutex::default(),
            pace: Mutex::default(),
            pending: Mutex::default(),
        }
    }

    fn row(&self) -> Arc<CredentialRow> {
        Arc::clone(&lock(&self.row))
    }

    /// Takes over a row, unless it is older than what is known.
    fn follow(&self, row: &Arc<CredentialRow>) {
        let mut known = lock(&self.row);
        if row.generation < known.generation {
            return;
        }
        if row.generation > known.generation {
            *lock(&self.opened) = None;
        }
        *known = Arc::clone(row);
    }

    /// Forgets opened tokens whose time is over.
    pub(crate) fn sweep(&self, now: u64) {
        let mut opened = lock(&self.opened);
        if opened.as_ref().is_some_and(|opened| now >= opened.until) {
            *opened = None;
        }
    }
}

impl Logins {
    pub(crate) fn new(tools: Tools) -> Self {
        Self {
            tools: Arc::new(tools),
            by_id: Mutex::default(),
        }
    }

    /// The login of a genuine row: the same one as long as anybody holds it.
    pub(crate) fn of(&self, row: &Arc<CredentialRow>) -> Arc<Login> {
        let mut by_id = lock(&self.by_id);
        by_id.retain(|_, login| login.strong_count() > 0);
        if let Some(login) = by_id.get(&row.id).and_then(Weak::upgrade) {
            login.follow(row);
            return login;
        }
        let login = Arc::new(Login::new(row));
        by_id.insert(row.id, Arc::downgrade(&login));
        login
    }

    /// Sees to it that the login has a token that lives.
    async fn ready(&self, login: &Arc<Login>) -> Result<(), Problem> {
        let tools = &self.tools;
        if tools.is_hosted {
            let words = "Tokens of accounts are not used in hosted mode. Give this provider an API key with \
                         `mirk credential add`.";
            return Err(Problem::new(Kind::NoCredential, words));
        }
        let row = login.row();
        if row.needs_login {
            return Err(ended());
        }
        if row.kind == CredentialKind::Reference {
            return pointed::ready(tools, login, false).await;
        }
        let is_alive = match login.look(tools)? {
            Token::Fresh => return Ok(()),
            Token::Aging => true,
            Token::Dead => false,
        };
        if let Some(rest) = lock(&login.pace).rest(tools.clock.mono()) {
            return if is_alive { Ok(()) } else { Err(later(rest)) };
        }
        let renewal = renew::join(tools, login, row.generation);
        if is_alive {
            // A renewal that takes longer goes on without those that have waited for it together.
            let waited = renew::under_way_for(login, tools.clock.mono());
            let patience = PATIENCE.saturating_sub(waited);
            return match tokio::time::timeout(patience, renewal).await {
                Ok(Renewed::Ended) => Err(ended()),
                Ok(Renewed::Fresh | Renewed::Later) | Err(_) => Ok(()),
            };
        }
        match renewal.await {
            Renewed::Fresh => Ok(()),
            Renewed::Ended => Err(ended()),
            Renewed::Later => {
                let rest = lock(&login.pace).rest(tools.clock.mono());
                Err(later(rest.unwrap_or(Duration::from_secs(1))))
            }
        }
    }

    /// After the provider refused the token of this generation: whether there is another one now.
    async fn refused(&self, login: &Arc<Login>, generation: i64) -> bool {
        let row = login.row();
        if row.kind == CredentialKind::Reference {
            return pointed::changed(&self.tools, login).await;
        }
        if row.generation != generation {
            return true;
        }
        let now = self.tools.clock.mono();
        let may_renew = !row.needs_login && login.can_renew();
        if !may_renew || !lock(&login.pace).may_force(now) {
            return false;
        }
        renew::join(&self.tools, login, generation).await == Renewed::Fresh
    }
}

/// Sends `outgoing` as `attempt` says. Where the credential is a login, with a token that lives,
/// and a second time with a renewed one where the provider refuses a token that should.
pub(crate) async fn send(
    gateway: &Gateway,
    attempt: &Attempt,
    outgoing: Outgoing,
) -> Result<Sent, Failed> {
    let send = |outgoing| {
        let now = gateway.clock.mono();
        dispatch::send(&gateway.egress, &gateway.vault, (attempt, now), outgoing)
    };
    let Some(login) = attempt.credential.login() else {
        return send(outgoing).await;
    };
    // Boxed: rare, and large.
    let ready = Box::pin(gateway.logins.ready(login));
    ready.await.map_err(Failed::Credential)?;
    let generation = login.row().generation;
    let first = Box::pin(send(outgoing.clone())).await?;
    if first.answer.status() != StatusCode::UNAUTHORIZED {
        return Ok(first);
    }
    let has_another = Box::pin(gateway.logins.refused(login, generation)).await;
    if has_another {
        Box::pin(send(outgoing)).await
    } else {
        Ok(first)
    }
}

/// Nobody can renew this login any more.
fn ended() -> Problem {
    let words = "The login of this provider's credential has ended. Log in again, then replace it: \
                 `mirk credential remove` and `mirk credential add --oauth`.";
    Problem::new(Kind::UpstreamAuth, words)
}

/// The token endpoint does not give a token now.
fn later(rest: Duration) -> Problem {
    let words =
        "The provider's credential has expired, and its token endpoint gives no new one now.";
    let seconds = Duration::from_secs(rest.as_secs().max(1));
    Problem::new(Kind::NoCredential, words).retry_after(seconds)
}
