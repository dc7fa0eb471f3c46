//! A stream is read back as it was written.

use mirk_model::{Call, Event, Finish, Origin, State, Text, Usage};
use proptest::prelude::*;

use super::{
    chunks, data, events, make,
    streams::{call, finish, manner, start},
};

/// What a stream said, whatever its pieces.
#[derive(Debug, Default, PartialEq)]
struct Content {
    text: String,
    thought: String,
    calls: Vec<(Call<'static>, String)>,
    states: Vec<State<'static>>,
    finish: Option<Finish>,
    usage: Option<Usage>,
    has_ended: bool,
}

fn content(events: Vec<Event<'static>>) -> Content {
    let mut content = Content::default();
    for event in events {
        match event {
            Event::Text { text, .. } => content.text.push_str(&text),
            Event::Thinking { text, .. } => content.thought.push_str(&text),
            Event::ThinkingState { state, .. } => content.states.push(state),
            Event::Call { begun, .. } => content.calls.push((begun, String::new())),
            Event::Arguments { call, text, .. } => {
                content.calls[usize::try_from(call).unwrap()]
                    .1
                    .push_str(&text);
            }
            Event::Finish { finish, .. } => content.finish = Some(finish),
            Event::Usage(usage) => content.usage = Some(usage),
            Event::End => content.has_ended = true,
            _ => {}
        }
    }
    content
}

fn piece() -> impl Strategy<Value = Event<'static>> {
    let state = "[A-Za-z0-9]{4}".prop_map(|data| State {
        origin: Origin::Gemini,
        data: Text::from(data),
    });
    prop_oneof![
        "[a-z\u{e9}\"\\\\\n]{0,6}".prop_map(|said| Event::Text {
            choice: 0,
            text: Text::from(said)
        }),
        "[a-z]{0,6}".prop_map(|said| Event::Thinking {
            choice: 0,
            text: Text::from(said)
        }),
        state.prop_map(|state| Event::ThinkingState {
            choice: 0,
            id: None,
            state
        }),
    ]
}

proptest! {
    #[test]
    fn a_stream_comes_back_as_it_was(
        pieces in proptest::collection::vec(piece(), 0..12),
        names in proptest::collection::vec("[a-z]{1,4}", 0..3),
        usage in make::usage(),
    ) {
        let mut all = vec![start()];
        all.extend(pieces);
        for (number, name) in (0_u32..).zip(names) {
            let mut begun = call("f");
            begun.name = Text::from(name);
            all.push(Event::Call { choice: 0, call: number, begun });
            for text in ["{\"a\":", " 1.50", "}"] {
                all.push(Event::Arguments { choice: 0, call: number, text: Text::from(text) });
            }
            all.push(Event::CallEnd { choice: 0, call: number });
        }
        all.extend([finish(0, Finish::Stop), Event::Usage(usage), Event::End]);
        let stream = chunks(&all, &manner());
        let pieces = data(&stream);
        let pieces: Vec<_> = pieces.iter().map(String::as_str).collect();
        prop_assert_eq!(content(events(&pieces)), content(all));
    }
}
