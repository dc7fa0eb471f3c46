//! What a request asks for, whatever its dialect: the facts from which an answer is decided.

use serde_json::Value;

use super::endpoint::{Endpoint, Provider, Target};

/// A tool the request declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tool {
    pub(super) name: String,
    /// The Responses group it stands in.
    pub(super) namespace: Option<String>,
    /// Whether it takes free text instead of JSON.
    pub(super) is_freeform: bool,
}

/// One request, reduced.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one flag of the request as sent"
)]
#[derive(Clone, Debug, Default)]
pub(super) struct Ask {
    pub(super) model: String,
    pub(super) is_streamed: bool,
    /// Gemini's stream without `alt=sse`: a JSON array sent in pieces.
    pub(super) is_array: bool,
    pub(super) user_text: String,
    pub(super) tool_result: Option<String>,
    pub(super) tools: Vec<Tool>,
    /// Bytes of every text in the prompt.
    pub(super) prompt_bytes: u64,
    pub(super) max_tokens: Option<u64>,
    pub(super) stops: Vec<String>,
    pub(super) choices: u64,
    pub(super) thinks: bool,
    pub(super) shows_thoughts: bool,
    pub(super) marks_cache: bool,
}

impl Ask {
    /// Reads the body of a request for `target`.
    pub(super) fn read(target: &Target, body: &Value, model: String, query: Option<&str>) -> Self {
        let mut ask = Self {
            model,
            choices: 1,
            ..Self::default()
        };
        ask.is_streamed = flag(body, "stream");
        match (target.provider, target.endpoint) {
            (Provider::OpenAi, Endpoint::Responses) => ask.read_responses(body),
            (Provider::OpenAi, _) => ask.read_openai(body),
            (Provider::Anthropic, _) => ask.read_anthropic(body),
            (Provider::Gemini, endpoint) => {
                ask.read_gemini(body);
                ask.is_streamed = endpoint == Endpoint::StreamGenerate;
                ask.is_array = ask.is_streamed && !query.unwrap_or("").contains("alt=sse");
            }
            (Provider::Ollama, _) => ask.read_ollama(body),
        }
        ask.prompt_bytes = PROMPTS
            .iter()
            .filter_map(|name| body.get(name))
            .map(|value| weigh(value, true))
            .sum();
        ask
    }

    fn read_openai(&mut self, body: &Value) {
        self.read_turns(body, |turn| match text(turn, "role").as_str() {
            "tool" | "function" => Some(Turn::ToolResult(words(turn.get("content")))),
            "user" => Some(Turn::User(words(turn.get("content")))),
            _ => None,
        });
        if let Some(prompt) = body.get("prompt") {
            self.user_text = words(Some(prompt));
        }
        self.tools = tools(body.get("tools"), "function");
        self.max_tokens = number(body, "max_completion_tokens").or(number(body, "max_tokens"));
        self.stops = strings(body.get("stop"));
        self.choices = number(body, "n").unwrap_or(1).clamp(1, 8);
        self.thinks = body
            .get("reasoning_effort")
            .is_some_and(|effort| effort != "none");
    }

    fn read_anthropic(&mut self, body: &Value) {
        self.read_turns(body, |turn| {
            if text(turn, "role") != "user" {
                return None;
            }
            let content = turn.get("content");
            let results: Vec<String> = array(content)
                .filter(|block| text(block, "type") == "tool_result")
                .map(|block| words(block.get("content")))
                .collect();
            Some(if results.is_empty() {
                Turn::User(words(content))
            } else {
                Turn::ToolResult(results.join("\n"))
            })
        });
        self.tools = tools(body.get("tools"), "");
        self.max_tokens = number(body, "max_tokens");
        self.stops = strings(body.get("stop_sequences"));
        let thinking = body.get("thinking").unwrap_or(&Value::Null);
        self.thinks = matches!(text(thinking, "type").as_str(), "enabled" | "adaptive");
        self.shows_thoughts = text(thinking, "display") != "omitted";
        self.marks_cache = PROMPTS
            .iter()
            .chain(&["tools"])
            .filter_map(|name| body.get(name))
            .any(|value| has_field(value, "cache_control"));
    }

