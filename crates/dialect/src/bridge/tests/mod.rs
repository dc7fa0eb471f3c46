//! The passes that fit requests, and the order of streams. The dialects themselves have their own.

mod losses;

use mirk_model::{
    Ask, Call, CallResult, Dialect, Event, Finish, Function, Part, PartKind, Role, Text, Tool,
    ToolChoice, Traits, Turn, Usage,
};

use super::{fit, frames::Frames, order::Order};
use crate::{
    loss::Notes,
    wire::{Malformed, Shape, SystemPlace},
};

/// The strictest shape that there could be.
const STRICT: Shape = Shape {
    system: SystemPlace::Front,
    has_developer: false,
    has_namespaces: false,
    has_custom: false,
    longest_name: 16,
    name_byte: |byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte),
    name_front: |byte| byte.is_ascii_alphabetic() || byte == b'_',
    longest_id: 12,
    id_byte: |byte| byte.is_ascii_alphanumeric() || byte == b'_',
    needs_results: true,
    merges_turns: true,
    has_result_media: false,
    has_object_arguments: true,
    origins: &[],
    most_stops: 2,
    longest_user: 8,
    wants_properties: true,
};

fn turn(role: Role, parts: Vec<Part<'static>>) -> Turn<'static> {
    Turn {
        role,
        name: None,
        parts,
    }
}

fn said(role: Role, text: &'static str) -> Turn<'static> {
    turn(role, vec![Part::text(text)])
}

fn made(name: &'static str, arguments: &'static str) -> Call<'static> {
    Call {
        id: "x".into(),
        name: name.into(),
        namespace: None,
        arguments: arguments.into(),
        is_custom: false,
        state: None,
    }
}

fn call(id: &'static str, name: &'static str, arguments: &'static str) -> Part<'static> {
    let call = made(name, arguments);
    Part::new(PartKind::Call(Call {
        id: id.into(),
        ..call
    }))
}

fn result(id: &'static str, name: Option<&'static str>, text: &'static str) -> Part<'static> {
    Part::new(PartKind::Result(CallResult {
        id: id.into(),
        name: name.map(Text::from),
        parts: vec![Part::text(text)],
        is_error: false,
        is_custom: false,
    }))
}

fn fitted(turns: Vec<Turn<'static>>, tools: Vec<Tool<'static>>) -> (Ask<'static>, Notes) {
    let mut ask = Ask {
        turns,
        tools,
        ..Ask::default()
    };
    let mut notes = Notes::new(Dialect::OpenAiChat, Dialect::Anthropic);
    fit::fit(&mut ask, &STRICT, &Traits::default(), &mut notes).unwrap();
    (ask, notes)
}

fn calls(ask: &Ask<'_>) -> Vec<(String, String, String)> {
    let parts = ask.turns.iter().flat_map(|turn| &turn.parts);
    parts
        .filter_map(|part| match &part.kind {
            PartKind::Call(call) => Some((
                call.id.to_string(),
                call.name.to_string(),
                call.arguments.to_string(),
            )),
            _ => None,
        })
        .collect()
}

/// Id and first text of every result.
fn results(ask: &Ask<'_>) -> Vec<(String, String)> {
    let parts = ask.turns.iter().flat_map(|turn| &turn.parts);
    parts
        .filter_map(|part| match &part.kind {
            PartKind::Result(result) => match &result.parts.first()?.kind {
                PartKind::Text { text, .. } => Some((result.id.to_string(), text.to_string())),
                _ => None,
            },
            _ => None,
        })
        .collect()
}

#[test]
fn xlat_10_ids_are_mapped_one_to_one_and_results_follow_their_calls() {
    let turns = vec![
        turn(
            Role::Assistant,
            vec![
                call("a.b", "f", "{}"),
                call("a:b", "f", "{}"),
                call("same", "f", "{}"),
                call("same", "f", "{}"),
                call("", "f", "{}"),
                call("call_0", "f", "{}"),
            ],
        ),
        turn(
            Role::Tool,
            vec![
                result("call_0", None, "6"),
                result("same", None, "3"),
                result("a:b", None, "2"),
                result("same", None, "4"),
                result("a.b", None, "1"),
                result("", None, "5"),
            ],
        ),
    ];
    let (ask, _) = fitted(turns, vec![]);
    let ids: Vec<_> = calls(&ask).into_iter().map(|(id, ..)| id).collect();
    let results = results(&ask);
    assert_eq!(ids[2], "same");
    assert_eq!(ids[5], "call_0");
    let mut unique = ids.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), 6, "{ids:?}");
    for (place, (id, text)) in results.iter().enumerate() {
        assert_eq!(*id, ids[place]);
        assert_eq!(*text, (place + 1).to_string());
    }
}

#[test]
fn results_without_ids_find_their_calls_by_name() {
    let turns = vec![
        turn(
            Role::Assistant,
            vec![call("x1", "f", "{}"), call("x2", "g", "{}")],
        ),
        turn(
            Role::Tool,
            vec![result("", Some("g"), "of g"), result("", Some("f"), "of f")],
        ),
    ];
    let (ask, _) = fitted(turns, vec![]);
    let expected = [("x1", "of f"), ("x2", "of g")].map(|(id, text)| (id.into(), text.into()));
    assert_eq!(results(&ask), expected);
}

#[test]
fn t6_a_call_that_was_never_answered_is_answered_and_that_is_said() {
    let turns = vec![
        turn(
            Role::Assistant,
            vec![call("a", "f", "{}"), call("b", "f", "{}")],
        ),
        turn(Role::Tool, vec![result("b", None, "b")]),
        said(Role::User, "go on"),
    ];
    let (ask, notes) = fitted(turns, vec![]);
    let expected = [("a", "[no result]"), ("b", "b")].map(|(id, text)| (id.into(), text.into()));
    assert_eq!(results(&ask), expected);
    assert_eq!(notes.said(), ["changed:tool_results.missing"]);
}

#[test]
fn t6_a_result_that_answers_no_call_is_refused() {
    let mut ask = Ask {
        turns: vec![turn(Role::Tool, vec![result("a", None, "a")])],
        ..Ask::default()
    };
    let mut notes = Notes::new(Dialect::OpenAiChat, Dialect::Anthropic);
    let problem = fit::fit(&mut ask, &STRICT, &Traits::default(), &mut notes).unwrap_err();
    assert_eq!(problem.param.as_deref(), Some("tool_results.orphan"));
}

#[test]
fn t5_text_after_a_call_stands_before_it() {
    let turns = vec![
        turn(
            Role::Assistant,
            vec![call("a", "f", "{}"), Part::text("calling")],
        ),
        turn(Role::Tool, vec![result("a", None, "a")]),
    ];
    let (ask, _) = fitted(turns, vec![]);
    assert!(matches!(ask.turns[0].parts[0].kind, PartKind::Text { .. }));
}

#[test]
fn every_instruction_stands_at_the_front_in_order() {
    let turns = vec![
        said(Role::System, "1"),
        said(Role::User, "u"),
        said(Role::Developer, "2"),
        said(Role::System, "3"),
    ];
    let (ask, notes) = fitted(turns, vec![]);
    let order: Vec<_> = ask
        .turns
        .iter()
        .map(|turn| match &turn.parts[0].kind {
            PartKind::Text { text, .. } => text.to_string(),
            _ => String::new(),
        })
        .collect();
    assert_eq!(order, ["1", "2", "3", "u"]);
    assert_eq!(
        notes.said(),
        ["changed:developer", "changed:system.position"]
    );
}

#[test]
fn arguments_that_are_no_object_are_wrapped_and_never_lost() {
    let turns = vec![
        turn(
            Role::Assistant,
            vec![call("a", "f", "{\"x\":"), call("b", "f", "")],
        ),
        turn(
            Role::Tool,
            vec![result("a", None, "a"), result("b", None, "b")],
        ),
    ];
    let (ask, notes) = fitted(turns, vec![]);
    let calls = calls(&ask);
    assert_eq!(calls[0].2, r#"{"arguments":"{\"x\":"}"#);
    assert_eq!(calls[1].2, "{}");
    assert_eq!(notes.said(), ["changed:tool_calls.arguments"]);
}

fn function(namespace: Option<&'static str>, name: &'static str) -> Tool<'static> {
    Tool::Function(Function {
        name: name.into(),
        namespace: namespace.map(Text::from),
        ..Function::default()
    })
}

#[test]
fn names_are_rewritten_there_and_back_without_collisions() {
    let tools = vec![
        function(Some("mcp__a"), "read"),
        function(None, "mcp__a__read"),
        function(None, "a.name that is long"),
        function(None, "a_name_that_is_l"),
        Tool::Custom {
            name: "patch".into(),
            description: None,
            format: None,
        },
    ];
    let mut ask = Ask {
        turns: vec![said(Role::User, "u")],
        tools,
        tool_choice: Some(ToolChoice::Named("a.name that is long".into())),
        ..Ask::default()
    };
    let mut notes = Notes::new(Dialect::OpenAiResponses, Dialect::Anthropic);
    let restore = fit::fit(&mut ask, &STRICT, &Traits::default(), &mut notes).unwrap();
    let names: Vec<_> = ask
        .tools
        .iter()
        .map(|tool| match tool {
            Tool::Function(function) => function.name.to_string(),
            _ => String::new(),
        })
        .collect();
    assert_eq!(
        names,
        [
            "mcp__a__read_2",
            "mcp__a__read",
            "a_name_that_is_2",
            "a_name_that_is_l",
            "patch"
        ]
    );
    assert_eq!(
        ask.tool_choice,
        Some(ToolChoice::Named("a_name_that_is_2".into()))
    );
    let back = |name: &'static str| {
        let call = restore.call(made(name, "{}"));
        (
            call.namespace.map(|text| text.to_string()),
            call.name.to_string(),
            call.is_custom,
        )
    };
    assert_eq!(
        back("mcp__a__read_2"),
        (Some("mcp__a".into()), "read".into(), false)
    );
    assert_eq!(back("mcp__a__read"), (None, "mcp__a__read".into(), false));
    assert_eq!(back("a_name_that_is_2").1, "a.name that is long");
    assert_eq!(back("patch"), (None, "patch".into(), true));
    assert_eq!(back("unheard_of").1, "unheard_of");
}

