//! The one error that leaves a room.

use std::{borrow::Cow, time::Duration};

/// What went wrong. Decides status and code; each dialect renders it in its own shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request is malformed.
    BadRequest,
    /// The path has an encoded slash, a dot segment or the like.
    BadPath,
    /// JSON nested too deep.
    JsonTooDeep,
    /// More than one different key was presented.
    AmbiguousCredentials,
    /// A key was presented in the URL.
    CredentialInUrl,
    /// No valid key.
    Unauthorized,
    /// The key is valid but may not do this.
    Forbidden,
    /// The key's scope does not cover this.
    Scope,
    /// No such path.
    NotFound,
    /// No such model.
    ModelNotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The client took too long.
    RequestTimeout,
    /// The change conflicts with what is there.
    Conflict,
    /// A count is used up.
    Limit,
    /// The credential was bound to another address.
    CredentialNeedsReentry,
    /// The credential looks like another provider's.
    CredentialHostMismatch,
    /// The body is too large.
    BodyTooLarge,
    /// The URI is too long.
    UriTooLong,
    /// The body is not of a type or encoding that is read here.
    UnsupportedMediaType,
    /// An expectation other than `100-continue`.
    ExpectationFailed,
    /// The Host is not one that is served.
    Misdirected,
    /// A value does not validate.
    Invalid,
    /// A field that does not exist.
    UnknownField,
    /// The address is not one that Mirk connects to.
    SsrfBlocked,
    /// WebSocket is not spoken here; use plain HTTP.
    UpgradeRequired,
    /// Too many requests, tokens or streams.
    RateLimited,
    /// A quota is used up.
    InsufficientQuota,
    /// The head is too large.
    HeadersTooLarge,
    /// The HTTP version is not one that is spoken here.
    VersionNotSupported,
    /// Something broke inside Mirk.
    Internal,
    /// The upstream could not be reached or broke off.
    UpstreamUnreachable,
    /// The upstream's certificate or TLS is not acceptable.
    UpstreamTls,
    /// The upstream answered with a redirect.
    UpstreamRedirect,
    /// The upstream's address is not one that Mirk connects to.
    UpstreamBlocked,
    /// The upstream refused our credential.
    UpstreamAuth,
    /// The upstream answered in an encoding that was not asked for.
    UpstreamEncoding,
    /// The upstream's answer is malformed.
    UpstreamMalformed,
    /// A stored secret does not authenticate.
    VaultIntegrity,
    /// No owner exists yet.
    SetupRequired,
    /// The store cannot be written.
    StorageUnavailable,
    /// The vault has no key.
    VaultSealed,
    /// The server is shutting down.
    Draining,
    /// More work than the bounds allow.
    Overloaded,
    /// No credential for this provider can be used now.
    NoCredential,
    /// The upstream took too long.
    UpstreamTimeout,
    /// The request came back to Mirk itself.
    LoopDetected,
}

/// Every kind.
const ALL: &[Kind] = &[
    Kind::BadRequest,
    Kind::BadPath,
    Kind::JsonTooDeep,
    Kind::AmbiguousCredentials,
    Kind::CredentialInUrl,
    Kind::Unauthorized,
    Kind::Forbidden,
    Kind::Scope,
    Kind::NotFound,
    Kind::ModelNotFound,
    Kind::MethodNotAllowed,
    Kind::RequestTimeout,
    Kind::Conflict,
    Kind::Limit,
    Kind::CredentialNeedsReentry,
    Kind::CredentialHostMismatch,
    Kind::BodyTooLarge,
    Kind::UriTooLong,
    Kind::UnsupportedMediaType,
    Kind::ExpectationFailed,
    Kind::Misdirected,
    Kind::Invalid,
    Kind::UnknownField,
    Kind::SsrfBlocked,
    Kind::UpgradeRequired,
    Kind::RateLimited,
    Kind::InsufficientQuota,
    Kind::HeadersTooLarge,
    Kind::Internal,
    Kind::UpstreamUnreachable,
    Kind::UpstreamTls,
    Kind::UpstreamRedirect,
    Kind::UpstreamBlocked,
    Kind::UpstreamAuth,
    Kind::UpstreamEncoding,
    Kind::UpstreamMalformed,
    Kind::VaultIntegrity,
    Kind::SetupRequired,
    Kind::StorageUnavailable,
    Kind::VaultSealed,
    Kind::Draining,
    Kind::Overloaded,
    Kind::NoCredential,
    Kind::UpstreamTimeout,
    Kind::VersionNotSupported,
    Kind::LoopDetected,
];

