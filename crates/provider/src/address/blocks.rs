//! Which blocks of addresses are what: the IANA special-purpose registries and metadata services.
//!
//! Sources: <https://www.iana.org/assignments/iana-ipv4-special-registry> and
//! <https://www.iana.org/assignments/iana-ipv6-special-registry>, as last updated 2024-10-22, with
//! `100:0:0:1::/64` of RFC 9780 beside them; metadata addresses from the documentation of the
//! clouds that have them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What kind of address a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Reachable from everywhere.
    Global,
    /// This machine.
    Loopback,
    /// Private use: reachable when the operator lists it.
    Private,
    /// Never a provider: unspecified, link-local, multicast, documentation, reserved, tunnels.
    Special,
    /// A metadata service, which hands out credentials of the machine.
    Metadata,
}

use Class::{Global, Loopback, Metadata, Private, Special};

type V4 = ([u8; 4], u32, Class);
type V6 = ([u16; 8], u32, Class);

/// IPv4: the longest prefix that matches decides; what matches none is global.
pub(super) const V4_BLOCKS: [V4; 26] = [
    ([0, 0, 0, 0], 8, Special),
    ([10, 0, 0, 0], 8, Private),
    ([100, 64, 0, 0], 10, Private),
    ([127, 0, 0, 0], 8, Loopback),
    ([169, 254, 0, 0], 16, Metadata),
    ([172, 16, 0, 0], 12, Private),
    ([192, 0, 0, 0], 24, Special),
    ([192, 0, 0, 9], 32, Global),
    ([192, 0, 0, 10], 32, Global),
    ([192, 0, 2, 0], 24, Special),
    ([192, 31, 196, 0], 24, Global),
    ([192, 52, 193, 0], 24, Global),
    ([192, 88, 99, 0], 24, Special),
    ([192, 168, 0, 0], 16, Private),
    ([192, 175, 48, 0], 24, Global),
    ([198, 18, 0, 0], 15, Private),
    ([198, 51, 100, 0], 24, Special),
    ([203, 0, 113, 0], 24, Special),
    ([224, 0, 0, 0], 4, Special),
    ([240, 0, 0, 0], 4, Special),
    ([255, 255, 255, 255], 32, Special),
    // Alibaba Cloud: metadata and its resolvers, inside shared address space.
    ([100, 100, 100, 200], 32, Metadata),
    ([100, 100, 2, 136], 32, Metadata),
    ([100, 100, 2, 138], 32, Metadata),
    // Oracle Cloud, inside the block for protocol assignments.
    ([192, 0, 0, 192], 32, Metadata),
    // Azure's platform address, which looks global.
    ([168, 63, 129, 16], 32, Metadata),
];

/// IPv6: the longest prefix that matches decides; what matches none is not global unicast.
pub(super) const V6_BLOCKS: [V6; 28] = [
    ([0x2000, 0, 0, 0, 0, 0, 0, 0], 3, Global),
    ([0, 0, 0, 0, 0, 0, 0, 0], 128, Special),
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, Loopback),
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, Special),
    ([0x100, 0, 0, 0, 0, 0, 0, 0], 64, Special),
    ([0x100, 0, 0, 1, 0, 0, 0, 0], 64, Special),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, Special),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, Special),
    ([0x2001, 1, 0, 0, 0, 0, 0, 1], 128, Global),
    ([0x2001, 1, 0, 0, 0, 0, 0, 2], 128, Global),
    ([0x2001, 1, 0, 0, 0, 0, 0, 3], 128, Global),
    ([0x2001, 2, 0, 0, 0, 0, 0, 0], 48, Special),
    ([0x2001, 3, 0, 0, 0, 0, 0, 0], 32, Global),
    ([0x2001, 4, 0x112, 0, 0, 0, 0, 0], 48, Global),
    ([0x2001, 0x10, 0, 0, 0, 0, 0, 0], 28, Special),
    ([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28, Special),
    ([0x2001, 0x30, 0, 0, 0, 0, 0, 0], 28, Special),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, Special),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, Special),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, Special),
    ([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, Special),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, Private),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, Special),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, Special),
    // AWS, Google Cloud, Oracle Cloud and Scaleway, inside unique local addresses.
    ([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0], 32, Metadata),
    ([0xfd20, 0xce, 0, 0, 0, 0, 0, 0], 32, Metadata),
    ([0xfd00, 0xc1, 0, 0, 0, 0, 0, 0], 32, Metadata),
    ([0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42], 128, Metadata),
];

/// What `address` is, without looking into it.
pub(super) fn class(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(address) => class_v4(address),
        IpAddr::V6(address) => class_v6(address),
    }
}

fn class_v4(address: Ipv4Addr) -> Class {
    V4_BLOCKS
        .iter()
        .filter(|(base, prefix, _)| {
            let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            address.to_bits() & mask == Ipv4Addr::from(*base).to_bits()
        })
        .max_by_key(|(_, prefix, _)| *prefix)
        .map_or(Global, |(_, _, class)| *class)
}

fn class_v6(address: Ipv6Addr) -> Class {
    V6_BLOCKS
        .iter()
        .filter(|(base, prefix, _)| {
            let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
            address.to_bits() & mask == Ipv6Addr::from(*base).to_bits()
        })
        .max_by_key(|(_, prefix, _)| *prefix)
        .map_or(Special, |(_, _, class)| *class)
}

/// How an IPv4 address sits inside an IPv6 one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Embedded {
    /// `::ffff:a.b.c.d`: the same socket address in another spelling.
    Same(Ipv4Addr),
    /// NAT64 with the well-known prefix: a translator on the way reaches it.
    Translated(Ipv4Addr),
    /// Any other form, of which none carries a provider: the class of the IPv6 address stands,
    /// and the inner address can only make it worse.
    Inner(Ipv4Addr),
}

/// The IPv4 address inside `address`: mapped, compatible, NAT64, 6to4, Teredo, ISATAP.
pub(super) fn embedded(address: Ipv6Addr) -> Option<Embedded> {
    let join = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] => Some(Embedded::Same(join(high, low))),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(Embedded::Translated(join(high, low))),
        // Teredo (RFC 4380) keeps the client's address with its bits flipped.
        [0x2001, 0, _, _, _, _, high, low] => Some(Embedded::Inner(join(!high, !low))),
        // `::` and `::1` are themselves, not compatible forms.
        [0, 0, 0, 0, 0, 0, 0, _] => None,
        // Compatible (RFC 4291); 6to4 (RFC 3056); ISATAP (RFC 5214) with the interface id
        // 0000:5efe or 0200:5efe; local-use NAT64 (RFC 8215) with a /96, whose block is refused
        // as a whole anyway.
        [0, 0, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..]
        | [_, _, _, _, 0 | 0x200, 0x5efe, high, low]
        | [0x64, 0xff9b, 1, _, _, _, high, low] => Some(Embedded::Inner(join(high, low))),
        _ => None,
    }
}
