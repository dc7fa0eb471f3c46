//! Which call a piece belongs to: what real servers write.

use mirk_model::Event;

use super::events_of;

/// The calls of a stream of deltas: name, id, arguments.
fn calls(deltas: &[&str]) -> Vec<(String, String, String)> {
    let chunks: Vec<_> = deltas
        .iter()
        .map(|delta| format!(r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":{delta}}}}}]}}"#))
        .chain([r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#.to_owned()])
        .collect();
    let chunks: Vec<_> = chunks.iter().map(String::as_str).collect();
    let mut calls: Vec<(String, String, String)> = Vec::new();
    for event in events_of(&chunks).unwrap() {
        match event {
            Event::Call { call, begun, .. } => {
                assert!(begun.arguments.is_empty());
                let at = call as usize;
                calls.resize_with(calls.len().max(at + 1), Default::default);
                assert!(calls[at].0.is_empty(), "a call begins once");
                calls[at].0 = begun.name.to_string();
                calls[at].1 = begun.id.to_string();
            }
            Event::Arguments { call, text, .. } => calls[call as usize].2.push_str(&text),
            _ => {}
        }
    }
    calls
}

fn expect(deltas: &[&str], expected: &[(&str, &str, &str)]) {
    let found = calls(deltas);
    let found: Vec<_> = found
        .iter()
        .map(|(name, id, arguments)| (name.as_str(), id.as_str(), arguments.as_str()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn t1_pieces_go_by_index_where_there_is_one() {
    expect(
        &[
            r#"[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]"#,
            r#"[{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":""}}]"#,
            r#"[{"index":0,"function":{"arguments":"{\"x\":"}},{"index":1,"function":{"arguments":"{"}}]"#,
            r#"[{"index":1,"function":{"arguments":"}"}}]"#,
            r#"[{"index":0,"function":{"arguments":"1}"}}]"#,
        ],
        &[("f", "a", "{\"x\":1}"), ("g", "b", "{}")],
    );
}

#[test]
fn t1_an_index_that_is_always_zero_keeps_calls_apart_by_id() {
    expect(
        &[
            r#"[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1"}}]"#,
            r#"[{"index":0,"function":{"arguments":"}"}}]"#,
            r#"[{"index":0,"id":"b","function":{"name":"f","arguments":"{\"x\":"}}]"#,
            r#"[{"index":0,"function":{"arguments":"2}"}}]"#,
        ],
        &[("f", "a", "{\"x\":1}"), ("f", "b", "{\"x\":2}")],
    );
}

#[test]
fn t1_without_index_pieces_go_by_id() {
    expect(
        &[
            r#"[{"id":"a","function":{"name":"f","arguments":"{"}}]"#,
            r#"[{"id":"b","function":{"name":"g","arguments":"["}}]"#,
            r#"[{"id":"a","function":{"arguments":"}"}}]"#,
            r#"[{"id":"b","function":{"arguments":"]"}}]"#,
        ],
        &[("f", "a", "{}"), ("g", "b", "[]")],
    );
}

#[test]
fn t1_without_index_and_id_pieces_go_by_position_or_to_the_last() {
    expect(
        &[
            r#"[{"function":{"name":"f","arguments":"{"}},{"function":{"name":"g","arguments":"{"}}]"#,
            r#"[{"function":{"arguments":"\"a\":1"}},{"function":{"arguments":"\"b\":2"}}]"#,
            r#"[{"function":{"arguments":"}"}},{"function":{"arguments":"}"}}]"#,
            r#"[{"function":{"name":"h","arguments":""}}]"#,
            r#"[{"function":{"arguments":"{}"}}]"#,
        ],
        &[
            ("f", "", "{\"a\":1}"),
            ("g", "", "{\"b\":2}"),
            ("h", "", "{}"),
        ],
    );
}

#[test]
fn t3_a_name_and_whole_arguments_in_one_chunk_are_both_read() {
    expect(
        &[
            r#"[{"index":0,"id":"","function":{"name":"f","arguments":"{\"x\":1}"}}]"#,
            r#"[{"index":0,"id":"","function":{"name":"f","arguments":"{\"x\":\"}\"}"}}]"#,
            r#"[{"function":{"name":"f","arguments":{"x":3}}}]"#,
        ],
        &[
            ("f", "", "{\"x\":1}"),
            ("f", "", "{\"x\":\"}\"}"),
            ("f", "", "{\"x\":3}"),
        ],
    );
}

#[test]
fn t4_arguments_are_passed_on_as_they_were_cut() {
    let chunk = |arguments: &str| {
        format!(
            r#"{{"choices":[{{"delta":{{"tool_calls":[{{"index":0,"id":"a","function":{{"name":"f","arguments":{arguments}}}}}]}}}}]}}"#
        )
    };
    let (first, second) = (chunk(r#""{\"a\":\"\\u00""#), chunk(r#""e9\"}""#));
    let pieces: Vec<_> = events_of(&[&first, &second])
        .unwrap()
        .into_iter()
        .filter_map(|event| match event {
            Event::Arguments { text, .. } => Some(text.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(pieces, [r#"{"a":"\u00"#, r#"e9"}"#]);
}

#[test]
fn a_name_said_again_or_an_id_made_anew_is_the_same_call() {
    expect(
        &[
            r#"[{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}]"#,
            r#"[{"index":0,"id":"a","function":{"name":"f","arguments":"}"}}]"#,
        ],
        &[("f", "a", "{}")],
    );
    // vLLM once made a new id for each piece.
    expect(
        &[
            r#"[{"index":0,"id":"t1","function":{"name":"f"}}]"#,
            r#"[{"index":0,"id":"t2","function":{"arguments":"{"}}]"#,
            r#"[{"index":0,"id":"t3","function":{"arguments":"}"}}]"#,
        ],
        &[("f", "t1", "{}")],
    );
}

#[test]
fn arguments_before_the_name_wait_for_it() {
    expect(
        &[
            r#"[{"index":0,"id":"a"}]"#,
            r#"[{"index":0,"function":{"arguments":"{\"x\""}}]"#,
            r#"[{"index":0,"function":{"name":"f","arguments":":1"}}]"#,
            r#"[{"index":0,"function":{"arguments":"}"}}]"#,
        ],
        &[("f", "a", "{\"x\":1}")],
    );
    // One that never gets a name is told nevertheless, before the answer ends.
    expect(
        &[r#"[{"index":0,"id":"a","function":{"arguments":"{}"}}]"#],
        &[("", "a", "{}")],
    );
}

#[test]
fn calls_without_end_are_refused() {
    let deltas: Vec<_> = (0..2000)
        .map(|index| {
            format!(
                r#"{{"choices":[{{"delta":{{"tool_calls":[{{"index":{index},"id":"c{index}","function":{{"name":"f"}}}}]}}}}]}}"#
            )
        })
        .collect();
    let deltas: Vec<_> = deltas.iter().map(String::as_str).collect();
    assert!(events_of(&deltas).is_err());
    let choices: Vec<_> = (0..2000)
        .map(|index| format!(r#"{{"choices":[{{"index":{index},"delta":{{}}}}]}}"#))
        .collect();
    let choices: Vec<_> = choices.iter().map(String::as_str).collect();
    assert!(events_of(&choices).is_err());
}
