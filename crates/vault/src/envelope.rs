//! Sealed records: ciphertext v1, bound to tenant, table, row, column and generation.
//!
//! Invariant: whatever is wrong with a ciphertext, the caller learns one thing only, that it
//! could not be opened here.

use mirk_model::{CredentialKind, DekId, Entropy, Secret};

use crate::cipher::{self, HEADER_BYTES, Lead, TAG_BYTES};
use crate::{Place, Vault};

/// The longest plaintext, in bytes: 1 MiB.
pub const MAX_PLAINTEXT_BYTES: usize = 1 << 20;

const MAGIC: [u8; 4] = *b"MRK1";
/// Ciphertexts tell the length of their plaintext only to this many bytes.
const BUCKET_BYTES: usize = 64;
const LENGTH_BYTES: usize = 4;
const ZEROS: [u8; BUCKET_BYTES] = [0; BUCKET_BYTES];

/// What a sealed plaintext is. Its number is part of the ciphertext and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SealKind {
    /// A provider's API key.
    ProviderKey = 1,
    /// An access token of a provider.
    AccessToken = 2,
    /// A refresh token of a provider.
    RefreshToken = 3,
    /// The seed of a second factor.
    TotpSeed = 4,
    /// An e-mail address.
    Email = 5,
    /// A secret that signs webhooks.
    WebhookSecret = 6,
    /// The private key of a certificate authority.
    CaKey = 7,
    /// A [`Login`](crate::Login): OAuth tokens and what renews them.
    Login = 8,
    /// A [`Pointer`](crate::Pointer) to another program's tokens.
    Pointer = 9,
}

impl SealKind {
    /// What is under the seal of a credential of this kind.
    pub const fn of(kind: CredentialKind) -> Self {
        match kind {
            CredentialKind::Key => Self::ProviderKey,
            CredentialKind::OAuth => Self::Login,
            CredentialKind::Reference => Self::Pointer,
        }
    }

    /// The kind's number in the ciphertext.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// Why a plaintext could not be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Longer than [`MAX_PLAINTEXT_BYTES`].
    #[error("the plaintext is longer than 1 MiB")]
    TooLong,
    /// The owner of the place has no data key.
    #[error("the owner has no data key")]
    NoKey,
    /// The crypto provider refused.
    #[error("the crypto provider refused to seal")]
    Provider,
}

/// A ciphertext that does not open here: damaged, moved from elsewhere, or of another kind.
/// Which of these is nobody's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ciphertext is damaged or does not belong here")]
pub struct IntegrityError;

impl Vault {
    /// Seals `plaintext` for `place`. The ciphertext's length tells the plaintext's only to 64
    /// bytes. Two calls never give the same bytes.
    ///
    /// # Errors
    /// Too long a plaintext, an owner without a key, or a crypto provider that refuses.
    pub fn seal(
        &self,
        place: &Place<'_>,
        kind: SealKind,
        plaintext: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, SealError> {
        if plaintext.len() > MAX_PLAINTEXT_BYTES {
            return Err(SealError::TooLong);
        }
        let (id, key) = self.deks.newest(place.tenant).ok_or(SealError::NoKey)?;
        let length = u32::try_from(plaintext.len()).map_err(|_refused| SealError::TooLong)?;
        let used = LENGTH_BYTES + plaintext.len();
        let padding = ZEROS.get(..padded(used) - used).unwrap_or_default();
        let lead = Lead {
            magic: MAGIC,
            kind: kind.number(),
            key_id: *id.as_bytes(),
        };
        let parts = [&length.to_be_bytes(), plaintext, padding];
        cipher::encrypt(key, lead, &place.bytes(self.install), &parts, entropy)
            .map_err(|_fault| SealError::Provider)
    }

    /// Opens what [`Vault::seal`] made for the same place and kind.
    ///
    /// # Errors
    /// [`IntegrityError`], whatever the reason.
    pub fn open_sealed(
        &self,
        place: &Place<'_>,
        kind: SealKind,
        blob: &[u8],
    ) -> Result<Secret<Vec<u8>>, IntegrityError> {
        if blob.len() > HEADER_BYTES + padded(LENGTH_BYTES + MAX_PLAINTEXT_BYTES) + TAG_BYTES {
            return Err(IntegrityError);
        }
        let lead = Lead::read(blob).map_err(|_fault| IntegrityError)?;
        if lead.magic != MAGIC || lead.kind != kind.number() {
            return Err(IntegrityError);
        }
        let id = DekId::from_bytes(lead.key_id);
        let key = self.deks.get(place.tenant, id).ok_or(IntegrityError)?;
        let body = cipher::decrypt(key, &place.bytes(self.install), blob)
            .map_err(|_fault| IntegrityError)?;
        unpad(&body).ok_or(IntegrityError)
    }
}

/// `used` rounded up to whole buckets.
const fn padded(used: usize) -> usize {
    used.div_ceil(BUCKET_BYTES) * BUCKET_BYTES
}

/// The plaintext of an authenticated body. Refuses all but the one way [`Vault::seal`] pads.
fn unpad(body: &[u8]) -> Option<Secret<Vec<u8>>> {
    let (length, rest) = body.split_first_chunk::<LENGTH_BYTES>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (plaintext, padding) = rest.split_at_checked(length)?;
    let canonical = body.len() == padded(LENGTH_BYTES + length);
    let zero = padding.iter().all(|byte| *byte == 0);
    (canonical && zero).then(|| Secret::new(plaintext.to_vec()))
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