#[test]
fn t15_a_hosted_tool_is_left_out_by_name_and_refused_when_it_is_all_there_is() {
    let hosted = || Tool::Hosted {
        kind: "web_search".into(),
        raw: "{}".into(),
    };
    let (ask, notes) = fitted(
        vec![said(Role::User, "u")],
        vec![hosted(), function(None, "f")],
    );
    assert_eq!(ask.tools.len(), 1);
    assert_eq!(notes.said(), ["dropped:tools.hosted"]);
    let mut ask = Ask {
        turns: vec![said(Role::User, "u")],
        tools: vec![hosted()],
        ..Ask::default()
    };
    let mut notes = Notes::new(Dialect::OpenAiResponses, Dialect::Anthropic);
    assert!(fit::fit(&mut ask, &STRICT, &Traits::default(), &mut notes).is_err());
}

/// What an order makes of some events, as words.
fn ordered(events: Vec<Event<'static>>) -> Vec<String> {
    let mut order = Order::new(fit::Restore::default());
    let mut said = Vec::new();
    for event in events {
        let mut next = |event: &Event<'_>| {
            said.push(match event {
                Event::Start { .. } => "start".to_owned(),
                Event::Call { call, .. } => format!("call {call}"),
                Event::Arguments { call, text, .. } => {
                    format!("arguments {call} {}", text.as_str())
                }
                Event::CallEnd { call, .. } => format!("end of call {call}"),
                Event::Finish { finish, .. } => format!("{finish:?}"),
                Event::End => "end".to_owned(),
                Event::Usage(_) => "usage".to_owned(),
                Event::Error(_) => "error".to_owned(),
                _ => "other".to_owned(),
            });
        };
        order.take(event, &mut next).unwrap();
    }
    said
}

