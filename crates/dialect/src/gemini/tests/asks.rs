//! Reading requests.

use mirk_model::{
    Effort, Format, MediaKind, Operation, Origin, PartKind, ReasoningMode, Role, Shown, Source,
    Tool, ToolChoice,
};

use super::{WIRE, read, wrong};
use crate::loss::Notes;

#[test]
fn a_plain_request_is_read() {
    let (ask, manner, said) = read(
        r#"{"systemInstruction":{"parts":[{"text":"Be brief."},{"text":"Be kind."}]},
            "contents":[{"role":"user","parts":[{"text":"Hello"}]},
                        {"role":"model","parts":[{"text":"Hi"}]},
                        {"parts":[{"text":"Bye"}]}]}"#,
    );
    let roles: Vec<_> = ask.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(
        roles,
        [Role::System, Role::User, Role::Assistant, Role::User]
    );
    assert_eq!(ask.turns[0].parts.len(), 2);
    assert!(said.is_empty());
    assert!(!manner.shows_thinking);
}

#[test]
fn snake_case_and_single_objects_are_read_as_google_documents_show_them() {
    let (ask, _, said) = read(
        r#"{"system_instruction":{"parts":{"text":"a"}},
            "contents":{"role":"USER","parts":[{"text":"b"},
                {"inline_data":{"mime_type":"image/png","data":"AA=="}},
                {"file_data":{"mime_type":"application/pdf","file_uri":"https://x.example/a.pdf"}}]},
            "generation_config":{"max_output_tokens":5,"stop_sequences":["x"],"top_k":3,
                "thinking_config":{"thinking_budget":0}},
            "tool_config":{"function_calling_config":{"mode":"any","allowed_function_names":["f"]}},
            "tools":{"function_declarations":{"name":"f"}}}"#,
    );
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(ask.turns.len(), 2);
    assert_eq!(ask.turns[1].parts.len(), 3);
    assert_eq!(ask.max_tokens, Some(5));
    assert_eq!(ask.stop, ["x"]);
    assert_eq!(ask.sampling.top_k.as_deref(), Some("3"));
    assert_eq!(ask.reasoning.unwrap().mode, Some(ReasoningMode::Off));
    assert_eq!(ask.tool_choice, Some(ToolChoice::Named("f".into())));
    assert_eq!(ask.tools.len(), 1);
}

#[test]
fn systems_10_6_a_call_and_a_result_in_one_content_both_survive() {
    let (ask, ..) = read(
        r#"{"contents":[{"role":"user","parts":[{"text":"go"}]},
            {"role":"model","parts":[
                {"functionCall":{"name":"f","args":{"a":1}}},
                {"functionResponse":{"name":"f","response":{"result":"ok"}}}]}]}"#,
    );
    let roles: Vec<_> = ask.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool]);
    let PartKind::Call(call) = &ask.turns[1].parts[0].kind else {
        panic!("no call");
    };
    let PartKind::Result(result) = &ask.turns[2].parts[0].kind else {
        panic!("no result");
    };
    assert_eq!(call.id, result.id);
    assert!(!call.id.is_empty());
}

