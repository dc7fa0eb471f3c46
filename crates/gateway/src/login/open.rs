//! Tokens opened for a request, for a minute at most, and the headers that carry them.

use std::{borrow::Cow, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use mirk_dialect::scrub::scrub;
use mirk_model::{CredentialKind, CredentialRow, Kind, Problem, Secret, Timestamp};
use mirk_provider::kind::Facts;
use mirk_vault::{Place, SealKind, Vault};

use super::{Login, Tools};
use crate::{
    egress::lock,
    plane::{OPENED_FOR, OpenedSecret, bearer, integrity},
};

/// The longest time before its expiry that a token is renewed, in microseconds.
const MARGIN: i64 = 60_000_000;

/// What Anthropic wants to hear when the token is of an account and not a key.
/// Source: <https://platform.claude.com/docs/en/api/beta-headers>, and its own clients, 2026-11.
const OAUTH_BETA: &str = "oauth-2025-04-20";

const BETA: HeaderName = HeaderName::from_static("anthropic-beta");

/// One opened login.
pub(super) struct Opened {
    /// Of the row it was opened from.
    pub(super) generation: i64,
    pub(super) header: HeaderValue,
    pub(super) secret: Arc<Secret<Vec<u8>>>,
    /// So that an echo of it can be masked.
    pub(super) refresh: Option<Secret<String>>,
    pub(super) issued_at: Timestamp,
    pub(super) expires_at: Option<Timestamp>,
    /// When it is forgotten, on the clock that never goes back.
    pub(super) until: u64,
}

/// What there is to say of an access token now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// It lives, and goes on to.
    Fresh,
    /// It lives, and it is time for the next one.
    Aging,
    /// It has expired.
    Dead,
}

impl Token {
    /// Judges a token at `now`: time to renew is the last tenth of its life, at most a minute.
    pub(super) fn at(now: Timestamp, issued: Timestamp, expires: Option<Timestamp>) -> Self {
        let Some(expires) = expires else {
            return Self::Fresh;
        };
        let life = expires.as_micros().saturating_sub(issued.as_micros());
        let margin = life.div_euclid(10).clamp(0, MARGIN);
        if now >= expires {
            Self::Dead
        } else if now >= expires.plus_micros(margin.saturating_neg()) {
            Self::Aging
        } else {
            Self::Fresh
        }
    }
}

impl Opened {
    pub(super) fn new(
        tokens: &mirk_vault::Login,
        generation: i64,
        now: u64,
    ) -> Result<Self, Problem> {
        let access = tokens.access.expose().as_bytes();
        Ok(Self {
            generation,
            header: bearer(access)?,
            secret: Arc::new(Secret::new(access.to_vec())),
            refresh: tokens
                .refresh
                .as_ref()
                .map(|token| Secret::new(token.expose().clone())),
            issued_at: tokens.issued_at,
            expires_at: tokens.expires_at,
            until: now.saturating_add(OPENED_FOR),
        })
    }
}

impl Login {
    /// The stored tokens, out of their seal.
    pub(super) fn unseal(vault: &Vault, row: &CredentialRow) -> Result<mirk_vault::Login, Problem> {
        if row.kind != CredentialKind::OAuth {
            return Err(integrity());
        }
        let place = Place::of(row.tenant, "credential", row.id.as_bytes(), "sealed")
            .at_generation(row.generation);
        let bytes = vault
            .open_sealed(&place, SealKind::Login, &row.sealed)
            .map_err(|_integrity| integrity())?;
        mirk_vault::Login::from_bytes(bytes.expose()).map_err(|_integrity| integrity())
    }

    /// Judges the access token.
    pub(super) fn look(&self, tools: &Tools) -> Result<Token, Problem> {
        self.open(&tools.vault, tools.clock.mono())?;
        let opened = lock(&self.opened);
        let opened = opened.as_ref().ok_or_else(integrity)?;
        let now = tools.clock.now();
        let token = Token::at(now, opened.issued_at, opened.expires_at);
        // What nothing can renew is used to its last moment.
        if token == Token::Aging && opened.refresh.is_none() {
            return Ok(Token::Fresh);
        }
        Ok(token)
    }

