//! Requests: what is read, and what is refused.

use mirk_model::{
    Dialect, Kind, Media, Origin, Part, PartKind, Role, Source, State, Text, ToolChoice, Traits,
};

use super::{WIRE, question, read, written};

fn path_of(input: &str) -> String {
    read(&format!(r#"{{"model":"m","input":{input}}}"#))
        .unwrap_err()
        .path
}

#[test]
fn s105_a_string_is_a_turn_and_nothing_is_refused() {
    let (ask, ..) = read(r#"{"model":"m","input":"hi"}"#).unwrap();
    assert_eq!(ask, question());
    for input in [r#""""#, "[]", "null", r#"[{"role":"user","content":""}]"#] {
        assert_eq!(path_of(input), "input");
    }
}

#[test]
fn s105_items_need_no_type_and_roles_may_stand_anywhere() {
    let body = r#"{"model":"m","instructions":"a","input":[{"role":"user","content":"b"},{"role":"developer","content":[{"type":"input_text","text":"c"}]},{"role":"assistant","content":"d"},{"role":"system","content":"e"}]}"#;
    let (ask, ..) = read(body).unwrap();
    let roles: Vec<_> = ask.turns.iter().map(|turn| turn.role).collect();
    let (user, model) = (Role::User, Role::Assistant);
    assert_eq!(
        roles,
        [Role::System, user, Role::Developer, model, Role::System]
    );
}

#[test]
fn xlat21_what_is_not_known_is_refused_with_its_place() {
    let user = r#"{"role":"user","content":"x"}"#;
    for (input, path) in [
        (format!(r#"[{user},{{"type":"riddle"}}]"#), "input[1]"),
        (format!("[{user},{{}}]"), "input[1].type"),
        (
            format!(r#"[{user},{{"role":"critic","content":"x"}}]"#),
            "input[1].role",
        ),
        (
            r#"[{"role":"user","content":[{"type":"smell"}]}]"#.into(),
            "input[0].content[0]",
        ),
        (
            r#"[{"role":"user","content":7}]"#.into(),
            "input[0].content",
        ),
        (
            r#"[{"role":"user","content":[{"type":"input_text"}]}]"#.into(),
            "input[0].content[0].text",
        ),
        (
            r#"[{"type":"function_call","call_id":"c","name":"f","arguments":{}}]"#.into(),
            "input[0].arguments",
        ),
        (
            r#"[{"type":"function_call","call_id":"c"}]"#.into(),
            "input[0].name",
        ),
        (
            r#"[{"type":"shell_call","call_id":"c"}]"#.into(),
            "input[0]",
        ),
        (
            r#"[{"type":"compaction","encrypted_content":"c"}]"#.into(),
            "input[0]",
        ),
        ("7".into(), "input"),
    ] {
        assert_eq!(path_of(&input), path, "{input}");
    }
}

#[test]
fn xlat08_members_of_the_wrong_type_are_refused_by_name() {
    for (member, path) in [
        (r#""stream":"true""#, "stream"),
        (r#""model":7"#, "model"),
        (r#""temperature":"0""#, "temperature"),
        (r#""max_output_tokens":-1"#, "max_output_tokens"),
        (r#""text":{"format":{"type":"poem"}}"#, "text.format.type"),
        (
            r#""text":{"format":{"type":"json_schema","schema":"x"}}"#,
            "text.format.schema",
        ),
        (r#""reasoning":{"effort":"huge"}"#, "reasoning.effort"),
        (r#""tools":[{"type":"function"}]"#, "tools[0].name"),
        (
            r#""tools":[{"type":"namespace","name":"n","tools":[{"type":"mcp"}]}]"#,
            "tools[0].tools[0].type",
        ),
        (r#""tool_choice":"some""#, "tool_choice"),
        (r#""metadata":[]"#, "metadata"),
        (r#""include":"x""#, "include"),
    ] {
        let body = format!(r#"{{"input":"hi",{member}}}"#);
        assert_eq!(read(&body).unwrap_err().path, path);
    }
}

#[test]
fn xlat26_unknown_members_are_named_and_known_ones_are_kept_as_they_were() {
    let body = r#"{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"x","odd":1}],"phase":"final_answer"}],"truncation":"auto","max_tool_calls":1.0,"x_new":{},"top_k":null,"tools":[{"type":"function","name":"f","defer_loading":true}]}"#;
    let (ask, _, notes) = read(body).unwrap();
    assert_eq!(
        notes.said(),
        [
            "dropped:input[].content[].odd",
            "dropped:input[].phase",
            "dropped:tools[].defer_loading",
            "dropped:x_new"
        ]
    );
    let own: Vec<_> = ask
        .own
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    assert_eq!(
        own,
        [("truncation", r#""auto""#), ("max_tool_calls", "1.0")]
    );
    let (_, notes) = written(&ask, &Traits::default(), Dialect::Anthropic);
    assert_eq!(
        notes.said(),
        ["dropped:truncation", "dropped:max_tool_calls"]
    );
}

#[test]
fn t15_items_of_hosted_tools_are_left_out_by_name() {
    let body = r#"{"model":"m","input":[{"role":"user","content":"x"},{"type":"web_search_call","id":"w"},{"type":"mcp_list_tools","id":"l"}]}"#;
    let (ask, _, notes) = read(body).unwrap();
    assert_eq!(ask.turns.len(), 1);
    let expected = [
        "dropped:input[].web_search_call",
        "dropped:input[].mcp_list_tools",
    ];
    assert_eq!(notes.said(), expected);
}

#[test]
fn t23_what_only_its_keeper_has_is_refused() {
    for body in [
        r#"{"model":"m","input":[{"type":"item_reference","id":"msg_1"}]}"#,
        r#"{"model":"m","input":[{"id":"msg_1"}]}"#,
        r#"{"model":"m","input":"x","previous_response_id":"resp_1"}"#,
        r#"{"model":"m","input":"x","conversation":"conv_1"}"#,
        r#"{"model":"m","input":"x","conversation":{"id":"conv_1"}}"#,
    ] {
        let (ask, _, mut notes) = read(body).unwrap();
        assert!(ask.kept.previous.is_some());
        let problem = (WIRE.write_ask)(&ask, &Traits::default(), &mut notes).unwrap_err();
        assert_eq!(problem.kind, Kind::BadRequest);
        assert_eq!(problem.param.as_deref(), Some("previous_response_id"));
    }
}

#[test]
fn thoughts_words_and_calls_in_a_row_are_one_turn_and_messages_are_not() {
    let body = r#"{"model":"m","input":[{"type":"reasoning","summary":[]},{"role":"assistant","content":"a"},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"1"},{"type":"custom_tool_call_output","call_id":"d","output":"2"},{"role":"assistant","content":"b"},{"role":"assistant","content":"c"}]}"#;
    let (ask, ..) = read(body).unwrap();
    let sizes: Vec<_> = ask.turns.iter().map(|turn| turn.parts.len()).collect();
    assert_eq!(sizes, [3, 2, 1, 1]);
}

#[test]
fn t14_every_form_of_a_choice_is_read() {
    let named = |name| ToolChoice::Named(Text::from(name));
    for (form, expected) in [
        (r#""auto""#, ToolChoice::Auto),
        (r#""none""#, ToolChoice::None),
        (r#""required""#, ToolChoice::Required),
        (r#"{"type":"function","name":"f"}"#, named("f")),
        (r#"{"type":"custom","name":"c"}"#, named("c")),
        (
            r#"{"type":"web_search_preview"}"#,
            named("web_search_preview"),
        ),
        (
            r#"{"type":"mcp","server_label":"s","name":"x"}"#,
            named("mcp"),
        ),
        (
            r#"{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"f"},{"type":"image_generation"}]}"#,
            ToolChoice::Allowed {
                names: vec![Text::from("f"), Text::from("image_generation")],
                is_required: true,
            },
        ),
    ] {
        let body = format!(r#"{{"input":"x","tool_choice":{form}}}"#);
        let (ask, _, notes) = read(&body).unwrap();
        assert_eq!(ask.tool_choice, Some(expected), "{form}");
        assert!(notes.said().is_empty());
    }
}

#[test]
fn every_place_of_media_is_read() {
    let body = r#"{"model":"m","input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,AA==","detail":"low"},{"type":"input_image","file_id":"file_1"},{"type":"input_file","file_data":"JVBE","filename":"a.pdf"},{"type":"input_file","file_url":"https://e.x/a"},{"type":"input_audio","input_audio":{"data":"AA==","format":"mp3"}}]}]}"#;
    let (ask, _, notes) = read(body).unwrap();
    let source = |part: &Part<'_>| match &part.kind {
        PartKind::Media(Media { source, .. }) => match source {
            Source::Data { mime, base64 } => format!("{} {}", mime.as_str(), base64.as_str()),
            Source::Url { url, .. } => url.as_str().to_owned(),
            Source::File(id) => id.as_str().to_owned(),
            Source::Text(_) => "text".to_owned(),
        },
        _ => "no media".to_owned(),
    };
    let sources: Vec<_> = ask.turns[0].parts.iter().map(source).collect();
    assert_eq!(
        sources,
        [
            "image/png AA==",
            "file_1",
            "application/pdf JVBE",
            "https://e.x/a",
            "audio/mpeg AA==",
        ]
    );
    assert!(notes.said().is_empty());
    let odd = r#"[{"role":"user","content":[{"type":"input_image","image_url":"data:image/svg+xml,<svg/>"}]}]"#;
    assert_eq!(path_of(odd), "input[0].content[0].image_url");
}

#[test]
fn t12_the_state_in_the_id_of_a_call_is_found_and_of_a_result_is_stripped() {
    let state = State {
        origin: Origin::Gemini,
        data: Text::from("sig"),
    };
    let id = crate::carry::to_id("call_1", &state);
    let body = format!(
        r#"{{"model":"m","input":[{{"type":"function_call","call_id":"{id}","name":"f","arguments":"{{}}"}},{{"type":"function_call_output","call_id":"{id}","output":"x"}}]}}"#
    );
    let (ask, ..) = read(&body).unwrap();
    let PartKind::Call(call) = &ask.turns[0].parts[0].kind else {
        panic!("no call");
    };
    assert_eq!((call.id.as_str(), &call.state), ("call_1", &Some(state)));
    let PartKind::Result(result) = &ask.turns[1].parts[0].kind else {
        panic!("no result");
    };
    assert_eq!(result.id, "call_1");
}

#[test]
fn tools_of_a_search_are_there_from_the_start() {
    let body = r#"{"model":"m","input":[{"role":"user","content":"x"},{"type":"tool_search_output","call_id":null,"tools":[{"type":"function","name":"found"}]}]}"#;
    let (ask, _, notes) = read(body).unwrap();
    assert_eq!(ask.tools.len(), 1);
    assert_eq!(notes.said(), ["dropped:input[].tool_search_output"]);
}

#[test]
fn an_answer_repeats_its_request_but_not_without_end() {
    let long = "x".repeat(20_000);
    let body = format!(
        r#"{{"model":"m","input":"x","instructions":"{long}","temperature":0.70,"tools":[{{"type":"function","name":"f"}}]}}"#
    );
    let (_, manner, _) = read(&body).unwrap();
    let object = format!("{{\"a\":1{}}}", manner.echo);
    let echo: serde_json::Value = serde_json::from_str(&object).unwrap();
    assert!(echo["instructions"].is_null());
    assert_eq!(echo["tools"][0]["name"], "f");
    assert_eq!(echo["tool_choice"], "auto");
    assert_eq!(echo["parallel_tool_calls"], true);
    assert!(manner.echo.contains(r#""temperature":0.70"#));
}
