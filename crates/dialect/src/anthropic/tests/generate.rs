//! Requests and answers that the dialect can say whole, made by chance.

use mirk_model::{
    Ask, Cache, Call, CallResult, Choice, Citation, Counted, Effort, Finish, Format, Function,
    Media, MediaKind, Origin, Part, PartKind, Reasoning, ReasoningMode, Reply, Role, Sampling,
    Shown, Source, State, Text, Thinking, Thinks, Tool, ToolChoice, Traits, Turn, Usage,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

type Parts = Vec<Part<'static>>;

/// Text that is not blank and does not end in white space.
fn words() -> impl Strategy<Value = Text<'static>> {
    "[a-z{\"\\\\é🙂][ -~\\n\\té🙂]{0,9}[a-z]".prop_map(Text::from)
}

fn name() -> impl Strategy<Value = Text<'static>> {
    "[a-z]{3,8}".prop_map(Text::from)
}

fn object() -> impl Strategy<Value = Text<'static>> {
    select(vec![
        "{}",
        r#"{"n":1.0,"big":9007199254740993}"#,
        r#"{"a":[1e2,{"b":"\u00e9\n"}],"__proto__":null}"#,
        r#"{"type":"object","properties":{"pattern":{"type":"string"}}}"#,
    ])
    .prop_map(Text::from)
}

fn schema() -> impl Strategy<Value = Text<'static>> {
    select(vec![
        r#"{"type":"object"}"#,
        r#"{"properties":{"pattern":{"minimum":1.50}},"type":"object"}"#,
    ])
    .prop_map(Text::from)
}

fn cache() -> impl Strategy<Value = Option<Cache>> {
    option::weighted(0.2, select(vec![Cache::Short, Cache::Hour]))
}

fn text_part() -> impl Strategy<Value = Part<'static>> {
    (words(), cache()).prop_map(|(text, cache)| Part {
        cache,
        ..Part::text(text)
    })
}

fn media_part() -> impl Strategy<Value = Part<'static>> {
    let data = |mime: &'static str| Source::Data {
        mime: mime.into(),
        base64: "aGk=".into(),
    };
    let url = Source::Url {
        url: "https://example.com/a".into(),
        mime: None,
    };
    let image = select(vec![data("image/png"), url.clone()]).prop_map(|source| Media {
        kind: MediaKind::Image,
        source,
        name: None,
        detail: None,
    });
    let sources = vec![data("application/pdf"), url, Source::Text("t".into())];
    let document = (select(sources), option::of(name())).prop_map(|(source, name)| Media {
        kind: MediaKind::Document,
        source,
        name,
        detail: None,
    });
    (prop_oneof![image, document], cache()).prop_map(|(media, cache)| Part {
        kind: PartKind::Media(media),
        cache,
    })
}

fn said() -> impl Strategy<Value = Parts> {
    vec(prop_oneof![3 => text_part(), 1 => media_part()], 1..4)
}

fn thought() -> impl Strategy<Value = Part<'static>> {
    let own = words().prop_map(|text| Thinking {
        text,
        id: None,
        state: Some(State {
            origin: Origin::Anthropic,
            data: "Eo4B+/=".into(),
        }),
    });
    let redacted = name().prop_map(|data| Thinking {
        state: Some(State {
            origin: Origin::AnthropicRedacted,
            data,
        }),
        ..Thinking::default()
    });
    prop_oneof![own, redacted].prop_map(|thinking| Part::new(PartKind::Thinking(thinking)))
}

fn call(id: String, name: Text<'static>, arguments: Text<'static>) -> PartKind<'static> {
    PartKind::Call(Call {
        id: Text::from(id),
        name,
        namespace: None,
        arguments,
        is_custom: false,
        state: None,
    })
}

fn turn(role: Role, parts: Parts) -> Turn<'static> {
    Turn {
        role,
        name: None,
        parts,
    }
}