#[test]
fn t1_parallel_calls_of_one_name_pair_up_by_their_order() {
    let (ask, ..) = read(
        r#"{"contents":[
            {"role":"model","parts":[{"functionCall":{"name":"f"}},{"functionCall":{"name":"g"}},
                {"functionCall":{"name":"f"}},{"functionCall":{"name":"f","id":"call_1"}}]},
            {"role":"function","parts":[
                {"functionResponse":{"name":"g","response":{"output":"2"}}},
                {"functionResponse":{"name":"f","response":{"output":"1"}}},
                {"functionResponse":{"name":"f","id":"call_1","response":{"output":"4"}}},
                {"functionResponse":{"name":"f","response":{"error":"3"}}}]}]}"#,
    );
    let calls: Vec<_> = ask.turns[0]
        .parts
        .iter()
        .map(|part| match &part.kind {
            PartKind::Call(call) => call.id.as_str().to_owned(),
            _ => panic!("no call"),
        })
        .collect();
    let results: Vec<_> = ask.turns[1]
        .parts
        .iter()
        .map(|part| match &part.kind {
            PartKind::Result(result) => (result.id.as_str().to_owned(), result.is_error),
            _ => panic!("no result"),
        })
        .collect();
    assert_eq!(
        results,
        [
            (calls[1].clone(), false),
            (calls[0].clone(), false),
            (calls[3].clone(), false),
            (calls[2].clone(), true)
        ]
    );
    let distinct: std::collections::HashSet<_> = calls.iter().collect();
    assert_eq!(distinct.len(), 4);
}

#[test]
fn t12_signatures_stay_on_their_part_and_the_documented_dummy_is_none() {
    let (ask, ..) = read(
        r#"{"contents":[{"role":"model","parts":[
            {"text":"hm","thought":true},
            {"text":"so","thoughtSignature":"c2ln"},
            {"functionCall":{"name":"f","id":"1"},"thoughtSignature":"Y2FsbA=="},
            {"functionCall":{"name":"f","id":"2"},"thought_signature":"skip_thought_signature_validator"},
            {"text":"","thoughtSignature":"ZW5k"}]}]}"#,
    );
    let parts = &ask.turns[0].parts;
    let PartKind::Thinking(thinking) = &parts[0].kind else {
        panic!("no thought");
    };
    assert_eq!(thinking.text, "hm");
    let state = thinking.state.as_ref().unwrap();
    assert_eq!(
        (state.origin, state.data.as_str()),
        (Origin::Gemini, "c2ln")
    );
    let states: Vec<_> = parts
        .iter()
        .filter_map(|part| match &part.kind {
            PartKind::Call(call) => Some(call.state.as_ref().map(|state| state.data.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(states, [Some("Y2FsbA=="), None]);
    let PartKind::Thinking(last) = &parts[4].kind else {
        panic!("no signature");
    };
    assert_eq!(last.state.as_ref().unwrap().data, "ZW5k");
    assert_eq!(parts.len(), 5);
}

#[test]
fn signatures_of_other_providers_come_out_of_their_place() {
    let (ask, ..) = read(
        r#"{"contents":[{"role":"model","parts":[
            {"text":"","thoughtSignature":"bWlyazE6YTpFbzQ"}]}]}"#,
    );
    let PartKind::Thinking(thinking) = &ask.turns[0].parts[0].kind else {
        panic!("no thought");
    };
    let state = thinking.state.as_ref().unwrap();
    assert_eq!(
        (state.origin, state.data.as_str()),
        (Origin::Anthropic, "Eo4")
    );
}

#[test]
fn files_that_google_keeps_are_told_from_public_addresses() {
    let (ask, ..) = read(
        r#"{"cachedContent":"cachedContents/1","contents":[{"parts":[
            {"fileData":{"mimeType":"image/png","fileUri":"https://generativelanguage.googleapis.com/v1beta/files/x"}},
            {"fileData":{"fileUri":"gs://bucket/x"}},
            {"fileData":{"fileUri":"https://www.youtube.com/watch?v=1"}},
            {"fileData":{"fileUri":"https://x.example/a.JPG?b=c"}}]}]}"#,
    );
    let media: Vec<_> = ask
        .turns
        .iter()
        .flat_map(|turn| &turn.parts)
        .map(|part| match &part.kind {
            PartKind::Media(media) => (media.kind, matches!(media.source, Source::File(_))),
            _ => panic!("no media"),
        })
        .collect();
    assert_eq!(
        media,
        [
            (MediaKind::Document, true),
            (MediaKind::Image, true),
            (MediaKind::Document, true),
            (MediaKind::Video, false),
            (MediaKind::Image, false)
        ]
    );
}

