//! Model lists as each dialect's clients read them.

use serde_json::{Value, json};

use super::*;

fn models() -> [ModelEntry; 3] {
    let entry = |id: &str, context, is_embedding| ModelEntry {
        id: id.to_owned(),
        owned_by: "acme".to_owned(),
        created: Timestamp::parse("2026-01-02T03:04:05Z").unwrap(),
        context,
        max_output: None,
        is_embedding,
    };
    [
        entry("acme/claude-x", Some(200_000), false),
        entry("b\"q", None, false),
        entry("embed", Some(8_192), true),
    ]
}

fn read(body: &Bytes) -> Value {
    serde_json::from_slice(body).unwrap()
}

#[test]
fn headers_tell_the_dialects_of_a_list_apart() {
    assert_eq!(listing_dialect(true, false), Dialect::Anthropic);
    assert_eq!(listing_dialect(true, true), Dialect::Anthropic);
    assert_eq!(listing_dialect(false, true), Dialect::Gemini);
    assert_eq!(listing_dialect(false, false), Dialect::OpenAiChat);
}

#[test]
fn openai_lists_models() {
    let list = read(&list(Dialect::OpenAiChat, &models(), Page::default()));
    assert_eq!(list["object"], "list");
    assert_eq!(list["data"].as_array().unwrap().len(), 3);
    let first = json!({"id": "acme/claude-x", "object": "model", "created": 1_767_323_045,
        "owned_by": "acme", "context_length": 200_000});
    assert_eq!(list["data"][0], first);
    assert_eq!(read(&one(Dialect::OpenAiResponses, &models()[0])), first);
}

#[test]
fn anthropic_lists_in_pages() {
    let page = |limit, after_id| {
        read(&list(
            Dialect::Anthropic,
            &models(),
            Page { limit, after_id },
        ))
    };
    let first = page(Some(2), None);
    assert_eq!(first["data"][0]["type"], "model");
    assert_eq!(first["data"][0]["created_at"], "2026-01-02T03:04:05.000Z");
    assert_eq!(
        (&first["has_more"], &first["first_id"]),
        (&json!(true), &json!("acme/claude-x"))
    );
    assert_eq!(first["last_id"], "b\"q");
    let second = page(Some(2), Some("b\"q"));
    assert_eq!(
        (&second["has_more"], &second["first_id"]),
        (&json!(false), &json!("embed"))
    );
    let end = page(Some(2), Some("embed"));
    assert_eq!(
        end,
        json!({"data": [], "has_more": false, "first_id": null, "last_id": null})
    );
    assert_eq!(page(Some(1_000), None)["has_more"], false);
    assert_eq!(
        page(None, Some("gone"))["data"].as_array().unwrap().len(),
        3
    );
}

#[test]
fn gemini_names_models_with_what_they_can_do() {
    let list = read(&list(Dialect::Gemini, &models(), Page::default()));
    assert_eq!(list["models"][0]["name"], "models/acme/claude-x");
    assert_eq!(list["models"][0]["inputTokenLimit"], 200_000);
    assert_eq!(
        list["models"][0]["supportedGenerationMethods"][0],
        "generateContent"
    );
    assert_eq!(
        list["models"][2]["supportedGenerationMethods"][0],
        "embedContent"
    );
    assert_eq!(list["models"][1].get("inputTokenLimit"), None);
}

#[test]
fn ollama_tags_and_shows_models() {
    let tags = read(&list(Dialect::Ollama, &models(), Page::default()));
    assert_eq!(tags["models"][0]["model"], "acme/claude-x");
    assert_eq!(tags["models"][0]["details"]["family"], "acme");
    let shown = read(&one(Dialect::Ollama, &models()[2]));
    assert_eq!(shown["capabilities"], json!(["embedding"]));
    assert_eq!(shown["model_info"]["mirk.context_length"], 8_192);
}
