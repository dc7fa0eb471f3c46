//! Proving an API key: the token's MAC against its row, and the row's MAC against the vault.
//!
//! Invariant: an unknown key costs the same work as a known one with a wrong secret, and a row
//! that somebody else wrote never verifies.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use mirk_model::{ApiKey, KeyKind, KeyLimits, Kid, ModelFilter, ScopeSet, TenantId, Timestamp};

use crate::mac::bytes;
use crate::{Realm, Token, Vault};

const DOMAIN: &[u8] = b"apikey/v1";

impl Vault {
    /// The pepper version that new keys are to be made with.
    pub const fn pepper_version(&self) -> u32 {
        self.api_key.version()
    }

    /// The MAC that a key's row keeps instead of the token: HMAC-SHA-256 under the pepper over
    /// LP("apikey/v1") ‖ LP(kid) ‖ LP(secret). Absent when there is no such pepper version.
    pub fn key_mac(&self, kid: &Kid, secret_part: &[u8], pepper_version: u32) -> Option<[u8; 32]> {
        let pepper = self.api_key.get(pepper_version)?;
        Some(bytes(&sign(pepper, kid, secret_part)))
    }

    /// Whether `token` is the one that `row` was made for. For rows whose own MAC was verified when
    /// they were loaded. Without a row the same work is done and the answer is no.
    pub fn verify_token(&self, token: &Token<'_>, row: Option<&ApiKey>) -> bool {
        let (row, known) = row.map_or((&self.decoy, false), |row| (row, true));
        let pepper = self.api_key.get(row.pepper_version);
        let known_pepper = pepper.is_some();
        let pepper = pepper.unwrap_or_else(|| self.api_key.current());
        let mac = sign(pepper, &token.kid, token.secret_part());
        let token_fits = verify_slices_are_equal(mac.as_ref(), &row.key_mac).is_ok();
        let same_key = token.kid == row.kid && token.kind == row.kind && token.realm == Realm::Live;
        known & known_pepper & token_fits & same_key
    }

    /// Whether `token` is the one that `row` was made for, and the row is as this vault signed it.
    /// Without a row the same work is done and the answer is no. Says nothing about expiry,
    /// revocation or scope: those are the caller's to check, after this.
    pub fn verify_key(&self, token: &Token<'_>, row: Option<&ApiKey>) -> bool {
        // Both parts are worked out before either is looked at.
        let token_fits = self.verify_token(token, row);
        let row = row.unwrap_or(&self.decoy);
        let row_fits = self.row_mac_valid(&row.mac_input(), &row.row_mac);
        token_fits & row_fits
    }
}

/// HMAC over the length-prefixed parts, fed one by one so that the secret is not copied.
fn sign(pepper: &hmac::Key, kid: &Kid, secret_part: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(pepper);
    for part in [DOMAIN, kid.as_str().as_bytes(), secret_part] {
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        context.update(&length.to_be_bytes());
        context.update(part);
    }
    context.sign()
}

/// A row like those that people make, so that checking it costs what theirs cost. No token fits
/// it: the caller answers no whatever its MACs say.
pub(crate) fn decoy(pepper_version: u32) -> Option<ApiKey> {
    Some(ApiKey {
        kid: Kid::parse(b"000000000000")?,
        tenant: TenantId::from_bytes([0; 16]),
        label: String::from("laptop"),
        kind: KeyKind::User,
        key_mac: [0; 32],
        pepper_version,
        scopes: ScopeSet::DEFAULT,
        models: ModelFilter::default(),
        limits: KeyLimits::default(),
        not_before: None,
        expires_at: None,
        revoked_at: None,
        created_at: Timestamp::from_micros(0),
        version: 0,
        row_mac: [0; 32],
    })
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
