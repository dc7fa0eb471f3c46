//! There and back: what is written is read as it was.

use mirk_model::{
    Call, Choice, Dialect, Event, Finish, Operation, Part, PartKind, Reply, Text, Thinking, Thinks,
    Traits,
};
use proptest::prelude::*;

use super::{WIRE, events, frames_of, made, manner, notes};

/// What events come to when they are put together, as a client does.
fn whole(events: Vec<Event<'static>>) -> Reply<'static> {
    let mut reply = Reply::default();
    for event in events {
        take(&mut reply, event);
    }
    reply
}

fn at<'r>(reply: &'r mut Reply<'static>, choice: u32) -> &'r mut Choice<'static> {
    while reply.choices.len() <= choice as usize {
        reply.choices.push(Choice::default());
    }
    &mut reply.choices[choice as usize]
}

fn add(to: &mut Text<'static>, more: &Text<'static>) {
    *to = Text::from([to.as_str(), more.as_str()].concat());
}

#[expect(clippy::too_many_lines, reason = "one arm for each event")]
fn take(reply: &mut Reply<'static>, event: Event<'static>) {
    match event {
        Event::Start {
            id, model, created, ..
        } => (reply.id, reply.model, reply.created) = (id, model, created),
        Event::Text { choice, text } => match at(reply, choice).parts.last_mut() {
            Some(Part {
                kind: PartKind::Text { text: said, .. },
                ..
            }) => add(said, &text),
            _ => at(reply, choice).parts.push(Part::text(text)),
        },
        Event::Thinking { choice, text } => match at(reply, choice).parts.last_mut() {
            Some(Part {
                kind:
                    PartKind::Thinking(Thinking {
                        text: said,
                        state: None,
                        ..
                    }),
                ..
            }) => add(said, &text),
            _ => at(reply, choice)
                .parts
                .push(Part::new(PartKind::Thinking(Thinking {
                    text,
                    ..Thinking::default()
                }))),
        },
        Event::ThinkingState { choice, id, state } => {
            let parts = &mut at(reply, choice).parts;
            if !matches!(
                parts.last(),
                Some(Part {
                    kind: PartKind::Thinking(Thinking { state: None, .. }),
                    ..
                })
            ) {
                parts.push(Part::new(PartKind::Thinking(Thinking::default())));
            }
            if let Some(Part {
                kind: PartKind::Thinking(thinking),
                ..
            }) = parts.last_mut()
            {
                thinking.id = id;
                thinking.state = Some(state);
            }
        }
        Event::Refusal { choice, text } => at(reply, choice)
            .parts
            .push(Part::new(PartKind::Refusal(text))),
        Event::Call { choice, begun, .. } => at(reply, choice)
            .parts
            .push(Part::new(PartKind::Call(begun))),
        Event::Arguments { choice, call, text } => {
            let calls = at(reply, choice).parts.iter_mut();
            let found = calls
                .filter_map(|part| match &mut part.kind {
                    PartKind::Call(call) => Some(call),
                    _ => None,
                })
                .nth(call as usize);
            add(&mut found.unwrap().arguments, &text);
        }
        Event::Citation { choice, citation } => {
            for part in &mut at(reply, choice).parts {
                if let PartKind::Text { citations, .. } = &mut part.kind {
                    citations.push(citation);
                    return;
                }
            }
        }
        Event::Logprobs { choice, tokens } => at(reply, choice).logprobs.extend(tokens),
        Event::Finish {
            choice,
            finish,
            stop,
        } => (at(reply, choice).finish, at(reply, choice).stop) = (finish, stop),
        Event::Usage(usage) => reply.usage = Some(usage),
        Event::Break { .. } | Event::CallEnd { .. } | Event::End | Event::Error(_) => {}
    }
}

