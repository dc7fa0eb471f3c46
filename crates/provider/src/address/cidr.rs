//! Address ranges as operators write them: `192.168.1.0/24`, `fd12::/16`, or one address.

use std::{fmt, net::IpAddr, str::FromStr};

/// A range of IPv4 or IPv6 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    base: IpAddr,
    prefix: u8,
}

/// Why a text is not a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// The part before the slash.
    #[error("not an IPv4 or IPv6 address")]
    Address,
    /// The part after the slash.
    #[error("the prefix length is not a number that fits the address")]
    Prefix,
    /// `192.168.1.5/24`: it is unclear whether the address or the range is meant.
    #[error("the address has bits set beyond its prefix length")]
    HostBits,
}

impl Cidr {
    /// Reads a range, or one address as a range of one.
    ///
    /// # Errors
    /// [`CidrError`], which says what is wrong.
    pub fn parse(text: &str) -> Result<Self, CidrError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let Ok(base) = IpAddr::from_str(address) else {
            return Err(CidrError::Address);
        };
        let widest = if base.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => widest,
            Some(digits)
                if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                digits
                    .parse()
                    .ok()
                    .filter(|prefix| *prefix <= widest)
                    .ok_or(CidrError::Prefix)?
            }
            Some(_) => return Err(CidrError::Prefix),
        };
        let range = Self { base, prefix };
        if bits(base) & !mask(base, prefix) != 0 {
            return Err(CidrError::HostBits);
        }
        Ok(range)
    }

    /// Whether `address` is in the range. IPv4 and IPv6 never match each other.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.base.is_ipv4() == address.is_ipv4()
            && bits(address) & mask(self.base, self.prefix) == bits(self.base)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.base, self.prefix)
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn mask(family: IpAddr, prefix: u8) -> u128 {
    let width: u8 = if family.is_ipv4() { 32 } else { 128 };
    let host_bits = u32::from(width.saturating_sub(prefix));
    u128::MAX.checked_shl(host_bits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_print_what_they_read_and_hold_their_edges() {
        let range = Cidr::parse("192.168.1.0/24").unwrap();
        assert_eq!(range.to_string(), "192.168.1.0/24");
        for (address, is_in) in [
            ("192.168.1.0", true),
            ("192.168.1.255", true),
            ("192.168.0.255", false),
            ("192.168.2.0", false),
            ("::ffff:192.168.1.5", false),
        ] {
            assert_eq!(range.contains(address.parse().unwrap()), is_in, "{address}");
        }
        assert!(
            Cidr::parse("0.0.0.0/0")
                .unwrap()
                .contains("9.9.9.9".parse().unwrap())
        );
        assert!(
            Cidr::parse("::/0")
                .unwrap()
                .contains("fd00::1".parse().unwrap())
        );
        assert_eq!(Cidr::parse("10.0.0.1").unwrap().to_string(), "10.0.0.1/32");
        assert_eq!(Cidr::parse("fd00::1").unwrap().to_string(), "fd00::1/128");
    }

    #[test]
    fn malformed_ranges_are_refused_by_name() {
        for (text, error) in [
            ("", CidrError::Address),
            ("localhost/8", CidrError::Address),
            ("10.0.0/8", CidrError::Address),
            ("010.0.0.0/8", CidrError::Address),
            ("10.0.0.0/", CidrError::Prefix),
            ("10.0.0.0/+8", CidrError::Prefix),
            ("10.0.0.0/33", CidrError::Prefix),
            ("10.0.0.0/8/8", CidrError::Prefix),
            ("fd00::/129", CidrError::Prefix),
            ("192.168.1.5/24", CidrError::HostBits),
        ] {
            assert_eq!(Cidr::parse(text), Err(error), "{text}");
        }
    }
}
