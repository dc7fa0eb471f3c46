//! Which headers may pass between a client and a provider. Whatever is not listed stays here.
//!
//! Invariant: no list holds a credential, a cookie, a hop-by-hop header, a redirect or a
//! client's tracking header (session ids, SDK telemetry, trace ids, its user agent).

use mirk_model::Dialect;

/// Client headers that may go to a provider which is spoken to in `dialect`. Lower case.
pub const fn request(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => {
            &["content-type", "accept", "openai-beta", "idempotency-key"]
        }
        Dialect::Anthropic => &[
            "content-type",
            "accept",
            "anthropic-version",
            "anthropic-beta",
            "idempotency-key",
        ],
        Dialect::Gemini | Dialect::Ollama => &["content-type", "accept"],
    }
}

/// Provider headers that may come back to a client that speaks `dialect`. Lower case; a name
/// that ends in `*` stands for every name that starts so. To be asked with [`may_return`].
pub const fn response(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => &[
            "content-type",
            "retry-after",
            "retry-after-ms",
            "x-should-retry",
            "x-request-id",
            "x-generation-id",
            "x-ratelimit-*",
            "openai-model",
            "openai-processing-ms",
            "openai-version",
        ],
        Dialect::Anthropic => &[
            "content-type",
            "retry-after",
            "retry-after-ms",
            "x-should-retry",
            "request-id",
            "anthropic-ratelimit-*",
            "anthropic-fast-*",
            "anthropic-priority-*",
        ],
        Dialect::Gemini => &[
            "content-type",
            "retry-after",
            "x-ratelimit-*",
            "x-gemini-service-tier",
        ],
        Dialect::Ollama => &["content-type", "retry-after"],
    }
}

/// Whether `name` is in `allowed`, a list as [`response`] or [`request`] gives it.
pub fn may_return(allowed: &[&str], name: &str) -> bool {
    allowed.iter().any(|entry| match entry.strip_suffix('*') {
        Some(start) => name
            .as_bytes()
            .get(..start.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes())),
        None => entry.eq_ignore_ascii_case(name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIALECTS: [Dialect; 5] = [
        Dialect::OpenAiChat,
        Dialect::OpenAiResponses,
        Dialect::Anthropic,
        Dialect::Gemini,
        Dialect::Ollama,
    ];

    /// Credentials, hop-by-hop headers, redirects, and what `clients.md` calls tracking.
    const NEVER: [&str; 48] = [
        "authorization",
        "proxy-authorization",
        "x-api-key",
        "x-goog-api-key",
        "x-mirk-key",
        "api-key",
        "cookie",
        "set-cookie",
        "host",
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "expect",
        "location",
        "content-location",
        "refresh",
        "server",
        "alt-svc",
        "link",
        "www-authenticate",
        "proxy-authenticate",
        "access-control-allow-origin",
        "access-control-allow-credentials",
        "strict-transport-security",
        "forwarded",
        "x-forwarded-for",
        "x-real-ip",
        "via",
        "user-agent",
        "referer",
        "origin",
        "x-stainless-lang",
        "x-stainless-retry-count",
        "x-claude-code-session-id",
        "x-codex-window-id",
        "session-id",
        "thread-id",
        "x-client-request-id",
        "traceparent",
        "x-session-affinity",
        "sec-fetch-mode",
        "accept-language",
        "x-goog-api-client",
    ];

    #[test]
    fn no_list_lets_a_credential_a_hop_by_hop_or_a_tracking_header_pass() {
        for dialect in DIALECTS {
            for name in NEVER {
                assert!(
                    !may_return(request(dialect), name),
                    "{dialect} request {name}"
                );
                assert!(
                    !may_return(response(dialect), name),
                    "{dialect} response {name}"
                );
            }
        }
    }

    #[test]
    fn openai_identity_headers_stay_here_because_the_account_is_the_operators() {
        for name in ["openai-organization", "openai-project"] {
            assert!(!may_return(request(Dialect::OpenAiChat), name), "{name}");
            assert!(!may_return(response(Dialect::OpenAiChat), name), "{name}");
        }
    }

    #[test]
    fn a_star_covers_what_starts_so_and_nothing_else() {
        let allowed = response(Dialect::OpenAiChat);
        assert!(may_return(allowed, "x-ratelimit-remaining-tokens"));
        assert!(may_return(allowed, "X-RateLimit-Reset"));
        assert!(!may_return(allowed, "x-ratelimi"));
        assert!(!may_return(allowed, "y-x-ratelimit-reset"));
        assert!(!may_return(allowed, ""));
    }

    #[test]
    fn every_name_is_lower_case_and_content_type_passes_both_ways() {
        for dialect in DIALECTS {
            for list in [request(dialect), response(dialect)] {
                assert!(list.contains(&"content-type"), "{dialect}");
                assert!(
                    list.iter().all(|name| *name == name.to_ascii_lowercase()),
                    "{dialect}"
                );
            }
        }
    }
}
