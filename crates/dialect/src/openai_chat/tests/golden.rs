//! The house's golden documents of this dialect.

use std::{fs, path::PathBuf};

use mirk_model::{Dialect, Operation, Thinks, Traits};

use super::{WIRE, manner, notes};
use crate::wire::Manner;

/// The documents of one kind: name and text.
fn documents(kind: &str) -> Vec<(String, String)> {
    let folder: PathBuf = [
        env!("CARGO_MANIFEST_DIR"),
        "../../tests/golden",
        kind,
        "chat",
    ]
    .iter()
    .collect();
    let found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().display().to_string();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    assert!(found.len() > 5);
    found
}

#[test]
fn a_golden_request_is_read_and_written_the_same_twice() {
    let traits = Traits {
        has_developer: true,
        thinks: Thinks::Effort,
        wants_signatures: true,
        ..Traits::default()
    };
    for (name, body) in documents("requests") {
        let mut said = notes(Dialect::OpenAiChat);
        let read = (WIRE.read_ask)(Operation::Chat, &body, &mut said);
        let expected = match name.as_str() {
            "shape_responses_body" => Some("`messages` is missing"),
            "surrogates_and_controls" => {
                Some("`messages[0].content` holds an escape that is half a character")
            }
            _ => None,
        };
        if let Some(expected) = expected {
            assert_eq!(read.unwrap_err().to_string(), expected);
            continue;
        }
        let (ask, _manner) = read.unwrap_or_else(|misread| panic!("{name}: {misread}"));
        let written = (WIRE.write_ask)(&ask, &traits, &mut said);
        if name == "file_id" {
            assert_eq!(written.unwrap_err().param.as_deref(), Some("file"));
            continue;
        }
        let written = String::from_utf8(written.unwrap()).unwrap();
        let (again, _manner) = (WIRE.read_ask)(Operation::Chat, &written, &mut said).unwrap();
        let twice = (WIRE.write_ask)(&again, &traits, &mut said).unwrap();
        assert!(written.as_bytes() == twice, "{name}");
        let unknown = said.said().iter().any(|said| said.contains("x_"));
        assert_eq!(unknown, name == "unknown_fields", "{name}");
    }
}

#[test]
fn a_golden_answer_is_read_and_comes_back_the_same() {
    let manner = Manner {
        shows_thinking: true,
        ..manner()
    };
    for (name, body) in documents("replies") {
        let reply = match (WIRE.read_reply)(&body) {
            Ok(reply) => reply,
            Err(misread) => panic!("{name}: {misread}"),
        };
        let written = String::from_utf8((WIRE.write_reply)(&reply, &manner)).unwrap();
        let again = (WIRE.read_reply)(&written).unwrap();
        let twice = (WIRE.write_reply)(&again, &manner);
        assert!(written.as_bytes() == twice, "{name}\n{written}");
    }
}
