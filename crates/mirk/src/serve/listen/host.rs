//! Which `Host` a listener answers to: what keeps a web page from reaching a local Mirk through a
//! name of its own (DNS rebinding).

use std::net::SocketAddr;

use mirk_model::{Kind, Problem};

/// The hosts that one listener serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPolicy {
    port: u16,
    /// Lower case, without trailing dot; with the port it must come with, if not the listener's.
    names: Vec<(String, Option<u16>)>,
}

impl HostPolicy {
    /// For a listener on `address`: the names and addresses of this machine when that is a
    /// loopback address, and `configured` (`name` or `name:port`) in any case. Names are taken with the listener's port,
    /// without a port, or with the port they were configured with.
    pub fn new<'a>(address: SocketAddr, configured: impl IntoIterator<Item = &'a str>) -> Self {
        let own: &[&str] = if address.ip().is_loopback() {
            &["127.0.0.1", "[::1]", "localhost"]
        } else {
            &[]
        };
        Self {
            port: address.port(),
            names: own
                .iter()
                .copied()
                .chain(configured)
                .filter_map(|host| split(host).map(|(name, port)| (normal(name), port)))
                .collect(),
        }
    }

    /// Checks the value of a `Host` header.
    ///
    /// # Errors
    /// [`Kind::Misdirected`] when it is missing or not one of these.
    pub fn admit(&self, host: Option<&str>) -> Result<(), Problem> {
        host.and_then(split)
            .filter(|&(name, port)| self.has(name, port))
            .map(|_| ())
            .ok_or_else(|| {
                Problem::new(
                    Kind::Misdirected,
                    "This host is not served here. Use the address that Mirk listens on, or add the name to its hosts.",
                )
            })
    }

    fn has(&self, name: &str, port: Option<u16>) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name);
        self.names.iter().any(|(own, own_port)| {
            own.eq_ignore_ascii_case(name)
                && (port.is_none() || port == Some(self.port) || port == *own_port)
        })
    }
}

fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Name and port; `None` when the port is no number.
fn split(host: &str) -> Option<(&str, Option<u16>)> {
    let host = host.trim_matches([' ', '\t']);
    let bracket = host.rfind(']').unwrap_or(0);
    let Some(colon) = host.rfind(':').filter(|&colon| colon > bracket) else {
        return (!host.is_empty()).then_some((host, None));
    };
    let (name, port) = host.split_at_checked(colon)?;
    match port.strip_prefix(':')? {
        "" => Some((name, None)),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some((name, Some(digits.parse().ok()?)))
        }
        _ => None,
    }
    .filter(|(name, _)| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(policy: &HostPolicy, host: &str) -> bool {
        policy.admit(Some(host)).is_ok()
    }

    #[test]
    fn a_loopback_listener_answers_to_this_machine_only() {
        let policy = HostPolicy::new("127.0.0.1:8790".parse().unwrap(), []);
        for host in [
            "127.0.0.1",
            "127.0.0.1:8790",
            "localhost",
            "LocalHost:8790",
            "localhost.",
            "localhost.:8790",
            "[::1]",
            "[::1]:8790",
            " localhost:8790 ",
            "localhost:",
        ] {
            assert!(admits(&policy, host), "{host}");
        }
        for host in [
            "",
            ":8790",
            "localhost:80",
            "localhost:08x",
            "localhost:+8790",
            "localhost..",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.nip.example:8790",
            "127.0.0.2",
            "2130706433",
            "[::2]",
            "::1",
            "[::1]:99999",
        ] {
            assert!(!admits(&policy, host), "{host}");
        }
        assert_eq!(policy.admit(None).unwrap_err().kind, Kind::Misdirected);
    }

    #[test]
    fn any_other_listener_answers_to_configured_names_only() {
        let policy = HostPolicy::new(
            "192.0.2.1:443".parse().unwrap(),
            ["Mirk.Example.", "other.example:8443"],
        );
        for host in [
            "mirk.example",
            "MIRK.example.:443",
            "other.example",
            "other.example:443",
            "other.example:8443",
        ] {
            assert!(admits(&policy, host), "{host}");
        }
        for host in ["localhost", "127.0.0.1", "192.0.2.1", "mirk.example:8443"] {
            assert!(!admits(&policy, host), "{host}");
        }
    }
}