    fn read_responses(&mut self, body: &Value) {
        if let Some(Value::String(input)) = body.get("input") {
            self.user_text.clone_from(input);
        } else {
            self.take_last(array(body.get("input")), |item| {
                match text(item, "type").as_str() {
                    "function_call_output" | "custom_tool_call_output" => {
                        Some(Turn::ToolResult(words(item.get("output"))))
                    }
                    "" | "message" if text(item, "role") == "user" => {
                        Some(Turn::User(words(item.get("content"))))
                    }
                    _ => None,
                }
            });
        }
        for tool in array(body.get("tools")) {
            if text(tool, "type") == "namespace" {
                let group = text(tool, "name");
                let mut members = tools(tool.get("tools"), "");
                for member in &mut members {
                    member.namespace = Some(group.clone());
                }
                self.tools.extend(members);
            }
        }
        self.tools.extend(tools(body.get("tools"), ""));
        self.max_tokens = number(body, "max_output_tokens");
        let reasoning = body.get("reasoning").unwrap_or(&Value::Null);
        let effort = text(reasoning, "effort");
        let summary = text(reasoning, "summary");
        self.shows_thoughts = !matches!(summary.as_str(), "" | "none");
        self.thinks = effort != "none" && (!effort.is_empty() || self.shows_thoughts);
    }

    fn read_gemini(&mut self, body: &Value) {
        self.take_last(array(body.get("contents")), |content| {
            if text(content, "role") == "model" {
                return None;
            }
            let results: Vec<String> = array(content.get("parts"))
                .filter_map(|part| either(part, "functionResponse", "function_response"))
                .map(|result| result_words(result.get("response").unwrap_or(&Value::Null)))
                .collect();
            Some(if results.is_empty() {
                Turn::User(words(content.get("parts")))
            } else {
                Turn::ToolResult(results.join("\n"))
            })
        });
        for group in array(body.get("tools")) {
            let declared = either(group, "functionDeclarations", "function_declarations");
            self.tools.extend(tools(declared, ""));
        }
        let config = either(body, "generationConfig", "generation_config").unwrap_or(&Value::Null);
        let tokens = either(config, "maxOutputTokens", "max_output_tokens");
        self.max_tokens = tokens.and_then(Value::as_u64);
        self.stops = strings(either(config, "stopSequences", "stop_sequences"));
        let choices = either(config, "candidateCount", "candidate_count").and_then(Value::as_u64);
        self.choices = choices.unwrap_or(1).clamp(1, 8);
        let thinking = either(config, "thinkingConfig", "thinking_config").unwrap_or(&Value::Null);
        let shows = either(thinking, "includeThoughts", "include_thoughts");
        self.shows_thoughts = shows.and_then(Value::as_bool).unwrap_or(false);
        let budget = either(thinking, "thinkingBudget", "thinking_budget").and_then(Value::as_u64);
        self.thinks = self.shows_thoughts || budget.unwrap_or(0) > 0;
    }

    fn read_ollama(&mut self, body: &Value) {
        self.read_turns(body, |turn| match text(turn, "role").as_str() {
            "tool" => Some(Turn::ToolResult(words(turn.get("content")))),
            "user" => Some(Turn::User(words(turn.get("content")))),
            _ => None,
        });
        if let Some(Value::String(prompt)) = body.get("prompt") {
            self.user_text.clone_from(prompt);
        }
        self.is_streamed = body.get("stream").and_then(Value::as_bool).unwrap_or(true);
        self.tools = tools(body.get("tools"), "function");
        let options = body.get("options").unwrap_or(&Value::Null);
        self.max_tokens = number(options, "num_predict");
        self.stops = strings(options.get("stop"));
        self.thinks = match body.get("think") {
            Some(Value::Bool(thinks)) => *thinks,
            Some(Value::String(level)) => !level.is_empty(),
            _ => false,
        };
        self.shows_thoughts = self.thinks;
    }