#[test]
fn every_option_finds_its_place() {
    let (ask, manner, said) = read(
        r#"{"contents":[],"generationConfig":{"temperature":1.0,"topP":0.50,"topK":40,"seed":7,
            "presencePenalty":-1,"frequencyPenalty":2e0,"maxOutputTokens":100,"candidateCount":2,
            "stopSequences":["a","b"],"responseLogprobs":true,"logprobs":3,
            "responseMimeType":"application/json",
            "responseSchema":{"type":"OBJECT","properties":{"type":{"type":"STRING","nullable":true}}},
            "thinkingConfig":{"thinkingLevel":"HIGH","includeThoughts":true},
            "responseModalities":["TEXT","IMAGE"],"speechConfig":{"a":1},"new":1},
            "toolConfig":{"functionCallingConfig":{"mode":"ANY"}},
            "safetySettings":[],"labels":{"a":"b"},"serviceTier":"flex","store":true,"odd":null}"#,
    );
    let sampling = &ask.sampling;
    assert_eq!(sampling.temperature.as_deref(), Some("1.0"));
    assert_eq!(sampling.top_p.as_deref(), Some("0.50"));
    assert_eq!(sampling.frequency_penalty.as_deref(), Some("2e0"));
    assert_eq!((ask.choices, ask.logprobs), (Some(2), Some(3)));
    let Some(Format::Schema { schema, .. }) = &ask.format else {
        panic!("no schema");
    };
    assert_eq!(
        schema.as_str(),
        r#"{"type":"object","properties":{"type":{"type":["string","null"]}}}"#
    );
    let reasoning = ask.reasoning.unwrap();
    assert_eq!(reasoning.effort, Some(Effort::High));
    assert_eq!(reasoning.shown, Some(Shown::Auto));
    assert!(manner.shows_thinking);
    let own: Vec<_> = ask.own.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        own,
        [
            "generationConfig.responseModalities",
            "generationConfig.speechConfig",
            "safetySettings",
            "labels"
        ]
    );
    assert_eq!(ask.tool_choice, Some(ToolChoice::Required));
    assert_eq!(ask.service_tier.as_deref(), Some("flex"));
    assert_eq!(ask.kept.store, Some(true));
    assert_eq!(said, ["dropped:generationConfig.new"]);
}

