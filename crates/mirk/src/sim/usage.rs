//! The tokens an answer reports, in each provider's fields, true or false on demand.

use serde_json::{Map, Value, json};

/// How truthful the counts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Honesty {
    /// As counted.
    True,
    /// Not reported at all.
    Absent,
    /// Negative, fractional and written as text.
    Absurd,
}

/// Tokens as counted: a quarter of the bytes, rounded up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    /// All of the prompt, `cached` and `cache_write` included.
    pub(super) input: u64,
    pub(super) cached: u64,
    pub(super) cache_write: u64,
    /// All of the answer, `reasoning` included.
    pub(super) output: u64,
    pub(super) reasoning: u64,
    pub(super) honesty: Honesty,
}

/// The tokens of so many bytes.
pub(super) fn tokens(bytes: u64) -> u64 {
    bytes.div_ceil(4)
}

impl Usage {
    /// A count as JSON. Absurd counts are negative, fractional or text, by the kind of field.
    fn count(self, field: Field, count: u64) -> Value {
        if self.honesty != Honesty::Absurd {
            return json!(count);
        }
        match field {
            Field::Input => json!(-5),
            Field::Output => json!(1.5),
            Field::Total => json!("many"),
        }
    }

    fn unless_absent(self, value: Value) -> Option<Value> {
        (self.honesty != Honesty::Absent).then_some(value)
    }

    fn total(self) -> u64 {
        self.input.saturating_add(self.output)
    }

    /// As Chat Completions and Completions report it.
    pub(super) fn openai_chat(self) -> Option<Value> {
        self.unless_absent(json!({
            "prompt_tokens": self.count(Field::Input, self.input),
            "completion_tokens": self.count(Field::Output, self.output),
            "total_tokens": self.count(Field::Total, self.total()),
            "prompt_tokens_details": { "cached_tokens": self.cached, "audio_tokens": 0 },
            "completion_tokens_details": {
                "reasoning_tokens": self.reasoning,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }))
    }

    /// As the Responses API reports it.
    pub(super) fn openai_responses(self) -> Option<Value> {
        self.unless_absent(json!({
            "input_tokens": self.count(Field::Input, self.input),
            "input_tokens_details": { "cached_tokens": self.cached, "cache_write_tokens": 0 },
            "output_tokens": self.count(Field::Output, self.output),
            "output_tokens_details": { "reasoning_tokens": self.reasoning },
            "total_tokens": self.count(Field::Total, self.total()),
        }))
    }

    /// As Anthropic reports it: `input_tokens` excludes what was cached.
    pub(super) fn anthropic(self, output: u64) -> Option<Value> {
        let fresh = self
            .input
            .saturating_sub(self.cached)
            .saturating_sub(self.cache_write);
        self.unless_absent(json!({
            "input_tokens": self.count(Field::Input, fresh),
            "cache_creation_input_tokens": self.count(Field::Total, self.cache_write),
            "cache_read_input_tokens": self.cached,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.cache_write,
                "ephemeral_1h_input_tokens": 0,
            },
            "output_tokens": self.count(Field::Output, output),
            "service_tier": "standard",
        }))
    }

    /// As Anthropic repeats it in `message_delta`.
    pub(super) fn anthropic_delta(self, thinks: bool) -> Option<Value> {
        let whole = self.anthropic(self.output)?;
        let mut delta: Map<String, Value> = whole
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| name.ends_with("_tokens"))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if thinks {
            let details = json!({ "thinking_tokens": self.reasoning });
            delta.insert("output_tokens_details".into(), details);
        }
        Some(Value::Object(delta))
    }

    /// As Gemini reports it: `candidatesTokenCount` excludes the thoughts.
    pub(super) fn gemini(self, spoken_so_far: u64) -> Option<Value> {
        let total = self
            .input
            .saturating_add(spoken_so_far)
            .saturating_add(self.reasoning);
        let mut usage = json!({
            "promptTokenCount": self.count(Field::Input, self.input),
            "candidatesTokenCount": self.count(Field::Output, spoken_so_far),
            "totalTokenCount": self.count(Field::Total, total),
        });
        if let Some(fields) = usage.as_object_mut() {
            if self.cached > 0 {
                fields.insert("cachedContentTokenCount".into(), json!(self.cached));
                let details = json!([{ "modality": "TEXT", "tokenCount": self.cached }]);
                fields.insert("cacheTokensDetails".into(), details);
            }
            let details = json!([{ "modality": "TEXT", "tokenCount": self.input }]);
            fields.insert("promptTokensDetails".into(), details);
            if self.reasoning > 0 {
                fields.insert("thoughtsTokenCount".into(), json!(self.reasoning));
            }
        }
        self.unless_absent(usage)
    }

    /// As Ollama reports it, inside the last object.
    pub(super) fn ollama(self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("total_duration".into(), json!(12_000_000));
        fields.insert("load_duration".into(), json!(1_000_000));
        if self.honesty != Honesty::Absent {
            fields.insert(
                "prompt_eval_count".into(),
                self.count(Field::Input, self.input),
            );
            fields.insert("prompt_eval_duration".into(), json!(3_000_000));
            fields.insert("eval_count".into(), self.count(Field::Output, self.output));
            fields.insert("eval_duration".into(), json!(8_000_000));
        }
        fields
    }
}

/// Which absurdity a field gets.
#[derive(Clone, Copy)]
enum Field {
    Input,
    Output,
    Total,
}
