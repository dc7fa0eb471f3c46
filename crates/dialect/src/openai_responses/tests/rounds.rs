//! What is written reads as what it was, whatever it is.

use mirk_model::{
    Ask, Call, Choice, Citation, Dialect, Event, Logprob, Part, PartKind, Reply, State, Text,
    Thinking, Thinks, Traits,
};
use proptest::prelude::*;

use super::{WIRE, events, frames, generate, manner, read, stream, written};

fn thinker() -> Traits {
    Traits {
        thinks: Thinks::Effort,
        ..Traits::default()
    }
}

/// An answer as the events of a stream, letter by letter.
fn told(reply: &Reply<'static>) -> Vec<Event<'static>> {
    let choice = 0;
    let said = &reply.choices[0];
    let mut events = vec![Event::Start {
        id: reply.id.clone(),
        model: reply.model.clone(),
        created: reply.created,
        usage: None,
    }];
    let mut call = 0;
    let mut logprobs = said.logprobs.clone();
    for part in &said.parts {
        match &part.kind {
            PartKind::Text { text, citations } => {
                let tokens = std::mem::take(&mut logprobs);
                events.extend(told_text(text, citations, tokens));
            }
            PartKind::Refusal(text) => {
                let text = text.clone();
                events.extend([Event::Break { choice }, Event::Refusal { choice, text }]);
            }
            PartKind::Thinking(thinking) => {
                let (text, id) = (thinking.text.clone(), thinking.id.clone());
                let state = thinking.state.clone().unwrap();
                events.push(Event::Thinking { choice, text });
                events.push(Event::ThinkingState { choice, id, state });
            }
            PartKind::Call(begun) => {
                events.extend(told_call(begun, call));
                call += 1;
            }
            PartKind::Media(_) | PartKind::Result(_) => {}
        }
    }
    events.push(Event::Finish {
        choice,
        finish: said.finish,
        stop: None,
    });
    events.extend(reply.usage.map(Event::Usage));
    events.push(Event::End);
    events
}

fn told_text(
    text: &Text<'static>,
    citations: &[Citation<'static>],
    tokens: Vec<Logprob<'static>>,
) -> Vec<Event<'static>> {
    let choice = 0;
    let mut events = vec![Event::Break { choice }];
    for letter in text.chars() {
        let text = letter.to_string().into();
        events.push(Event::Text { choice, text });
    }
    if !tokens.is_empty() {
        events.push(Event::Logprobs { choice, tokens });
    }
    events.extend(citations.iter().map(|citation| Event::Citation {
        choice,
        citation: citation.clone(),
    }));
    events
}

fn told_call(begun: &Call<'static>, call: u32) -> [Event<'static>; 3] {
    let choice = 0;
    let text = begun.arguments.clone();
    let begun = Call {
        arguments: Text::default(),
        ..begun.clone()
    };
    [
        Event::Call {
            choice,
            call,
            begun,
        },
        Event::Arguments { choice, call, text },
        Event::CallEnd { choice, call },
    ]
}

/// What the events of a stream come to.
#[derive(Default)]
struct Gathered {
    reply: Reply<'static>,
    choice: Choice<'static>,
    /// Where the calls stand.
    calls: Vec<usize>,
    /// The next text begins a part.
    is_new: bool,
}

impl Gathered {
    fn last(&mut self) -> Option<&mut PartKind<'static>> {
        self.choice.parts.last_mut().map(|part| &mut part.kind)
    }

    fn push(&mut self, kind: PartKind<'static>) {
        self.choice.parts.push(Part::new(kind));
    }

    fn state(&mut self, new: State<'static>) {
        if let Some(PartKind::Thinking(Thinking { state, .. })) = self.last()
            && state.is_none()
        {
            *state = Some(new);
            return;
        }
        self.push(PartKind::Thinking(Thinking {
            state: Some(new),
            ..Thinking::default()
        }));
    }

    fn text(&mut self, text: Text<'static>) {
        let is_new = std::mem::take(&mut self.is_new);
        match self.last() {
            Some(PartKind::Text { text: said, .. }) if !is_new => {
                *said = [said.as_str(), text.as_str()].concat().into();
            }
            _ => self.choice.parts.push(Part::text(text)),
        }
    }

    fn take(&mut self, event: Event<'static>) {
        match event {
            Event::Start {
                id, model, created, ..
            } => (self.reply.id, self.reply.model, self.reply.created) = (id, model, created),
            Event::Break { .. } => self.is_new = true,
            Event::Text { text, .. } => self.text(text),
            Event::Refusal { text, .. } => self.push(PartKind::Refusal(text)),
            Event::Thinking { text, .. } => self.push(PartKind::Thinking(Thinking {
                text,
                ..Thinking::default()
            })),
            Event::ThinkingState { state, .. } => self.state(state),
            Event::Call { begun, .. } => {
                self.calls.push(self.choice.parts.len());
                self.push(PartKind::Call(begun));
            }
            Event::Arguments { call, text, .. } => {
                let place = self.calls[usize::try_from(call).unwrap()];
                if let PartKind::Call(call) = &mut self.choice.parts[place].kind {
                    call.arguments = [call.arguments.as_str(), &text].concat().into();
                }
            }
            Event::Citation { citation, .. } => {
                if let Some(PartKind::Text { citations, .. }) = self.last() {
                    citations.push(citation);
                }
            }
            Event::Logprobs { tokens, .. } => self.choice.logprobs.extend(tokens),
            Event::Finish { finish, .. } => self.choice.finish = finish,
            Event::Usage(usage) => self.reply.usage = Some(usage),
            Event::CallEnd { .. } | Event::End | Event::Error(_) => {}
        }
    }
}

