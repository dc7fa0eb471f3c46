//! The golden requests and answers of the dialect.

use std::{fs, path::PathBuf};

use mirk_model::{
    Effort, Finish, Function, Origin, PartKind, Role, Shown, Text, Thinks, Tool, Traits,
};

use super::{Ask, Dialect, WIRE, read, written};

fn folder(kind: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/golden")
        .join(kind)
        .join("responses")
}

fn fixture(kind: &str, name: &str) -> String {
    fs::read_to_string(folder(kind).join(format!("{name}.json"))).unwrap()
}

fn all(kind: &str) -> Vec<(String, String)> {
    fs::read_dir(folder(kind))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

#[test]
fn every_golden_request_is_read_or_refused_with_its_place() {
    let refused = [
        ("input_empty_list", "input"),
        ("input_empty_string", "input"),
        ("local_shell_and_computer", "input[1]"),
        // Chat's body: the bridge reads it as such.
        ("shape_chat_body", "input"),
        ("surrogates_and_controls", "input"),
        ("unknown_items", "input[0]"),
    ];
    let mut count = 0;
    for (name, body) in all("requests") {
        let place = refused.iter().find(|(known, _)| *known == name);
        match (read(&body), place) {
            (Ok((ask, ..)), None) => {
                count += 1;
                assert!(!ask.turns.is_empty(), "{name}");
            }
            (Err(misread), Some((_, place))) => assert_eq!(misread.path, *place, "{name}"),
            (Ok(_), Some(_)) => panic!("{name} was not refused"),
            (Err(misread), None) => panic!("{name}: {misread}"),
        }
    }
    assert!(count >= 40, "{count} were read");
}

/// What is the same in a request whichever way it was written.
fn essence(ask: &Ask<'_>) -> String {
    let turns: Vec<_> = ask.turns.iter().flat_map(|turn| &turn.parts).collect();
    let tools = ask.tools.len();
    format!("{turns:?} {tools} {:?} {:?}", ask.tool_choice, ask.format)
}

#[test]
fn every_golden_request_that_is_kept_nowhere_is_written_as_it_was_read() {
    let traits = Traits {
        thinks: Thinks::Effort,
        ..Traits::default()
    };
    let changed = [
        // A thought without what only its provider can read is not written.
        "reasoning_history_bare",
        // No arguments are written as an empty object.
        "arguments_malformed_and_empty",
        // Sources of earlier answers are left out.
        "hosted_history",
    ];
    for (name, body) in all("requests") {
        if changed.contains(&name.as_str()) {
            continue;
        }
        let Ok((ask, ..)) = read(&body) else { continue };
        if ask.kept.previous.is_some() {
            continue;
        }
        let (out, _) = written(&ask, &traits, Dialect::OpenAiResponses);
        let (back, ..) = read(&out).unwrap();
        assert_eq!(essence(&back), essence(&ask), "{name}");
    }
}

#[test]
fn what_is_kept_by_a_provider_is_found_wherever_it_is_named() {
    for name in ["previous_response_id", "stored_items"] {
        let body = fixture("requests", name);
        let (ask, ..) = read(&body).unwrap();
        assert!(ask.kept.previous.is_some(), "{name}");
    }
    let body = fixture("requests", "stored_prompt_and_background");
    let (ask, ..) = read(&body).unwrap();
    assert!(ask.kept.background);
    assert_eq!(ask.own[0].0, "prompt");
}

#[test]
fn a_request_of_codexs_is_read_whole() {
    let body = fixture("requests", "codex");
    let (ask, manner, notes) = read(&body).unwrap();
    let roles: Vec<_> = ask.turns.iter().map(|turn| turn.role).collect();
    let (user, model) = (Role::User, Role::Assistant);
    assert_eq!(roles, [Role::Developer, user, user, model, Role::Tool]);
    let kinds: Vec<_> = ask.turns[3].parts.iter().map(|part| &part.kind).collect();
    assert!(matches!(
        kinds.as_slice(),
        [PartKind::Thinking(thinking), PartKind::Call(_)]
            if thinking.state.as_ref().unwrap().origin == Origin::OpenAi
    ));
    assert!(matches!(
        ask.tools.as_slice(),
        [
            Tool::Function(_),
            Tool::Custom { format: Some(_), .. },
            Tool::Function(Function { namespace: Some(group), .. }),
            Tool::Hosted { kind, .. },
        ] if *group == "agents" && *kind == "web_search"
    ));
    let reasoning = ask.reasoning.unwrap();
    assert_eq!(reasoning.effort, Some(Effort::Medium));
    assert_eq!(reasoning.shown, Some(Shown::Auto));
    assert!(reasoning.is_encrypted && manner.wants_encrypted && manner.shows_thinking);
    assert!(ask.is_stream && ask.kept.store == Some(false));
    assert_eq!(ask.verbosity, Some(Text::from("low")));
    assert_eq!(ask.own[0].0, "client_metadata");
    assert_eq!(notes.said(), ["dropped:tools[].namespace.description"]);
}

#[test]
fn every_golden_answer_reads_as_it_ends() {
    use Finish::{Calls, Filtered, Length, Refusal, Stop};
    let expected = [
        ("custom_tool_call", 1, Calls),
        ("function_calls", 3, Calls),
        ("incomplete_filter", 0, Filtered),
        ("incomplete_length", 1, Length),
        ("logprobs", 1, Stop),
        ("namespace_call", 1, Calls),
        ("reasoning_encrypted", 2, Stop),
        ("refusal", 1, Refusal),
        ("text", 1, Stop),
        ("unknown_item", 1, Stop),
        ("web_search", 1, Stop),
    ];
    for (name, parts, finish) in expected {
        let body = fixture("replies", name);
        let reply = (WIRE.read_reply)(&body).unwrap();
        let choice = &reply.choices[0];
        assert_eq!(
            (choice.parts.len(), choice.finish),
            (parts, finish),
            "{name}"
        );
        assert_eq!(reply.created, Some(1_760_000_000), "{name}");
        assert!(reply.usage.unwrap().input > 0, "{name}");
    }
    assert!((WIRE.read_reply)(&fixture("replies", "failed")).is_err());
}

#[test]
fn t10_the_paragraphs_of_a_summary_are_one_thought_with_its_state() {
    let body = fixture("replies", "reasoning_encrypted");
    let reply = (WIRE.read_reply)(&body).unwrap();
    let PartKind::Thinking(thinking) = &reply.choices[0].parts[0].kind else {
        panic!("no thought");
    };
    assert_eq!(thinking.text, "Norway.\n\nSo Oslo.");
    assert_eq!(thinking.id, Some(Text::from("rs_1")));
    assert_eq!(thinking.state.as_ref().unwrap().origin, Origin::OpenAi);
    let usage = reply.usage.unwrap();
    assert_eq!((usage.input, usage.cached), (1000, 800));
    assert_eq!((usage.output, usage.reasoning), (50, 30));
}
