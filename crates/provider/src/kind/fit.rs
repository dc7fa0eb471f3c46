//! Whether a credential belongs where it is about to be sent.
//!
//! People paste the wrong key into the wrong provider, and preset lists have sent keys to third
//! parties; a mismatch needs an explicit confirmation, never a guess.

use super::{Facts, KINDS};
use crate::address::Origin;

/// Why a credential and an origin do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// The credential begins like another provider's.
    #[error("the credential looks like one of {0}, and the address is not {0}'s")]
    Foreign(&'static str),
    /// The host contains a provider's domain and is not below it.
    #[error("the host looks like {0}'s and is not")]
    LookAlike(&'static str),
    /// The credential would cross the network in the clear.
    #[error("the credential of {0} would be sent without TLS")]
    Plaintext(&'static str),
}

/// Whether `secret` may be saved for `origin` without a confirmation, for a provider of the kind
/// `facts`. The prefix of the secret is looked at and nothing of it is kept.
///
/// A plain `sk-…` says nothing, because many compatible servers use it: it is refused only for
/// the kind `openai` when the origin is neither OpenAI's nor this machine.
///
/// # Errors
/// [`Misfit`], with the title of the provider that the credential or host looks like.
pub fn credential_fits(facts: &Facts, origin: &Origin, secret: &[u8]) -> Result<(), Misfit> {
    if let Some(kind) = KINDS
        .iter()
        .find(|kind| !is_at_home(kind, origin) && is_look_alike(kind, origin))
    {
        return Err(Misfit::LookAlike(kind.title));
    }
    let owner = KINDS.iter().find(|kind| begins(secret, kind.prefixes));
    match owner {
        Some(owner) if !is_at_home(owner, origin) => Err(Misfit::Foreign(owner.title)),
        Some(owner) if !origin.is_https() => Err(Misfit::Plaintext(owner.title)),
        None if facts.name == "openai"
            && begins(secret, &["sk-"])
            && !is_at_home(facts, origin)
            && !origin.is_loopback() =>
        {
            Err(Misfit::Foreign(facts.title))
        }
        None if is_at_home(facts, origin) && !origin.is_https() => {
            Err(Misfit::Plaintext(facts.title))
        }
        Some(_) | None => Ok(()),
    }
}

fn begins(secret: &[u8], prefixes: &[&str]) -> bool {
    prefixes
        .iter()
        .any(|prefix| secret.starts_with(prefix.as_bytes()))
}

/// Whether the host is one of the kind's domains or below one.
fn is_at_home(kind: &Facts, origin: &Origin) -> bool {
    kind.domains.iter().any(|domain| {
        origin
            .host()
            .strip_suffix(domain)
            .is_some_and(|front| front.is_empty() || front.ends_with('.'))
    })
}

/// Whether the host spells one of the kind's domains, or its last two labels, somewhere.
fn is_look_alike(kind: &Facts, origin: &Origin) -> bool {
    kind.domains.iter().any(|domain| {
        let mut labels = domain.rsplit('.');
        let (top, name) = (
            labels.next().unwrap_or_default(),
            labels.next().unwrap_or_default(),
        );
        let registered = format!("{name}.{top}");
        let host = origin.host();
        let is_below = host == registered || host.ends_with(&format!(".{registered}"));
        !is_below && (host.contains(&registered) || host.contains(&registered.replace('.', "-")))
    })
}

#[cfg(test)]
mod tests;
