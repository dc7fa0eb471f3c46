//! Whole answers: read from providers, written for clients.

use mirk_model::{
    Call, Choice, Dialect, Finish, Origin, Part, PartKind, Reply, State, Text, Thinking,
};

use super::{JSON_TOOL, words};
use crate::{
    carry,
    json::{Array, Members, Misread, Object, Type, Value},
    tap::Tally,
    wire::Manner,
};

/// Reads an answer. Blocks that tell of Anthropic's own tools are stepped over; a call of
/// [`JSON_TOOL`] is the answer's text.
pub(super) fn read(body: &str) -> Result<Reply<'_>, Misread> {
    let mut members = Value::parse(body)?.members()?;
    if members.peek("error").is_some() {
        return Err(Misread::here("is an error, not an answer"));
    }
    let mut choice = Choice::default();
    let mut has_json = false;
    members.need("content", |content| {
        for (index, block) in content.items()?.into_iter().enumerate() {
            let part = read_block(block, &mut has_json).map_err(|misread| misread.at(index))?;
            choice.parts.extend(part.map(Part::new));
        }
        Ok(())
    })?;
    let reason = members.read("stop_reason", Value::lossy_text)?;
    choice.finish = words::finish(reason.as_deref().unwrap_or_default());
    if has_json && choice.finish == Finish::Calls {
        choice.finish = Finish::Stop;
    }
    choice.stop = members.read("stop_sequence", Value::lossy_text)?;
    if choice.finish == Finish::Refusal {
        let words = members.take("stop_details").and_then(explanation);
        choice
            .parts
            .extend(words.map(|words| Part::new(PartKind::Refusal(words))));
    }
    let usage = members.take("usage").and_then(|usage| {
        let mut tally = Tally::new(Dialect::Anthropic);
        tally.read(usage.raw().as_bytes());
        tally.usage(0, true)
    });
    Ok(Reply {
        id: members.read("id", Value::lossy_text)?.unwrap_or_default(),
        model: members
            .read("model", Value::lossy_text)?
            .unwrap_or_default(),
        created: None,
        choices: vec![choice],
        usage,
    })
}

/// The words with which a refusal is explained.
pub(super) fn explanation(details: Value<'_>) -> Option<Text<'_>> {
    let words = details.members().ok()?.take("explanation")?;
    words.lossy_text().ok().filter(|words| !words.is_empty())
}

fn read_block<'a>(value: Value<'a>, has_json: &mut bool) -> Result<Option<PartKind<'a>>, Misread> {
    let mut members = value.members()?;
    let kind = members.read("type", Value::lossy_text)?.unwrap_or_default();
    Ok(Some(match &*kind {
        "text" => {
            let mut citations = Vec::new();
            members.each("citations", |citation| {
                citations.push(words::read_citation(citation)?);
                Ok(())
            })?;
            PartKind::Text {
                text: lossy(&mut members, "text")?,
                citations,
            }
        }
        "thinking" => PartKind::Thinking(Thinking {
            text: lossy(&mut members, "thinking")?,
            id: None,
            state: state(lossy(&mut members, "signature")?, Origin::Anthropic),
        }),
        "redacted_thinking" => {
            let data = lossy(&mut members, "data")?;
            let Some(state) = state(data, Origin::AnthropicRedacted) else {
                return Ok(None);
            };
            PartKind::Thinking(Thinking {
                state: Some(state),
                ..Thinking::default()
            })
        }
        "tool_use" => {
            let name = lossy(&mut members, "name")?;
            let arguments = members.take("input").map_or("{}", Value::raw);
            if name == JSON_TOOL {
                *has_json = true;
                return Ok(Some(Part::text(arguments).kind));
            }
            PartKind::Call(Call {
                id: lossy(&mut members, "id")?,
                name,
                namespace: None,
                arguments: Text::from(arguments),
                is_custom: false,
                state: None,
            })
        }
        _ => return Ok(None),
    }))
}

fn lossy<'a>(members: &mut Members<'a>, name: &str) -> Result<Text<'a>, Misread> {
    Ok(members.read(name, Value::lossy_text)?.unwrap_or_default())
}

