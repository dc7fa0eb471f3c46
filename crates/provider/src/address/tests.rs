//! Tests of the address policy: the SSRF table of the threat model.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{
    AddressError, BaseUrl, Blocked, Cidr, Mode, Policy,
    blocks::{V4_BLOCKS, V6_BLOCKS},
    vet, vet_host,
};

pub(super) fn local() -> Policy {
    Policy::default()
}

pub(super) fn hosted() -> Policy {
    Policy {
        mode: Mode::Hosted,
        ..Policy::default()
    }
}

/// A local policy that lists everything there is: what it refuses is refused in every mode.
pub(super) fn wide_open() -> Policy {
    Policy {
        mode: Mode::Local,
        private: ["0.0.0.0/0", "::/0"]
            .map(|all| Cidr::parse(all).unwrap())
            .to_vec(),
        allowed_ports: (0..=u16::MAX).collect(),
    }
}

fn saved(host: &str, policy: &Policy) -> Result<(), Blocked> {
    policy.vet_base(&BaseUrl::parse(&format!("https://{host}/v1")).unwrap())
}

#[test]
fn ssrf01_metadata_addresses_and_names_are_refused_in_every_mode_even_when_listed() {
    for host in [
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "169.254.20.10",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "metadata.google.internal",
        "METADATA.Google.Internal.",
        "x.metadata.google.internal",
        "metadata.goog",
        "metadata",
        "instance-data",
        "[fd00:ec2::254]",
        "[fd20:ce::254]",
    ] {
        for policy in [local(), hosted(), wide_open()] {
            assert_eq!(
                saved(host, &policy),
                Err(Blocked::Metadata),
                "{host} {:?}",
                policy.mode
            );
        }
    }
}

#[test]
fn ssrf02_numbers_in_other_spellings_are_refused_before_any_policy() {
    use AddressError::{EncodedHost, LookAlike, OddNumber};
    for (host, error) in [
        ("2852039166", OddNumber),
        ("0xA9FEA9FE", OddNumber),
        ("0251.0376.0251.0376", OddNumber),
        ("0xa9.0xfe.0xa9.0xfe", OddNumber),
        ("169.254.43518", OddNumber),
        ("169.16689662", OddNumber),
        ("169.254.169.254.", OddNumber),
        ("169.254.169.0254", OddNumber),
        ("127.1", OddNumber),
        ("0", OddNumber),
        ("0x0", OddNumber),
        ("\u{ff11}\u{ff16}\u{ff19}.254.169.254", LookAlike),
        ("\u{2460}\u{2465}\u{2468}.254.169.254", LookAlike),
        ("169\u{3002}254\u{3002}169\u{3002}254", LookAlike),
        ("169\u{ff0e}254.169.254", LookAlike),
        ("api\u{3002}example.com", LookAlike),
        ("b\u{fc}cher\u{3002}example", LookAlike),
        ("\u{ff41}pi.example.com", LookAlike),
        ("%31%36%39.254.169.254", EncodedHost),
    ] {
        assert_eq!(
            BaseUrl::parse(&format!("https://{host}/v1")),
            Err(error),
            "{host}"
        );
    }
    for name in [
        "2852039166",
        "0xA9FEA9FE",
        "0251.0376.0251.0376",
        "127.1",
        "a_b",
        "-a",
        "a..b",
        "",
    ] {
        assert_eq!(vet_host(name), Err(Blocked::Name), "{name}");
    }
}

#[test]
fn ssrf03_ipv4_inside_ipv6_is_judged_as_what_it_reaches() {
    for host in [
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[::a9fe:a9fe]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::a9fe:a9fe]",
        "[2002:a9fe:a9fe::]",
        "[2001:0:1:2:3:4:5601:5601]",
        "[2001:db8::5efe:a9fe:a9fe]",
        "[2606:4700::200:5efe:a9fe:a9fe]",
    ] {
        for policy in [local(), hosted(), wide_open()] {
            assert_eq!(saved(host, &policy), Err(Blocked::Metadata), "{host}");
        }
    }
    for host in [
        "[::]",
        "[fe80::1]",
        "[2002:808:808::]",
        "[::8.8.8.8]",
        "[64:ff9b:1::808:808]",
    ] {
        assert_eq!(saved(host, &wide_open()), Err(Blocked::Special), "{host}");
    }
    assert_eq!(
        BaseUrl::parse("https://[fe80::1%25eth0]/"),
        Err(AddressError::EncodedHost)
    );
    assert_eq!(saved("[64:ff9b::808:808]", &hosted()), Ok(()));
    assert_eq!(saved("[64:ff9b::7f00:1]", &local()), Err(Blocked::Special));
}