/// One answer of the model's and what was said to it: thoughts, texts, calls with their results.
fn round() -> impl Strategy<Value = Vec<Turn<'static>>> {
    let called = (name(), object(), cache(), said(), any::<bool>());
    (
        vec(thought(), 0..2),
        vec(text_part(), 1..3),
        vec(called, 0..3),
        said(),
    )
        .prop_map(|(thoughts, texts, calls, reply)| {
            let mut parts = [thoughts, texts].concat();
            let mut results = Vec::new();
            for (number, (name, arguments, cache, answer, is_error)) in
                calls.into_iter().enumerate()
            {
                let id = format!("call_{number}");
                let kind = call(id.clone(), name, arguments);
                parts.push(Part { kind, cache });
                results.push(Part {
                    kind: PartKind::Result(CallResult {
                        id: Text::from(id),
                        name: None,
                        parts: answer,
                        is_error,
                        is_custom: false,
                    }),
                    cache,
                });
            }
            let mut turns = vec![turn(Role::Assistant, parts)];
            if !results.is_empty() {
                turns.push(turn(Role::Tool, results));
            }
            turns.push(turn(Role::User, reply));
            turns
        })
}

fn turns() -> impl Strategy<Value = Vec<Turn<'static>>> {
    (vec(text_part(), 0..3), said(), vec(round(), 0..3)).prop_map(|(system, first, rounds)| {
        let mut turns = Vec::new();
        if !system.is_empty() {
            turns.push(turn(Role::System, system));
        }
        turns.push(turn(Role::User, first));
        turns.extend(rounds.into_iter().flatten());
        turns
    })
}

fn tools() -> impl Strategy<Value = Vec<Tool<'static>>> {
    let function = (
        name(),
        option::of(words()),
        schema(),
        option::of(any::<bool>()),
        cache(),
    );
    vec(function, 1..4).prop_map(|functions| {
        functions
            .into_iter()
            .map(|(name, description, schema, strict, cache)| {
                Tool::Function(Function {
                    name,
                    namespace: None,
                    description,
                    schema: Some(schema),
                    strict,
                    cache,
                })
            })
            .collect()
    })
}

/// How to think, and a model that is told so.
fn thinking() -> impl Strategy<Value = (Option<Reasoning>, Traits)> {
    let shown = || option::of(select(vec![Shown::Auto, Shown::Omitted]));
    let by_budget = Traits {
        thinks: Thinks::Budget {
            least: 1_024,
            most: 32_000,
        },
        ..Traits::default()
    };
    let by_effort = Traits {
        thinks: Thinks::Effort,
        ..Traits::default()
    };
    let off = Reasoning {
        mode: Some(ReasoningMode::Off),
        ..Reasoning::default()
    };
    let efforts = vec![Effort::Low, Effort::High, Effort::ExtraHigh, Effort::Max];
    prop_oneof![
        Just((None, Traits::default())),
        select(vec![(Some(off), by_budget), (Some(off), by_effort)]),
        (1_024..32_000_u64, shown()).prop_map(move |(budget, shown)| {
            let reasoning = Reasoning {
                mode: Some(ReasoningMode::On),
                effort: None,
                budget: Some(budget),
                shown,
                is_encrypted: true,
            };
            (Some(reasoning), by_budget)
        }),
        (option::of(select(efforts)), shown()).prop_map(move |(effort, shown)| {
            let reasoning = Reasoning {
                mode: Some(ReasoningMode::Adaptive),
                effort,
                budget: None,
                shown,
                is_encrypted: true,
            };
            (Some(reasoning), by_effort)
        }),
    ]
}

fn sampling() -> impl Strategy<Value = Sampling<'static>> {
    let number = |list: Vec<&'static str>| option::of(select(list).prop_map(Text::from));
    let top_k = number(vec!["1", "40"]);
    (
        number(vec!["0", "0.50", "1"]),
        number(vec!["0.90", "1.0"]),
        top_k,
    )
        .prop_map(|(temperature, top_p, top_k)| Sampling {
            top_p: top_p.filter(|_| temperature.is_none()),
            temperature,
            top_k,
            ..Sampling::default()
        })
}

