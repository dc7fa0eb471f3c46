//! Events out of answers, and events to be kept.

use mirk_model::{Call, Citation, Event, Failure, Logprob, PartKind, Reply, State, Text};

/// The events of `reply` as the bridge puts them in order, texts cut in two.
pub(super) fn events(reply: &Reply<'static>) -> Vec<Event<'static>> {
    let mut events = vec![Event::Start {
        id: reply.id.clone(),
        model: reply.model.clone(),
        created: reply.created,
        usage: None,
    }];
    for (choice, answer) in (0_u32..).zip(&reply.choices) {
        let mut call = 0;
        for part in &answer.parts {
            push(&mut events, choice, &mut call, &part.kind);
        }
        if !answer.logprobs.is_empty() {
            let tokens = answer.logprobs.clone();
            events.push(Event::Logprobs { choice, tokens });
        }
        events.push(Event::Finish {
            choice,
            finish: answer.finish,
            stop: answer.stop.clone(),
        });
    }
    events.extend(reply.usage.map(Event::Usage));
    events.push(Event::End);
    events
}

fn halves(text: &str) -> [Text<'static>; 2] {
    let half = text.chars().count() / 2;
    let first: String = text.chars().take(half).collect();
    let second: String = text.chars().skip(half).collect();
    [Text::from(first), Text::from(second)]
}

fn push(events: &mut Vec<Event<'static>>, choice: u32, call: &mut u32, part: &PartKind<'static>) {
    match part {
        PartKind::Text { text, citations } => {
            events.extend(halves(text).map(|text| Event::Text { choice, text }));
            let citations = citations.iter().cloned();
            events.extend(citations.map(|citation| Event::Citation { choice, citation }));
        }
        PartKind::Thinking(thinking) => {
            events.extend(halves(&thinking.text).map(|text| Event::Thinking { choice, text }));
            events.extend(thinking.state.clone().map(|state| Event::ThinkingState {
                choice,
                id: thinking.id.clone(),
                state,
            }));
        }
        PartKind::Refusal(text) => events.push(Event::Refusal {
            choice,
            text: text.clone(),
        }),
        PartKind::Call(made) => {
            let begun = Call {
                arguments: Text::default(),
                ..made.clone()
            };
            let at = *call;
            *call += 1;
            events.push(Event::Call {
                choice,
                call: at,
                begun,
            });
            events.extend(halves(&made.arguments).map(|text| Event::Arguments {
                choice,
                call: at,
                text,
            }));
            events.push(Event::CallEnd { choice, call: at });
        }
        PartKind::Media(_) | PartKind::Result(_) => {}
    }
}

fn own(text: &Text<'_>) -> Text<'static> {
    text.clone().into_owned()
}

fn own_state(state: &State<'_>) -> State<'static> {
    State {
        origin: state.origin,
        data: own(&state.data),
    }
}

/// `event`, to be kept.
#[expect(clippy::too_many_lines, reason = "one arm for each event")]
pub(super) fn owned(event: &Event<'_>) -> Event<'static> {
    match event {
        Event::Start {
            id,
            model,
            created,
            usage,
        } => Event::Start {
            id: own(id),
            model: own(model),
            created: *created,
            usage: *usage,
        },
        Event::Text { choice, text } => Event::Text {
            choice: *choice,
            text: own(text),
        },
        Event::Break { choice } => Event::Break { choice: *choice },
        Event::Thinking { choice, text } => Event::Thinking {
            choice: *choice,
            text: own(text),
        },
        Event::ThinkingState { choice, id, state } => Event::ThinkingState {
            choice: *choice,
            id: id.as_ref().map(own),
            state: own_state(state),
        },
        Event::Refusal { choice, text } => Event::Refusal {
            choice: *choice,
            text: own(text),
        },
        Event::Call {
            choice,
            call,
            begun,
        } => Event::Call {
            choice: *choice,
            call: *call,
            begun: Call {
                id: own(&begun.id),
                name: own(&begun.name),
                namespace: None,
                arguments: own(&begun.arguments),
                is_custom: begun.is_custom,
                state: begun.state.as_ref().map(own_state),
            },
        },
        Event::Arguments { choice, call, text } => Event::Arguments {
            choice: *choice,
            call: *call,
            text: own(text),
        },
        Event::CallEnd { choice, call } => Event::CallEnd {
            choice: *choice,
            call: *call,
        },
        Event::Citation { choice, citation } => Event::Citation {
            choice: *choice,
            citation: Citation {
                url: citation.url.as_ref().map(own),
                title: citation.title.as_ref().map(own),
                quote: citation.quote.as_ref().map(own),
                start: citation.start,
                end: citation.end,
            },
        },
        Event::Logprobs { choice, tokens } => Event::Logprobs {
            choice: *choice,
            tokens: tokens.iter().map(own_logprob).collect(),
        },
        Event::Finish {
            choice,
            finish,
            stop,
        } => Event::Finish {
            choice: *choice,
            finish: *finish,
            stop: stop.as_ref().map(own),
        },
        Event::Usage(usage) => Event::Usage(*usage),
        Event::End => Event::End,
        Event::Error(failure) => Event::Error(Failure {
            status: failure.status,
            code: own(&failure.code),
            message: own(&failure.message),
            param: failure.param.as_ref().map(own),
        }),
    }
}

fn own_logprob(token: &Logprob<'_>) -> Logprob<'static> {
    Logprob {
        token: own(&token.token),
        logprob: own(&token.logprob),
        others: token
            .others
            .iter()
            .map(|(text, number)| (own(text), own(number)))
            .collect(),
    }
}