/// A state that says anything.
pub(super) fn state(data: Text<'_>, origin: Origin) -> Option<State<'_>> {
    (!data.is_empty()).then_some(State { origin, data })
}

/// Writes an answer. Of several only the first can be said; a request for several is refused.
pub(super) fn write(reply: &Reply<'_>, manner: &Manner) -> Vec<u8> {
    let mut out = Vec::with_capacity(1_024);
    let choice = reply.choices.first();
    let parts = choice.map_or(&[][..], |choice| &choice.parts);
    let finish = choice.map_or(Finish::Stop, |choice| choice.finish);
    let stop = choice.and_then(|choice| choice.stop.as_deref());
    let has_refused = parts
        .iter()
        .any(|part| matches!(part.kind, PartKind::Refusal(_)));
    Object::write(&mut out, |message| {
        head(message, manner, &reply.id, &reply.model);
        message.array("content", |array| {
            let mut calls = 0;
            for part in parts {
                write_block(&part.kind, manner, &mut calls, array);
            }
        });
        let stop_reason = words::stop_reason(finish, stop.is_some(), has_refused);
        message.text("stop_reason", stop_reason);
        match stop {
            Some(stop) if stop_reason == "stop_sequence" => message.text("stop_sequence", stop),
            _ => message.null("stop_sequence"),
        }
        message.object("usage", |usage| words::write_usage(usage, reply.usage));
    });
    out
}

/// The members with which a message begins. A provider without ids and models of its own has
/// those of the request.
pub(super) fn head(message: &mut Object<'_>, manner: &Manner, id: &str, model: &str) {
    if id.is_empty() {
        message.text("id", format!("msg_{}", manner.request_id));
    } else {
        message.text("id", id);
    }
    message.text("type", "message");
    message.text("role", "assistant");
    let model = if model.is_empty() {
        &manner.model
    } else {
        model
    };
    message.text("model", model);
}

/// The id of a call for a client, with what the provider wants back.
pub(super) fn call_id(call: &Call<'_>, number: u32, manner: &Manner) -> String {
    let id = if call.id.is_empty() {
        format!("toolu_{}_{number}", manner.request_id)
    } else {
        call.id.as_str().to_owned()
    };
    match &call.state {
        Some(state) => carry::to_id(&id, state),
        None => id,
    }
}

fn write_block(kind: &PartKind<'_>, manner: &Manner, calls: &mut u32, array: &mut Array<'_>) {
    match kind {
        PartKind::Text { text, citations } => {
            if text.is_empty() {
                return;
            }
            array.object(|block| {
                block.text("type", "text");
                block.text("text", text.as_str());
                if !citations.is_empty() {
                    block.array("citations", |array| {
                        for citation in citations {
                            array.object(|object| words::write_citation(object, citation));
                        }
                    });
                }
            });
        }
        PartKind::Refusal(text) => array.object(|block| {
            block.text("type", "text");
            block.text("text", text.as_str());
        }),
        PartKind::Thinking(thinking) => write_thinking(thinking, manner, array),
        PartKind::Call(call) => {
            let number = *calls;
            *calls += 1;
            array.object(|block| {
                block.text("type", "tool_use");
                block.text("id", call_id(call, number, manner));
                block.text("name", call.name.as_str());
                input(call, block);
            });
        }
        // No model answers with results, and the dialect has no media in answers.
        PartKind::Media(_) | PartKind::Result(_) => {}
    }
}

fn write_thinking(thinking: &Thinking<'_>, manner: &Manner, array: &mut Array<'_>) {
    let text = if manner.shows_thinking {
        thinking.text.as_str()
    } else {
        ""
    };
    match &thinking.state {
        Some(state) if state.origin == Origin::AnthropicRedacted => array.object(|block| {
            block.text("type", "redacted_thinking");
            block.text("data", state.data.as_str());
        }),
        None if text.is_empty() => {}
        state => array.object(|block| {
            let signature = state
                .as_ref()
                .map(|state| carry::to_place(state, Origin::Anthropic));
            block.text("type", "thinking");
            block.text("thinking", text);
            block.text("signature", signature.as_deref().unwrap_or_default());
        }),
    }
}

/// Writes a call's `input`: an object, whatever the model wrote.
fn input(call: &Call<'_>, block: &mut Object<'_>) {
    let is_object =
        || Value::parse(&call.arguments).is_ok_and(|value| value.kind() == Type::Object);
    if call.is_custom {
        block.object("input", |input| {
            input.text("input", call.arguments.as_str());
        });
    } else if call.arguments.trim().is_empty() {
        block.raw("input", "{}");
    } else if is_object() {
        block.raw("input", call.arguments.as_str());
    } else {
        block.object("input", |input| {
            input.text("arguments", call.arguments.as_str());
        });
    }
}
