//! Requests and answers that this dialect can say, made at random, and copies to be kept.

use mirk_model::{
    Ask, Call, CallResult, Choice, Citation, Effort, Event, Failure, Finish, Format, Function,
    Logprob, Media, MediaKind, Origin, Part, PartKind, Reasoning, Reply, Role, Shown, Source,
    State, Text, Thinking, Tool, ToolChoice, Turn, Usage,
};
use proptest::{collection::vec, option, prelude::*};

/// Text of any kind, never empty.
fn text() -> impl Strategy<Value = Text<'static>> {
    "[a-z\"\\\\\n\u{e9}\u{1f600}{}\\[\\]: ]{1,12}".prop_map(Text::from)
}

fn name() -> impl Strategy<Value = Text<'static>> {
    "[a-zA-Z0-9_-]{1,12}".prop_map(Text::from)
}

fn json() -> impl Strategy<Value = Text<'static>> {
    prop_oneof![
        Just(r#"{"type":"object","properties":{"pattern":{"const":1.0}}}"#),
        Just("{}"),
        Just(r#"{"b":1E+2,"a":[-0,9007199254740993]}"#),
    ]
    .prop_map(Text::from)
}

fn number() -> impl Strategy<Value = Text<'static>> {
    prop_oneof![Just("0"), Just("0.70"), Just("1E-1"), Just("2")].prop_map(Text::from)
}

fn part(kind: PartKind<'static>) -> Part<'static> {
    Part::new(kind)
}

fn said() -> impl Strategy<Value = Part<'static>> {
    text().prop_map(Part::text)
}

fn media() -> impl Strategy<Value = Part<'static>> {
    let base64 = "[A-Za-z0-9+/]{4,12}";
    let mime = prop_oneof![Just("image/png"), Just("application/pdf")].prop_map(Text::from);
    let source = prop_oneof![
        (mime, base64).prop_map(|(mime, base64)| Source::Data {
            mime,
            base64: Text::from(base64)
        }),
        "https://[a-z]{1,8}/[a-z]{0,4}".prop_map(|url| Source::Url {
            url: Text::from(url),
            mime: None
        }),
        name().prop_map(Source::File),
    ];
    let detail = option::of(prop_oneof![Just("low"), Just("high")].prop_map(Text::from));
    (source, any::<bool>(), text(), detail).prop_map(|(source, is_image, name, detail)| {
        part(PartKind::Media(Media {
            kind: if is_image {
                MediaKind::Image
            } else {
                MediaKind::Document
            },
            source,
            name: (!is_image).then_some(name),
            detail,
        }))
    })
}

fn thinking() -> impl Strategy<Value = Part<'static>> {
    (option::of(text()), option::of(name()), name()).prop_map(|(text, id, data)| {
        part(PartKind::Thinking(Thinking {
            text: text.unwrap_or_default(),
            id,
            state: Some(State {
                origin: Origin::OpenAi,
                data,
            }),
        }))
    })
}

fn call() -> impl Strategy<Value = Part<'static>> {
    let arguments = prop_oneof![json(), text()];
    (name(), name(), option::of(name()), arguments, any::<bool>()).prop_map(
        |(id, name, namespace, arguments, is_custom)| {
            part(PartKind::Call(Call {
                id,
                name,
                namespace,
                arguments,
                is_custom,
                state: None,
            }))
        },
    )
}

fn result() -> impl Strategy<Value = Part<'static>> {
    let parts = vec(prop_oneof![said(), media()], 0..3);
    (name(), parts, any::<bool>()).prop_map(|(id, parts, is_custom)| {
        part(PartKind::Result(CallResult {
            id,
            name: None,
            parts,
            is_error: false,
            is_custom,
        }))
    })
}

fn turn() -> impl Strategy<Value = Turn<'static>> {
    let of = |role, parts: BoxedStrategy<Vec<Part<'static>>>| {
        parts.prop_map(move |parts| Turn {
            role,
            name: None,
            parts,
        })
    };
    let refusal = text().prop_map(|text| part(PartKind::Refusal(text)));
    let words = vec(prop_oneof![3 => said(), 1 => refusal], 0..3);
    let assistant = (vec(thinking(), 0..2), words, vec(call(), 0..3))
        .prop_map(|(thoughts, words, calls)| [thoughts, words, calls].concat())
        .prop_filter("a turn says something", |parts| !parts.is_empty());
    prop_oneof![
        of(Role::System, vec(said(), 1..3).boxed()),
        of(Role::Developer, vec(said(), 1..3).boxed()),
        of(Role::User, vec(prop_oneof![said(), media()], 1..4).boxed()),
        of(Role::Assistant, assistant.boxed()),
        of(Role::Tool, vec(result(), 1..3).boxed()),
    ]
}

