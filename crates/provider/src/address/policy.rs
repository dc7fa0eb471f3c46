//! Which addresses may be dialled: the decision, and the proof that it was made.

use std::net::{IpAddr, SocketAddr};

use super::{
    BaseUrl, Cidr, Origin,
    blocks::{Class, Embedded, class, embedded},
    port, vet_host,
};

/// Who runs this installation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// One owner or one organisation: loopback, listed private ranges and the internet.
    #[default]
    Local,
    /// Tenants who do not trust each other: global unicast addresses over HTTPS only.
    Hosted,
}

/// What the operator allows. A tenant can never widen it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Who runs this installation.
    pub mode: Mode,
    /// Private ranges that may be dialled in [`Mode::Local`]. Never opens link-local, metadata
    /// or other special-purpose addresses, whatever it lists.
    pub private: Vec<Cidr>,
    /// Ports beyond the ordinary ones: beside 443 in [`Mode::Hosted`], from the list of
    /// other protocols' ports in [`Mode::Local`]. Port 0 is never open.
    pub allowed_ports: Vec<u16>,
}

/// An address that the policy allows. Only [`vet`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VettedAddr(SocketAddr);

impl VettedAddr {
    /// What to connect to.
    pub const fn socket_addr(&self) -> SocketAddr {
        self.0
    }
}

/// Why an address is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// A metadata service.
    #[error("the address belongs to an instance metadata service")]
    Metadata,
    /// Unspecified, link-local, multicast, documentation, reserved or a tunnel.
    #[error("the address is of a special purpose and never a provider's")]
    Special,
    /// Loopback in hosted mode.
    #[error("loopback addresses are not allowed in hosted mode")]
    Loopback,
    /// A private address that the operator did not list.
    #[error("the address is private and in none of the ranges that the operator allows")]
    Private,
    /// A port of another protocol, or in hosted mode any but 443.
    #[error("the port is not one that providers are reached on")]
    Port,
    /// Plain HTTP in hosted mode.
    #[error("plain http is not allowed in hosted mode")]
    Plaintext,
    /// A name that is no DNS name, or that a resolver takes for a number.
    #[error("the host is not a plain DNS name")]
    Name,
}

impl Policy {
    /// Whether `base` may be saved: scheme, port, and the host as far as it can be judged
    /// without resolving it.
    ///
    /// # Errors
    /// [`Blocked`], which says why not.
    pub fn vet_base(&self, base: &BaseUrl) -> Result<(), Blocked> {
        self.vet_origin(&base.origin())
    }

    /// As [`Policy::vet_base`], for an origin.
    ///
    /// # Errors
    /// [`Blocked`], which says why not.
    pub fn vet_origin(&self, origin: &Origin) -> Result<(), Blocked> {
        if self.mode == Mode::Hosted && !origin.is_https() {
            return Err(Blocked::Plaintext);
        }
        if let Some(address) = origin.ip() {
            return vet(address, origin.port(), self).map(|_vetted| ());
        }
        self.vet_port(origin.port())?;
        if self.mode == Mode::Hosted && is_localhost(origin.host()) {
            return Err(Blocked::Loopback);
        }
        vet_host(origin.host())
    }

    fn vet_port(&self, port: u16) -> Result<(), Blocked> {
        let is_open = match self.mode {
            Mode::Local => !port::is_foreign(port),
            Mode::Hosted => port == 443,
        };
        if port != 0 && (is_open || self.allowed_ports.contains(&port)) {
            return Ok(());
        }
        Err(Blocked::Port)
    }

    fn vet_class(&self, address: IpAddr, class: Class) -> Result<(), Blocked> {
        match class {
            Class::Global => Ok(()),
            Class::Metadata => Err(Blocked::Metadata),
            Class::Special => Err(Blocked::Special),
            Class::Loopback if self.mode == Mode::Local => Ok(()),
            Class::Loopback => Err(Blocked::Loopback),
            Class::Private => {
                let is_listed = self.private.iter().any(|range| range.contains(address));
                if self.mode == Mode::Local && is_listed {
                    Ok(())
                } else {
                    Err(Blocked::Private)
                }
            }
        }
    }
}

/// Decides whether `ip` may be dialled on `port`. To be asked about every address that a name
/// resolves to, each time a connection is made.
///
/// An IPv4 address inside an IPv6 one is judged as well: a mapped one is dialled as IPv4, and one
/// inside a translation or tunnel must be global.
///
/// # Errors
/// [`Blocked`], which says why not.
pub fn vet(ip: IpAddr, port: u16, policy: &Policy) -> Result<VettedAddr, Blocked> {
    policy.vet_port(port)?;
    let ip = match ip {
        IpAddr::V6(address) => match embedded(address) {
            Some(Embedded::Same(inner)) => IpAddr::V4(inner),
            Some(Embedded::Translated(inner)) => {
                only_global(inner.into())?;
                return Ok(VettedAddr(SocketAddr::new(ip, port)));
            }
            Some(Embedded::Inner(inner)) => {
                only_global(inner.into())?;
                ip
            }
            None => ip,
        },
        IpAddr::V4(_) => ip,
    };
    policy.vet_class(ip, class(ip))?;
    Ok(VettedAddr(SocketAddr::new(ip, port)))
}

/// Behind a translator or tunnel it is not this machine or this network that would be reached.
fn only_global(inner: IpAddr) -> Result<(), Blocked> {
    match class(inner) {
        Class::Global => Ok(()),
        Class::Metadata => Err(Blocked::Metadata),
        Class::Loopback | Class::Private | Class::Special => Err(Blocked::Special),
    }
}

/// Whether RFC 6761 says that `host` is this machine.
pub(super) fn is_localhost(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost")
}