    fn read_turns(&mut self, body: &Value, read: impl Fn(&Value) -> Option<Turn>) {
        self.take_last(array(body.get("messages")), read);
    }

    /// The last user text, and the tool results that came after it.
    fn take_last<'a>(
        &mut self,
        turns: impl Iterator<Item = &'a Value>,
        read: impl Fn(&Value) -> Option<Turn>,
    ) {
        let mut results = Vec::new();
        for turn in turns.filter_map(read) {
            match turn {
                Turn::User(said) => {
                    self.user_text = said;
                    results.clear();
                }
                Turn::ToolResult(result) => results.push(result),
            }
        }
        self.tool_result = (!results.is_empty()).then(|| results.join("\n"));
    }
}

enum Turn {
    User(String),
    ToolResult(String),
}

/// Where the dialects keep the prompt.
const PROMPTS: &[&str] = &[
    "messages",
    "system",
    "instructions",
    "input",
    "contents",
    "systemInstruction",
    "system_instruction",
    "prompt",
];

/// Bytes of the texts in a prompt; what is not text (roles, types, images) weighs nothing.
fn weigh(value: &Value, is_text: bool) -> u64 {
    const TEXTS: &[&str] = &[
        "content",
        "text",
        "parts",
        "output",
        "arguments",
        "thinking",
    ];
    match value {
        Value::String(text) if is_text => text.len() as u64,
        Value::Array(items) => items.iter().map(|item| weigh(item, is_text)).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| weigh(field, TEXTS.contains(&name.as_str())))
            .sum(),
        _ => 0,
    }
}

/// All text of a message's content: a string, or parts that hold some.
fn words(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts: Vec<&str> = parts
                .iter()
                .filter_map(|part| part.as_str().or_else(|| part.get("text")?.as_str()))
                .collect();
            texts.join("\n")
        }
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

/// Gemini wraps a tool's result in an object; its one text field is the result.
fn result_words(response: &Value) -> String {
    let named = ["result", "output", "content"]
        .iter()
        .find_map(|name| response.get(name)?.as_str());
    named.map_or_else(|| response.to_string(), str::to_owned)
}

/// The tools of a list, each perhaps wrapped in an object under `wrapper`.
fn tools(list: Option<&Value>, wrapper: &str) -> Vec<Tool> {
    array(list)
        .map(|tool| {
            (
                tool,
                tool.get(wrapper)
                    .or_else(|| tool.get("custom"))
                    .unwrap_or(tool),
            )
        })
        .filter(|(tool, _)| text(tool, "type") != "namespace")
        .map(|(tool, inner)| Tool {
            name: text(inner, "name"),
            namespace: None,
            is_freeform: text(tool, "type") == "custom",
        })
        .filter(|tool| !tool.name.is_empty())
        .collect()
}

fn has_field(value: &Value, name: &str) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| has_field(item, name)),
        Value::Object(fields) => {
            fields.contains_key(name) || fields.values().any(|field| has_field(field, name))
        }
        _ => false,
    }
}

/// The items of an array; nothing when it is none.
pub(super) fn array(value: Option<&Value>) -> impl DoubleEndedIterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

/// The string under a name; empty when there is none.
pub(super) fn text(value: &Value, name: &str) -> String {
    value
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// Whether the field is `true`.
pub(super) fn flag(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// Protocol buffers in JSON may be written in either case.
pub(super) fn either<'a>(value: &'a Value, camel: &str, snake: &str) -> Option<&'a Value> {
    value.get(camel).or_else(|| value.get(snake))
}

fn number(value: &Value, name: &str) -> Option<u64> {
    value.get(name).and_then(Value::as_u64)
}

fn strings(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(one)) => vec![one.clone()],
        other => array(other)
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
    }
}
