//! Words and small objects that requests, answers and streams share.

use mirk_model::{Citation, Counted, Dialect, Effort, Finish, Logprob, Shown, Text, Usage};

use crate::{
    json::{Array, Members, Misread, Object, Value},
    tap,
    wire::Manner,
};

/// What ids of thoughts begin with that Mirk made up. OpenAI refuses encrypted reasoning under an
/// id that it did not give, so these are never sent to it.
const MADE_UP_THOUGHT: &str = "rs_mirk_";

const EFFORTS: [(&str, Effort); 7] = [
    ("none", Effort::None),
    ("minimal", Effort::Minimal),
    ("low", Effort::Low),
    ("medium", Effort::Medium),
    ("high", Effort::High),
    ("xhigh", Effort::ExtraHigh),
    ("max", Effort::Max),
];

/// Reads `reasoning.effort`.
pub(super) fn effort(value: Value<'_>) -> Result<Effort, Misread> {
    let word = value.text()?;
    EFFORTS
        .iter()
        .find(|(name, _)| word == *name)
        .map(|(_, effort)| *effort)
        .ok_or_else(|| Misread::here("is no effort that is known"))
}

/// The word for an effort.
pub(super) fn effort_word(effort: Effort) -> &'static str {
    EFFORTS
        .iter()
        .find(|(_, known)| *known == effort)
        .map_or("medium", |(name, _)| name)
}

/// Reads `reasoning.summary`. `none` is what Codex calls no summary.
pub(super) fn shown(value: Value<'_>) -> Result<Shown, Misread> {
    Ok(match value.text()?.as_str() {
        "auto" => Shown::Auto,
        "concise" => Shown::Concise,
        "detailed" => Shown::Detailed,
        "none" => Shown::Omitted,
        _ => return Err(Misread::here("is no summary that is known")),
    })
}

/// The word for a summary; nothing for none.
pub(super) const fn shown_word(shown: Shown) -> Option<&'static str> {
    match shown {
        Shown::Omitted => None,
        Shown::Auto => Some("auto"),
        Shown::Concise => Some("concise"),
        Shown::Detailed => Some("detailed"),
    }
}

/// Tokens, as the meter reads them too.
pub(super) fn usage(value: Value<'_>) -> Option<Usage> {
    tap::usage_of(Dialect::OpenAiResponses, value.raw().as_bytes())
}

/// Writes tokens as the member `usage`, `null` while none are known.
pub(super) fn write_usage(usage: Option<&Usage>, out: &mut Object<'_>) {
    let Some(usage) = usage.filter(|usage| usage.counted != Counted::Nothing) else {
        out.null("usage");
        return;
    };
    out.object("usage", |out| {
        out.number("input_tokens", usage.input);
        out.object("input_tokens_details", |out| {
            out.number("cached_tokens", usage.cached);
            if usage.cache_write > 0 {
                out.number("cache_write_tokens", usage.cache_write);
            }
        });
        out.number("output_tokens", usage.output);
        out.object("output_tokens_details", |out| {
            out.number("reasoning_tokens", usage.reasoning);
        });
        out.number("total_tokens", usage.total());
    });
}

/// The `status` of an answer that ended so, and the reason when it is not whole. A refusal is a
/// whole answer when `has_refusal` says that it stands in words; without any, nothing else would
/// tell of it.
pub(super) const fn status(
    finish: Finish,
    has_refusal: bool,
) -> (&'static str, Option<&'static str>) {
    match finish {
        Finish::Length => ("incomplete", Some("max_output_tokens")),
        Finish::Refusal if !has_refusal => ("incomplete", Some("content_filter")),
        Finish::Filtered => ("incomplete", Some("content_filter")),
        Finish::Stop | Finish::Calls | Finish::Refusal | Finish::Pause => ("completed", None),
    }
}

/// Why an answer is incomplete, from its `incomplete_details`.
pub(super) fn incomplete(details: Option<Value<'_>>) -> Finish {
    let reason = details
        .and_then(|details| details.members().ok())
        .and_then(|mut details| details.take("reason"));
    match reason.map(Value::raw) {
        Some(r#""content_filter""#) => Finish::Filtered,
        _ => Finish::Length,
    }
}

/// Reads the tokens in `logprobs`.
pub(super) fn logprobs<'a>(members: &mut Members<'a>) -> Result<Vec<Logprob<'a>>, Misread> {
    let mut tokens = Vec::new();
    members.each("logprobs", |value| {
        let mut token = value.members()?;
        let (text, logprob) = pair(&mut token)?;
        let mut others = Vec::new();
        token.each("top_logprobs", |value| {
            others.push(pair(&mut value.members()?)?);
            Ok(())
        })?;
        tokens.push(Logprob {
            token: text,
            logprob,
            others,
        });
        Ok(())
    })?;
    Ok(tokens)
}

fn pair<'a>(token: &mut Members<'a>) -> Result<(Text<'a>, Text<'a>), Misread> {
    Ok((
        token.need("token", Value::lossy_text)?,
        token.need("logprob", Value::number)?,
    ))
}

/// Writes tokens into an array.
pub(super) fn write_logprobs(tokens: &[Logprob<'_>], array: &mut Array<'_>) {
    for token in tokens {
        array.object(|out| {
            write_pair(&token.token, &token.logprob, out);
            out.array("top_logprobs", |others| {
                for (text, logprob) in &token.others {
                    others.object(|out| write_pair(text, logprob, out));
                }
            });
        });
    }
}

fn write_pair(token: &str, logprob: &str, out: &mut Object<'_>) {
    out.text("token", token);
    out.raw("logprob", logprob);
    out.array("bytes", |bytes| {
        for byte in token.bytes() {
            bytes.raw(byte.to_string());
        }
    });
}

/// Reads an annotation, if it names a source that others can name too.
pub(super) fn annotation(value: Value<'_>) -> Option<Citation<'_>> {
    let mut members = value.members().ok()?;
    if members.take("type").map(Value::raw) != Some(r#""url_citation""#) {
        return None;
    }
    let mut text = |name| members.take(name).and_then(|value| value.lossy_text().ok());
    let (url, title) = (text("url"), text("title"));
    let mut count = |name| members.take(name).and_then(|value| value.count().ok());
    let (start, end) = (count("start_index"), count("end_index"));
    url.is_some().then_some(Citation {
        url,
        title,
        quote: None,
        start,
        end,
    })
}

/// Writes a source, whose address is `url`, as the members of an annotation.
pub(super) fn write_annotation(citation: &Citation<'_>, url: &str, out: &mut Object<'_>) {
    out.text("type", "url_citation");
    out.text("url", url);
    out.text("title", citation.title.as_ref().map_or("", Text::as_str));
    out.number("start_index", citation.start.unwrap_or(0));
    out.number("end_index", citation.end.unwrap_or(0));
}

/// The id of an item that the provider gave none: what it is, the request, and which it is.
pub(super) fn item_id(prefix: &str, manner: &Manner, number: usize) -> String {
    format!("{prefix}_mirk_{}_{number}", manner.request_id)
}

/// The id of an answer, the provider's where it gave one.
pub(super) fn reply_id(id: &str, manner: &Manner) -> String {
    if id.is_empty() {
        format!("resp_{}", manner.request_id)
    } else {
        id.to_owned()
    }
}

/// Whether the id of a thought came from its provider.
pub(super) fn is_given(id: &str) -> bool {
    !id.is_empty() && !id.starts_with(MADE_UP_THOUGHT)
}