#[test]
fn ssrf04_unspecified_is_refused_everywhere_and_loopback_only_where_hosted() {
    for host in ["0.0.0.0", "0.1.2.3", "[::]", "[::ffff:0.0.0.0]"] {
        for policy in [local(), hosted(), wide_open()] {
            assert_eq!(saved(host, &policy), Err(Blocked::Special), "{host}");
        }
    }
    for host in [
        "127.0.0.1",
        "127.0.1.1",
        "127.255.255.254",
        "localhost",
        "LocalHost.",
        "a.localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
    ] {
        assert_eq!(saved(host, &local()), Ok(()), "{host}");
        assert_eq!(saved(host, &hosted()), Err(Blocked::Loopback), "{host}");
    }
}

#[test]
fn a_mapped_address_is_dialled_as_the_ipv4_address_it_is() {
    let vetted = vet("::ffff:127.0.0.1".parse().unwrap(), 8080, &local()).unwrap();
    assert_eq!(vetted.socket_addr(), "127.0.0.1:8080".parse().unwrap());
}

#[test]
fn ssrf12_only_http_and_https_are_read() {
    for scheme in [
        "file",
        "gopher",
        "ftp",
        "dict",
        "ldap",
        "data",
        "jar",
        "unix",
        "ws",
        "wss",
        "javascript",
        "httpx",
    ] {
        let url = format!("{scheme}://api.example.com/");
        assert_eq!(BaseUrl::parse(&url), Err(AddressError::Scheme), "{url}");
    }
    for url in [
        "",
        "api.example.com",
        "//api.example.com",
        "http:/ok",
        "http:ok",
        "javascript:alert(1)",
        "://x",
    ] {
        assert_eq!(BaseUrl::parse(url), Err(AddressError::Scheme), "{url}");
    }
    let upper = BaseUrl::parse("HTTPS://API.Example.COM:443/V1/").unwrap();
    assert_eq!(upper.as_str(), "https://api.example.com/V1");
    assert_eq!(saved("api.example.com", &hosted()), Ok(()));
    let plain = BaseUrl::parse("http://api.example.com").unwrap();
    assert_eq!(hosted().vet_base(&plain), Err(Blocked::Plaintext));
    assert_eq!(local().vet_base(&plain), Ok(()));
}

#[test]
fn ssrf13_what_programs_read_differently_is_refused_by_name() {
    use AddressError::{
        Backslash, EncodedHost, Fragment, Host, NoHost, Path, Port, Query, TooLong, Userinfo,
        Whitespace,
    };
    for (url, error) in [
        ("http://ok@169.254.169.254", Userinfo),
        ("http://user:password@ok", Userinfo),
        ("http://@ok", Userinfo),
        ("http://169.254.169.254#@ok", Fragment),
        ("http://ok/#", Fragment),
        ("http://ok?", Query),
        ("http://ok/v1?key=x", Query),
        ("http://ok\\@evil", Backslash),
        ("http:\\\\ok", Backslash),
        ("http://ok/\\evil", Backslash),
        ("http://ok%2fevil", EncodedHost),
        ("http://o%6b", EncodedHost),
        ("http://o\tk", Whitespace),
        ("http://ok\n", Whitespace),
        (" http://ok", Whitespace),
        ("http://ok/a b", Whitespace),
        ("http://ok\0", Whitespace),
        ("http://\u{a0}ok", Whitespace),
        ("http:///x", NoHost),
        ("http://", NoHost),
        ("http://:80", NoHost),
        ("http://.", NoHost),
        ("http://ok:80:80", Port),
        ("http://ok:", Port),
        ("http://ok:+80", Port),
        ("http://[::1]x", Host),
        ("http://[::1", Host),
        ("http://ok/..", Path),
        ("http://ok/a/./b", Path),
        ("http://ok//evil", Path),
        ("http://ok/%2e%2e/x", Path),
        ("http://ok/v1;x", Path),
    ] {
        assert_eq!(BaseUrl::parse(url), Err(error), "{url:?}");
    }
    assert_eq!(
        BaseUrl::parse(&format!("http://ok/{}", "a".repeat(2048))),
        Err(TooLong)
    );
}

#[test]
fn ssrf14_ports_of_other_protocols_are_refused() {
    for port in [1, 22, 25, 53, 110, 2375, 3306, 5432, 6379, 9200, 11211] {
        let host = format!("api.example.com:{port}");
        assert_eq!(saved(&host, &local()), Err(Blocked::Port), "{port}");
        assert_eq!(saved(&host, &hosted()), Err(Blocked::Port), "{port}");
        let listed = Policy {
            allowed_ports: vec![port],
            ..local()
        };
        assert_eq!(saved(&host, &listed), Ok(()), "{port}");
        let address = vet("127.0.0.1".parse().unwrap(), port, &local());
        assert_eq!(address, Err(Blocked::Port), "{port}");
    }
    assert_eq!(saved("api.example.com:8443", &local()), Ok(()));
    assert_eq!(saved("api.example.com:8443", &hosted()), Err(Blocked::Port));
    assert_eq!(
        vet("8.8.8.8".parse().unwrap(), 0, &wide_open()),
        Err(Blocked::Port)
    );
    for port in ["0", "65536", "99999", "443443"] {
        let url = format!("https://api.example.com:{port}");
        assert_eq!(BaseUrl::parse(&url), Err(AddressError::Port), "{port}");
    }
}