fn choice() -> impl Strategy<Value = Option<ToolChoice<'static>>> {
    option::of(prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::None),
        Just(ToolChoice::Required),
        name().prop_map(ToolChoice::Named),
    ])
}

/// A request that the dialect can say whole, to a model that takes it.
pub(super) fn ask() -> impl Strategy<Value = (Ask<'static>, Traits)> {
    let format = option::of(schema().prop_map(|schema| Format::Schema {
        name: None,
        description: None,
        schema,
        strict: None,
    }));
    let head = (name(), any::<bool>(), 33_024..99_000_u64, cache(), format);
    let labels = (option::of(words()), vec(words(), 0..3));
    let tooled = (tools(), choice(), any::<bool>());
    (
        head,
        labels,
        turns(),
        option::of(tooled),
        thinking(),
        sampling(),
    )
        .prop_map(
            |(head, (user, stop), turns, tooled, (reasoning, traits), sampling)| {
                let (model, is_stream, max_tokens, cache, format) = head;
                let thinks =
                    reasoning.is_some_and(|reasoning| reasoning.mode != Some(ReasoningMode::Off));
                let (tools, choice, is_single) = tooled.unwrap_or_default();
                let tool_choice = choice.filter(|choice| {
                    !thinks || !matches!(choice, ToolChoice::Required | ToolChoice::Named(_))
                });
                let may_be_single = !matches!(tool_choice, None | Some(ToolChoice::None));
                let ask = Ask {
                    model,
                    is_stream,
                    turns,
                    tools,
                    parallel_calls: (is_single && may_be_single).then_some(false),
                    tool_choice,
                    format,
                    reasoning,
                    sampling: if thinks {
                        Sampling::default()
                    } else {
                        sampling
                    },
                    max_tokens: Some(max_tokens),
                    stop,
                    user,
                    cache,
                    ..Ask::default()
                };
                (ask, traits)
            },
        )
}

fn citation() -> impl Strategy<Value = Citation<'static>> {
    let url = option::of(Just(Text::from("https://example.com/a")));
    (url, option::of(name()), words()).prop_map(|(url, title, quote)| Citation {
        url,
        title,
        quote: Some(quote),
        start: None,
        end: None,
    })
}

fn answered() -> impl Strategy<Value = PartKind<'static>> {
    let bare = words().prop_map(|text| {
        PartKind::Thinking(Thinking {
            text,
            ..Thinking::default()
        })
    });
    let text = (words(), vec(citation(), 0..2))
        .prop_map(|(text, citations)| PartKind::Text { text, citations });
    let call = ("[a-zA-Z0-9_-]{1,9}", name(), object())
        .prop_map(|(id, name, arguments)| call(id, name, arguments));
    prop_oneof![1 => bare, 1 => thought().prop_map(|part| part.kind), 3 => text, 3 => call]
}

fn usage() -> impl Strategy<Value = Usage> {
    (
        0..1_000_u64,
        0..1_000_u64,
        0..1_000_u64,
        0..1_000_u64,
        0..1_000_u64,
    )
        .prop_map(|(plain, cached, cache_write, said, reasoning)| Usage {
            input: plain + cached + cache_write,
            cached,
            cache_write,
            output: said + reasoning,
            reasoning,
            counted: Counted::Reported,
        })
}

/// An answer that the dialect can say whole.
pub(super) fn reply() -> impl Strategy<Value = Reply<'static>> {
    let finishes = vec![Finish::Stop, Finish::Length, Finish::Calls, Finish::Pause];
    let end = (select(finishes), option::of(words()));
    (name(), name(), vec(answered(), 0..7), end, usage()).prop_map(
        |(id, model, kinds, (finish, stop), usage)| Reply {
            id,
            model,
            created: None,
            choices: vec![Choice {
                parts: kinds.into_iter().map(Part::new).collect(),
                finish,
                stop: stop.filter(|_| finish == Finish::Stop),
                logprobs: Vec::new(),
            }],
            usage: Some(usage),
        },
    )
}
