//! Upstream addresses and the one policy over them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mirk_provider::address::{BaseUrl, Cidr, Mode, Policy, vet};
use url::Url;

use crate::chance::Chance;

/// Names of metadata services that every cloud's guests know.
const METADATA: &[&str] = &["metadata.google.internal", "metadata.goog", "instance-data"];

/// Whether `host` is `name`, or a name below it.
fn is_below(host: &str, name: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == name || host.ends_with(&format!(".{name}"))
}

fn local() -> Policy {
    let everything = ["0.0.0.0/0", "::/0"].map(Cidr::parse);
    Policy {
        mode: Mode::Local,
        private: everything.into_iter().filter_map(Result::ok).collect(),
        allowed_ports: Vec::new(),
    }
}

fn hosted() -> Policy {
    Policy {
        mode: Mode::Hosted,
        ..Policy::default()
    }
}

/// Asserts that a base URL is canonical at once, that the `url` crate reads the same host, port and scheme from
/// it, and that no policy lets it lead to a metadata service; a hosted one never inside.
pub(super) fn base_url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(base) = BaseUrl::parse(text) else {
        return;
    };
    let again = BaseUrl::parse(base.as_str());
    assert!(
        again.is_ok_and(|again| again.as_str() == base.as_str()),
        "not canonical"
    );
    let url = Url::parse(text).ok();
    assert!(url.is_some(), "another reader refuses it");
    let origin = base.origin();
    if let Some(url) = url {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let is_same = host.trim_end_matches('.') == origin.host().trim_end_matches('.');
        assert!(is_same, "another reader reads another host");
        assert!(url.port_or_known_default() == Some(origin.port()));
        assert!((url.scheme() == "https") == origin.is_https());
        assert!(url.username().is_empty() && url.password().is_none() && url.query().is_none());
    }
    let is_saved = local().vet_base(&base).is_ok();
    let is_metadata = |name: &&str| is_below(origin.host(), name);
    assert!(
        !(is_saved && METADATA.iter().any(is_metadata)),
        "a metadata service's name may be saved"
    );
    if let Some(ip) = origin.ip() {
        assert!(
            !(is_saved && is_forbidden(ip)),
            "a forbidden address may be saved"
        );
    }
    if hosted().vet_base(&base).is_ok() {
        assert!(is_saved, "hosted allows what local does not");
        assert!(origin.is_https() && !is_below(origin.host(), "localhost"));
        assert!(origin.ip().is_none_or(|ip| !is_inside(ip)));
    }
}

/// Addresses of every kind that matters, as bytes.
pub(super) fn ips() -> Vec<Vec<u8>> {
    let v4 = [
        [169, 254, 169, 254],
        [127, 0, 0, 1],
        [10, 0, 0, 1],
        [100, 100, 100, 200],
        [8, 8, 8, 8],
        [0, 0, 0, 0],
        [192, 168, 1, 1],
        [168, 63, 129, 16],
    ];
    let six = |text: &str| text.parse::<Ipv6Addr>().ok().map(|ip| ip.octets().to_vec());
    let v6 = [
        "::1",
        "::",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "fd00:ec2::254",
        "fe80::a9fe:a9fe",
        "fd20:ce::254",
        "2001:4860:4860::8888",
        "::169.254.169.254",
        "2001:0:53aa:64c:0:0:5601:5601",
    ];
    let of_v4 = v4.iter().map(|octets| octets.to_vec());
    of_v4
        .chain(v6.iter().filter_map(|text| six(text)))
        .collect()
}

/// Asserts that no address of a metadata service, of the link or of nobody is ever vetted, whatever the operator
/// lists, nor an inside one in hosted mode, and that what is dialled is what was asked about.
pub(super) fn vet_ip(data: &[u8]) {
    let mut chance = Chance::of(data);
    let port = *chance.pick(&[443, 8443, 80, 22, 11434, 0]).unwrap_or(&443);
    let ip = match (data.first_chunk::<16>(), data.first_chunk::<4>()) {
        (Some(octets), _) => IpAddr::from(*octets),
        (None, Some(octets)) => IpAddr::from(*octets),
        _ => return,
    };
    let vetted = vet(ip, port, &local());
    if let Ok(vetted) = vetted {
        let dialled = vetted.socket_addr();
        assert!(!is_forbidden(ip), "a forbidden address is vetted");
        assert!(dialled.ip().to_canonical() == ip.to_canonical() && dialled.port() == port);
        assert!(port != 0);
    }
    if vet(ip, port, &hosted()).is_ok() {
        assert!(vetted.is_ok(), "hosted allows what local does not");
        assert!(!is_inside(ip), "hosted reaches inside");
    }
}

/// Every IPv4 address that stands in an IPv6 one where some translator or tunnel reads it.
fn inner(ip: Ipv6Addr) -> Vec<Ipv4Addr> {
    let octets = ip.octets();
    let four = |at: usize| {
        let found = octets.get(at..).and_then(|rest| rest.first_chunk::<4>());
        found.map(|four| Ipv4Addr::from(*four))
    };
    let is_compatible = octets.starts_with(&[0; 12]);
    let is_translated = octets.starts_with(&[0, 0x64, 0xff, 0x9b]);
    let is_6to4 = octets.starts_with(&[0x20, 0x02]);
    let places = [(is_compatible || is_translated, 12), (is_6to4, 2)];
    let found = places.into_iter().filter(|(is_there, _)| *is_there);
    found.filter_map(|(_, at)| four(at)).collect()
}

/// What is never dialled: metadata services, the link, nobody.
fn is_forbidden(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            ip.is_link_local()
                || ip.is_multicast()
                || ip.is_broadcast()
                || ip.is_documentation()
                || ip.octets().starts_with(&[0])
                || ip == Ipv4Addr::new(100, 100, 100, 200)
        }
        IpAddr::V6(ip) => {
            ip.is_unicast_link_local()
                || ip.is_multicast()
                || ip.is_unspecified()
                || ip == Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254)
                || (!ip.is_loopback()
                    && inner(ip).iter().any(|inner| is_forbidden((*inner).into())))
        }
    }
}

/// What only this machine or this network reaches.
fn is_inside(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let shared = matches!(ip.octets(), [100, 64..=127, ..]);
            ip.is_private() || ip.is_loopback() || shared || is_forbidden(ip.into())
        }
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unique_local()
                || is_forbidden(ip.into())
                || inner(ip).iter().any(|inner| is_inside((*inner).into()))
        }
    }
}

/// Asserts that a range holds exactly the addresses whose first bits are its own.
pub(super) fn cidr(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(range) = Cidr::parse(text) else {
        return;
    };
    let (base, bits) = text.split_once('/').unwrap_or((text, ""));
    let Ok(base) = base.parse::<IpAddr>() else {
        assert!(text.is_empty(), "a range without an address");
        return;
    };
    assert!(range.contains(base), "a range without its own address");
    let most = if base.is_ipv4() { 32 } else { 128 };
    let bits = bits.parse::<u32>().unwrap_or(most).min(most);
    let mut chance = Chance::of(data);
    for _ in 0..8 {
        let flipped = u32::try_from(chance.below(usize::try_from(most).unwrap_or(32))).unwrap_or(0);
        let other = match base {
            IpAddr::V4(ip) => IpAddr::from((u32::from(ip) ^ (1 << (31 - flipped))).to_be_bytes()),
            IpAddr::V6(ip) => IpAddr::from((u128::from(ip) ^ (1 << (127 - flipped))).to_be_bytes()),
        };
        assert!(
            range.contains(other) == (flipped >= bits),
            "the range has other edges"
        );
    }
}
