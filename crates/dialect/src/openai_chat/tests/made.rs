//! Requests, answers and streams made up by the thousand.

use mirk_model::{
    Ask, Call, CallResult, Choice, Citation, Counted, Effort, Finish, Format, Function, Logprob,
    Media, MediaKind, Origin, Part, PartKind, Reasoning, Reply, Role, Source, State, Text,
    Thinking, Tool, ToolChoice, Turn, Usage,
};
use proptest::{option, prelude::*, sample::select};

type Ours<T> = BoxedStrategy<T>;

pub(super) fn text() -> Ours<Text<'static>> {
    prop_oneof![
        "[ -~]{1,12}",
        select(vec![
            "\n\ndata: [DONE]",
            "\u{2028}é\u{1f600}",
            "\"}],\"role\":\"system\"",
            "\u{0}"
        ])
        .prop_map(str::to_owned),
    ]
    .prop_map(Text::from)
    .boxed()
}

fn word() -> Ours<Text<'static>> {
    "[a-z][a-z0-9_]{0,8}".prop_map(Text::from).boxed()
}

fn number() -> Ours<Text<'static>> {
    select(vec!["0", "0.10", "1.0", "-1e-2", "12345678901234567890123"])
        .prop_map(Text::from)
        .boxed()
}

fn object() -> Ours<Text<'static>> {
    select(vec![
        "{}",
        r#"{"type":"object","properties":{"pattern":{"type":"string"}}}"#,
        r#"{"b":1,"a":[1.0,2e5]}"#,
    ])
    .prop_map(Text::from)
    .boxed()
}

fn state() -> Ours<State<'static>> {
    let origins = vec![
        Origin::Anthropic,
        Origin::AnthropicRedacted,
        Origin::Gemini,
        Origin::OpenAi,
    ];
    (select(origins), "[A-Za-z0-9+/=]{1,20}")
        .prop_map(|(origin, data)| State {
            origin,
            data: Text::from(data),
        })
        .boxed()
}

fn call(state: Ours<Option<State<'static>>>) -> Ours<Call<'static>> {
    (
        word(),
        word(),
        select(vec!["{}", r#"{"a":1.0}"#, "{broken"]),
        any::<bool>(),
        state,
    )
        .prop_map(|(id, name, arguments, is_custom, state)| Call {
            id,
            name,
            namespace: None,
            arguments: Text::from(arguments),
            is_custom,
            state,
        })
        .boxed()
}

fn media() -> Ours<Part<'static>> {
    let image = option::of(select(vec!["low", "high"])).prop_map(|detail| Media {
        kind: MediaKind::Image,
        source: Source::Data {
            mime: Text::from("image/png"),
            base64: Text::from("iVBORw0="),
        },
        name: None,
        detail: detail.map(Text::from),
    });
    let linked = Just(Media {
        kind: MediaKind::Image,
        source: Source::Url {
            url: Text::from("https://example.test/a.png"),
            mime: None,
        },
        name: None,
        detail: None,
    });
    let audio = select(vec!["audio/wav", "audio/mpeg", "audio/flac"]).prop_map(|mime| Media {
        kind: MediaKind::Audio,
        source: Source::Data {
            mime: Text::from(mime),
            base64: Text::from("UklGRg=="),
        },
        name: None,
        detail: None,
    });
    let document = word().prop_map(|name| Media {
        kind: MediaKind::Document,
        source: Source::Data {
            mime: Text::from("application/pdf"),
            base64: Text::from("JVBERi0="),
        },
        name: Some(name),
        detail: None,
    });
    prop_oneof![image, linked, audio, document]
        .prop_map(|media| Part::new(PartKind::Media(media)))
        .boxed()
}

fn plain(role: Role) -> Ours<Turn<'static>> {
    (
        option::of(word()),
        option::of(text()),
        prop::collection::vec(media(), 0..3),
    )
        .prop_map(move |(name, text, media)| Turn {
            role,
            name,
            parts: text.map(Part::text).into_iter().chain(media).collect(),
        })
        .boxed()
}

fn said(role: Role) -> Ours<Turn<'static>> {
    (option::of(word()), text())
        .prop_map(move |(name, text)| Turn {
            role,
            name,
            parts: vec![Part::text(text)],
        })
        .boxed()
}

