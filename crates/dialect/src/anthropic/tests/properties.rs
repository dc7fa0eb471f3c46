//! What holds of every request, answer and stream.

use mirk_model::{Event, Finish, Operation, Part, PartKind, Reply, Thinking, Traits, Usage};
use proptest::{prelude::*, sample::Index};

use super::{
    WIRE, events, from_here, generate, owned,
    stream_reading::{BLOCKS, START, STOP},
    to_here,
};
use crate::wire::Manner;

fn manner() -> Manner {
    Manner::new(Operation::Messages)
}

/// The answer told in pieces of at most `size` characters; calls in a row take turns.
fn told(reply: &Reply<'_>, size: usize) -> Vec<Event<'static>> {
    let mut told = vec![Event::Start {
        id: reply.id.clone(),
        model: reply.model.clone(),
        created: None,
        usage: None,
    }];
    let choice = &reply.choices[0];
    let mut open: Vec<(u32, Vec<String>)> = Vec::new();
    let mut calls = 0;
    for part in &choice.parts {
        if !matches!(part.kind, PartKind::Call(_)) {
            end_calls(&mut open, &mut told);
        }
        match &part.kind {
            PartKind::Text { text, citations } => {
                told.push(Event::Break { choice: 0 });
                told.extend(pieces(text, size).into_iter().map(|text| Event::Text {
                    choice: 0,
                    text: text.into(),
                }));
                told.extend(citations.iter().map(|citation| Event::Citation {
                    choice: 0,
                    citation: citation.clone(),
                }));
            }
            PartKind::Thinking(thinking) => {
                told.push(Event::Break { choice: 0 });
                let text = pieces(&thinking.text, size).into_iter();
                told.extend(text.map(|text| Event::Thinking {
                    choice: 0,
                    text: text.into(),
                }));
                told.extend(thinking.state.iter().map(|state| Event::ThinkingState {
                    choice: 0,
                    id: None,
                    state: state.clone(),
                }));
            }
            PartKind::Call(call) => {
                let mut begun = call.clone();
                begun.arguments = "".into();
                told.push(Event::Call {
                    choice: 0,
                    call: calls,
                    begun,
                });
                open.push((calls, pieces(&call.arguments, size)));
                calls += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    end_calls(&mut open, &mut told);
    end(reply, &mut told);
    told.into_iter().map(owned).collect()
}

fn end<'a>(reply: &Reply<'a>, told: &mut Vec<Event<'a>>) {
    let choice = &reply.choices[0];
    told.push(Event::Finish {
        choice: 0,
        finish: choice.finish,
        stop: choice.stop.clone(),
    });
    told.extend(reply.usage.map(Event::Usage));
    told.push(Event::End);
}

fn end_calls(open: &mut Vec<(u32, Vec<String>)>, told: &mut Vec<Event<'_>>) {
    let longest = open.iter().map(|(_, pieces)| pieces.len()).max();
    for place in 0..longest.unwrap_or(0) {
        // The later ones first, so that they have to wait.
        for (call, pieces) in open.iter().rev() {
            told.extend(pieces.get(place).map(|text| Event::Arguments {
                choice: 0,
                call: *call,
                text: text.clone().into(),
            }));
        }
    }
    let ends = open.drain(..).rev();
    told.extend(ends.map(|(call, _)| Event::CallEnd { choice: 0, call }));
}

fn pieces(text: &str, size: usize) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    letters
        .chunks(size)
        .map(|piece| piece.iter().collect())
        .collect()
}

/// What the events of a stream say, put together again.
fn heard(events: &[Event<'static>]) -> Reply<'static> {
    let mut reply = Reply {
        choices: vec![mirk_model::Choice::default()],
        ..Reply::default()
    };
    let mut has_break = true;
    for event in events {
        let choice = &mut reply.choices[0];
        let last = choice.parts.last_mut().map(|part| &mut part.kind);
        match (event, last) {
            (Event::Start { id, model, .. }, _) => {
                reply.id = id.clone();
                reply.model = model.clone();
            }
            (Event::Break { .. }, _) => has_break = true,
            (Event::Text { text: more, .. }, Some(PartKind::Text { text, .. })) if !has_break => {
                *text = format!("{}{}", text.as_str(), more.as_str()).into();
            }
            (Event::Text { text, .. }, _) => {
                choice.parts.push(Part::text(text.clone()));
                has_break = false;
            }
            (Event::Citation { citation, .. }, Some(PartKind::Text { citations, .. })) => {
                citations.push(citation.clone());
            }
            (Event::Thinking { text: more, .. }, Some(PartKind::Thinking(thinking)))
                if !has_break && thinking.state.is_none() =>
            {
                thinking.text = format!("{}{}", thinking.text.as_str(), more.as_str()).into();
            }
            (Event::ThinkingState { state, .. }, Some(PartKind::Thinking(thinking)))
                if !has_break && thinking.state.is_none() =>
            {
                thinking.state = Some(state.clone());
            }
            (Event::Thinking { text, .. }, _) => {
                choice.parts.push(thought(text.clone(), None));
                has_break = false;
            }
            (Event::ThinkingState { state, .. }, _) => {
                choice.parts.push(thought("".into(), Some(state.clone())));
            }
            (Event::Call { begun, .. }, _) => {
                choice.parts.push(Part::new(PartKind::Call(begun.clone())));
            }
            (Event::Arguments { text: more, .. }, Some(PartKind::Call(call))) => {
                call.arguments = format!("{}{}", call.arguments.as_str(), more.as_str()).into();
            }
            (Event::Finish { finish, stop, .. }, _) => {
                choice.finish = *finish;
                choice.stop = stop.clone();
            }
            (Event::Usage(usage), _) => reply.usage = Some(*usage),
            (Event::CallEnd { .. } | Event::End, _) => {}
            (event, _) => panic!("{event:?}"),
        }
    }
    reply
}

fn thought(
    text: mirk_model::Text<'static>,
    state: Option<mirk_model::State<'static>>,
) -> Part<'static> {
    Part::new(PartKind::Thinking(Thinking {
        text,
        id: None,
        state,
    }))
}

const ASK: &str = r#"{"model":"m","max_tokens":9,"stream":false,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral","ttl":"5m"}}],"messages":[{"role":"user","content":[{"type":"text","text":"a\n"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}},{"type":"document","title":"t","source":{"type":"content","content":"c"}}]},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"tool_use","id":"i","name":"f","input":{"a":1}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"i","content":"r"}]}],"tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"tool","name":"f"},"thinking":{"type":"enabled","budget_tokens":1024},"output_config":{"effort":"low","format":{"type":"json_schema","schema":{}}},"temperature":1.0,"stop_sequences":["x"],"metadata":{"user_id":"u"}}"#;

const REPLY: &str = r#"{"id":"msg_1","model":"m","content":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"text","text":"a","citations":[{"type":"char_location","cited_text":"q","document_title":"d"}]},{"type":"tool_use","id":"i","name":"f","input":{}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":2,"output_tokens_details":{"thinking_tokens":1}}}"#;

/// What is put in the place of some letters.
const ODD: [&str; 16] = [
    "",
    "null",
    "{}",
    "[]",
    "1e999",
    "-1",
    "18446744073709551616",
    "\"\\ud800\"",
    "\"",
    "{",
    "]",
    "true",
    ",",
    "\\",
    "\u{0}",
    "\"type\"",
];

fn mutated(text: &str, changes: &[(Index, usize, usize)]) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for (place, length, odd) in changes {
        let start = place.index(letters.len() + 1);
        let end = letters.len().min(start + length);
        letters.splice(start..end, ODD[*odd].chars());
    }
    letters.into_iter().collect()
}

/// Values that are whole, put in the place of others, so that what is read stays JSON.
fn swapped(text: &str, place: Index, odd: usize) -> String {
    let places: Vec<_> = text.match_indices(':').map(|(at, _)| at + 1).collect();
    let at = places[place.index(places.len())];
    let (head, tail) = text.split_at(at);
    let rest = tail.find([',', '}']).map_or("", |end| tail.split_at(end).1);
    format!("{head}{}{rest}", ODD[odd % 8])
}

proptest! {
    #[test]
    fn a_request_that_is_written_is_read_as_the_same((ask, traits) in generate::ask()) {
        let mut notes = to_here();
        let body = (WIRE.write_ask)(&ask, &traits, &mut notes).unwrap();
        prop_assert_eq!(notes.said(), &[] as &[String]);
        let body = String::from_utf8(body).unwrap();
        let mut notes = from_here();
        let (read, manner) = (WIRE.read_ask)(Operation::Messages, &body, &mut notes).unwrap();
        prop_assert_eq!(notes.said(), &[] as &[String]);
        prop_assert_eq!(manner.is_stream, ask.is_stream);
        prop_assert!(read == ask, "{:?}\n{:?}", read, ask);
    }

    #[test]
    fn an_answer_that_is_written_is_read_as_the_same(reply in generate::reply()) {
        let body = String::from_utf8((WIRE.write_reply)(&reply, &manner())).unwrap();
        let read = (WIRE.read_reply)(&body).unwrap();
        prop_assert!(read == reply, "{:?}\n{:?}", read, reply);
    }

    #[test]
    fn t2_a_stream_that_is_written_says_the_same_when_read(
        reply in generate::reply(),
        size in 1_usize..6,
    ) {
        let mut writer = (WIRE.writer)(&manner());
        let mut out = Vec::new();
        for event in told(&reply, size) {
            writer.event(&event, &mut out);
        }
        let text = String::from_utf8(out).unwrap();
        let data: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        let read = events(&data).unwrap();
        prop_assert_eq!(read.last(), Some(&Event::End));
        let read = heard(&read);
        prop_assert!(read == reply, "{:?}\n{:?}", read, reply);
    }

    #[test]
    fn what_is_broken_is_refused_or_read_and_nothing_panics(
        changes in prop::collection::vec((any::<Index>(), 0_usize..9, 0..ODD.len()), 1..4),
        place in any::<Index>(),
        odd in 0..ODD.len(),
    ) {
        for body in [mutated(ASK, &changes), swapped(ASK, place, odd)] {
            let read = (WIRE.read_ask)(Operation::Messages, &body, &mut from_here());
            if let Ok((ask, _)) = read
                && let Ok(out) = (WIRE.write_ask)(&ask, &Traits::default(), &mut to_here())
            {
                prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&out).is_ok());
            }
        }
        for body in [mutated(REPLY, &changes), swapped(REPLY, place, odd)] {
            if let Ok(reply) = (WIRE.read_reply)(&body) {
                let out = (WIRE.write_reply)(&reply, &manner());
                prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&out).is_ok());
            }
        }
        for event in BLOCKS {
            let broken = [mutated(event, &changes), swapped(event, place, odd)];
            let mut data = vec![START];
            data.extend(broken.iter().map(String::as_str));
            data.extend(BLOCKS);
            data.push(STOP);
            let _read_or_refused = events(&data).is_ok();
        }
    }

    #[test]
    fn usage_is_read_back_as_it_was_written(
        input in 0..1_u64 << 38, cached in 0..1_u64 << 38, output in 0..1_u64 << 38,
    ) {
        let usage = Usage { input, cached, output, ..Usage::default() };
        let reply = Reply { usage: Some(usage), ..Reply::default() };
        let body = String::from_utf8((WIRE.write_reply)(&reply, &manner())).unwrap();
        let read = (WIRE.read_reply)(&body).unwrap();
        let again = read.usage.unwrap();
        prop_assert_eq!(again.input, input.max(cached));
        prop_assert_eq!((again.cached, again.output), (cached, output));
        prop_assert_eq!(read.choices[0].finish, Finish::Stop);
    }
}
