//! The golden requests of the dialect.

use std::{fs, path::PathBuf};

use mirk_model::{Effort, Operation, PartKind, Role, Shown, Traits};

use super::{WIRE, from_here, read, to_here, try_read};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/requests/messages")
}

fn fixture(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}

#[test]
fn every_golden_request_is_read_and_written_or_refused_with_its_place() {
    let mut read = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let body = fs::read_to_string(&path).unwrap();
        let mut notes = from_here();
        match (WIRE.read_ask)(Operation::Messages, &body, &mut notes) {
            Ok((ask, _)) => {
                read += 1;
                match (WIRE.write_ask)(&ask, &Traits::default(), &mut to_here()) {
                    Ok(out) => assert!(
                        serde_json::from_slice::<serde_json::Value>(&out).is_ok(),
                        "{name}"
                    ),
                    Err(problem) => assert!(problem.param.is_some(), "{name}"),
                }
            }
            Err(misread) => assert!(!misread.path.is_empty(), "{name}: {misread}"),
        }
    }
    assert!(read >= 10, "{read} were read");
}

#[test]
fn t16_a_request_of_claude_codes_is_read_whole() {
    let body = fixture("claude_code.json");
    let (ask, manner, said) = read(&body);
    let roles: Vec<_> = ask.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::System, Role::User, Role::System]);
    assert_eq!(ask.turns[0].parts.len(), 1, "without the billing line");
    let reasoning = ask.reasoning.unwrap();
    assert_eq!(reasoning.effort, Some(Effort::High));
    assert_eq!(reasoning.shown, Some(Shown::Omitted));
    assert!(!manner.shows_thinking && manner.is_stream);
    let own: Vec<_> = ask.own.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        own,
        [
            "messages[].output_config",
            "tools[].eager_input_streaming",
            "tools[].defer_loading",
            "context_management"
        ]
    );
    assert_eq!(said, ["dropped:system.x-anthropic-billing-header"]);
}

#[test]
fn t15_the_history_of_a_hosted_tool_leaves_only_what_was_said() {
    let body = fixture("hosted_tool_history.json");
    let (ask, ..) = read(&body);
    let [part] = ask.turns[1].parts.as_slice() else {
        panic!("one part");
    };
    assert!(matches!(&part.kind, PartKind::Text { citations, .. } if citations.len() == 1));
    assert_eq!(ask.own.len(), 2);
}

#[test]
fn xlat21_blocks_that_are_not_known_and_half_characters_are_refused() {
    for (name, place) in [
        ("unknown_blocks.json", "messages[0].content[0]"),
        (
            "surrogates_and_controls.json",
            "messages[0].content[0].text",
        ),
    ] {
        let misread = try_read(&fixture(name), &mut from_here()).unwrap_err();
        assert_eq!(misread.path, place);
    }
}
