//! Words of the dialect that requests, answers and streams share.
//!
//! Invariant: what a provider says and is not known here has a meaning all the same; what is
//! written to a client is one of the documented words.

use mirk_model::{Cache, Citation, Finish, Usage};

use crate::json::{Misread, Object, Value};

/// Why an answer ended, in the model's words. `pause_turn` and `compaction` ask the client to send
/// the answer back and go on.
pub(super) fn finish(reason: &str) -> Finish {
    match reason {
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "tool_use" => Finish::Calls,
        "refusal" => Finish::Refusal,
        "pause_turn" | "compaction" => Finish::Pause,
        _ => Finish::Stop,
    }
}

/// The `stop_reason` for a client.
pub(super) const fn stop_reason(finish: Finish, has_stop: bool, has_refused: bool) -> &'static str {
    match finish {
        Finish::Stop if has_refused => "refusal",
        Finish::Stop if has_stop => "stop_sequence",
        Finish::Stop => "end_turn",
        Finish::Length => "max_tokens",
        Finish::Calls => "tool_use",
        Finish::Refusal | Finish::Filtered => "refusal",
        Finish::Pause => "pause_turn",
    }
}

/// Writes the members of a `usage` object. Here input tokens do not include those of the cache.
pub(super) fn write_usage(object: &mut Object<'_>, usage: Option<Usage>) {
    let usage = usage.unwrap_or_default();
    let plain = usage
        .input
        .saturating_sub(usage.cached)
        .saturating_sub(usage.cache_write);
    object.number("input_tokens", plain);
    object.number("cache_creation_input_tokens", usage.cache_write);
    object.number("cache_read_input_tokens", usage.cached);
    object.number("output_tokens", usage.output);
    if usage.reasoning > 0 {
        object.object("output_tokens_details", |details| {
            details.number("thinking_tokens", usage.reasoning);
        });
    }
}

/// Reads a `cache_control`.
pub(super) fn read_cache(value: Value<'_>) -> Result<Cache, Misread> {
    let mut members = value.members()?;
    members.need("type", |kind| match &*kind.text()? {
        "ephemeral" => Ok(()),
        _ => Err(Misread::here("is not a kind of cache that is known")),
    })?;
    let ttl = members.read("ttl", |ttl| match &*ttl.text()? {
        "5m" => Ok(Cache::Short),
        "1h" => Ok(Cache::Hour),
        _ => Err(Misread::here("is neither `5m` nor `1h`")),
    })?;
    Ok(ttl.unwrap_or(Cache::Short))
}

/// Writes a `cache_control`, if there is a mark.
pub(super) fn write_cache(object: &mut Object<'_>, cache: Option<Cache>) {
    if let Some(cache) = cache {
        object.object("cache_control", |mark| {
            mark.text("type", "ephemeral");
            if cache == Cache::Hour {
                mark.text("ttl", "1h");
            }
        });
    }
}

/// Reads where a text was taken from. Places in documents are not places in the answer, so of
/// those nothing is kept.
pub(super) fn read_citation(value: Value<'_>) -> Result<Citation<'_>, Misread> {
    let mut members = value.members()?;
    let url = match members.read("url", Value::lossy_text)? {
        None => members.read("source", Value::lossy_text)?,
        url => url,
    };
    let title = match members.read("title", Value::lossy_text)? {
        None => members.read("document_title", Value::lossy_text)?,
        title => title,
    };
    Ok(Citation {
        url,
        title,
        quote: members.read("cited_text", Value::lossy_text)?,
        start: None,
        end: None,
    })
}

/// Writes the members of a citation: one of a web page where there is an address, else one of a
/// document.
pub(super) fn write_citation(object: &mut Object<'_>, citation: &Citation<'_>) {
    let quote = citation.quote.as_deref().unwrap_or_default();
    if let Some(url) = &citation.url {
        object.text("type", "web_search_result_location");
        object.text("cited_text", quote);
        object.text("url", url.as_str());
        title(object, "title", citation);
        object.text("encrypted_index", "");
    } else {
        object.text("type", "char_location");
        object.text("cited_text", quote);
        object.number("document_index", 0);
        title(object, "document_title", citation);
        object.number("start_char_index", 0);
        object.number("end_char_index", 0);
    }
}

fn title(object: &mut Object<'_>, name: &str, citation: &Citation<'_>) {
    match &citation.title {
        Some(title) => object.text(name, title.as_str()),
        None => object.null(name),
    }
}

/// The HTTP status that a type of error amounts to. Source: `…/docs/en/api/errors`.
pub(super) fn status(kind: &str) -> u16 {
    match kind {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => 500,
    }
}

/// The type of error for a client: the provider's, where it is one of these, else by status.
pub(super) fn error_type(code: &str, by_status: u16) -> &'static str {
    const KNOWN: [&str; 10] = [
        "invalid_request_error",
        "authentication_error",
        "billing_error",
        "permission_error",
        "not_found_error",
        "request_too_large",
        "rate_limit_error",
        "timeout_error",
        "overloaded_error",
        "api_error",
    ];
    if let Some(known) = KNOWN.iter().find(|known| **known == code) {
        return known;
    }
    match by_status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        408 | 504 => "timeout_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}
