//! Tests of the dialect. What is said in them is made up here.

mod ask;
mod ask_options;
mod ask_write;
mod events;
mod golden;
mod made;
mod reply;
mod rounds;
mod stream;
mod stream_keys;

use mirk_model::{Ask, Dialect, Event, Operation, Traits};
use serde_json::Value as Json;

use super::WIRE;
use crate::{
    json::Misread,
    loss::Notes,
    wire::{Malformed, Manner},
};

fn notes(client: Dialect) -> Notes {
    Notes::new(client, Dialect::OpenAiChat)
}

fn read(body: &str) -> Result<(Ask<'_>, Manner, Vec<String>), Misread> {
    let mut notes = Notes::new(Dialect::OpenAiChat, Dialect::Anthropic);
    let (ask, manner) = (WIRE.read_ask)(Operation::Chat, body, &mut notes)?;
    Ok((ask, manner, notes.said().to_vec()))
}

/// A request with `member` beside a model and one message.
fn with(member: &str) -> String {
    format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}],{member}}}"#)
}

fn with_messages(messages: &str) -> String {
    format!(r#"{{"model":"m","messages":[{messages}]}}"#)
}

/// Writes `ask` for a client of another dialect's; the body, and what was noted.
fn written(ask: &Ask<'_>, traits: &Traits) -> (Json, Vec<String>) {
    let mut notes = notes(Dialect::Anthropic);
    let body = (WIRE.write_ask)(ask, traits, &mut notes).unwrap();
    (
        serde_json::from_slice(&body).unwrap(),
        notes.said().to_vec(),
    )
}

fn manner() -> Manner {
    Manner {
        model: "asked".to_owned(),
        request_id: "req1".to_owned(),
        created: 7,
        includes_usage: true,
        ..Manner::new(Operation::Chat)
    }
}

/// What a reader makes of `data`, each as owned debug text with its content.
fn events_of(data: &[&str]) -> Result<Vec<Event<'static>>, Malformed> {
    let mut reader = (WIRE.reader)();
    let mut events = Vec::new();
    for data in data {
        reader.data(data, &mut |event| {
            events.push(events::owned(&event));
            Ok(())
        })?;
    }
    reader.end(&mut |event| {
        events.push(events::owned(&event));
        Ok(())
    })?;
    Ok(events)
}

/// What a client gets of `events`: the data of each event.
fn frames_of(events: &[Event<'_>], manner: &Manner) -> Vec<String> {
    let mut writer = (WIRE.writer)(manner);
    let mut out = Vec::new();
    for event in events {
        writer.event(event, &mut out);
    }
    let text = String::from_utf8(out).unwrap();
    let mut frames: Vec<_> = text.split("\n\n").map(str::to_owned).collect();
    assert_eq!(frames.pop().as_deref(), Some(""));
    frames
        .into_iter()
        .map(|frame| {
            let data = frame.strip_prefix("data: ").unwrap();
            assert!(!data.contains('\n'));
            data.to_owned()
        })
        .collect()
}