    /// Whether there is something to renew the access token with.
    pub(super) fn can_renew(&self) -> bool {
        let opened = lock(&self.opened);
        opened
            .as_ref()
            .is_some_and(|opened| opened.refresh.is_some())
    }

    /// The header with the access token, and the token. Opened at most once a minute.
    pub(crate) fn open(&self, vault: &Vault, now: u64) -> Result<OpenedSecret, Problem> {
        let row = self.row();
        let mut opened = lock(&self.opened);
        let usable = opened
            .as_ref()
            .filter(|opened| now < opened.until && opened.generation == row.generation);
        if let Some(opened) = usable {
            return Ok((opened.header.clone(), Arc::clone(&opened.secret)));
        }
        if row.kind == CredentialKind::Reference {
            let words = "The other program's token could not be read in time. Try again.";
            return Err(Problem::new(Kind::NoCredential, words));
        }
        let tokens = Self::unseal(vault, &row)?;
        let fresh = Opened::new(&tokens, row.generation, now)?;
        let secret = (fresh.header.clone(), Arc::clone(&fresh.secret));
        *opened = Some(fresh);
        Ok(secret)
    }

    /// Masks the refresh token in what a provider said; the access token is masked as every
    /// credential is.
    pub(crate) fn mask<'a>(&self, text: Cow<'a, [u8]>) -> Cow<'a, [u8]> {
        let opened = lock(&self.opened);
        let refresh = opened.as_ref().and_then(|opened| opened.refresh.as_ref());
        match refresh {
            Some(token) => Cow::Owned(scrub(&text, Some(token.expose().as_bytes())).into_owned()),
            None => text,
        }
    }
}

/// Puts an account's token where its provider looks for one.
pub(crate) fn mark(headers: &mut HeaderMap, facts: &Facts, value: HeaderValue) {
    headers.insert(header::AUTHORIZATION, value);
    if facts.name != "anthropic" {
        return;
    }
    let said: Vec<&str> = headers
        .get_all(BETA)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let is_said = said
        .iter()
        .flat_map(|list| list.split(','))
        .any(|beta| beta.trim() == OAUTH_BETA);
    if is_said {
        return;
    }
    let all = [said.as_slice(), &[OAUTH_BETA]].concat().join(",");
    if let Ok(value) = HeaderValue::try_from(all) {
        headers.insert(BETA, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_token_is_renewed_in_the_last_tenth_of_its_life_and_at_most_a_minute_before_its_end() {
        let hour = |now| Token::at(at(now), at(0), Some(at(3_600)));
        assert_eq!(hour(3_539), Token::Fresh);
        assert_eq!(hour(3_540), Token::Aging);
        assert_eq!(hour(3_600), Token::Dead);
        let short = |now| Token::at(at(now), at(0), Some(at(20)));
        assert_eq!(short(17), Token::Fresh);
        assert_eq!(short(18), Token::Aging);
        assert_eq!(
            Token::at(at(i64::MAX / 1_000_000), at(0), None),
            Token::Fresh
        );
        // A token that was dead when it was given.
        assert_eq!(Token::at(at(5), at(9), Some(at(3))), Token::Dead);
    }

    #[test]
    fn the_beta_of_accounts_is_added_once_and_others_stay() {
        let facts = mirk_provider::kind::by_name("anthropic").unwrap();
        let mut headers = HeaderMap::new();
        headers.append("anthropic-beta", HeaderValue::from_static("a,b"));
        headers.append("anthropic-beta", HeaderValue::from_static("c"));
        mark(&mut headers, facts, HeaderValue::from_static("Bearer x"));
        mark(&mut headers, facts, HeaderValue::from_static("Bearer x"));
        let all: Vec<_> = headers.get_all("anthropic-beta").iter().collect();
        assert_eq!(all, ["a,b,c,oauth-2025-04-20"]);
        assert_eq!(headers["authorization"], "Bearer x");
        let mut others = HeaderMap::new();
        let openai = mirk_provider::kind::by_name("openai").unwrap();
        mark(&mut others, openai, HeaderValue::from_static("Bearer x"));
        assert!(!others.contains_key("anthropic-beta"));
    }
}
