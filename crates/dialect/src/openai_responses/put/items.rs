//! The items of a conversation.

use mirk_model::{Call, CallResult, Origin, Part, PartKind, Problem, Role, Text, Thinking, Turn};

use crate::{
    json::{Array, Object},
    loss::{Feature, Notes},
    openai_responses::{media, words},
};

/// What stands before the words of a tool that failed: there is no field for it.
const FAILED: &str = "[tool error] ";

/// Writes turns as items.
pub(super) fn write(
    turns: &[Turn<'_>],
    input: &mut Array<'_>,
    notes: &mut Notes,
) -> Result<(), Problem> {
    for turn in turns {
        if turn.name.is_some() {
            notes.lose(Feature::TurnName)?;
        }
        if turn.parts.iter().any(|part| part.cache.is_some()) {
            notes.lose(Feature::CacheMarks)?;
        }
        // What is said in a row is one message; thoughts, calls and results are items.
        let is_said = |part: &Part<'_>| {
            matches!(
                part.kind,
                PartKind::Text { .. } | PartKind::Media(_) | PartKind::Refusal(_)
            )
        };
        for run in turn
            .parts
            .chunk_by(|one, next| is_said(one) && is_said(next))
        {
            match run.first().map(|part| &part.kind) {
                Some(PartKind::Thinking(thinking)) => write_thinking(thinking, input, notes)?,
                Some(PartKind::Call(call)) => write_call(call, input, notes)?,
                Some(PartKind::Result(result)) => write_result(result, input, notes)?,
                Some(_) => write_message(turn.role, run, input, notes)?,
                None => {}
            }
        }
    }
    Ok(())
}

fn write_message(
    role: Role,
    parts: &[Part<'_>],
    input: &mut Array<'_>,
    notes: &mut Notes,
) -> Result<(), Problem> {
    let is_media = |part: &Part<'_>| matches!(part.kind, PartKind::Media(_));
    if role == Role::Assistant && parts.iter().all(is_media) {
        return notes.lose(Feature::Image);
    }
    input.try_object(|out| {
        out.text("type", "message");
        out.text(
            "role",
            match role {
                Role::System => "system",
                Role::Developer => "developer",
                Role::User | Role::Tool => "user",
                Role::Assistant => "assistant",
            },
        );
        out.try_array("content", |content| {
            for part in parts {
                write_part(role, part, content, notes)?;
            }
            Ok(())
        })
    })
}

fn write_part(
    role: Role,
    part: &Part<'_>,
    content: &mut Array<'_>,
    notes: &mut Notes,
) -> Result<(), Problem> {
    let is_model = role == Role::Assistant;
    match &part.kind {
        PartKind::Text { text, citations } => {
            if !citations.is_empty() {
                notes.lose(Feature::Citations)?;
            }
            let kind = if is_model {
                "output_text"
            } else {
                "input_text"
            };
            content.object(|out| write_text(kind, text, out));
        }
        PartKind::Refusal(text) if is_model => content.object(|out| {
            out.text("type", "refusal");
            out.text("refusal", text.as_str());
        }),
        PartKind::Refusal(text) => content.object(|out| write_text("input_text", text, out)),
        // There is no form in which a model's own picture could be told to it again.
        PartKind::Media(_) if is_model => notes.lose(Feature::Image)?,
        PartKind::Media(found) => media::write(found, content, notes)?,
        PartKind::Thinking(_) | PartKind::Call(_) | PartKind::Result(_) => {}
    }
    Ok(())
}

fn write_text(kind: &str, text: &str, out: &mut Object<'_>) {
    out.text("type", kind);
    out.text("text", text);
}

/// Without what only its provider can read, the provider would look for a thought that it has not
/// kept, and refuse the request.
fn write_thinking(
    thinking: &Thinking<'_>,
    input: &mut Array<'_>,
    notes: &mut Notes,
) -> Result<(), Problem> {
    let Some(state) = &thinking.state else {
        return notes.lose(Feature::ThinkingText);
    };
    if state.origin != Origin::OpenAi {
        return notes.lose(Feature::ThinkingState);
    }
    input.object(|out| {
        out.text("type", "reasoning");
        let id = thinking.id.as_ref().filter(|id| words::is_given(id));
        out.maybe_text("id", id.map(Text::as_str));
        out.array("summary", |summary| {
            if !thinking.text.is_empty() {
                summary.object(|out| write_text("summary_text", &thinking.text, out));
            }
        });
        out.text("encrypted_content", state.data.as_str());
    });
    Ok(())
}

fn write_call(call: &Call<'_>, input: &mut Array<'_>, notes: &mut Notes) -> Result<(), Problem> {
    if call.state.is_some() {
        // Calls of this dialect have none, so it is another provider's.
        notes.lose(Feature::ThinkingState)?;
    }
    input.object(|out| {
        let (kind, member) = if call.is_custom {
            ("custom_tool_call", "input")
        } else {
            ("function_call", "arguments")
        };
        out.text("type", kind);
        out.text("call_id", call.id.as_str());
        out.text("name", call.name.as_str());
        out.maybe_text("namespace", call.namespace.as_ref().map(Text::as_str));
        let arguments = call.arguments.as_str();
        let is_missing = arguments.is_empty() && !call.is_custom;
        out.text(member, if is_missing { "{}" } else { arguments });
    });
    Ok(())
}

fn write_result(
    result: &CallResult<'_>,
    input: &mut Array<'_>,
    notes: &mut Notes,
) -> Result<(), Problem> {
    if result.is_error {
        notes.lose(Feature::ToolErrors)?;
    }
    if result.parts.iter().any(|part| part.cache.is_some()) {
        notes.lose(Feature::CacheMarks)?;
    }
    let failed = if result.is_error { FAILED } else { "" };
    input.try_object(|out| {
        let kind = if result.is_custom {
            "custom_tool_call_output"
        } else {
            "function_call_output"
        };
        out.text("type", kind);
        out.text("call_id", result.id.as_str());
        match result.parts.as_slice() {
            [] => out.text("output", failed.trim_end()),
            [
                Part {
                    kind: PartKind::Text { text, .. },
                    ..
                },
            ] => out.text("output", [failed, text.as_str()].concat()),
            parts => out.try_array("output", |output| {
                if result.is_error {
                    output.object(|out| write_text("input_text", failed.trim_end(), out));
                }
                for part in parts {
                    write_part(Role::Tool, part, output, notes)?;
                }
                Ok::<(), Problem>(())
            })?,
        }
        Ok(())
    })
}
