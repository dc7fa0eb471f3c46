//! Tests of what a base URL and an origin show.

use super::BaseUrl;

#[test]
fn an_origin_always_shows_its_port_and_a_host_header_only_an_unusual_one() {
    for (url, origin, authority, path) in [
        (
            "https://api.example.com/v1/",
            "https://api.example.com:443",
            "api.example.com",
            "/v1",
        ),
        (
            "http://api.example.com:80",
            "http://api.example.com:80",
            "api.example.com",
            "",
        ),
        (
            "http://127.0.0.1:11434",
            "http://127.0.0.1:11434",
            "127.0.0.1:11434",
            "",
        ),
        (
            "https://[2606:4700:0::1]:8443/a/b",
            "https://[2606:4700::1]:8443",
            "[2606:4700::1]:8443",
            "/a/b",
        ),
        (
            "https://localhost./",
            "https://localhost:443",
            "localhost",
            "",
        ),
    ] {
        let base = BaseUrl::parse(url).unwrap();
        assert_eq!(base.origin().to_string(), origin, "{url}");
        assert_eq!(base.authority(), authority, "{url}");
        assert_eq!(base.origin().authority(), authority, "{url}");
        assert_eq!(base.path(), path, "{url}");
    }
    let base = BaseUrl::parse("https://[2606:4700::1]").unwrap();
    assert_eq!(base.origin().host(), "2606:4700::1");
    assert_eq!(base.origin().ip(), Some("2606:4700::1".parse().unwrap()));
}
