//! Wrapped keys: one row of the keyring, its key encrypted by the layer above.
//!
//! 138 bytes: a ciphertext of the common construction with the magic `MRKW`, then the first
//! eight bytes of SHA-256 over it. That sum keeps nobody out; it tells a row that rotted from a
//! root key that is not the right one.

use aws_lc_rs::digest::{SHA256, digest};
use mirk_model::{DekId, Entropy, InstallId, KeyringRow, Secret};

use crate::Place;
use crate::cipher::{self, Fault, Key, Lead};

/// Purpose of the installation master key's row.
pub(crate) const IMK: &str = "imk";
/// Purpose of a tenant's data encryption key.
pub(crate) const DEK: &str = "enc/dek";

const MAGIC: [u8; 4] = *b"MRKW";
const TABLE: &str = "keyring";
const SUM_BYTES: usize = 8;

/// The id that stands for the root key, which has no row.
const ROOT_ID: [u8; 16] = [0; 16];

/// A key that wraps others, with the id that the wrapped rows name it by.
#[derive(Debug)]
pub(crate) struct Wrapper<'a> {
    /// Id of the layer: the IMK's, or all zero for the root.
    id: [u8; 16],
    layer: u8,
    key: &'a Key,
}

impl<'a> Wrapper<'a> {
    /// The root key, which wraps the IMK.
    pub(crate) const fn root(key: &'a Key) -> Self {
        Self {
            id: ROOT_ID,
            layer: 1,
            key,
        }
    }

    /// The wrap key of the IMK with this id, which wraps everything else.
    pub(crate) const fn imk(id: DekId, key: &'a Key) -> Self {
        Self {
            id: *id.as_bytes(),
            layer: 2,
            key,
        }
    }

    const fn lead(&self) -> Lead {
        Lead {
            magic: MAGIC,
            kind: self.layer,
            key_id: self.id,
        }
    }

    /// Fills in `row.wrapped` with `key`, bound to the row's id, purpose, version and tenant.
    pub(crate) fn wrap(
        &self,
        install: InstallId,
        row: &mut KeyringRow,
        key: &Key,
        entropy: &dyn Entropy,
    ) -> Result<(), Fault> {
        let binding = place(row).bytes(install);
        let body: [&[u8]; 1] = [key.expose()];
        let mut wrapped = cipher::encrypt(self.key, self.lead(), &binding, &body, entropy)?;
        let sum = sum(&wrapped);
        wrapped.extend_from_slice(&sum);
        row.wrapped = wrapped;
        Ok(())
    }

    /// The key of `row`. [`Fault::OtherKey`] only when the row is whole and this wrapper is not
    /// the one that wrapped it.
    pub(crate) fn unwrap(&self, install: InstallId, row: &KeyringRow) -> Result<Key, Fault> {
        let (wrapped, stored) = row
            .wrapped
            .split_last_chunk::<SUM_BYTES>()
            .ok_or(Fault::Format)?;
        if sum(wrapped) != *stored || Lead::read(wrapped)? != self.lead() {
            return Err(Fault::Damaged);
        }
        let key = cipher::decrypt(self.key, &place(row).bytes(install), wrapped)?;
        let key: &[u8; 32] = key
            .as_slice()
            .try_into()
            .map_err(|_refused| Fault::Format)?;
        Ok(Secret::new(*key))
    }
}

/// The id of the key that wrapped `row`, when the row can be read at all.
pub(crate) fn wrapped_by(row: &KeyringRow) -> Option<DekId> {
    let lead = Lead::read(&row.wrapped).ok()?;
    Some(DekId::from_bytes(lead.key_id))
}

fn place(row: &KeyringRow) -> Place<'_> {
    Place {
        tenant: row.tenant,
        table: TABLE,
        row: row.id.as_bytes(),
        column: &row.purpose,
        generation: i64::from(row.version),
    }
}

fn sum(wrapped: &[u8]) -> [u8; SUM_BYTES] {
    let mut sum = [0; SUM_BYTES];
    for (to, from) in sum.iter_mut().zip(digest(&SHA256, wrapped).as_ref()) {
        *to = *from;
    }
    sum
}
