//! What the tests of this room share.

use std::sync::atomic::{AtomicU64, Ordering};

use mirk_model::{Entropy, InstallId, TenantId, Timestamp};

use crate::{RootKey, SystemEntropy, Vault, root_from_bytes};

pub(crate) const INSTALL: InstallId = InstallId::from_bytes([7; 16]);
pub(crate) const TENANT: TenantId = TenantId::from_bytes([1; 16]);
pub(crate) const OTHER_TENANT: TenantId = TenantId::from_bytes([2; 16]);
pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

/// Numbers that are the same in every run (`SplitMix64`).
#[derive(Debug, Default)]
pub(crate) struct Fixed(AtomicU64);

impl Entropy for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let mut word = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
            word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            chunk.copy_from_slice(&(word ^ (word >> 31)).to_be_bytes()[..chunk.len()]);
        }
    }
}

/// A root key of random bytes.
pub(crate) fn root() -> RootKey {
    let mut bytes = [0; 32];
    SystemEntropy.fill(&mut bytes);
    root_from_bytes(&bytes).unwrap()
}

/// A vault of its own with two tenants.
pub(crate) fn vault() -> Vault {
    let (mut vault, _) = Vault::create(&root(), &SystemEntropy, INSTALL, TENANT, NOW).unwrap();
    vault.add_tenant(OTHER_TENANT, &SystemEntropy, NOW).unwrap();
    vault
}