/// A client gives ids back with their states, so that is where they are looked for.
fn calls_of(reply: &Reply<'_>) -> Vec<Call<'static>> {
    let parts = reply.choices.iter().flat_map(|choice| &choice.parts);
    parts
        .filter_map(|part| match &part.kind {
            PartKind::Call(call) => {
                let (id, state) = crate::carry::from_id(call.id.clone().into_owned());
                Some(Call {
                    id,
                    name: call.name.clone().into_owned(),
                    namespace: None,
                    arguments: call.arguments.clone().into_owned(),
                    is_custom: call.is_custom,
                    state,
                })
            }
            _ => None,
        })
        .collect()
}

fn original_calls(reply: &Reply<'static>) -> Vec<Call<'static>> {
    let parts = reply.choices.iter().flat_map(|choice| &choice.parts);
    parts
        .filter_map(|part| match &part.kind {
            PartKind::Call(call) => Some(call.clone()),
            _ => None,
        })
        .collect()
}

/// Everything but the calls, which are looked at by themselves.
fn without_calls(reply: &Reply<'static>) -> Reply<'static> {
    let mut reply = reply.clone();
    for choice in &mut reply.choices {
        choice
            .parts
            .retain(|part| !matches!(part.kind, PartKind::Call(_)));
    }
    reply
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_request_is_read_as_it_was_written(ask in made::ask()) {
        let traits = Traits {
            has_developer: true,
            has_completion_limit: ask.is_stream,
            thinks: Thinks::Effort,
            ..Traits::default()
        };
        let mut said = notes(Dialect::OpenAiChat);
        let body = (WIRE.write_ask)(&ask, &traits, &mut said).unwrap();
        let body = std::str::from_utf8(&body).unwrap();
        prop_assert_eq!(said.said(), &[] as &[String]);
        let (read, manner) = (WIRE.read_ask)(Operation::Chat, body, &mut said).unwrap();
        prop_assert_eq!(said.said(), &[] as &[String]);
        prop_assert_eq!(manner.is_stream, ask.is_stream);
        prop_assert!(read == ask, "{:#?}\n{:#?}", read, ask);
    }

    #[test]
    fn an_answer_is_read_as_it_was_written(reply in made::reply()) {
        let body = (WIRE.write_reply)(&reply, &manner());
        let read = (WIRE.read_reply)(std::str::from_utf8(&body).unwrap()).unwrap();
        prop_assert_eq!(calls_of(&read), original_calls(&reply));
        let kept: Vec<_> = read.choices.iter().map(|choice| {
            choice.parts.iter().filter(|part| !matches!(part.kind, PartKind::Call(_))).count()
        }).collect();
        let bare = without_calls(&reply);
        prop_assert_eq!(
            kept,
            bare.choices.iter().map(|choice| choice.parts.len()).collect::<Vec<_>>()
        );
        let mut read = read;
        for choice in &mut read.choices {
            choice.parts.retain(|part| !matches!(part.kind, PartKind::Call(_)));
        }
        prop_assert!(read == bare, "{:#?}\n{:#?}", read, bare);
    }

    #[test]
    fn a_stream_is_read_as_it_was_written(reply in made::reply()) {
        let frames = frames_of(&events::events(&reply), &manner());
        prop_assert_eq!(frames.last().map(String::as_str), Some("[DONE]"));
        let frames: Vec<_> = frames.iter().map(String::as_str).collect();
        let events = super::events_of(&frames).unwrap();
        prop_assert_eq!(events.last(), Some(&Event::End));
        let read = whole(events);
        prop_assert_eq!(calls_of(&read), original_calls(&reply));
        let mut expected = without_calls(&reply);
        let mut read = without_calls(&read);
        for choice in expected.choices.iter_mut().chain(&mut read.choices) {
            // A reader may leave it to the bridge to see calls and refusals behind a `stop`.
            if matches!(choice.finish, Finish::Calls | Finish::Refusal) {
                choice.finish = Finish::Stop;
            }
        }
        prop_assert!(read == expected, "{:#?}\n{:#?}", read, expected);
    }

    #[test]
    fn no_document_makes_a_reader_panic(
        reply in made::reply(),
        ask in made::ask(),
        cut in any::<prop::sample::Index>(),
        swap in select_bytes(),
    ) {
        let mut said = notes(Dialect::OpenAiChat);
        let traits = Traits::default();
        let documents = [
            (WIRE.write_reply)(&reply, &manner()),
            (WIRE.write_ask)(&ask, &traits, &mut said).unwrap(),
        ];
        for mut document in documents {
            let at = cut.index(document.len());
            document.splice(at..=at, swap.bytes());
            let Ok(text) = std::str::from_utf8(&document) else { continue };
            let _read = (WIRE.read_ask)(Operation::Chat, text, &mut said);
            let _read = (WIRE.read_reply)(text);
            let _shape = super::super::shape_of(text);
        }
        let frames = frames_of(&events::events(&reply), &manner());
        let mut reader = (WIRE.reader)();
        for mut frame in frames {
            let at = cut.index(frame.len());
            if frame.is_char_boundary(at) && frame.is_char_boundary(at + 1) {
                frame.replace_range(at..=at, &swap);
            }
            let _read = reader.data(&frame, &mut |_event| Ok(()));
        }
    }
}

fn select_bytes() -> impl Strategy<Value = String> {
    proptest::sample::select(vec![
        "", "null", "[", "]", "{", "}", "\"", ",", "1", "-1e999", "\\ud800", "[]", "{}", "true",
    ])
    .prop_map(str::to_owned)
}
