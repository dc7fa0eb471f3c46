//! The Responses API as OpenAI answers it: the response object and its output items.
//!
//! Source: <https://platform.openai.com/docs/api-reference/responses>, read 2026-11.

use serde_json::{Value, json};

use super::openai::EVENT_STREAM;
use super::reply::Reply;
use super::responses_events;
use super::say::{Call, Kind, SIGNATURE, Scene, Stop};

/// Answers `POST /v1/responses`.
pub(super) fn answer(body: &Value, scene: &Scene) -> Reply {
    let request = Asked { body, scene };
    if scene.ask.is_streamed {
        return Reply::new(200, EVENT_STREAM, responses_events::all(&request));
    }
    Reply::json(200, &request.finished())
}

/// A request to the Responses API and what is said to it.
pub(super) struct Asked<'a> {
    pub(super) body: &'a Value,
    pub(super) scene: &'a Scene,
}

impl Asked<'_> {
    /// The status at the end.
    fn last_status(&self) -> &'static str {
        if self.scene.stop == Stop::Length {
            "incomplete"
        } else {
            "completed"
        }
    }

    /// The response before anything was said.
    pub(super) fn started(&self) -> Value {
        self.object("in_progress", &[], None)
    }

    /// The response when all is said.
    pub(super) fn finished(&self) -> Value {
        let items: Vec<Value> = self
            .items()
            .into_iter()
            .map(|item| item.whole(self))
            .collect();
        self.object(
            self.last_status(),
            &items,
            self.scene.usage.openai_responses(),
        )
    }

    /// The response after an error.
    pub(super) fn failed(&self, message: &str) -> Value {
        let mut response = self.object("failed", &[], None);
        if let Some(fields) = response.as_object_mut() {
            fields.insert(
                "error".into(),
                json!({ "code": "server_error", "message": message }),
            );
        }
        response
    }

    fn object(&self, status: &str, output: &[Value], usage: Option<Value>) -> Value {
        let given = |name: &str, otherwise: Value| match self.body.get(name) {
            Some(Value::Null) | None => otherwise,
            Some(value) => value.clone(),
        };
        let incomplete = (status == "incomplete").then(|| json!({ "reason": "max_output_tokens" }));
        let completed_at = (status == "completed").then(|| self.scene.created());
        let mut object = json!({
            "id": self.scene.id(Kind::Response, 0),
            "object": "response",
            "created_at": self.scene.created(),
            "status": status,
            "background": false,
            "completed_at": completed_at,
            "error": null,
            "incomplete_details": incomplete,
            "instructions": given("instructions", Value::Null),
            "max_output_tokens": given("max_output_tokens", Value::Null),
            "max_tool_calls": null,
            "model": self.scene.ask.model,
            "output": output,
            "parallel_tool_calls": given("parallel_tool_calls", json!(true)),
            "previous_response_id": given("previous_response_id", Value::Null),
            "prompt_cache_key": given("prompt_cache_key", Value::Null),
            "reasoning": given("reasoning", json!({ "effort": null, "summary": null })),
            "safety_identifier": null,
            "service_tier": "default",
            "store": given("store", json!(true)),
            "temperature": given("temperature", json!(1.0)),
            "text": given("text", json!({ "format": { "type": "text" }, "verbosity": "medium" })),
            "tool_choice": given("tool_choice", json!("auto")),
            "tools": given("tools", json!([])),
            "top_logprobs": 0,
            "top_p": given("top_p", json!(1.0)),
            "truncation": given("truncation", json!("disabled")),
        });
        if let Some(fields) = object.as_object_mut() {
            if self.scene.usage.honesty != super::usage::Honesty::Absent || usage.is_some() {
                fields.insert("usage".into(), usage.unwrap_or(Value::Null));
            }
            fields.insert("user".into(), Value::Null);
            fields.insert("metadata".into(), given("metadata", json!({})));
        }
        object
    }

    /// What the response consists of, in order.
    pub(super) fn items(&self) -> Vec<Item> {
        let mut items = Vec::new();
        if self.scene.ask.thinks {
            items.push(Item::Reasoning);
        }
        if self.scene.calls.is_empty() {
            items.push(Item::Message);
        }
        items.extend((0..self.scene.calls.len()).map(Item::Call));
        items
    }

    /// The call an item stands for.
    pub(super) fn call(&self, at: usize) -> Option<&Call> {
        self.scene.calls.get(at)
    }

    fn wants_encrypted(&self) -> bool {
        super::ask::array(self.body.get("include"))
            .any(|name| name == "reasoning.encrypted_content")
    }
}

