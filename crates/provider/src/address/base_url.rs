//! Base URLs: one strict reading, one canonical form, which is what is stored and dialled.

use std::{fmt, net::IpAddr};

use url::{Host, Url};

use super::{name::is_plain, policy::is_localhost};

/// No base URL is longer, in bytes.
const LONGEST: usize = 2048;

/// An `http` or `https` URL of a provider, without user, query and fragment.
///
/// The text form is canonical: lower-case scheme and host (punycode for international names), no
/// default port, no slash at the end. It parses to itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    text: String,
    origin: Origin,
    /// Where the authority ends in `text`; the path is the rest.
    path_at: usize,
}

/// Scheme, host and port: what a credential is bound to. Shown as `https://host:443`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    is_https: bool,
    host: String,
    ip: Option<IpAddr>,
    port: u16,
}

/// Why a text is not taken as a base URL. Never shows the text: people paste keys into URLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Over 2048 bytes.
    #[error("the URL is longer than 2048 bytes")]
    TooLong,
    /// White space or control characters, also at the ends.
    #[error("the URL has white space or control characters in it")]
    Whitespace,
    /// A backslash, which some programs read as a slash.
    #[error("the URL has a backslash in it")]
    Backslash,
    /// Neither `http://` nor `https://`.
    #[error("the URL does not start with https:// or http://")]
    Scheme,
    /// A query.
    #[error("a base URL has no query")]
    Query,
    /// A fragment.
    #[error("a base URL has no fragment")]
    Fragment,
    /// A user name or password.
    #[error("a base URL has no user name or password; give the credential apart from it")]
    Userinfo,
    /// No host.
    #[error("the URL has no host")]
    NoHost,
    /// A percent sign in the host, or an IPv6 zone.
    #[error("the host is percent-encoded or has a zone")]
    EncodedHost,
    /// An IPv4 address in another form than four decimal numbers.
    #[error(
        "the host is a number in an unusual form; write an IPv4 address as four decimal numbers"
    )]
    OddNumber,
    /// Letters or dots that only look like ASCII.
    #[error("the host has characters that look like ASCII letters, digits or dots and are not")]
    LookAlike,
    /// Not a DNS name, not an address.
    #[error("the host is neither a DNS name nor an IP address")]
    Host,
    /// Port 0, over 65535, empty, or not a number.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// A dot segment, an empty segment, or a character that would need encoding.
    #[error("the path has a dot segment, an empty segment or an unusual character")]
    Path,
}

impl BaseUrl {
    /// Reads a base URL. What a URL reader would repair is refused instead, so that no two
    /// programs can disagree about where it leads.
    ///
    /// # Errors
    /// [`AddressError`], which says what is wrong without the text.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        vet_text(text)?;
        let (is_https, rest) = scheme(text)?;
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at_checked(at).ok_or(AddressError::Host)?,
            None => (rest, ""),
        };
        vet_authority(authority)?;
        let path = path.strip_suffix('/').unwrap_or(path);
        vet_path(path)?;
        let scheme = if is_https { "https" } else { "http" };
        let Ok(url) = Url::parse(&format!("{scheme}://{authority}")) else {
            return Err(failed(authority));
        };
        let port = url
            .port_or_known_default()
            .filter(|port| *port != 0)
            .ok_or(AddressError::Port)?;
        let (host, ip) = host(&url, host_part(authority))?;
        let origin = Origin {
            is_https,
            host,
            ip,
            port,
        };
        let start = format!("{scheme}://{}", origin.authority());
        Ok(Self {
            path_at: start.len(),
            text: start + path,
            origin,
        })
    }

    /// The canonical form.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> Origin {
        self.origin.clone()
    }

    /// The host, with brackets around an IPv6 address, and the port unless it is the scheme's:
    /// the value of a `Host` header.
    pub fn authority(&self) -> &str {
        let start = if self.origin.is_https {
            "https://".len()
        } else {
            "http://".len()
        };
        self.text.get(start..self.path_at).unwrap_or_default()
    }

    /// The path, empty or with a slash at the start and none at the end.
    pub fn path(&self) -> &str {
        self.text.get(self.path_at..).unwrap_or_default()
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl Origin {
    /// Host name or address, an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The address, when the host is one.
    pub const fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// Port, never 0.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is reached over TLS.
    pub const fn is_https(&self) -> bool {
        self.is_https
    }

    /// Whether it is this machine by its own words: a loopback address or a `localhost` name.
    /// What a name resolves to is decided at each connection by [`super::vet`].
    pub fn is_loopback(&self) -> bool {
        self.ip.map_or_else(
            || is_localhost(&self.host),
            |ip| ip.to_canonical().is_loopback(),
        )
    }

    /// The value of a `Host` header: no port when it is the scheme's own.
    pub fn authority(&self) -> String {
        let host = self.bracketed();
        match (self.is_https, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    fn bracketed(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        }
    }
}

impl fmt::Display for Origin {
    /// Always with the port: `https://host:443`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        write!(out, "{scheme}://{}:{}", self.bracketed(), self.port)
    }
}

fn vet_text(text: &str) -> Result<(), AddressError> {
    let has = |wanted: fn(char) -> bool| text.contains(wanted);
    match () {
        () if text.len() > LONGEST => Err(AddressError::TooLong),
        () if has(|letter| letter.is_whitespace() || letter.is_control()) => {
            Err(AddressError::Whitespace)
        }
        () if text.contains('\\') => Err(AddressError::Backslash),
        () if text.contains('#') => Err(AddressError::Fragment),
        () if text.contains('?') => Err(AddressError::Query),
        () => Ok(()),
    }
}

/// Whether it is HTTPS, and what follows the two slashes.
fn scheme(text: &str) -> Result<(bool, &str), AddressError> {
    let (scheme, rest) = text.split_once("://").ok_or(AddressError::Scheme)?;
    match scheme {
        _ if scheme.eq_ignore_ascii_case("https") => Ok((true, rest)),
        _ if scheme.eq_ignore_ascii_case("http") => Ok((false, rest)),
        _ => Err(AddressError::Scheme),
    }
}

fn vet_authority(authority: &str) -> Result<(), AddressError> {
    if authority.contains('@') {
        return Err(AddressError::Userinfo);
    }
    if authority.contains('%') {
        return Err(AddressError::EncodedHost);
    }
    let host = host_part(authority);
    if host.is_empty() || host == "." {
        return Err(AddressError::NoHost);
    }
    // What follows the host is nothing, or a colon and one to five digits.
    match authority
        .get(host.len()..)
        .unwrap_or_default()
        .strip_prefix(':')
    {
        Some(digits) if !digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(AddressError::Port)
        }
        Some(digits) if !(1..=5).contains(&digits.len()) => Err(AddressError::Port),
        None if host.len() != authority.len() => Err(AddressError::Host),
        Some(_) | None => Ok(()),
    }
}

