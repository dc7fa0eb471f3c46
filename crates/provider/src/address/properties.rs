//! What holds for every address and every text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::{
    BaseUrl, Cidr,
    blocks::{Class, V4_BLOCKS, class},
    tests::{hosted, local, wide_open},
    vet, vet_host,
};

/// Every form in which an IPv6 address can carry `inner`.
fn carriers(inner: Ipv4Addr) -> Vec<Ipv6Addr> {
    let [a, b, c, d] = inner.octets();
    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    vec![
        inner.to_ipv6_mapped(),
        Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
        Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
        Ipv6Addr::new(0x64, 0xff9b, 1, 7, 0, 0, high, low),
        Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
        Ipv6Addr::new(0x2001, 0, 1, 2, 3, 4, !high, !low),
        Ipv6Addr::new(0x2606, 0x4700, 0, 0, 0, 0x5efe, high, low),
        Ipv6Addr::new(0x2606, 0x4700, 0, 0, 0x200, 0x5efe, high, low),
    ]
}

/// Addresses anywhere, and as often close to the edges of the blocks that matter.
fn any_v4() -> impl Strategy<Value = Ipv4Addr> {
    prop_oneof![
        any::<u32>().prop_map(Ipv4Addr::from_bits),
        (0..V4_BLOCKS.len(), any::<u32>()).prop_map(|(at, noise)| {
            let (base, prefix, _) = V4_BLOCKS[at];
            let host = u32::MAX.checked_shr(prefix).unwrap_or(0);
            Ipv4Addr::from_bits(Ipv4Addr::from(base).to_bits() | noise & host)
        }),
    ]
}

proptest! {
    #[test]
    fn an_ipv4_address_that_is_refused_is_refused_inside_every_ipv6_form(inner in any_v4()) {
        for policy in [local(), hosted(), wide_open()] {
            if vet(IpAddr::V4(inner), 443, &policy).is_err() {
                for outer in carriers(inner) {
                    prop_assert!(vet(IpAddr::V6(outer), 443, &policy).is_err(), "{inner} in {outer}");
                }
            }
        }
    }

    #[test]
    fn where_hosted_only_global_addresses_pass(bits in any::<u128>(), inner in any_v4()) {
        for address in [IpAddr::V6(Ipv6Addr::from_bits(bits)), IpAddr::V4(inner)] {
            if let Ok(vetted) = vet(address, 443, &hosted()) {
                let nat64 = matches!(vetted.socket_addr().ip(), IpAddr::V6(v6) if v6.segments()[..2] == [0x64, 0xff9b]);
                prop_assert!(nat64 || class(vetted.socket_addr().ip()) == Class::Global);
            }
        }
    }

    #[test]
    fn a_canonical_form_parses_to_itself(
        is_https in any::<bool>(),
        host in "[A-Za-z][A-Za-z0-9]{0,8}(\\.[A-Za-z\u{e4}\u{f6}]{2,6}){1,2}\\.?",
        port in proptest::option::of(1_u16..),
        path in "(/[A-Za-z0-9_~:@-]{1,6}){0,3}/?",
    ) {
        let scheme = if is_https { "https" } else { "hTTp" };
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        if let Ok(base) = BaseUrl::parse(&format!("{scheme}://{host}{port}{path}")) {
            prop_assert_eq!(BaseUrl::parse(base.as_str()), Ok(base.clone()));
            prop_assert!(base.as_str().is_ascii());
            let again = url::Url::parse(base.as_str()).unwrap();
            let origin = base.origin();
            prop_assert_eq!(again.host_str(), Some(origin.host()));
            prop_assert_eq!(again.port_or_known_default(), Some(origin.port()));
        }
    }

    #[test]
    fn an_address_as_host_parses_to_itself(bits in any::<u128>(), inner in any_v4()) {
        for text in [format!("http://[{}]:8080/v1", Ipv6Addr::from_bits(bits)), format!("http://{inner}")] {
            let base = BaseUrl::parse(&text).unwrap();
            prop_assert_eq!(BaseUrl::parse(base.as_str()), Ok(base.clone()));
        }
    }

    #[test]
    fn no_text_makes_the_parsers_panic(text in "\\PC{0,40}", bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let noise = String::from_utf8_lossy(&bytes);
        for text in [text.as_str(), &noise, &format!("https://{text}"), &format!("http://a{noise}")] {
            if let Ok(base) = BaseUrl::parse(text) {
                prop_assert_eq!(BaseUrl::parse(base.as_str()), Ok(base.clone()));
            }
            if vet_host(text).is_ok() {
                prop_assert!(text.is_ascii() && !text.is_empty());
            }
            if let Ok(range) = Cidr::parse(text) {
                prop_assert_eq!(Cidr::parse(&range.to_string()), Ok(range));
            }
        }
    }
}
