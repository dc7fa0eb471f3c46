//! Events that own what they hold, and generators of what Gemini can say.

use mirk_model::{
    Ask, Call, CallResult, Choice, Citation, Event, Failure, Finish, Format, Function, Logprob,
    Media, MediaKind, Origin, Part, PartKind, Reasoning, ReasoningMode, Reply, Role, Sampling,
    Shown, Source, State, Text, Thinking, Tool, ToolChoice, Turn, Usage,
};
use proptest::{collection::vec, option, prelude::*};

fn text(text: &Text<'_>) -> Text<'static> {
    text.clone().into_owned()
}

fn maybe(value: Option<&Text<'_>>) -> Option<Text<'static>> {
    value.map(text)
}

fn state(state: &State<'_>) -> State<'static> {
    State {
        origin: state.origin,
        data: text(&state.data),
    }
}

/// The same event, owned.
pub(super) fn owned(event: &Event<'_>) -> Event<'static> {
    match event.clone() {
        Event::Start {
            id,
            model,
            created,
            usage,
        } => Event::Start {
            id: id.into_owned(),
            model: model.into_owned(),
            created,
            usage,
        },
        Event::Text { choice, text } => Event::Text {
            choice,
            text: text.into_owned(),
        },
        Event::Thinking { choice, text } => Event::Thinking {
            choice,
            text: text.into_owned(),
        },
        Event::Refusal { choice, text } => Event::Refusal {
            choice,
            text: text.into_owned(),
        },
        Event::Arguments { choice, call, text } => Event::Arguments {
            choice,
            call,
            text: text.into_owned(),
        },
        Event::Break { choice } => Event::Break { choice },
        Event::CallEnd { choice, call } => Event::CallEnd { choice, call },
        Event::Usage(usage) => Event::Usage(usage),
        Event::End => Event::End,
        _ => owned_rest(event),
    }
}

/// The same event, of those that hold more than text.
fn owned_rest(event: &Event<'_>) -> Event<'static> {
    match event {
        Event::ThinkingState {
            choice,
            id,
            state: made,
        } => Event::ThinkingState {
            choice: *choice,
            id: maybe(id.as_ref()),
            state: state(made),
        },
        Event::Call {
            choice,
            call,
            begun,
        } => Event::Call {
            choice: *choice,
            call: *call,
            begun: Call {
                id: text(&begun.id),
                name: text(&begun.name),
                namespace: maybe(begun.namespace.as_ref()),
                arguments: text(&begun.arguments),
                is_custom: begun.is_custom,
                state: begun.state.as_ref().map(state),
            },
        },
        Event::Citation { choice, citation } => Event::Citation {
            choice: *choice,
            citation: Citation {
                url: maybe(citation.url.as_ref()),
                title: maybe(citation.title.as_ref()),
                quote: maybe(citation.quote.as_ref()),
                start: citation.start,
                end: citation.end,
            },
        },
        Event::Logprobs { choice, tokens } => Event::Logprobs {
            choice: *choice,
            tokens: tokens.iter().map(logprob).collect(),
        },
        Event::Finish {
            choice,
            finish,
            stop,
        } => Event::Finish {
            choice: *choice,
            finish: *finish,
            stop: maybe(stop.as_ref()),
        },
        Event::Error(failure) => Event::Error(Failure {
            status: failure.status,
            code: text(&failure.code),
            message: text(&failure.message),
            param: maybe(failure.param.as_ref()),
        }),
        _ => panic!("another event"),
    }
}

fn logprob(token: &Logprob<'_>) -> Logprob<'static> {
    Logprob {
        token: text(&token.token),
        logprob: text(&token.logprob),
        others: token
            .others
            .iter()
            .map(|(other, logprob)| (text(other), text(logprob)))
            .collect(),
    }
}

fn words() -> impl Strategy<Value = Text<'static>> {
    "[a-zA-Z\u{e9}\u{1f600} \\\\\"\n]{1,12}".prop_map(Text::from)
}

fn name() -> impl Strategy<Value = Text<'static>> {
    "[a-z_][a-z0-9_.:-]{0,8}".prop_map(Text::from)
}

fn signature() -> impl Strategy<Value = State<'static>> {
    "[A-Za-z0-9+/]{4,12}".prop_map(|data| State {
        origin: Origin::Gemini,
        data: Text::from(data),
    })
}

fn media() -> impl Strategy<Value = Part<'static>> {
    let kinds = prop_oneof![
        Just((MediaKind::Image, "image/png")),
        Just((MediaKind::Audio, "audio/wav")),
        Just((MediaKind::Video, "video/mp4")),
        Just((MediaKind::Document, "application/pdf")),
    ];
    (kinds, any::<bool>(), "[A-Za-z0-9]{4}").prop_map(|((kind, mime), is_url, word)| {
        let mime = Text::from(mime);
        let source = if is_url {
            Source::Url {
                url: Text::from(format!("https://x.example/{word}")),
                mime: Some(mime),
            }
        } else {
            Source::Data {
                mime,
                base64: Text::from(word),
            }
        };
        Part::new(PartKind::Media(Media {
            kind,
            source,
            name: None,
            detail: None,
        }))
    })
}

fn call() -> impl Strategy<Value = Call<'static>> {
    let arguments = prop_oneof![
        Just("{}"),
        Just(r#"{"a":1.0,"b":9007199254740993}"#),
        Just(r#"{"c":{"d":[]}}"#)
    ];
    (name(), arguments, option::of(signature())).prop_map(|(name, arguments, state)| Call {
        id: Text::default(),
        name,
        namespace: None,
        arguments: Text::from(arguments),
        is_custom: false,
        state,
    })
}

/// What a model says in one turn: thoughts never stand behind one another, and a thought without
/// text that something bears stands before it.
pub(super) fn said() -> impl Strategy<Value = Vec<Part<'static>>> {
    let spoken = prop_oneof![
        3 => words().prop_map(Part::text),
        1 => media(),
        2 => call().prop_map(|call| Part::new(PartKind::Call(call))),
    ];
    let thought = (option::of(words()), signature()).prop_map(|(text, state)| {
        Part::new(PartKind::Thinking(Thinking {
            text: text.unwrap_or_default(),
            id: None,
            state: Some(state),
        }))
    });
    vec((option::of(thought), spoken), 1..5).prop_map(|pairs| {
        let mut parts = Vec::new();
        for (thought, spoken) in pairs {
            parts.extend(thought);
            parts.push(spoken);
        }
        parts
    })
}

/// A round of a conversation: what the user says, what the model says, what its tools answer.
fn round() -> impl Strategy<Value = Vec<Turn<'static>>> {
    let turn = |role, parts| Turn {
        role,
        name: None,
        parts,
    };
    let asked = vec(prop_oneof![words().prop_map(Part::text), media()], 1..3);
    let answers = vec((words(), any::<bool>(), any::<bool>()), 8);
    (asked, said(), answers).prop_map(move |(asked, said, answers)| {
        let results: Vec<_> = said
            .iter()
            .filter_map(|part| match &part.kind {
                PartKind::Call(call) => Some(call.name.clone()),
                _ => None,
            })
            .zip(answers)
            .map(|(name, (text, is_error, is_object))| {
                let text = if is_object && !is_error {
                    Text::from(r#"{"x":[1.50]}"#)
                } else {
                    text
                };
                Part::new(PartKind::Result(CallResult {
                    id: Text::default(),
                    name: Some(name),
                    parts: vec![Part::text(text)],
                    is_error,
                    is_custom: false,
                }))
            })
            .collect();
        let mut turns = vec![turn(Role::User, asked), turn(Role::Assistant, said)];
        if !results.is_empty() {
            turns.push(turn(Role::Tool, results));
        }
        turns
    })
}

/// Gives calls and results their ids.
fn number(turns: &mut [Turn<'_>]) {
    let (mut calls, mut results) = (0, 0);
    for part in turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        match &mut part.kind {
            PartKind::Call(call) => {
                call.id = Text::from(format!("id-{calls}"));
                calls += 1;
            }
            PartKind::Result(result) => {
                result.id = Text::from(format!("id-{results}"));
                results += 1;
            }
            _ => {}
        }
    }
}

fn tools() -> impl Strategy<Value = (Vec<Tool<'static>>, Option<ToolChoice<'static>>)> {
    let schema = option::of(Just(
        r#"{"type":"object","properties":{"pattern":{"type":"string","description":"x"}},"required":["pattern"]}"#,
    ));
    let function = (name(), option::of(words()), schema).prop_map(|(name, description, schema)| {
        Tool::Function(Function {
            name,
            description,
            schema: schema.map(Text::from),
            ..Function::default()
        })
    });
    let choice = option::of(prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::None),
        Just(ToolChoice::Required),
        name().prop_map(ToolChoice::Named),
        (vec(name(), 2..4), any::<bool>())
            .prop_map(|(names, is_required)| { ToolChoice::Allowed { names, is_required } }),
    ]);
    (vec(function, 0..3), choice).prop_map(|(tools, choice)| {
        let choice = choice.filter(|_| !tools.is_empty());
        (tools, choice)
    })
}