/// The host of an authority without userinfo, with the brackets of an IPv6 address.
fn host_part(authority: &str) -> &str {
    let end = if authority.starts_with('[') {
        authority.find(']').map(|at| at + 1)
    } else {
        authority.find(':')
    };
    end.and_then(|end| authority.get(..end))
        .unwrap_or(authority)
}

/// Which part the `url` crate could not read.
fn failed(authority: &str) -> AddressError {
    let host = host_part(authority);
    match authority
        .get(host.len()..)
        .unwrap_or_default()
        .strip_prefix(':')
    {
        Some(digits) if digits.parse::<u16>().is_err() => AddressError::Port,
        Some(_) | None => AddressError::Host,
    }
}

/// The host in canonical form, if the text as written leads there without guessing.
fn host(url: &Url, written: &str) -> Result<(String, Option<IpAddr>), AddressError> {
    match url.host().ok_or(AddressError::NoHost)? {
        Host::Ipv4(address) if address.to_string() == written => {
            Ok((address.to_string(), Some(address.into())))
        }
        Host::Ipv4(_) if !written.is_ascii() => Err(AddressError::LookAlike),
        Host::Ipv4(_) => Err(AddressError::OddNumber),
        Host::Ipv6(address) => Ok((v6_text(url), Some(address.into()))),
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            if !is_plain(name) {
                return Err(AddressError::Host);
            }
            // An international name becomes punycode. One that becomes plain ASCII, or has a dot
            // that is none, was written to look like another.
            let is_international = name.split('.').any(|label| label.starts_with("xn--"));
            let has_odd_dot = written.contains(['\u{3002}', '\u{ff0e}', '\u{ff61}']);
            if has_odd_dot || !written.is_ascii() && !is_international {
                return Err(AddressError::LookAlike);
            }
            Ok((name.to_owned(), None))
        }
    }
}

fn v6_text(url: &Url) -> String {
    let text = url.host_str().unwrap_or_default();
    text.trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned()
}

/// Nothing that a proxy or server could read in two ways: no encoding, no dots, no empty segment.
fn vet_path(path: &str) -> Result<(), AddressError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:@".contains(&byte);
    let is_safe = |segment: &str| {
        !segment.is_empty() && !matches!(segment, "." | "..") && segment.bytes().all(is_plain)
    };
    if path.split('/').skip(1).all(is_safe) {
        Ok(())
    } else {
        Err(AddressError::Path)
    }
}

#[cfg(test)]
mod tests;