impl Kind {
    /// HTTP status and the code in the body.
    pub const fn wire(self) -> (u16, &'static str) {
        match self {
            Self::BadRequest => (400, "bad_request"),
            Self::BadPath => (400, "bad_path"),
            Self::JsonTooDeep => (400, "json_too_deep"),
            Self::AmbiguousCredentials => (400, "ambiguous_credentials"),
            Self::CredentialInUrl => (400, "credential_in_url"),
            Self::Unauthorized => (401, "invalid_api_key"),
            Self::Forbidden => (403, "forbidden"),
            Self::Scope => (403, "scope"),
            Self::NotFound => (404, "not_found"),
            Self::ModelNotFound => (404, "model_not_found"),
            Self::MethodNotAllowed => (405, "method_not_allowed"),
            Self::RequestTimeout => (408, "request_timeout"),
            Self::Conflict => (409, "conflict"),
            Self::Limit => (409, "key_limit"),
            Self::CredentialNeedsReentry => (409, "credential_needs_reentry"),
            Self::CredentialHostMismatch => (409, "credential_host_mismatch"),
            Self::BodyTooLarge => (413, "body_too_large"),
            Self::UriTooLong => (414, "uri_too_long"),
            Self::UnsupportedMediaType => (415, "unsupported_media_type"),
            Self::ExpectationFailed => (417, "expectation_failed"),
            Self::Misdirected => (421, "misdirected"),
            Self::Invalid => (422, "invalid"),
            Self::UnknownField => (422, "unknown_field"),
            Self::SsrfBlocked => (422, "ssrf_blocked"),
            Self::UpgradeRequired => (426, "upgrade_required"),
            Self::RateLimited => (429, "rate_limit_exceeded"),
            Self::InsufficientQuota => (429, "insufficient_quota"),
            Self::HeadersTooLarge => (431, "headers_too_large"),
            Self::Internal => (500, "internal"),
            Self::UpstreamUnreachable => (502, "upstream_unreachable"),
            Self::UpstreamTls => (502, "upstream_tls"),
            Self::UpstreamRedirect => (502, "upstream_redirect"),
            Self::UpstreamBlocked => (502, "upstream_blocked"),
            Self::UpstreamAuth => (502, "upstream_auth"),
            Self::UpstreamEncoding => (502, "upstream_encoding"),
            Self::UpstreamMalformed => (502, "upstream_malformed"),
            Self::VaultIntegrity => (502, "vault_integrity"),
            Self::SetupRequired => (503, "setup_required"),
            Self::StorageUnavailable => (503, "storage_unavailable"),
            Self::VaultSealed => (503, "vault_sealed"),
            Self::Draining => (503, "draining"),
            Self::Overloaded => (503, "overloaded"),
            Self::NoCredential => (503, "no_credential"),
            Self::UpstreamTimeout => (504, "upstream_timeout"),
            Self::VersionNotSupported => (505, "version_not_supported"),
            Self::LoopDetected => (508, "loop_detected"),
        }
    }

    /// The kind with this code.
    pub fn by_code(code: &str) -> Option<Self> {
        ALL.iter().copied().find(|kind| kind.code() == code)
    }

    /// HTTP status.
    pub const fn status(self) -> u16 {
        self.wire().0
    }

    /// Code in the body.
    pub const fn code(self) -> &'static str {
        self.wire().1
    }
}

/// An error on its way to a client: what kind, in which words, about which field, and when to
/// come again. The words never hold a secret, a path inside the server, SQL or a request's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What went wrong.
    pub kind: Kind,
    /// Words for the client: what was wrong, where, and what to do.
    pub public: Cow<'static, str>,
    /// The field or parameter it is about.
    pub param: Option<Cow<'static, str>>,
    /// When a new try can help.
    pub retry_after: Option<Duration>,
}

impl Problem {
    /// A problem of `kind`, in these words.
    pub fn new(kind: Kind, public: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            public: public.into(),
            param: None,
            retry_after: None,
        }
    }

    /// The one answer to every missing, malformed, unknown, wrong, revoked or expired key.
    pub const fn unauthorized() -> Self {
        Self {
            kind: Kind::Unauthorized,
            public: Cow::Borrowed(
                "No valid API key. Send a key made with `mirk key create` as a bearer token.",
            ),
            param: None,
            retry_after: None,
        }
    }

    /// Names the field or parameter it is about.
    #[must_use]
    pub fn about(mut self, param: impl Into<Cow<'static, str>>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Says when a new try can help.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.public)
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_own_code() {
        for kind in ALL {
            assert_eq!(Kind::by_code(kind.code()), Some(*kind));
        }
        assert_eq!(Kind::by_code("no such code"), None);
    }
}
