//! Tests of Gemini's dialect.

mod asks;
mod asks_written;
mod fuzz;
mod make;
mod options_written;
mod replies;
mod round;
mod schemas;
mod stream_round;
mod streams;

use mirk_model::{Ask, Dialect, Event, Operation, Problem, Traits};
use serde_json::Value as Tree;

use super::WIRE;
use crate::{
    loss::Notes,
    wire::{Malformed, Manner},
};

/// Notes on a way to Gemini.
fn notes() -> Notes {
    Notes::new(Dialect::OpenAiChat, Dialect::Gemini)
}

/// Reads a request.
fn read(body: &str) -> (Ask<'_>, Manner, Vec<String>) {
    let mut notes = Notes::new(Dialect::Gemini, Dialect::OpenAiChat);
    let (ask, manner) = (WIRE.read_ask)(Operation::Generate, body, &mut notes).unwrap();
    (ask, manner, notes.said().to_vec())
}

/// What is wrong with a request.
fn wrong(body: &str) -> String {
    let mut notes = Notes::new(Dialect::Gemini, Dialect::OpenAiChat);
    let misread = (WIRE.read_ask)(Operation::Generate, body, &mut notes).unwrap_err();
    misread.to_string()
}

/// Writes a request.
fn write_with(ask: &Ask<'_>, traits: &Traits) -> Result<(Tree, Vec<String>), Problem> {
    let mut notes = notes();
    let body = (WIRE.write_ask)(ask, traits, &mut notes)?;
    Ok((
        serde_json::from_slice(&body).unwrap(),
        notes.said().to_vec(),
    ))
}

fn write(ask: &Ask<'_>) -> (Tree, Vec<String>) {
    write_with(ask, &Traits::default()).unwrap()
}

/// What one piece of a stream says, without the text that `Text` hides.
fn events(chunks: &[&str]) -> Vec<Event<'static>> {
    let mut reader = (WIRE.reader)();
    let mut found = Vec::new();
    let mut sink = |event: Event<'_>| -> Result<(), Malformed> {
        found.push(make::owned(&event));
        Ok(())
    };
    for chunk in chunks {
        reader.data(chunk, &mut sink).unwrap();
    }
    reader.end(&mut sink).unwrap();
    found
}

/// The chunks that a client gets.
fn chunks(events: &[Event<'_>], manner: &Manner) -> Vec<u8> {
    let mut writer = (WIRE.writer)(manner);
    let mut out = Vec::new();
    for event in events {
        writer.event(event, &mut out);
    }
    out
}

/// The data of each event of a stream.
fn data(stream: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(stream).unwrap();
    text.split_terminator("\n\n")
        .map(|event| event.strip_prefix("data: ").unwrap().to_owned())
        .collect()
}
