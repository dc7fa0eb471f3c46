//! Requests for providers: limits, thinking, sampling, tools to call, and the form of the answer.

use mirk_model::{
    Ask, Effort, Format, Part, Reasoning, ReasoningMode, Role, Thinks, ToolChoice, Traits, Turn,
};
use serde_json::json;

use super::{
    try_write, write,
    writing::{BUDGET, asking, function},
};
use crate::anthropic::JSON_TOOL;

const EFFORT: Traits = Traits {
    thinks: Thinks::Effort,
    ..BUDGET
};

fn thinking_by(effort: Option<Effort>, budget: Option<u64>) -> Reasoning {
    Reasoning {
        effort,
        budget,
        ..Reasoning::default()
    }
}

fn schema(schema: &str) -> Format<'_> {
    Format::Schema {
        name: Some("n".into()),
        description: None,
        schema: schema.into(),
        strict: Some(true),
    }
}

#[test]
fn the_output_limit_is_always_there() {
    let (body, said) = write(&asking(), &Traits::default());
    assert_eq!(
        body,
        json!({"model":"m","max_tokens":8192,"messages":[{"role":"user","content":"hi"}]})
    );
    assert!(said.is_empty());
    let traits = Traits {
        max_output: Some(64_000),
        ..Traits::default()
    };
    assert_eq!(write(&asking(), &traits).0["max_tokens"], 64_000);
    let ask = Ask {
        max_tokens: Some(5),
        ..asking()
    };
    assert_eq!(write(&ask, &traits).0["max_tokens"], 5);
}

#[test]
fn p10_1_the_budget_is_below_the_output_limit_whatever_was_asked() {
    for limit in [
        None,
        Some(1),
        Some(1_024),
        Some(1_025),
        Some(2_000),
        Some(4_096),
        Some(50_000),
    ] {
        for reasoning in [
            thinking_by(Some(Effort::Minimal), None),
            thinking_by(Some(Effort::High), None),
            thinking_by(Some(Effort::Max), None),
            thinking_by(None, Some(1)),
            thinking_by(None, Some(1 << 53)),
            Reasoning {
                mode: Some(ReasoningMode::On),
                ..Reasoning::default()
            },
        ] {
            let ask = Ask {
                reasoning: Some(reasoning),
                max_tokens: limit,
                ..asking()
            };
            let (body, said) = write(&ask, &BUDGET);
            let max = body["max_tokens"].as_u64().unwrap();
            assert_eq!(limit.unwrap_or(max), max, "the client's limit stands");
            match body["thinking"]["budget_tokens"].as_u64() {
                Some(budget) => assert!((1_024..=32_000).contains(&budget) && budget < max),
                None => assert_eq!(said, ["dropped:reasoning"]),
            }
        }
    }
}

#[test]
fn p10_1_efforts_become_budgets_and_adaptive_models_get_efforts() {
    for (effort, budget) in [
        (Effort::Minimal, 1_024),
        (Effort::Low, 4_096),
        (Effort::Medium, 8_192),
        (Effort::High, 16_384),
        (Effort::ExtraHigh, 32_000),
        (Effort::Max, 32_000),
    ] {
        let ask = Ask {
            reasoning: Some(thinking_by(Some(effort), None)),
            ..asking()
        };
        let (body, said) = write(&ask, &BUDGET);
        assert_eq!(
            body["thinking"],
            json!({"type":"enabled","budget_tokens":budget})
        );
        assert_eq!(said, ["changed:reasoning"]);
    }
    for (effort, word, said_of) in [
        (Effort::Minimal, "low", &["changed:reasoning"][..]),
        (Effort::High, "high", &[]),
        (Effort::ExtraHigh, "xhigh", &[]),
        (Effort::Max, "max", &[]),
    ] {
        let ask = Ask {
            reasoning: Some(thinking_by(Some(effort), None)),
            ..asking()
        };
        let (body, said) = write(&ask, &EFFORT);
        assert_eq!(body["thinking"], json!({"type":"adaptive"}));
        assert_eq!(body["output_config"], json!({"effort":word}));
        assert_eq!(said, said_of);
    }
    for (traits, off) in [(BUDGET, "disabled"), (EFFORT, "disabled")] {
        let ask = Ask {
            reasoning: Some(thinking_by(Some(Effort::None), None)),
            ..asking()
        };
        assert_eq!(write(&ask, &traits).0["thinking"]["type"], off);
    }
    let ask = Ask {
        reasoning: Some(thinking_by(Some(Effort::High), None)),
        ..asking()
    };
    let (body, said) = write(&ask, &Traits::default());
    assert!(body.get("thinking").is_none());
    assert_eq!(said, ["dropped:reasoning"]);
}

#[test]
fn t9_a_forced_tool_is_called_without_thinking() {
    for traits in [BUDGET, EFFORT] {
        let ask = Ask {
            reasoning: Some(thinking_by(Some(Effort::High), None)),
            tools: vec![function("f")],
            tool_choice: Some(ToolChoice::Required),
            ..asking()
        };
        let (body, said) = write(&ask, &traits);
        assert!(body.get("thinking").is_none());
        assert_eq!(said, ["dropped:reasoning"]);
    }
}

