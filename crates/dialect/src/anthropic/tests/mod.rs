//! The dialect's tests: requests, answers and streams, each way, by example and by property.

mod generate;
mod golden;
mod options;
mod properties;
mod reading;
mod replies;
mod stream_reading;
mod stream_writing;
mod writing;

use mirk_model::{
    Ask, Call, Citation, Dialect, Event, Failure, Operation, Problem, State, Text, Traits,
};
use serde_json::Value;

use super::WIRE;
use crate::{
    json::Misread,
    loss::Notes,
    wire::{Malformed, Manner},
};

/// Notes on a translation to this dialect.
fn to_here() -> Notes {
    Notes::new(Dialect::OpenAiChat, Dialect::Anthropic)
}

/// Notes on a translation from this dialect.
fn from_here() -> Notes {
    Notes::new(Dialect::Anthropic, Dialect::OpenAiChat)
}

fn try_read<'a>(body: &'a str, notes: &mut Notes) -> Result<(Ask<'a>, Manner), Misread> {
    (WIRE.read_ask)(Operation::Messages, body, notes)
}

/// The request that is read from `body`, and what was noted.
fn read(body: &str) -> (Ask<'_>, Manner, Vec<String>) {
    let mut notes = from_here();
    let (ask, manner) = try_read(body, &mut notes).unwrap();
    (ask, manner, notes.said().to_vec())
}

/// Where and why `body` is refused.
fn misread(body: &str) -> String {
    try_read(body, &mut from_here()).unwrap_err().to_string()
}

fn try_write(ask: &Ask<'_>, traits: &Traits) -> Result<(Value, Vec<String>), Problem> {
    let mut notes = to_here();
    let body = (WIRE.write_ask)(ask, traits, &mut notes)?;
    Ok((
        serde_json::from_slice(&body).unwrap(),
        notes.said().to_vec(),
    ))
}

/// The body that is written for `ask`, and what was noted.
fn write(ask: &Ask<'_>, traits: &Traits) -> (Value, Vec<String>) {
    try_write(ask, traits).unwrap()
}

/// The events that a provider's stream comes to.
fn events(data: &[&str]) -> Result<Vec<Event<'static>>, Malformed> {
    let mut reader = (WIRE.reader)();
    let mut events = Vec::new();
    for data in data {
        reader.data(data, &mut |event| {
            events.push(owned(event));
            Ok(())
        })?;
    }
    Ok(events)
}

/// What a client gets of `events`: the name of each event, and its data.
fn stream(manner: &Manner, events: &[Event<'_>]) -> Vec<(String, Value)> {
    let mut writer = (WIRE.writer)(manner);
    let mut out = Vec::new();
    for event in events {
        writer.event(event, &mut out);
    }
    frames(&out)
}

fn frames(out: &[u8]) -> Vec<(String, Value)> {
    let text = std::str::from_utf8(out).unwrap();
    text.split_terminator("\n\n")
        .map(|frame| {
            let (name, data) = frame.split_once('\n').unwrap();
            let name = name.strip_prefix("event: ").unwrap();
            let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(data["type"], name, "the type stands in the data too");
            (name.to_owned(), data)
        })
        .collect()
}

fn text(text: Text<'_>) -> Text<'static> {
    text.into_owned()
}

fn maybe(text: Option<Text<'_>>) -> Option<Text<'static>> {
    text.map(Text::into_owned)
}

fn state(state: State<'_>) -> State<'static> {
    State {
        origin: state.origin,
        data: text(state.data),
    }
}

/// `event` without borrowing.
fn owned(event: Event<'_>) -> Event<'static> {
    match event {
        Event::Start {
            id,
            model,
            created,
            usage,
        } => Event::Start {
            id: text(id),
            model: text(model),
            created,
            usage,
        },
        Event::Finish {
            choice,
            finish,
            stop,
        } => Event::Finish {
            choice,
            finish,
            stop: maybe(stop),
        },
        Event::Usage(usage) => Event::Usage(usage),
        Event::Error(failure) => Event::Error(Failure {
            status: failure.status,
            code: text(failure.code),
            message: text(failure.message),
            param: maybe(failure.param),
        }),
        Event::Call {
            choice,
            call,
            begun,
        } => Event::Call {
            choice,
            call,
            begun: Call {
                id: text(begun.id),
                name: text(begun.name),
                namespace: maybe(begun.namespace),
                arguments: text(begun.arguments),
                is_custom: begun.is_custom,
                state: begun.state.map(state),
            },
        },
        piece => owned_piece(piece),
    }
}

/// `event` without borrowing, of those that are pieces of an answer.
fn owned_piece(event: Event<'_>) -> Event<'static> {
    match event {
        Event::Text { choice, text: said } => Event::Text {
            choice,
            text: text(said),
        },
        Event::Break { choice } => Event::Break { choice },
        Event::Thinking { choice, text: said } => Event::Thinking {
            choice,
            text: text(said),
        },
        Event::ThinkingState {
            choice,
            id,
            state: kept,
        } => Event::ThinkingState {
            choice,
            id: maybe(id),
            state: state(kept),
        },
        Event::Refusal { choice, text: said } => Event::Refusal {
            choice,
            text: text(said),
        },
        Event::Arguments {
            choice,
            call,
            text: said,
        } => Event::Arguments {
            choice,
            call,
            text: text(said),
        },
        Event::CallEnd { choice, call } => Event::CallEnd { choice, call },
        Event::Citation { choice, citation } => Event::Citation {
            choice,
            citation: Citation {
                url: maybe(citation.url),
                title: maybe(citation.title),
                quote: maybe(citation.quote),
                start: citation.start,
                end: citation.end,
            },
        },
        _ => Event::End,
    }
}
