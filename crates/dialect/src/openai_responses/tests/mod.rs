//! Requests, answers and streams, there and back.

mod asks;
mod generate;
mod golden;
mod golden_streams;
mod puts;
mod replies;
mod rounds;
mod stream_reads;
mod streams;

use mirk_model::{Ask, Dialect, Event, Operation, Part, Role, Text, Traits, Turn};

use super::WIRE;
use crate::{
    json::Misread,
    loss::Notes,
    wire::{Malformed, Manner},
};

/// The plainest request.
fn question() -> Ask<'static> {
    Ask {
        model: Text::from("m"),
        turns: vec![Turn {
            role: Role::User,
            name: None,
            parts: vec![Part::text("hi")],
        }],
        ..Ask::default()
    }
}

/// Notes on a request that stays in its own dialect.
fn own_notes() -> Notes {
    Notes::new(Dialect::OpenAiResponses, Dialect::OpenAiResponses)
}

/// What a request reads as, and what was left out of it.
fn read(body: &str) -> Result<(Ask<'_>, Manner, Notes), Misread> {
    let mut notes = own_notes();
    let (ask, manner) = (WIRE.read_ask)(Operation::Responses, body, &mut notes)?;
    Ok((ask, manner, notes))
}

/// What a request of `client`'s is written as, and what was lost.
fn written(ask: &Ask<'_>, traits: &Traits, client: Dialect) -> (String, Notes) {
    let mut notes = Notes::new(client, Dialect::OpenAiResponses);
    let body = (WIRE.write_ask)(ask, traits, &mut notes).unwrap();
    (String::from_utf8(body).unwrap(), notes)
}

/// A manner in which ids are known.
fn manner() -> Manner {
    Manner {
        request_id: "q".to_owned(),
        model: "m".to_owned(),
        created: 7,
        ..Manner::new(Operation::Responses)
    }
}

/// The events that a stream of these data reads as.
fn events(data: &[impl AsRef<str>]) -> Result<Vec<Event<'static>>, Malformed> {
    let mut reader = (WIRE.reader)();
    let mut found = Vec::new();
    for data in data {
        reader.data(data.as_ref(), &mut |event| {
            found.push(generate::owned(&event));
            Ok(())
        })?;
    }
    reader.end(&mut |event| {
        found.push(generate::owned(&event));
        Ok(())
    })?;
    Ok(found)
}

/// The stream that these events are written as: the type and the data of each.
fn stream(events: &[Event<'_>], manner: &Manner) -> Vec<(String, String)> {
    let mut writer = (WIRE.writer)(manner);
    let mut out = Vec::new();
    for event in events {
        writer.event(event, &mut out);
    }
    frames(&String::from_utf8(out).unwrap())
}

/// The type and the data of each event of a stream.
fn frames(stream: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for frame in stream.split_terminator("\n\n") {
        let (kind, data) = frame.split_once('\n').unwrap();
        found.push((
            kind.strip_prefix("event: ").unwrap().to_owned(),
            data.strip_prefix("data: ").unwrap().to_owned(),
        ));
    }
    found
}
