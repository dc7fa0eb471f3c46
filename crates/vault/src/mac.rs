//! MACs: audit chain, rows, sessions, fingerprints. One key never serves two purposes.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use mirk_model::{Mac, MacPurpose};

use crate::Vault;

/// Bytes of a fingerprint: enough to tell one's own credentials apart, too few to be a digest.
const FINGERPRINT_BYTES: usize = 4;

impl Mac for Vault {
    fn mac(&self, purpose: MacPurpose, input: &[u8]) -> [u8; 32] {
        let ring = match purpose {
            MacPurpose::Audit => &self.audit,
            MacPurpose::Row => &self.row,
            MacPurpose::Fingerprint => &self.fingerprint,
        };
        bytes(&hmac::sign(ring.current(), input))
    }
}

impl Vault {
    /// Whether `mac` is the row MAC of `mac_input` under any version of the row key. Constant
    /// time in the MAC.
    pub fn row_mac_valid(&self, mac_input: &[u8], mac: &[u8; 32]) -> bool {
        self.row.all().any(|key| is_mac(key, mac_input, mac))
    }

    /// Eight hex digits that tell secrets apart without telling anything about them.
    pub fn fingerprint(&self, secret: &[u8]) -> String {
        let mac = self.mac(MacPurpose::Fingerprint, secret);
        HEXLOWER.encode(mac.get(..FINGERPRINT_BYTES).unwrap_or_default())
    }

    /// The MAC that a session token is found by.
    pub fn session_mac(&self, token: &[u8]) -> [u8; 32] {
        bytes(&hmac::sign(self.session.current(), token))
    }
}

/// Whether `mac` is the MAC of `input`. Constant time in the MAC.
pub(crate) fn is_mac(key: &hmac::Key, input: &[u8], mac: &[u8; 32]) -> bool {
    verify_slices_are_equal(hmac::sign(key, input).as_ref(), mac).is_ok()
}

/// The 32 bytes of an HMAC-SHA-256.
pub(crate) fn bytes(tag: &hmac::Tag) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(tag.as_ref()) {
        *to = *from;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::vault;

    #[test]
    fn purposes_do_not_share_a_key() {
        let vault = vault();
        let input = b"the same input";
        let macs = [
            vault.mac(MacPurpose::Audit, input),
            vault.mac(MacPurpose::Row, input),
            vault.mac(MacPurpose::Fingerprint, input),
            vault.session_mac(input),
        ];
        for (at, mac) in macs.iter().enumerate() {
            assert!(!macs[..at].contains(mac));
        }
    }

    #[test]
    fn a_row_mac_holds_for_its_input_only() {
        let vault = vault();
        let mut mac = vault.mac(MacPurpose::Row, b"row");
        assert!(vault.row_mac_valid(b"row", &mac));
        assert!(!vault.row_mac_valid(b"rox", &mac));
        mac[31] ^= 1;
        assert!(!vault.row_mac_valid(b"row", &mac));
    }

    #[test]
    fn a_fingerprint_is_eight_hex_digits_and_depends_on_the_installation() {
        let fingerprint = vault().fingerprint(b"invented-secret");
        assert_eq!(fingerprint.len(), 8);
        assert!(fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(fingerprint, vault().fingerprint(b"invented-secret"));
    }
}
