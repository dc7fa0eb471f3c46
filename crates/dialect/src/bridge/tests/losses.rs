//! Every row of the table of losses, asked of every writer.

use mirk_model::{
    Ask, Cache, Call, Citation, Dialect, Format, Function, Media, MediaKind, Origin, Part,
    PartKind, Reasoning, ReasoningMode, Role, Sampling, Source, State, Text, Thinking, Thinks,
    Tool, ToolChoice, Traits,
};

use super::{call, function, result, said, turn};
use crate::{
    bridge::{DIALECTS, fit},
    loss::{Fate, Feature, Notes, ROWS},
};

fn media(kind: MediaKind, source: Source<'static>) -> Part<'static> {
    Part::new(PartKind::Media(Media {
        kind,
        source,
        name: None,
        detail: None,
    }))
}

fn data(mime: &'static str) -> Source<'static> {
    Source::Data {
        mime: mime.into(),
        base64: "aGVsbG8=".into(),
    }
}

fn at(url: &'static str) -> Source<'static> {
    Source::Url {
        url: url.into(),
        mime: None,
    }
}

/// A state of another provider's than `target`.
fn foreign(target: Dialect) -> State<'static> {
    let origin = match target {
        Dialect::Anthropic => Origin::OpenAi,
        _ => Origin::Anthropic,
    };
    State {
        origin,
        data: "c2lnbmF0dXJl".into(),
    }
}

fn thinking(text: &'static str, state: Option<State<'static>>) -> Part<'static> {
    Part::new(PartKind::Thinking(Thinking {
        text: text.into(),
        id: None,
        state,
    }))
}

/// Adds `feature` to a plain request, so that it says that and nothing else; nothing for the rows
/// that need more than a request to show.
fn with(feature: Feature, target: Dialect, ask: &mut Ask<'static>) -> Option<()> {
    with_options(feature, ask)
        .or_else(|| with_tools(feature, ask))
        .or_else(|| with_parts(feature, target, ask))
}

fn with_options(feature: Feature, ask: &mut Ask<'static>) -> Option<()> {
    let sampling = &mut ask.sampling;
    let number = || Some(Text::from("0.5"));
    match feature {
        Feature::Seed => sampling.seed = Some("7".into()),
        Feature::LogitBias => sampling.logit_bias = Some(r#"{"5":1}"#.into()),
        Feature::FrequencyPenalty => sampling.frequency_penalty = number(),
        Feature::PresencePenalty => sampling.presence_penalty = number(),
        Feature::RepeatPenalty => sampling.repeat_penalty = number(),
        Feature::Temperature => sampling.temperature = Some("1.5".into()),
        Feature::TopP => sampling.top_p = number(),
        Feature::TopK => sampling.top_k = Some("5".into()),
        Feature::MinP => sampling.min_p = number(),
        Feature::Choices => ask.choices = Some(2),
        Feature::Logprobs => ask.logprobs = Some(2),
        Feature::Stop => ask.stop = vec!["x".into()],
        Feature::MaxTokens => ask.max_tokens = Some(100),
        Feature::User => ask.user = Some("u".into()),
        Feature::Metadata => ask.metadata = Some(r#"{"a":"b"}"#.into()),
        Feature::ServiceTier => ask.service_tier = Some("flex".into()),
        Feature::Verbosity => ask.verbosity = Some("low".into()),
        Feature::JsonObject => ask.format = Some(Format::JsonObject),
        Feature::JsonSchema => {
            ask.format = Some(Format::Schema {
                name: Some("n".into()),
                description: None,
                schema: r#"{"type":"object","properties":{}}"#.into(),
                strict: None,
            });
        }
        Feature::Reasoning => {
            ask.reasoning = Some(Reasoning {
                mode: Some(ReasoningMode::On),
                effort: Some(mirk_model::Effort::High),
                ..Reasoning::default()
            });
        }
        Feature::CacheMarks => ask.cache = Some(Cache::Short),
        Feature::CacheKey => ask.cache_key = Some("k".into()),
        Feature::Store => ask.kept.store = Some(true),
        Feature::Previous => ask.kept.previous = Some("resp_1".into()),
        Feature::Background => ask.kept.background = true,
        _ => return None,
    }
    Some(())
}

fn with_tools(feature: Feature, ask: &mut Ask<'static>) -> Option<()> {
    let tool = |more: Function<'static>| {
        Tool::Function(Function {
            name: "f".into(),
            schema: Some(r#"{"type":"object","properties":{}}"#.into()),
            ..more
        })
    };
    ask.tools = vec![tool(Function::default())];
    match feature {
        Feature::ParallelCalls => ask.parallel_calls = Some(false),
        Feature::ToolChoice => ask.tool_choice = Some(ToolChoice::Required),
        Feature::StrictTools => {
            ask.tools = vec![tool(Function {
                strict: Some(true),
                ..Function::default()
            })];
        }
        Feature::CustomTools => ask.tools.push(Tool::Custom {
            name: "c".into(),
            description: None,
            format: None,
        }),
        Feature::HostedTools => ask.tools.push(Tool::Hosted {
            kind: "web_search".into(),
            raw: r#"{"type":"web_search"}"#.into(),
        }),
        Feature::Namespaces => ask.tools.push(function(Some("n"), "g")),
        Feature::ToolNames => ask.tools.push(function(None, "\u{e9}")),
        Feature::Schema => {
            let schema = r#"{"type":"object","properties":{"a":{"type":"string","not":{}}}}"#;
            ask.tools = vec![tool(Function::default())];
            if let Some(Tool::Function(function)) = ask.tools.first_mut() {
                function.schema = Some(schema.into());
            }
        }
        _ => return with_calls(feature, ask),
    }
    Some(())
}

fn with_calls(feature: Feature, ask: &mut Ask<'static>) -> Option<()> {
    match feature {
        Feature::BrokenArguments => {
            ask.turns
                .push(turn(Role::Assistant, vec![call("a", "f", "{")]));
            ask.turns
                .push(turn(Role::Tool, vec![result("a", None, "r")]));
        }
        Feature::MissingResults => {
            ask.turns
                .push(turn(Role::Assistant, vec![call("a", "f", "{}")]));
            ask.turns.push(said(Role::User, "go on"));
        }
        Feature::OrphanResults => {
            ask.turns
                .push(turn(Role::Tool, vec![result("a", None, "r")]));
        }
        Feature::ToolErrors | Feature::ToolResultMedia => {
            ask.turns
                .push(turn(Role::Assistant, vec![call("a", "f", "{}")]));
            let mut part = result("a", None, "r");
            if let PartKind::Result(result) = &mut part.kind {
                result.is_error = feature == Feature::ToolErrors;
                if feature == Feature::ToolResultMedia {
                    result
                        .parts
                        .push(media(MediaKind::Image, data("image/png")));
                }
            }
            ask.turns.push(turn(Role::Tool, vec![part]));
        }
        _ => {
            ask.tools.clear();
            return None;
        }
    }
    Some(())
}

fn with_parts(feature: Feature, target: Dialect, ask: &mut Ask<'static>) -> Option<()> {
    let part = match feature {
        Feature::Image => media(MediaKind::Image, data("image/png")),
        Feature::ImageUrl => media(MediaKind::Image, at("https://a.example/b.png")),
        Feature::ImageDetail => {
            let mut part = media(MediaKind::Image, data("image/png"));
            if let PartKind::Media(media) = &mut part.kind {
                media.detail = Some("low".into());
            }
            part
        }
        Feature::Document => media(MediaKind::Document, data("application/pdf")),
        Feature::DocumentUrl => media(MediaKind::Document, at("https://a.example/b.pdf")),
        Feature::DocumentText => media(MediaKind::Document, Source::Text("words".into())),
        Feature::Audio => media(MediaKind::Audio, data("audio/wav")),
        Feature::Video => media(MediaKind::Video, data("video/mp4")),
        Feature::File => media(MediaKind::Document, Source::File("file_1".into())),
        _ => return with_turns(feature, target, ask),
    };
    ask.turns.push(turn(Role::User, vec![part]));
    Some(())
}

fn with_turns(feature: Feature, target: Dialect, ask: &mut Ask<'static>) -> Option<()> {
    let earlier = match feature {
        Feature::ThinkingText => thinking("hm", None),
        Feature::ThinkingState => thinking("", Some(foreign(target))),
        Feature::Refusals => Part::new(PartKind::Refusal("no".into())),
        Feature::Citations => Part::new(PartKind::Text {
            text: "words".into(),
            citations: vec![Citation {
                url: Some("https://a.example".into()),
                ..Citation::default()
            }],
        }),
        Feature::LateSystem => {
            ask.turns.push(said(Role::System, "late"));
            return Some(());
        }
        Feature::Developer => {
            ask.turns.insert(0, said(Role::Developer, "be brief"));
            return Some(());
        }
        Feature::TurnName => {
            let mut named = said(Role::User, "hello");
            named.name = Some("ann".into());
            ask.turns = vec![named];
            return Some(());
        }
        _ => return None,
    };
    ask.turns
        .push(turn(Role::Assistant, vec![Part::text("before"), earlier]));
    ask.turns.push(said(Role::User, "go on"));
    Some(())
}

/// What became of a request that says `feature`, as its notes have it.
fn became(feature: Feature, target: Dialect) -> Option<Result<Vec<String>, String>> {
    let mut ask = Ask {
        model: "m".into(),
        turns: vec![said(Role::User, "hello")],
        sampling: Sampling::default(),
        max_tokens: Some(4_096),
        ..Ask::default()
    };
    with(feature, target, &mut ask)?;
    let client = match target {
        Dialect::OpenAiChat => Dialect::OpenAiResponses,
        _ => Dialect::OpenAiChat,
    };
    let traits = Traits {
        thinks: Thinks::Effort,
        ..Traits::default()
    };
    let mut notes = Notes::new(client, target);
    let wire = DIALECTS.iter().find(|wire| wire.dialect == target).unwrap();
    let written = fit::fit(&mut ask, &wire.shape, &traits, &mut notes)
        .and_then(|_restore| (wire.write_ask)(&ask, &traits, &mut notes));
    Some(match written {
        Ok(_) => Ok(notes.said().to_vec()),
        Err(problem) => Err(problem.param.unwrap_or_default().into_owned()),
    })
}

#[test]
fn every_writer_does_what_the_table_says() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for row in ROWS {
        for (fate, wire) in row.fates.into_iter().zip(DIALECTS) {
            let Some(became) = became(row.feature, wire.dialect) else {
                // What one dialect alone has is named by its own name.
                assert_eq!(row.feature, Feature::Own, "{} is not asked about", row.name);
                continue;
            };
            count += 1;
            let said = |what: &str| {
                let whole = format!("{what}:{}", row.name);
                became.as_ref().is_ok_and(|said| said.contains(&whole))
            };
            let is_right = match fate {
                Fate::Kept => became == Ok(Vec::new()),
                Fate::Changed => said("changed"),
                Fate::Dropped => said("dropped"),
                Fate::Refused => became == Err(row.name.to_owned()),
            };
            if !is_right {
                wrong.push(format!(
                    "{} at {}: {fate:?}, but {became:?}",
                    row.name, wire.dialect
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count > 250, "only {count}");
}

#[test]
fn a_call_keeps_what_its_own_provider_wants_back_and_no_other_gets_it() {
    for wire in DIALECTS {
        let mut part = call("a", "f", "{}");
        if let PartKind::Call(Call { state, .. }) = &mut part.kind {
            *state = Some(foreign(wire.dialect));
        }
        let mut ask = Ask {
            turns: vec![
                said(Role::User, "hello"),
                turn(Role::Assistant, vec![part]),
                turn(Role::Tool, vec![result("a", None, "r")]),
            ],
            tools: vec![function(None, "f")],
            ..Ask::default()
        };
        let mut notes = Notes::new(Dialect::Ollama, wire.dialect);
        fit::fit(&mut ask, &wire.shape, &Traits::default(), &mut notes).unwrap();
        let written = (wire.write_ask)(&ask, &Traits::default(), &mut notes).unwrap();
        assert!(
            !String::from_utf8(written).unwrap().contains("c2lnbmF0dXJl"),
            "{} got a foreign signature",
            wire.dialect
        );
    }
}