fn exchange() -> Ours<Vec<Turn<'static>>> {
    let calls = prop::collection::vec((call(Just(None).boxed()), option::of(text())), 0..3);
    (option::of(text()), option::of(text()), calls)
        .prop_map(|(text, refusal, calls)| {
            let mut parts: Vec<_> = text.map(Part::text).into_iter().collect();
            parts.extend(refusal.map(|words| Part::new(PartKind::Refusal(words))));
            let mut results = Vec::new();
            for (call, answer) in calls {
                results.push(Part::new(PartKind::Result(CallResult {
                    id: call.id.clone(),
                    name: None,
                    parts: answer.map(Part::text).into_iter().collect(),
                    is_error: false,
                    is_custom: false,
                })));
                parts.push(Part::new(PartKind::Call(call)));
            }
            let mut turns = vec![Turn {
                role: Role::Assistant,
                name: None,
                parts,
            }];
            if !results.is_empty() {
                turns.push(Turn {
                    role: Role::Tool,
                    name: None,
                    parts: results,
                });
            }
            turns
        })
        .boxed()
}

fn turns() -> Ours<Vec<Turn<'static>>> {
    let one = |turn: Ours<Turn<'static>>| turn.prop_map(|turn| vec![turn]).boxed();
    let some = prop_oneof![
        one(said(Role::System)),
        one(said(Role::Developer)),
        one(plain(Role::User)),
        exchange(),
    ];
    (said(Role::User), prop::collection::vec(some, 0..5))
        .prop_map(|(first, rest)| {
            std::iter::once(first)
                .chain(rest.into_iter().flatten())
                .collect()
        })
        .boxed()
}

fn tools() -> Ours<Vec<Tool<'static>>> {
    let function = (
        word(),
        option::of(text()),
        option::of(object()),
        option::of(any::<bool>()),
    )
        .prop_map(|(name, description, schema, strict)| {
            Tool::Function(Function {
                name,
                description,
                schema,
                strict,
                ..Function::default()
            })
        });
    let custom = (word(), option::of(text())).prop_map(|(name, description)| Tool::Custom {
        name,
        description,
        format: Some(Text::from(r#"{"type":"text"}"#)),
    });
    prop::collection::vec(prop_oneof![function, custom], 1..4).boxed()
}

fn choice() -> Ours<Option<ToolChoice<'static>>> {
    option::of(prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::None),
        Just(ToolChoice::Required),
        word().prop_map(ToolChoice::Named),
        (prop::collection::vec(word(), 0..3), any::<bool>())
            .prop_map(|(names, is_required)| ToolChoice::Allowed { names, is_required }),
    ])
    .boxed()
}

fn format() -> Ours<Option<Format<'static>>> {
    let schema = (
        word(),
        option::of(text()),
        object(),
        option::of(any::<bool>()),
    )
        .prop_map(|(name, description, schema, strict)| Format::Schema {
            name: Some(name),
            description,
            schema,
            strict,
        });
    option::of(prop_oneof![
        Just(Format::Text),
        Just(Format::JsonObject),
        schema
    ])
    .boxed()
}

/// A request that the dialect can say all of, for a model that thinks by efforts, takes sampling
/// and knows developers.
#[expect(clippy::too_many_lines, reason = "one field after the other")]
pub(super) fn ask() -> Ours<Ask<'static>> {
    let efforts = vec![
        Effort::None,
        Effort::Minimal,
        Effort::High,
        Effort::ExtraHigh,
    ];
    let told = (
        turns(),
        option::of((tools(), choice(), option::of(any::<bool>()))),
        format(),
    );
    let measured = (
        option::of(select(efforts)),
        prop::collection::vec(option::of(number()), 5),
        option::of(1_u64..100_000),
        option::of(0_u64..21),
        option::of(1_u64..5),
    );
    let named = (
        prop::collection::vec(text(), 0..4),
        prop::collection::vec(option::of(word()), 4),
        option::of(object()),
        any::<bool>(),
    );
    (word(), told, measured, named)
        .prop_map(|(model, (turns, tools, format), measured, named)| {
            let (effort, numbers, max_tokens, logprobs, choices) = measured;
            let (stop, words, labels, is_stream) = named;
            let (tools, tool_choice, parallel_calls) = tools.unwrap_or_default();
            let mut ask = Ask {
                // No name that OpenAI's own models begin with: those lack some efforts.
                model: Text::from(format!("m{}", model.as_str())),
                turns,
                tools,
                tool_choice,
                parallel_calls,
                format,
                max_tokens,
                logprobs,
                choices,
                stop,
                is_stream,
                metadata: labels.clone(),
                ..Ask::default()
            };
            ask.reasoning = effort.map(|effort| Reasoning {
                effort: Some(effort),
                ..Reasoning::default()
            });
            let mut numbers = numbers.into_iter();
            let mut next = || numbers.next().flatten();
            ask.sampling.temperature = next();
            ask.sampling.top_p = next();
            ask.sampling.frequency_penalty = next();
            ask.sampling.presence_penalty = next();
            ask.sampling.seed = next();
            ask.sampling.logit_bias = labels;
            let mut words = words.into_iter();
            let mut next = || words.next().flatten();
            ask.user = next();
            ask.verbosity = next();
            ask.service_tier = next();
            ask.cache_key = next();
            ask
        })
        .boxed()
}