fn sampling() -> impl Strategy<Value = Sampling<'static>> {
    let number =
        || option::of(prop_oneof![Just("1.0"), Just("0.25"), Just("7")].prop_map(Text::from));
    (
        number(),
        number(),
        option::of(Just(Text::from("40"))),
        number(),
        option::of(any::<i32>()),
    )
        .prop_map(|(temperature, top_p, top_k, penalty, seed)| Sampling {
            temperature,
            top_p,
            top_k,
            presence_penalty: penalty.clone(),
            frequency_penalty: penalty,
            seed: seed.map(|seed| Text::from(seed.to_string())),
            ..Sampling::default()
        })
}

fn reasoning() -> impl Strategy<Value = Option<Reasoning>> {
    let shown = option::of(prop_oneof![Just(Shown::Auto), Just(Shown::Omitted)]);
    let mode = prop_oneof![
        Just((Some(ReasoningMode::On), Some(2_048_u64))),
        Just((Some(ReasoningMode::Adaptive), None)),
    ];
    option::of((mode, shown).prop_map(|((mode, budget), shown)| Reasoning {
        mode,
        budget,
        shown,
        ..Reasoning::default()
    }))
}

fn format() -> impl Strategy<Value = Option<Format<'static>>> {
    option::of(prop_oneof![
        Just(Format::Text),
        Just(Format::JsonObject),
        Just(Format::Schema {
            name: None,
            description: None,
            schema: Text::from(r#"{"type":"array","items":{"type":["string","null"]}}"#),
            strict: None,
        }),
    ])
}