fn begun(number: u32, arguments: &'static str) -> Event<'static> {
    Event::Call {
        choice: 0,
        call: number,
        begun: made("f", arguments),
    }
}

#[test]
fn t3_t18_a_stream_is_brought_into_order() {
    let finish = Event::Finish {
        choice: 0,
        finish: Finish::Stop,
        stop: None,
    };
    let events = vec![
        begun(0, "{}"),
        begun(1, ""),
        Event::Arguments {
            choice: 0,
            call: 1,
            text: "{".into(),
        },
        finish.clone(),
        finish,
        Event::Usage(Usage::default()),
        Event::End,
        Event::End,
    ];
    let expected = [
        "start",
        "call 0",
        "arguments 0 {}",
        "call 1",
        "arguments 1 {",
        "end of call 0",
        "end of call 1",
        "Calls",
        "usage",
        "end",
    ];
    assert_eq!(ordered(events), expected);
}

#[test]
fn strm_22_arguments_have_a_limit() {
    let mut order = Order::new(fit::Restore::default());
    order.take(begun(0, ""), &mut |_| ()).unwrap();
    let piece = "x".repeat(1 << 20);
    let mut taken = 0;
    let end = loop {
        let event = Event::Arguments {
            choice: 0,
            call: 0,
            text: Text::from(piece.as_str()),
        };
        match order.take(event, &mut |_| ()) {
            Ok(()) => taken += 1,
            Err(end) => break end,
        }
    };
    assert_eq!(
        (taken, end),
        (
            4,
            Malformed("the arguments of a call are longer than 4 MiB".into())
        )
    );
}

#[test]
fn frames_are_the_same_however_the_bytes_are_cut() {
    let text: &[u8] = b"\xef\xbb\xbf: hello\r\nevent: x\r\ndata: {\"a\":\r\ndata: \"\xc3\xa9\"}\r\n\r\nid: 1\n\ndata:[DONE]\n\ndata: cut";
    let cut_at = |at: usize| {
        let mut found = Vec::new();
        let mut frames = Frames::new(false);
        let mut keep = |data: &str| {
            found.push(data.to_owned());
            Ok(())
        };
        let (front, back) = text.split_at(at);
        frames.feed(front, &mut keep).unwrap();
        frames.feed(back, &mut keep).unwrap();
        frames.finish(&mut keep).unwrap();
        found
    };
    for at in 0..=text.len() {
        assert_eq!(
            cut_at(at),
            ["{\"a\":\n\"é\"}", "[DONE]", "cut"],
            "cut at {at}"
        );
    }
}