#[test]
fn ssrf24_international_names_are_kept_as_punycode_and_broken_ones_refused() {
    let name = BaseUrl::parse("https://b\u{fc}cher.example/v1").unwrap();
    assert_eq!(name.as_str(), "https://xn--bcher-kva.example/v1");
    let mixed = BaseUrl::parse("https://\u{430}pi.example.com").unwrap();
    assert!(mixed.as_str().contains("xn--"), "{mixed}");
    let long = [
        ["a"; 63].concat(),
        ["b"; 63].concat(),
        ["c"; 63].concat(),
        ["d"; 62].concat(),
    ]
    .join(".");
    assert_eq!(long.len(), 254);
    for host in [
        "xn--a",
        "xn--zzzzzzzz999999.example",
        "under_score.example.com",
        "-a.example.com",
        "a-.example.com",
        "a..example.com",
        "a*.example.com",
        "api.example.com..",
        &"a".repeat(64),
        &long,
        "1.2.3.4.5",
        "256.1.1.1",
        "api.example.123",
    ] {
        assert_eq!(
            BaseUrl::parse(&format!("https://{host}/")),
            Err(AddressError::Host),
            "{host}"
        );
    }
}

/// One address of every block of the two IANA registries that is not globally reachable.
const SPECIAL: [&str; 49] = [
    "0.0.0.0",
    "0.255.255.255",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.0.1",
    "169.254.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.8",
    "192.0.0.170",
    "192.0.0.171",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.254",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::2",
    "64:ff9b:1::1",
    "100::1",
    "100:0:0:1::1",
    "2001::1",
    "2001:2::1",
    "2001:10::1",
    "2001:1ff::1",
    "2001:db8::1",
    "2002::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fdff::1",
    "fe80::1",
    "febf::1",
    "ff02::1",
];

#[test]
fn ssrf25_every_special_purpose_block_is_refused_where_hosted() {
    for address in SPECIAL {
        assert!(
            vet(address.parse().unwrap(), 443, &hosted()).is_err(),
            "{address}"
        );
    }
    for address in [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.0.9",
        "192.0.1.1",
        "192.167.255.255",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2606:4700::1",
        "2a00:1450::1",
        "2001:4860::1",
        "2001:200::1",
        "2620:4f:8000::1",
    ] {
        assert!(
            vet(address.parse().unwrap(), 443, &hosted()).is_ok(),
            "{address}"
        );
    }
    for address in ["4000::1", "fec0::1", "e000::1", "200::1"] {
        assert_eq!(
            vet(address.parse().unwrap(), 443, &wide_open()),
            Err(Blocked::Special),
            "{address}"
        );
    }
}

#[test]
fn every_block_of_the_tables_starts_at_its_own_prefix() {
    for (base, prefix, _) in V4_BLOCKS {
        let range = format!("{}/{prefix}", Ipv4Addr::from(base));
        assert!(Cidr::parse(&range).is_ok(), "{range}");
    }
    for (base, prefix, _) in V6_BLOCKS {
        let range = format!("{}/{prefix}", Ipv6Addr::from(base));
        assert!(Cidr::parse(&range).is_ok(), "{range}");
    }
}

#[test]
fn ssrf26_private_addresses_are_reached_only_through_a_listed_range() {
    let listed = Policy {
        private: vec![Cidr::parse("192.168.1.0/24").unwrap()],
        ..local()
    };
    assert_eq!(saved("192.168.1.5", &local()), Err(Blocked::Private));
    assert_eq!(saved("192.168.1.5", &listed), Ok(()));
    assert_eq!(saved("[::ffff:192.168.1.5]", &listed), Ok(()));
    assert_eq!(saved("192.168.2.5", &listed), Err(Blocked::Private));
    let hosted = Policy {
        mode: Mode::Hosted,
        ..listed
    };
    assert_eq!(saved("192.168.1.5", &hosted), Err(Blocked::Private));
    for (host, expected) in [
        ("10.1.2.3", Ok(())),
        ("172.20.0.1", Ok(())),
        ("100.64.0.1", Ok(())),
        ("[fd12::1]", Ok(())),
        ("169.254.20.10", Err(Blocked::Metadata)),
        ("[fe80::1]", Err(Blocked::Special)),
        ("192.0.2.1", Err(Blocked::Special)),
        ("224.0.0.1", Err(Blocked::Special)),
    ] {
        assert_eq!(saved(host, &wide_open()), expected, "{host}");
    }
}
