//! Writing requests: what stands beside the conversation.

use mirk_model::{
    Ask, Dialect, Effort, Format, Function, Kept, Reasoning, ReasoningMode, Sampling, Shown,
    Thinks, Tool, ToolChoice, Traits,
};
use serde_json::json;

use super::{Tree, write, write_with};
use crate::loss::{Fate, ROWS};

#[test]
fn t14_every_choice_among_tools_is_said() {
    let with = |choice| {
        let ask = Ask {
            tools: vec![Tool::Function(Function {
                name: "f".into(),
                ..Function::default()
            })],
            tool_choice: Some(choice),
            ..Ask::default()
        };
        write(&ask).0["toolConfig"]["functionCallingConfig"].clone()
    };
    assert_eq!(with(ToolChoice::Auto), json!({"mode":"AUTO"}));
    assert_eq!(with(ToolChoice::None), json!({"mode":"NONE"}));
    assert_eq!(with(ToolChoice::Required), json!({"mode":"ANY"}));
    assert_eq!(
        with(ToolChoice::Named("f".into())),
        json!({"mode":"ANY","allowedFunctionNames":["f"]})
    );
    let allowed = |is_required| ToolChoice::Allowed {
        names: vec!["f".into()],
        is_required,
    };
    assert_eq!(
        with(allowed(true)),
        json!({"mode":"ANY","allowedFunctionNames":["f"]})
    );
    assert_eq!(
        with(allowed(false)),
        json!({"mode":"VALIDATED","allowedFunctionNames":["f"]})
    );
    // Without functions Gemini refuses the choice.
    let ask = Ask {
        tool_choice: Some(ToolChoice::None),
        ..Ask::default()
    };
    assert_eq!(write(&ask).0, json!({"contents":[]}));
}

#[test]
fn t24_an_answer_follows_its_schema() {
    let ask = Ask {
        format: Some(Format::Schema {
            name: Some("x".into()),
            description: None,
            schema:
                r#"{"type":"object","properties":{"a":{"const":"b"}},"additionalProperties":false}"#
                    .into(),
            strict: Some(true),
        }),
        ..Ask::default()
    };
    let (body, said) = write(&ask);
    assert_eq!(
        body["generationConfig"],
        json!({"responseMimeType":"application/json","responseSchema":{"type":"OBJECT",
            "properties":{"a":{"type":"STRING","format":"enum","enum":["b"]}}}})
    );
    assert!(said.is_empty());
}

fn thinking(model: &'static str, thinks: Thinks, reasoning: Reasoning) -> (Tree, Vec<String>) {
    let ask = Ask {
        model: model.into(),
        reasoning: Some(reasoning),
        ..Ask::default()
    };
    let traits = Traits {
        thinks,
        ..Traits::default()
    };
    let (body, said) = write_with(&ask, &traits).unwrap();
    (body["generationConfig"]["thinkingConfig"].clone(), said)
}

#[test]
fn systems_10_6_effort_is_a_level_from_gemini_3_on() {
    let effort = |effort| Reasoning {
        effort: Some(effort),
        ..Reasoning::default()
    };
    let changed = vec!["changed:reasoning".to_owned()];
    let kept: Vec<String> = Vec::new();
    let level = |model, effort_is| thinking(model, Thinks::Effort, effort(effort_is));
    assert_eq!(
        level("gemini-3-pro", Effort::High),
        (json!({"thinkingLevel":"HIGH"}), kept.clone())
    );
    assert_eq!(
        level("gemini-3-pro", Effort::Max),
        (json!({"thinkingLevel":"HIGH"}), changed.clone())
    );
    assert_eq!(
        level("gemini-3-pro", Effort::None),
        (json!({"thinkingLevel":"LOW"}), changed.clone())
    );
    assert_eq!(
        level("gemini-3-flash", Effort::Minimal),
        (json!({"thinkingLevel":"MINIMAL"}), kept.clone())
    );
}

#[test]
fn systems_10_6_before_gemini_3_effort_is_a_budget() {
    let effort = |effort| Reasoning {
        effort: Some(effort),
        ..Reasoning::default()
    };
    let changed = vec!["changed:reasoning".to_owned()];
    let kept: Vec<String> = Vec::new();
    let budget = Thinks::Budget {
        least: 128,
        most: 20_000,
    };
    let tokens = |effort_is| thinking("m", budget, effort(effort_is));
    assert_eq!(
        tokens(Effort::Low),
        (json!({"thinkingBudget":4096}), changed.clone())
    );
    assert_eq!(
        tokens(Effort::ExtraHigh),
        (json!({"thinkingBudget":20_000}), changed.clone())
    );
    assert_eq!(
        tokens(Effort::None),
        (json!({"thinkingBudget":128}), changed)
    );
    let adaptive = Reasoning {
        mode: Some(ReasoningMode::Adaptive),
        shown: Some(Shown::Detailed),
        ..Reasoning::default()
    };
    assert_eq!(
        thinking("m", budget, adaptive),
        (
            json!({"thinkingBudget":-1,"includeThoughts":true}),
            kept.clone()
        )
    );
    assert_eq!(
        thinking("m", Thinks::No, effort(Effort::High)),
        (Tree::Null, vec!["dropped:reasoning".to_owned()])
    );
    assert_eq!(
        thinking("m", Thinks::No, effort(Effort::None)),
        (Tree::Null, kept)
    );
}

#[test]
fn t25_limits_of_the_model_are_kept() {
    let ask = Ask {
        max_tokens: Some(128_000),
        sampling: Sampling {
            temperature: Some("0.5".into()),
            seed: Some("9007199254740993".into()),
            ..Sampling::default()
        },
        logprobs: Some(50),
        ..Ask::default()
    };
    let traits = Traits {
        max_output: Some(65_536),
        takes_sampling: false,
        ..Traits::default()
    };
    let (body, said) = write_with(&ask, &traits).unwrap();
    assert_eq!(
        body["generationConfig"],
        json!({"maxOutputTokens":65_536,"responseLogprobs":true,"logprobs":20})
    );
    assert_eq!(
        said,
        ["changed:max_tokens", "dropped:temperature", "dropped:seed"]
    );
}

#[test]
fn what_the_table_says_is_lost_is_named() {
    let ask = Ask {
        sampling: Sampling {
            logit_bias: Some("{}".into()),
            repeat_penalty: Some("1".into()),
            min_p: Some("1".into()),
            ..Sampling::default()
        },
        parallel_calls: Some(false),
        verbosity: Some("low".into()),
        user: Some("u".into()),
        metadata: Some("{}".into()),
        service_tier: Some("flex".into()),
        cache_key: Some("k".into()),
        own: vec![("thing", "1".into())],
        ..Ask::default()
    };
    let (_, said) = write(&ask);
    for row in ROWS {
        let named = format!("dropped:{}", row.name);
        if said.contains(&named) {
            assert_eq!(
                row.feature.fate(Dialect::Gemini),
                Fate::Dropped,
                "{}",
                row.name
            );
        }
    }
    assert_eq!(said.len(), 10);
    for kept in [
        Kept {
            previous: Some("r".into()),
            ..Kept::default()
        },
        Kept {
            background: true,
            ..Kept::default()
        },
    ] {
        let ask = Ask {
            kept,
            ..Ask::default()
        };
        assert!(write_with(&ask, &Traits::default()).is_err());
    }
}