#[test]
fn every_choice_among_tools_is_read() {
    let choice = |config: &str| {
        let body =
            format!(r#"{{"contents":[],"toolConfig":{{"functionCallingConfig":{config}}}}}"#);
        read(&body)
            .0
            .tool_choice
            .map(|choice| format!("{choice:?}"))
    };
    assert_eq!(choice(r#"{"mode":"AUTO"}"#).as_deref(), Some("Auto"));
    assert_eq!(choice(r#"{"mode":"NONE"}"#).as_deref(), Some("None"));
    assert_eq!(choice(r#"{"mode":"VALIDATED"}"#).as_deref(), Some("Auto"));
    assert_eq!(choice(r#"{"mode":"MODE_UNSPECIFIED"}"#), None);
    assert_eq!(choice("{}"), None);
    let allowed = choice(r#"{"mode":"ANY","allowedFunctionNames":["a","b"]}"#).unwrap();
    assert!(allowed.ends_with("is_required: true }"), "{allowed}");
    let allowed = choice(r#"{"mode":"VALIDATED","allowedFunctionNames":["a"]}"#).unwrap();
    assert!(allowed.ends_with("is_required: false }"), "{allowed}");
}

#[test]
fn tools_of_google_are_hosted() {
    let (ask, _, said) = read(
        r#"{"contents":[],"tools":[{"google_search":{"x":1},"functionDeclarations":[
            {"name":"f","parametersJsonSchema":{"type":"object","x":1.0},"behavior":"BLOCKING"}]}]}"#,
    );
    let Tool::Function(function) = &ask.tools[0] else {
        panic!("no function");
    };
    assert_eq!(
        function.schema.as_deref(),
        Some(r#"{"type":"object","x":1.0}"#)
    );
    let Tool::Hosted { kind, raw } = &ask.tools[1] else {
        panic!("no hosted tool");
    };
    assert_eq!(
        (kind.as_str(), raw.as_str()),
        ("googleSearch", r#"{"googleSearch":{"x":1}}"#)
    );
    assert_eq!(said, ["dropped:tools[].functionDeclarations[].behavior"]);
}

#[test]
fn xlat21_what_is_unknown_is_named_or_refused_with_its_place() {
    for (body, words) in [
        (
            r#"{"contents":[{"role":"system","parts":[]}]}"#,
            "`contents[0].role`",
        ),
        (
            r#"{"contents":[{"parts":[{"text":"a"},{"odd":1}]}]}"#,
            "`contents[0].parts[1]`",
        ),
        (
            r#"{"contents":[{"parts":[{"text":1}]}]}"#,
            "`contents[0].parts[0].text`",
        ),
        (
            r#"{"contents":[{"parts":[{"inline_data":{"mime_type":"a/b"}}]}]}"#,
            "`contents[0].parts[0].inline_data.data`",
        ),
        (
            r#"{"contents":[],"generationConfig":{"stopSequences":[1]}}"#,
            "`generationConfig.stopSequences[0]`",
        ),
        (
            r#"{"contents":[],"toolConfig":{"functionCallingConfig":{"mode":"SOME"}}}"#,
            "`toolConfig.functionCallingConfig.mode`",
        ),
        (r#"{"contents":1}"#, "`contents`"),
        ("[]", "the body"),
    ] {
        assert!(wrong(body).starts_with(words), "{}", wrong(body));
    }
    let (_, _, said) = read(r#"{"contents":[{"parts":[{"text":"a","zzz":1}],"yyy":1}],"xxx":1}"#);
    assert_eq!(
        said,
        [
            "dropped:contents[].parts[].zzz",
            "dropped:contents[].yyy",
            "dropped:xxx"
        ]
    );
}

#[test]
fn t22_both_bodies_of_count_tokens_are_read() {
    for body in [
        r#"{"contents":[{"parts":[{"text":"a"}]}]}"#,
        r#"{"generateContentRequest":{"model":"models/x","contents":[{"parts":[{"text":"a"}]}]}}"#,
    ] {
        let mut notes = Notes::new(mirk_model::Dialect::Gemini, mirk_model::Dialect::Anthropic);
        let (ask, _) = (WIRE.read_ask)(Operation::GeminiCount, body, &mut notes).unwrap();
        assert_eq!(ask.turns.len(), 1);
        assert!(ask.model.is_empty());
        assert!(notes.said().is_empty());
    }
}

#[test]
fn results_are_read_as_what_the_tool_said() {
    let text = |response: &str| {
        let body = format!(
            r#"{{"contents":[{{"parts":[{{"functionResponse":{{"name":"f","response":{response}}}}}]}}]}}"#
        );
        let (ask, ..) = read(&body);
        let PartKind::Result(result) = &ask.turns[0].parts[0].kind else {
            panic!("no result");
        };
        let PartKind::Text { text, .. } = &result.parts[0].kind else {
            panic!("no text");
        };
        (text.as_str().to_owned(), result.is_error)
    };
    assert_eq!(text(r#"{"result":"a"}"#), ("a".to_owned(), false));
    assert_eq!(text(r#"{"error":"a"}"#), ("a".to_owned(), true));
    assert_eq!(
        text(r#"{"output":1}"#),
        (r#"{"output":1}"#.to_owned(), false)
    );
    let both = r#"{"result":"a","error":"b"}"#;
    assert_eq!(text(both), (both.to_owned(), false));
    assert_eq!(text("{}"), ("{}".to_owned(), false));
}