/// Turns as the reader makes them: the model's items in a row, and results in a row, are one.
fn turns() -> impl Strategy<Value = Vec<Turn<'static>>> {
    vec(turn(), 1..6).prop_map(|mut turns: Vec<Turn<'_>>| {
        let mut last = None;
        turns.retain(|turn| {
            let is_item = matches!(turn.role, Role::Assistant | Role::Tool);
            let is_same = last == Some(turn.role) && is_item;
            last = Some(turn.role);
            !is_same
        });
        turns
    })
}

fn tool() -> impl Strategy<Value = Tool<'static>> {
    let function = (
        name(),
        option::of(text()),
        option::of(json()),
        option::of(any::<bool>()),
    )
        .prop_map(|(name, description, schema, strict)| {
            Tool::Function(Function {
                name,
                namespace: None,
                description,
                schema,
                strict,
                cache: None,
            })
        });
    let custom =
        (name(), option::of(text()), option::of(json())).prop_map(|(name, description, format)| {
            Tool::Custom {
                name,
                description,
                format,
            }
        });
    let hosted = Just(Tool::Hosted {
        kind: Text::from("web_search"),
        raw: Text::from(r#"{"type":"web_search","x":[1.0]}"#),
    });
    prop_oneof![3 => function, 1 => custom, 1 => hosted]
}

/// Tools, those of a group next to each other as they are written.
fn tools() -> impl Strategy<Value = Vec<Tool<'static>>> {
    (vec(tool(), 1..4), vec(tool(), 0..3), name()).prop_map(|(mut tools, grouped, group)| {
        for tool in grouped {
            if let Tool::Function(function) = tool {
                tools.push(Tool::Function(Function {
                    namespace: Some(group.clone()),
                    ..function
                }));
            }
        }
        tools
    })
}

fn choice() -> impl Strategy<Value = ToolChoice<'static>> {
    prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::None),
        Just(ToolChoice::Required),
        name().prop_map(ToolChoice::Named),
        (vec(name(), 1..3), any::<bool>())
            .prop_map(|(names, is_required)| ToolChoice::Allowed { names, is_required }),
    ]
}

fn format() -> impl Strategy<Value = Format<'static>> {
    prop_oneof![
        Just(Format::Text),
        Just(Format::JsonObject),
        (
            name(),
            option::of(text()),
            json(),
            option::of(any::<bool>())
        )
            .prop_map(|(name, description, schema, strict)| Format::Schema {
                name: Some(name),
                description,
                schema,
                strict,
            }),
    ]
}

fn reasoning() -> impl Strategy<Value = Reasoning> {
    let effort = prop_oneof![
        Just(Effort::Minimal),
        Just(Effort::Low),
        Just(Effort::Medium),
        Just(Effort::High),
        Just(Effort::ExtraHigh),
        Just(Effort::Max),
    ];
    let shown = prop_oneof![
        Just(Shown::Auto),
        Just(Shown::Concise),
        Just(Shown::Detailed)
    ];
    (option::of(effort), option::of(shown)).prop_map(|(effort, shown)| Reasoning {
        effort,
        shown,
        is_encrypted: true,
        ..Reasoning::default()
    })
}

/// A request that this dialect can say, for a model that thinks.
pub(super) fn ask() -> impl Strategy<Value = Ask<'static>> {
    let conversation = (name(), any::<bool>(), turns());
    let answer = (format(), reasoning(), option::of(0_u64..5), any::<bool>());
    let words = (option::of(name()), option::of(name()), option::of(json()));
    let sampling = (option::of(number()), option::of(number()));
    let tools = (tools(), option::of(choice()), option::of(any::<bool>()));
    (conversation, answer, words, sampling, tools).prop_map(
        |(conversation, answer, words, sampling, tools)| {
            let mut ask = Ask {
                model: conversation.0,
                is_stream: conversation.1,
                turns: conversation.2,
                tools: tools.0,
                tool_choice: tools.1,
                parallel_calls: tools.2,
                format: Some(answer.0),
                reasoning: Some(answer.1),
                logprobs: answer.2,
                max_tokens: answer.2.map(|count| count + 16),
                user: words.0,
                cache_key: words.1.clone(),
                service_tier: words.1.clone(),
                verbosity: words.1,
                metadata: words.2.clone(),
                ..Ask::default()
            };
            ask.own
                .extend(words.2.map(|value| ("max_tool_calls", value)));
            ask.kept.store = Some(answer.3);
            ask.sampling.temperature = sampling.0;
            ask.sampling.top_p = sampling.1;
            ask
        },
    )
}

fn citation() -> impl Strategy<Value = Citation<'static>> {
    (name(), text(), 0_u64..9).prop_map(|(url, title, start)| Citation {
        url: Some(url),
        title: Some(title),
        quote: None,
        start: Some(start),
        end: Some(start + 1),
    })
}

