//! Whole answers. A stream's lines have the same form.

use mirk_model::{
    Choice, Counted, Finish, Logprob, Operation, Part, PartKind, Reply, Text, Thinking, Usage,
};

use super::{ask, time};
use crate::{
    json::{Members, Misread, Object, Value},
    wire::Manner,
};

/// Reads `POST /api/chat`'s answer; also that of `/api/generate`.
pub(super) fn read(body: &str) -> Result<Reply<'_>, Misread> {
    let mut members = Value::parse(body)?.members()?;
    if members.peek("error").is_some() {
        return Err(Misread::here("is an error, not an answer"));
    }
    let model = members
        .read("model", Value::lossy_text)?
        .unwrap_or_default();
    let said = said(&mut members)?;
    let mut parts = Vec::new();
    if !said.thinking.is_empty() {
        parts.push(Part::new(PartKind::Thinking(Thinking {
            text: said.thinking,
            ..Thinking::default()
        })));
    }
    if !said.text.is_empty() {
        parts.push(Part::text(said.text));
    }
    parts.extend(
        said.calls
            .into_iter()
            .map(|call| Part::new(PartKind::Call(call))),
    );
    let logprobs = logprobs(&mut members)?;
    Ok(Reply {
        model,
        choices: vec![Choice {
            parts,
            finish: finish(&mut members),
            stop: None,
            logprobs,
        }],
        usage: usage(&mut members),
        ..Reply::default()
    })
}

/// What one line says.
#[derive(Default)]
pub(super) struct Said<'a> {
    pub(super) thinking: Text<'a>,
    pub(super) text: Text<'a>,
    pub(super) calls: Vec<mirk_model::Call<'a>>,
}

pub(super) fn said<'a>(members: &mut Members<'a>) -> Result<Said<'a>, Misread> {
    let mut said = Said::default();
    if let Some(text) = members.read("response", Value::lossy_text)? {
        said.text = text;
        said.thinking = members
            .read("thinking", Value::lossy_text)?
            .unwrap_or_default();
    }
    members.read("message", |message| {
        let mut message = message.members()?;
        said.thinking = message
            .read("thinking", Value::lossy_text)?
            .unwrap_or_default();
        said.text = message
            .read("content", Value::lossy_text)?
            .unwrap_or_default();
        message.each("tool_calls", |value| {
            said.calls.push(ask::call(value)?);
            Ok(())
        })
    })?;
    Ok(said)
}

pub(super) fn logprobs<'a>(members: &mut Members<'a>) -> Result<Vec<Logprob<'a>>, Misread> {
    let mut tokens = Vec::new();
    members.each("logprobs", |value| {
        let mut token = value.members()?;
        let mut others = Vec::new();
        let (text, logprob) = pair(&mut token)?;
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

pub(super) fn finish(members: &mut Members<'_>) -> Finish {
    match members.take("done_reason").map(Value::raw) {
        Some(r#""length""#) => Finish::Length,
        _ => Finish::Stop,
    }
}

/// Tokens, if the answer has them. Ollama leaves the input's out when all of it was cached.
pub(super) fn usage(members: &mut Members<'_>) -> Option<Usage> {
    let mut is_whole = true;
    let mut count = |name: &str| {
        let count = members.take(name).and_then(|value| value.count().ok());
        is_whole &= count.is_some();
        count
    };
    let (input, output) = (count("prompt_eval_count"), count("eval_count"));
    if input.is_none() && output.is_none() {
        return None;
    }
    Some(Usage {
        input: input.unwrap_or(0),
        output: output.unwrap_or(0),
        counted: if is_whole {
            Counted::Reported
        } else {
            Counted::Estimated
        },
        ..Usage::default()
    })
}

/// Writes an answer in one piece.
pub(super) fn write(reply: &Reply<'_>, manner: &Manner) -> Vec<u8> {
    let mut out = Vec::new();
    let nothing = Choice::default();
    let choice = reply.choices.first().unwrap_or(&nothing);
    Object::write(&mut out, |line| {
        begin(line, reply.model.as_str(), manner);
        said_whole(choice, manner, line);
        write_logprobs(&choice.logprobs, line);
        end(line, choice.finish, reply.usage);
    });
    out
}

/// The members that every line begins with.
pub(super) fn begin(line: &mut Object<'_>, model: &str, manner: &Manner) {
    let model = if model.is_empty() {
        manner.model.as_str()
    } else {
        model
    };
    line.text("model", model);
    line.text("created_at", time(manner.created));
}

/// The members that the last line ends with.
pub(super) fn end(line: &mut Object<'_>, finish: Finish, usage: Option<Usage>) {
    line.flag("done", true);
    line.text(
        "done_reason",
        match finish {
            Finish::Length => "length",
            _ => "stop",
        },
    );
    if let Some(usage) = usage {
        line.number("prompt_eval_count", usage.input);
        line.number("eval_count", usage.output);
    }
}

fn said_whole(choice: &Choice<'_>, manner: &Manner, line: &mut Object<'_>) {
    let (mut thinking, mut text) = (String::new(), String::new());
    let mut calls = Vec::new();
    for part in &choice.parts {
        match &part.kind {
            PartKind::Text { text: more, .. } | PartKind::Refusal(more) => text.push_str(more),
            PartKind::Thinking(more) if manner.shows_thinking => thinking.push_str(&more.text),
            PartKind::Call(call) => calls.push(call),
            PartKind::Thinking(_) | PartKind::Media(_) | PartKind::Result(_) => {}
        }
    }
    if manner.operation == Operation::OllamaGenerate {
        line.text("response", text);
        if !thinking.is_empty() {
            line.text("thinking", thinking);
        }
        return;
    }
    line.object("message", |message| {
        message.text("role", "assistant");
        message.text("content", text);
        if !thinking.is_empty() {
            message.text("thinking", thinking);
        }
        if !calls.is_empty() {
            message.array("tool_calls", |array| {
                for call in calls {
                    array.object(|out| ask::write_call(call, &call.arguments, out));
                }
            });
        }
    });
}

pub(super) fn write_logprobs(tokens: &[Logprob<'_>], line: &mut Object<'_>) {
    if tokens.is_empty() {
        return;
    }
    let write = |out: &mut Object<'_>, token: &str, logprob: &str| {
        out.text("token", token);
        out.raw("logprob", logprob);
        out.array("bytes", |bytes| {
            for byte in token.bytes() {
                bytes.raw(byte.to_string());
            }
        });
    };
    line.array("logprobs", |array| {
        for token in tokens {
            array.object(|out| {
                write(out, &token.token, &token.logprob);
                out.array("top_logprobs", |others| {
                    for (text, logprob) in &token.others {
                        others.object(|out| write(out, text, logprob));
                    }
                });
            });
        }
    });
}