/// The answer that the events of a stream come to.
fn gathered(events: Vec<Event<'static>>) -> Reply<'static> {
    let mut found = Gathered::default();
    for event in events {
        found.take(event);
    }
    found.reply.choices.push(found.choice);
    found.reply
}

/// Without the ids of thoughts, which a stream has to make up before it knows them.
fn without_thought_ids(mut reply: Reply<'_>) -> Reply<'_> {
    for part in &mut reply.choices[0].parts {
        if let PartKind::Thinking(thinking) = &mut part.kind {
            thinking.id = None;
        }
    }
    reply
}

/// `text` with some of its bytes replaced, cut to what is still text.
fn mutated(text: &str, edits: &[(prop::sample::Index, u8)]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for (at, byte) in edits {
        let at = at.index(bytes.len());
        bytes[at] = *byte;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn edits() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    let byte = prop::sample::select(br#"0n"[]{},:1-t\"#.to_vec());
    prop::collection::vec((any::<prop::sample::Index>(), byte), 0..4)
}

proptest! {
    #[test]
    fn a_request_reads_as_what_was_written(ask in generate::ask()) {
        let (body, notes) = written(&ask, &thinker(), Dialect::OpenAiResponses);
        prop_assert!(notes.said().is_empty(), "{:?}", notes.said());
        let (back, manner, notes): (Ask<'_>, _, _) = read(&body).unwrap();
        prop_assert!(notes.said().is_empty(), "{:?}", notes.said());
        prop_assert_eq!(manner.is_stream, ask.is_stream);
        prop_assert_eq!(back, ask);
    }

    #[test]
    fn an_answer_reads_as_what_was_written(reply in generate::reply()) {
        let body = String::from_utf8((WIRE.write_reply)(&reply, &manner())).unwrap();
        prop_assert_eq!((WIRE.read_reply)(&body).unwrap(), reply);
    }

    #[test]
    fn a_stream_reads_as_what_was_written(reply in generate::reply()) {
        let frames = stream(&told(&reply), &manner());
        let data: Vec<_> = frames.iter().map(|(_, data)| data).collect();
        let back = gathered(events(&data).unwrap());
        prop_assert_eq!(back, without_thought_ids(reply));
    }

    #[test]
    fn the_last_event_holds_the_whole_answer(reply in generate::reply()) {
        let frames = stream(&told(&reply), &manner());
        let (_, last) = frames.last().unwrap();
        let last: serde_json::Value = serde_json::from_str(last).unwrap();
        let whole = last["response"].to_string();
        let back = without_thought_ids((WIRE.read_reply)(&whole).unwrap());
        // Numbers were rewritten by the test's own reader.
        prop_assert_eq!(&back.choices[0].parts, &without_thought_ids(reply).choices[0].parts);
    }

    #[test]
    fn nothing_that_anyone_sends_makes_a_reader_panic(
        ask in generate::ask(),
        reply in generate::reply(),
        edits in edits(),
    ) {
        let (body, _) = written(&ask, &thinker(), Dialect::OpenAiResponses);
        if let Ok((ask, _, _)) = read(&mutated(&body, &edits)) {
            prop_assert!(!ask.turns.is_empty());
        }
        let body = String::from_utf8((WIRE.write_reply)(&reply, &manner())).unwrap();
        if let Ok(reply) = (WIRE.read_reply)(&mutated(&body, &edits)) {
            prop_assert_eq!(reply.choices.len(), 1);
        }
        let data: Vec<_> = stream(&told(&reply), &manner())
            .iter()
            .map(|(_, data)| mutated(data, &edits))
            .collect();
        if let Ok(events) = events(&data) {
            prop_assert!(events.iter().filter(|event| **event == Event::End).count() <= 1);
        }
    }

    #[test]
    fn a_stream_is_frames_that_count_up_and_say_their_type(reply in generate::reply()) {
        let mut writer = (WIRE.writer)(&manner());
        let mut out = Vec::new();
        for event in told(&reply) {
            writer.event(&event, &mut out);
        }
        let out = String::from_utf8(out).unwrap();
        for (number, (kind, data)) in frames(&out).iter().enumerate() {
            let data: serde_json::Value = serde_json::from_str(data).unwrap();
            prop_assert_eq!(data["type"].as_str(), Some(kind.as_str()));
            prop_assert_eq!(data["sequence_number"].as_u64(), u64::try_from(number).ok());
        }
    }
}