/// A request that Gemini can say in full, to a model that thinks by a budget.
pub(super) fn ask() -> impl Strategy<Value = Ask<'static>> {
    let rest = (
        option::of(1_u64..5_000),
        vec(words(), 0..5),
        option::of(2_u64..8),
        option::of(0_u64..20),
    );
    let system = option::of(vec(words(), 1..3));
    (
        (system, vec(round(), 1..3)),
        tools(),
        sampling(),
        reasoning(),
        format(),
        rest,
    )
        .prop_map(
            |((system, rounds), tools, sampling, reasoning, format, rest)| {
                let system = system.map(|texts| Turn {
                    role: Role::System,
                    name: None,
                    parts: texts.into_iter().map(Part::text).collect(),
                });
                let mut turns: Vec<_> = system
                    .into_iter()
                    .chain(rounds.into_iter().flatten())
                    .collect();
                number(&mut turns);
                let (max_tokens, stop, choices, logprobs) = rest;
                Ask {
                    turns,
                    tools: tools.0,
                    tool_choice: tools.1,
                    sampling,
                    reasoning,
                    format,
                    max_tokens,
                    stop,
                    choices,
                    logprobs,
                    ..Ask::default()
                }
            },
        )
}

/// Tokens as Gemini counts them.
pub(super) fn usage() -> impl Strategy<Value = Usage> {
    (
        0_u64..1_000_000,
        0_u64..1_000_000,
        0_u64..1_000,
        0_u64..1_000,
    )
        .prop_map(|(fresh, answer, cached, reasoning)| Usage {
            input: fresh + cached,
            cached,
            cache_write: 0,
            output: answer + reasoning,
            reasoning,
            counted: mirk_model::Counted::Reported,
        })
}

fn finish() -> impl Strategy<Value = Finish> {
    prop_oneof![
        Just(Finish::Stop),
        Just(Finish::Length),
        Just(Finish::Filtered)
    ]
}

fn tokens() -> impl Strategy<Value = Vec<Logprob<'static>>> {
    let pair = || (words(), Just(Text::from("-0.5")));
    let token = (pair(), vec(pair(), 0..3)).prop_map(|((token, logprob), others)| Logprob {
        token,
        logprob,
        others,
    });
    vec(token, 0..3)
}

/// An answer that Gemini can say in full.
pub(super) fn reply() -> impl Strategy<Value = Reply<'static>> {
    let citation = (option::of(name()), words()).prop_map(|(title, quote)| Citation {
        url: Some(Text::from("https://x.example/")),
        title,
        quote: Some(quote),
        start: Some(0),
        end: Some(1),
    });
    let choice = (said(), finish(), tokens(), vec(citation, 0..3));
    let choice = choice.prop_map(|(mut parts, finish, logprobs, cited)| {
        let last = parts
            .iter_mut()
            .rev()
            .find_map(|part| match &mut part.kind {
                PartKind::Text { citations, .. } => Some(citations),
                _ => None,
            });
        if let Some(last) = last {
            *last = cited;
        }
        let mut turns = [Turn {
            role: Role::Assistant,
            name: None,
            parts,
        }];
        number(&mut turns);
        let [turn] = turns;
        Choice {
            parts: turn.parts,
            finish,
            stop: None,
            logprobs,
        }
    });
    (name(), name(), vec(choice, 1..3), option::of(usage())).prop_map(
        |(id, model, choices, usage)| Reply {
            id,
            model,
            created: None,
            choices,
            usage,
        },
    )
}
