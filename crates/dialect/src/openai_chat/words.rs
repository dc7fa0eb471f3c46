//! The words that requests, answers and streams of the dialect share: why an answer ended, tokens,
//! log probabilities, sources, efforts.

use mirk_model::{Citation, Counted, Effort, Finish, Logprob, Text, Usage};

use crate::{
    json::{Array, Misread, Object, Value},
    tap,
};

/// What `finish_reason` means. Servers have added to OpenAI's five words.
pub(super) fn finish(word: &str) -> Finish {
    match word {
        "length" | "max_tokens" | "model_length" | "insufficient_system_resource" => Finish::Length,
        "tool_calls" | "function_call" | "tool_use" => Finish::Calls,
        "content_filter" | "safety" | "sensitive" => Finish::Filtered,
        "refusal" => Finish::Refusal,
        _ => Finish::Stop,
    }
}

/// The word for why an answer ended. A refusal in words ends like any answer.
pub(super) const fn finish_word(finish: Finish, has_refusal: bool) -> &'static str {
    match finish {
        Finish::Refusal if has_refusal => "stop",
        Finish::Stop | Finish::Pause => "stop",
        Finish::Length => "length",
        Finish::Calls => "tool_calls",
        Finish::Refusal | Finish::Filtered => "content_filter",
    }
}

/// The effort called `word`.
pub(super) fn effort(word: &str) -> Option<Effort> {
    Some(match word {
        "none" => Effort::None,
        "minimal" => Effort::Minimal,
        "low" => Effort::Low,
        "medium" => Effort::Medium,
        "high" => Effort::High,
        "xhigh" => Effort::ExtraHigh,
        "max" => Effort::Max,
        _ => return None,
    })
}

/// The word for an effort, as OpenAI documents them: `xhigh` is the most.
pub(super) const fn effort_word(effort: Effort) -> &'static str {
    match effort {
        Effort::None => "none",
        Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::ExtraHigh | Effort::Max => "xhigh",
    }
}

/// Tokens, as the meter reads them too.
pub(super) fn usage(value: Value<'_>) -> Option<Usage> {
    tap::usage_of(mirk_model::Dialect::OpenAiChat, value.raw().as_bytes())
}

/// Writes tokens as the member `usage`.
pub(super) fn write_usage(usage: &Usage, out: &mut Object<'_>) {
    if usage.counted == Counted::Nothing {
        return;
    }
    out.object("usage", |out| {
        out.number("prompt_tokens", usage.input);
        out.number("completion_tokens", usage.output);
        out.number("total_tokens", usage.total());
        out.object("prompt_tokens_details", |out| {
            out.number("cached_tokens", usage.cached);
            if usage.cache_write > 0 {
                out.number("cache_write_tokens", usage.cache_write);
            }
        });
        out.object("completion_tokens_details", |out| {
            out.number("reasoning_tokens", usage.reasoning);
        });
    });
}

/// Reads `logprobs` of an answer; those of a refusal's words are left aside.
pub(super) fn logprobs(value: Value<'_>) -> Result<Vec<Logprob<'_>>, Misread> {
    let mut tokens = Vec::new();
    value.members()?.each("content", |entry| {
        let mut members = entry.members()?;
        let mut others = Vec::new();
        members.each("top_logprobs", |other| {
            let mut other = other.members()?;
            others.push((
                other.need("token", Value::lossy_text)?,
                other.need("logprob", Value::number)?,
            ));
            Ok(())
        })?;
        tokens.push(Logprob {
            token: members.need("token", Value::lossy_text)?,
            logprob: members.need("logprob", Value::number)?,
            others,
        });
        Ok(())
    })?;
    Ok(tokens)
}

/// Writes `logprobs`, `null` when there are none.
pub(super) fn write_logprobs(tokens: &[Logprob<'_>], out: &mut Object<'_>) {
    if tokens.is_empty() {
        out.null("logprobs");
        return;
    }
    out.object("logprobs", |out| {
        out.array("content", |array| {
            for token in tokens {
                array.object(|out| {
                    write_token(&token.token, &token.logprob, out);
                    out.array("top_logprobs", |array| {
                        for (text, logprob) in &token.others {
                            array.object(|out| write_token(text, logprob, out));
                        }
                    });
                });
            }
        });
        out.null("refusal");
    });
}

fn write_token(token: &Text<'_>, logprob: &Text<'_>, out: &mut Object<'_>) {
    out.text("token", token.as_str());
    out.raw("logprob", logprob.as_str());
    out.array("bytes", |array| {
        for byte in token.bytes() {
            array.raw(byte.to_string());
        }
    });
}

/// Reads the items of `annotations`; those that are no sources are stepped over.
pub(super) fn citations(value: Value<'_>) -> Result<Vec<Citation<'_>>, Misread> {
    let mut found = Vec::new();
    for item in value.items()? {
        let mut members = item.members()?;
        let Some(source) = members.take("url_citation") else {
            continue;
        };
        let mut source = source.members()?;
        found.push(Citation {
            url: source.read("url", Value::lossy_text)?,
            title: source.read("title", Value::lossy_text)?,
            quote: source.read("content", Value::lossy_text)?,
            start: source.read("start_index", Value::count)?,
            end: source.read("end_index", Value::count)?,
        });
    }
    Ok(found)
}

/// Writes a source as an item of `annotations`; one without an address is none.
pub(super) fn write_citation(citation: &Citation<'_>, out: &mut Array<'_>) {
    let Some(url) = &citation.url else { return };
    out.object(|out| {
        out.text("type", "url_citation");
        out.object("url_citation", |out| {
            out.number("start_index", citation.start.unwrap_or(0));
            out.number("end_index", citation.end.unwrap_or(0));
            out.text("url", url.as_str());
            out.text("title", citation.title.as_ref().map_or("", Text::as_str));
            out.maybe_text("content", citation.quote.as_ref().map(Text::as_str));
        });
    });
}