fn token() -> impl Strategy<Value = Logprob<'static>> {
    (text(), number(), vec((text(), number()), 0..2)).prop_map(|(token, logprob, others)| Logprob {
        token,
        logprob,
        others,
    })
}

fn usage() -> impl Strategy<Value = Usage> {
    (
        0_u64..1000,
        0_u64..1000,
        0_u64..1000,
        0_u64..1000,
        0_u64..1000,
    )
        .prop_map(|(plain, cached, cache_write, said, reasoning)| Usage {
            input: plain + cached + cache_write,
            cached,
            cache_write,
            output: said + reasoning,
            reasoning,
            counted: mirk_model::Counted::Reported,
        })
}

/// An answer that this dialect can say.
pub(super) fn reply() -> impl Strategy<Value = Reply<'static>> {
    let words = (text(), vec(citation(), 0..2))
        .prop_map(|(text, citations)| part(PartKind::Text { text, citations }));
    let refusal = text().prop_map(|text| part(PartKind::Refusal(text)));
    let parts = vec(
        prop_oneof![4 => words, 1 => refusal, 2 => thinking(), 3 => call()],
        1..6,
    );
    let finish = option::of(prop_oneof![Just(Finish::Length), Just(Finish::Filtered)]);
    let tokens = vec(token(), 0..3);
    (name(), parts, finish, tokens, option::of(usage())).prop_map(
        |(id, parts, finish, mut logprobs, usage)| {
            let has = |is_it: fn(&PartKind<'_>) -> bool| parts.iter().any(|part| is_it(&part.kind));
            if !has(|kind| matches!(kind, PartKind::Text { .. })) {
                logprobs.clear();
            }
            let derived = if has(|kind| matches!(kind, PartKind::Call(_))) {
                Finish::Calls
            } else if has(|kind| matches!(kind, PartKind::Refusal(_))) {
                Finish::Refusal
            } else {
                Finish::Stop
            };
            Reply {
                model: id.clone(),
                id,
                created: Some(9),
                choices: vec![Choice {
                    parts,
                    finish: finish.unwrap_or(derived),
                    stop: None,
                    logprobs,
                }],
                usage,
            }
        },
    )
}

fn kept(text: &Text<'_>) -> Text<'static> {
    text.clone().into_owned()
}

fn kept_call(call: &Call<'_>) -> Call<'static> {
    Call {
        id: kept(&call.id),
        name: kept(&call.name),
        namespace: call.namespace.as_ref().map(kept),
        arguments: kept(&call.arguments),
        is_custom: call.is_custom,
        state: call.state.as_ref().map(kept_state),
    }
}

fn kept_state(state: &State<'_>) -> State<'static> {
    State {
        origin: state.origin,
        data: kept(&state.data),
    }
}

fn kept_token(token: &Logprob<'_>) -> Logprob<'static> {
    Logprob {
        token: kept(&token.token),
        logprob: kept(&token.logprob),
        others: token
            .others
            .iter()
            .map(|(text, logprob)| (kept(text), kept(logprob)))
            .collect(),
    }
}

/// `event`, to be kept.
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
        Event::ThinkingState { choice, id, state } => Event::ThinkingState {
            choice,
            id: id.map(Text::into_owned),
            state: kept_state(&state),
        },
        Event::Citation { choice, citation } => Event::Citation {
            choice,
            citation: Citation {
                url: citation.url.map(Text::into_owned),
                title: citation.title.map(Text::into_owned),
                quote: citation.quote.map(Text::into_owned),
                start: citation.start,
                end: citation.end,
            },
        },
        Event::Logprobs { choice, tokens } => Event::Logprobs {
            choice,
            tokens: tokens.iter().map(kept_token).collect(),
        },
        Event::Error(failure) => Event::Error(Failure {
            status: failure.status,
            code: failure.code.into_owned(),
            message: failure.message.into_owned(),
            param: failure.param.map(Text::into_owned),
        }),
        other => owned_piece(other),
    }
}

/// An event that holds one text or a call.
fn owned_piece(event: Event<'_>) -> Event<'static> {
    match event {
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
        Event::Call {
            choice,
            call,
            begun,
        } => Event::Call {
            choice,
            call,
            begun: kept_call(&begun),
        },
        Event::Arguments { choice, call, text } => Event::Arguments {
            choice,
            call,
            text: text.into_owned(),
        },
        Event::CallEnd { choice, call } => Event::CallEnd { choice, call },
        Event::Finish { choice, finish, .. } => Event::Finish {
            choice,
            finish,
            stop: None,
        },
        Event::Break { choice } => Event::Break { choice },
        Event::Usage(usage) => Event::Usage(usage),
        Event::End => Event::End,
        // `owned` copies these itself.
        _ => panic!("another event"),
    }
}
