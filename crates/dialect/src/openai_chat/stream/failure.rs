//! Errors inside a stream.
//!
//! Source: OpenAI's error reference; OpenRouter "Errors" (a number as `code`, beside choices whose
//! `finish_reason` is `error`); vLLM (`{"object": "error"}`).

use mirk_model::{Failure, Text};

use crate::json::{Members, Object, Type};

/// Takes the error out of a chunk, if it is one.
pub(super) fn read<'a>(chunk: &mut Members<'a>) -> Option<Failure<'a>> {
    let is = |chunk: &Members<'a>, name: &str, raw: &str| {
        chunk.peek(name).is_some_and(|value| value.raw() == raw)
    };
    if let Some(error) = chunk.take("error") {
        return match error.kind() {
            Type::Object => error.members().ok().map(|mut members| told(&mut members)),
            Type::Text => Some(Failure {
                status: 502,
                code: Text::default(),
                message: error.lossy_text().ok()?,
                param: None,
            }),
            Type::Flag if error.raw() == "false" => None,
            _ => Some(told(chunk)),
        };
    }
    let is_error = is(chunk, "object", r#""error""#) || is(chunk, "type", r#""error""#);
    (is_error && chunk.peek("choices").is_none()).then(|| told(chunk))
}

fn told<'a>(members: &mut Members<'a>) -> Failure<'a> {
    let mut text = |name: &str| {
        let value = members.take(name)?;
        match value.kind() {
            Type::Text => value.lossy_text().ok(),
            Type::Number => Some(value.json()),
            _ => None,
        }
    };
    let code = text("code").unwrap_or_default();
    let kind = text("type").unwrap_or_default();
    let status = [&code, &kind]
        .into_iter()
        .find_map(|word| status(word))
        .unwrap_or(502);
    let is_number = code.parse::<u16>().is_ok();
    Failure {
        status,
        code: if code.is_empty() || is_number {
            kind
        } else {
            code
        },
        message: text("message").unwrap_or_default(),
        param: text("param"),
    }
}

/// The status that a code or type amounts to.
fn status(word: &str) -> Option<u16> {
    if let Ok(number) = word.parse() {
        return (400..600).contains(&number).then_some(number);
    }
    Some(match word {
        "invalid_request_error" | "context_length_exceeded" | "content_policy_violation" => 400,
        "authentication_error" | "invalid_api_key" => 401,
        "permission_error" => 403,
        "not_found_error" | "model_not_found" => 404,
        "rate_limit_error"
        | "rate_limit_exceeded"
        | "insufficient_quota"
        | "tokens"
        | "requests" => 429,
        "server_error" | "internal_server_error" | "api_error" => 500,
        "overloaded_error"
        | "overloaded"
        | "server_overloaded"
        | "server_is_overloaded"
        | "engine_overloaded"
        | "service_unavailable_error" => 503,
        "timeout" | "timeout_error" => 504,
        _ => return None,
    })
}

/// Writes an error as OpenAI's streams have it.
pub(super) fn write(failure: &Failure<'_>, request_id: &str, out: &mut Vec<u8>) {
    let kind = match failure.status {
        401 => "authentication_error",
        403 => "permission_error",
        408 | 504 => "timeout_error",
        429 if failure.code == "insufficient_quota" => "insufficient_quota",
        429 => "rate_limit_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    };
    out.extend_from_slice(b"data: ");
    Object::write(out, |out| {
        out.object("error", |out| {
            out.text("message", failure.message.as_str());
            out.text("type", kind);
            match &failure.param {
                Some(param) => out.text("param", param.as_str()),
                None => out.null("param"),
            }
            if failure.code.is_empty() {
                out.null("code");
            } else {
                out.text("code", failure.code.as_str());
            }
            out.text("request_id", request_id);
        });
    });
    out.extend_from_slice(b"\n\n");
}