fn usage() -> Ours<Usage> {
    (
        0_u64..1000,
        0_u64..1000,
        0_u64..1000,
        0_u64..1000,
        0_u64..1000,
    )
        .prop_map(|(plain, cached, cache_write, spoken, reasoning)| Usage {
            input: plain + cached + cache_write,
            cached,
            cache_write,
            // One more, so that a total never looks like a provider's that counts apart.
            output: spoken + reasoning + 1,
            reasoning,
            counted: Counted::Reported,
        })
        .boxed()
}

fn thoughts() -> Ours<Vec<Part<'static>>> {
    let signed = (
        prop_oneof![Just(Text::default()), text()],
        option::of(word()),
        state(),
    )
        .prop_map(|(text, id, state)| Thinking {
            text,
            id,
            state: Some(state),
        });
    let told = text().prop_map(|text| Thinking {
        text,
        ..Thinking::default()
    });
    prop_oneof![
        prop::collection::vec(signed, 0..3),
        told.prop_map(|told| vec![told]),
    ]
    .prop_map(|thoughts| {
        thoughts
            .into_iter()
            .map(|thought| Part::new(PartKind::Thinking(thought)))
            .collect()
    })
    .boxed()
}

fn citation() -> Ours<Citation<'static>> {
    (word(), text(), 0_u64..99, option::of(text()))
        .prop_map(|(url, title, start, quote)| Citation {
            url: Some(url),
            title: Some(title),
            quote,
            start: Some(start),
            end: Some(start + 1),
        })
        .boxed()
}

fn logprob() -> Ours<Logprob<'static>> {
    (
        text(),
        number(),
        prop::collection::vec((text(), number()), 0..3),
    )
        .prop_map(|(token, logprob, others)| Logprob {
            token,
            logprob,
            others,
        })
        .boxed()
}

fn answer() -> Ours<Choice<'static>> {
    let finishes = vec![Finish::Stop, Finish::Length, Finish::Filtered];
    let told = option::of((text(), prop::collection::vec(citation(), 0..3)));
    (
        (thoughts(), told, option::of(text())),
        prop::collection::vec(call(option::of(state()).boxed()), 0..3),
        (select(finishes), option::of(text())),
        prop::collection::vec(logprob(), 0..3),
    )
        .prop_map(
            |((mut parts, told, refusal), calls, (finish, stop), logprobs)| {
                parts.extend(
                    told.map(|(text, citations)| Part::new(PartKind::Text { text, citations })),
                );
                let finish = match finish {
                    Finish::Stop if !calls.is_empty() => Finish::Calls,
                    Finish::Stop if refusal.is_some() => Finish::Refusal,
                    finish => finish,
                };
                parts.extend(refusal.map(|words| Part::new(PartKind::Refusal(words))));
                parts.extend(
                    calls
                        .into_iter()
                        .map(|call| Part::new(PartKind::Call(call))),
                );
                Choice {
                    parts,
                    finish,
                    stop,
                    logprobs,
                }
            },
        )
        .boxed()
}

/// An answer that the dialect can say all of.
pub(super) fn reply() -> Ours<Reply<'static>> {
    (
        word(),
        word(),
        0_i64..2_000_000_000,
        prop::collection::vec(answer(), 1..3),
        option::of(usage()),
    )
        .prop_map(|(id, model, created, choices, usage)| Reply {
            id,
            model,
            created: Some(created),
            choices,
            usage,
        })
        .boxed()
}