/// One output item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Reasoning,
    Message,
    Call(usize),
}

impl Item {
    /// The item's identifier.
    pub(super) fn id(self, asked: &Asked<'_>) -> String {
        match self {
            Self::Reasoning => asked.scene.id(Kind::ResponseReasoning, 0),
            Self::Message => asked.scene.id(Kind::ResponseMessage, 0),
            Self::Call(at) if asked.call(at).is_some_and(|call| call.tool.is_freeform) => {
                asked.scene.id(Kind::ResponseCustomCall, at)
            }
            Self::Call(at) => asked.scene.id(Kind::ResponseCall, at),
        }
    }

    /// The item as it is announced, before its content.
    pub(super) fn empty(self, asked: &Asked<'_>) -> Value {
        self.object(asked, "in_progress", false)
    }

    /// The item with its content.
    pub(super) fn whole(self, asked: &Asked<'_>) -> Value {
        self.object(asked, asked.last_status(), true)
    }

    fn object(self, asked: &Asked<'_>, status: &str, is_whole: bool) -> Value {
        let id = self.id(asked);
        match self {
            Self::Reasoning => reasoning(asked, &id, is_whole),
            Self::Message => {
                let content = if is_whole {
                    vec![text_part(&asked.scene.text)]
                } else {
                    vec![]
                };
                json!({
                    "id": id, "type": "message", "status": status,
                    "content": content, "role": "assistant",
                })
            }
            Self::Call(at) => {
                let Some(call) = asked.call(at) else {
                    return Value::Null;
                };
                let said = if is_whole {
                    call_words(call)
                } else {
                    String::new()
                };
                let (kind, field) = if call.tool.is_freeform {
                    ("custom_tool_call", "input")
                } else {
                    ("function_call", "arguments")
                };
                let mut item = json!({
                    "id": id, "type": kind, "status": status, field: said,
                    "call_id": asked.scene.id(Kind::OpenAiCall, at), "name": call.tool.name,
                });
                if let (Some(group), Some(fields)) = (&call.tool.namespace, item.as_object_mut()) {
                    fields.insert("namespace".into(), json!(group));
                }
                item
            }
        }
    }
}

fn reasoning(asked: &Asked<'_>, id: &str, is_whole: bool) -> Value {
    let thought = asked
        .scene
        .thought()
        .filter(|_| is_whole && asked.scene.ask.shows_thoughts);
    let summary: Vec<Value> = thought.map(summary_part).into_iter().collect();
    let mut item = json!({ "id": id, "type": "reasoning", "summary": summary });
    if asked.wants_encrypted()
        && let Some(fields) = item.as_object_mut()
    {
        fields.insert("encrypted_content".into(), json!(SIGNATURE));
    }
    item
}

/// What a call says: JSON arguments, or free text given as a JSON string or `{"input": …}`.
pub(super) fn call_words(call: &Call) -> String {
    if !call.tool.is_freeform {
        return call.arguments.clone();
    }
    let value = call.value();
    let written = value
        .as_str()
        .or_else(|| value.get("input").and_then(Value::as_str));
    written.map_or_else(|| call.arguments.clone(), str::to_owned)
}

/// A text part of a message.
pub(super) fn text_part(text: &str) -> Value {
    json!({ "type": "output_text", "annotations": [], "logprobs": [], "text": text })
}

/// A part of a reasoning summary.
pub(super) fn summary_part(text: &str) -> Value {
    json!({ "type": "summary_text", "text": text })
}