#[test]
fn t9_an_answer_that_has_begun_is_gone_on_with_without_thinking() {
    let mut ask = Ask {
        reasoning: Some(thinking_by(Some(Effort::High), None)),
        ..asking()
    };
    ask.turns.push(Turn {
        role: Role::Assistant,
        name: None,
        parts: vec![Part::text("It is")],
    });
    let (body, said) = write(&ask, &BUDGET);
    assert!(body.get("thinking").is_none());
    assert_eq!(said, ["dropped:reasoning"]);
}

#[test]
fn t25_temperature_is_clamped_and_left_out_while_the_model_thinks() {
    let mut ask = asking();
    ask.sampling.temperature = Some("1.7".into());
    let (body, said) = write(&ask, &BUDGET);
    assert_eq!(body["temperature"], 1);
    assert_eq!(said, ["changed:temperature"]);
    ask.sampling.temperature = Some("0.20".into());
    ask.sampling.top_k = Some("4".into());
    assert_eq!(write(&ask, &BUDGET).0["temperature"], json!(0.2));
    ask.reasoning = Some(thinking_by(None, Some(2_048)));
    let (body, said) = write(&ask, &BUDGET);
    assert!(body.get("temperature").is_none() && body.get("top_k").is_none());
    assert_eq!(said, ["dropped:temperature", "dropped:top_k"]);
    ask.sampling.temperature = Some("1".into());
    ask.sampling.top_k = None;
    assert!(write(&ask, &BUDGET).1.is_empty(), "1 is what it is anyway");
}

#[test]
fn t25_a_temperature_and_top_p_are_not_said_together() {
    let mut ask = asking();
    ask.sampling.temperature = Some("0.5".into());
    ask.sampling.top_p = Some("1.0".into());
    assert!(write(&ask, &BUDGET).1.is_empty());
    ask.sampling.top_p = Some("0.9".into());
    let (body, said) = write(&ask, &BUDGET);
    assert!(body.get("top_p").is_none());
    assert_eq!(said, ["dropped:top_p"]);
    ask.sampling.temperature = None;
    assert_eq!(write(&ask, &BUDGET).0["top_p"], json!(0.9));
    let traits = Traits {
        takes_sampling: false,
        ..BUDGET
    };
    assert_eq!(write(&ask, &traits).1, ["dropped:top_p"]);
}

#[test]
fn t14_every_choice_of_tools_is_written() {
    for (choice, parallel, want) in [
        (Some(ToolChoice::Auto), None, json!({"type":"auto"})),
        (Some(ToolChoice::None), Some(false), json!({"type":"none"})),
        (Some(ToolChoice::Required), None, json!({"type":"any"})),
        (
            Some(ToolChoice::Named("f".into())),
            Some(false),
            json!({"type":"tool","name":"f","disable_parallel_tool_use":true}),
        ),
        (
            None,
            Some(false),
            json!({"type":"auto","disable_parallel_tool_use":true}),
        ),
        (None, Some(true), json!(null)),
    ] {
        let ask = Ask {
            tools: vec![function("f"), function("g")],
            tool_choice: choice,
            parallel_calls: parallel,
            ..asking()
        };
        let (body, _) = write(&ask, &BUDGET);
        assert_eq!(body.get("tool_choice").cloned().unwrap_or_default(), want);
        assert_eq!(body["tools"].as_array().unwrap().len(), 2);
    }
    let ask = Ask {
        tools: vec![function("f"), function("g")],
        tool_choice: Some(ToolChoice::Allowed {
            names: vec!["g".into()],
            is_required: true,
        }),
        ..asking()
    };
    let (body, said) = write(&ask, &BUDGET);
    assert_eq!(body["tool_choice"], json!({"type":"any"}));
    assert_eq!(body["tools"][0]["name"], "g");
    assert_eq!(said, ["changed:tool_choice"]);
}

#[test]
fn t24_a_schema_is_native_where_the_model_has_it_and_a_forced_tool_elsewhere() {
    let ask = Ask {
        format: Some(schema(r#"{"type":"object","x":1.0}"#)),
        ..asking()
    };
    let (body, _) = write(&ask, &BUDGET);
    assert_eq!(
        body["output_config"],
        json!({"format":{"type":"json_schema","schema":{"type":"object","x":1.0}}})
    );
    let old = Traits {
        has_schema: false,
        ..BUDGET
    };
    let (body, said) = write(&ask, &old);
    assert!(body.get("output_config").is_none(), "never both");
    assert_eq!(body["tools"][0]["name"], JSON_TOOL);
    assert_eq!(
        body["tool_choice"],
        json!({"type":"tool","name":JSON_TOOL,"disable_parallel_tool_use":true})
    );
    assert_eq!(said, ["changed:response_format.json_schema"]);
    let ask = Ask {
        tools: vec![function("f")],
        ..ask
    };
    assert_eq!(write(&ask, &old).0["tool_choice"]["type"], "any");
    let ask = Ask {
        format: Some(schema(r#"{"type":"array"}"#)),
        ..asking()
    };
    assert!(try_write(&ask, &old).is_err());
}

#[test]
fn t24_any_json_object_is_asked_for_in_words_and_named() {
    let ask = Ask {
        format: Some(Format::JsonObject),
        ..asking()
    };
    let (body, said) = write(&ask, &BUDGET);
    assert!(body["system"].as_str().unwrap().contains("JSON object"));
    assert_eq!(said, ["changed:response_format.json_object"]);
}
