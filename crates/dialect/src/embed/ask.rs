//! Requests for embeddings, read and written.

use mirk_model::{Operation, Problem, Text};

use super::Wants;
use crate::{
    json::{Members, Misread, Object, Type, Value},
    loss::{Feature, Notes},
    tokens,
};

/// A request for embeddings, in no dialect.
#[derive(Debug, Default)]
pub(super) struct Asked<'a> {
    /// As the client named it; empty where the body names none.
    model: Text<'a>,
    inputs: Vec<Input<'a>>,
    /// Whether what is too long may be cut off.
    truncate: Option<bool>,
    user: Option<Text<'a>>,
    is_base64: bool,
    /// Whether inputs are called `requests[i]`, each with its own settings.
    is_batch: bool,
}

/// One text to be embedded. Gemini has all of this for each of them.
#[derive(Debug, Default)]
struct Input<'a> {
    text: Text<'a>,
    dimensions: Option<u64>,
    task: Option<Text<'a>>,
    title: Option<Text<'a>>,
}

/// Reads `POST /v1/embeddings`.
pub(super) fn openai<'a>(members: &mut Members<'a>) -> Result<Asked<'a>, Misread> {
    let model = members.read("model", Value::text)?.unwrap_or_default();
    let dimensions = members.read("dimensions", Value::count)?;
    let is_base64 = members.read("encoding_format", |value| match value.text()?.as_str() {
        "float" => Ok(false),
        "base64" => Ok(true),
        _ => Err(Misread::here("is neither float nor base64")),
    })?;
    Ok(Asked {
        model,
        inputs: members.need("input", |value| texts(value, dimensions))?,
        user: members.read("user", Value::text)?,
        is_base64: is_base64.unwrap_or(false),
        ..Asked::default()
    })
}

/// Reads `POST /api/embed`.
pub(super) fn ollama<'a>(
    members: &mut Members<'a>,
    notes: &mut Notes,
) -> Result<Asked<'a>, Misread> {
    let model = members.read("model", Value::text)?.unwrap_or_default();
    let dimensions = members.read("dimensions", Value::count)?;
    for own in ["options", "keep_alive"] {
        if members.take(own).is_some() {
            notes.dropped_field(own);
        }
    }
    Ok(Asked {
        model,
        inputs: members.need("input", |value| texts(value, dimensions))?,
        truncate: members.read("truncate", Value::flag)?,
        ..Asked::default()
    })
}

/// Reads `:embedContent`.
pub(super) fn gemini<'a>(
    members: &mut Members<'a>,
    notes: &mut Notes,
) -> Result<Asked<'a>, Misread> {
    Ok(Asked {
        inputs: vec![input(members, notes)?],
        ..Asked::default()
    })
}

/// Reads `:batchEmbedContents`.
pub(super) fn gemini_batch<'a>(
    members: &mut Members<'a>,
    notes: &mut Notes,
) -> Result<Asked<'a>, Misread> {
    let mut asked = Asked {
        is_batch: true,
        ..Asked::default()
    };
    members.each("requests", |request| {
        let mut members = request.members()?;
        asked.inputs.push(input(&mut members, notes)?);
        for unknown in members.rest() {
            notes.dropped_field(&format!("requests[].{unknown}"));
        }
        Ok(())
    })?;
    if asked.inputs.is_empty() {
        return Err(Misread::here("is empty or missing").inside("requests"));
    }
    Ok(asked)
}

/// `input`, of OpenAI and Ollama: one text or several.
fn texts(value: Value<'_>, dimensions: Option<u64>) -> Result<Vec<Input<'_>>, Misread> {
    let input = |text| Input {
        text,
        dimensions,
        ..Input::default()
    };
    if value.kind() != Type::Array {
        return Ok(vec![input(value.text()?)]);
    }
    let items = value.items()?;
    let is_tokens = |item: &Value<'_>| matches!(item.kind(), Type::Number | Type::Array);
    if items.first().is_some_and(is_tokens) {
        return Err(Misread::here(
            "is made of token ids, which only the provider with that tokenizer can read; send text \
             (LangChain: check_embedding_ctx_length=False)",
        ));
    }
    if items.is_empty() {
        return Err(Misread::here("is empty"));
    }
    let mut inputs = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let text = item.text().map_err(|misread| misread.at(index))?;
        inputs.push(input(text));
    }
    Ok(inputs)
}

/// One of Gemini's inputs. Its JSON may have the names of the protocol buffers too.
fn input<'a>(members: &mut Members<'a>, notes: &mut Notes) -> Result<Input<'a>, Misread> {
    // The path names the model; here it can only say so again.
    members.take("model");
    let text = members.need("content", |content| content_text(content, notes))?;
    let mut either = |camel: &'static str, snake: &'static str| {
        let name = members.peek(camel).map_or(snake, |_there| camel);
        (members.take(name), name)
    };
    let (dimensions, dimensions_name) = either("outputDimensionality", "output_dimensionality");
    let (task, task_name) = either("taskType", "task_type");
    let named = |name: &'static str| move |misread: Misread| misread.inside(name);
    Ok(Input {
        text,
        dimensions: dimensions
            .map(Value::count)
            .transpose()
            .map_err(named(dimensions_name))?,
        task: task
            .map(Value::text)
            .transpose()
            .map_err(named(task_name))?,
        title: members.read("title", Value::text)?,
    })
}

/// The text of a content; several parts are one text, a line each.
fn content_text<'a>(content: Value<'a>, notes: &mut Notes) -> Result<Text<'a>, Misread> {
    let mut members = content.members()?;
    // There are no speakers among inputs.
    members.take("role");
    let mut texts = Vec::new();
    members.each("parts", |part| {
        let mut part = part.members()?;
        texts.push(part.read("text", Value::text)?.ok_or_else(|| {
            Misread::here("is no text, and the provider of this model embeds only text")
        })?);
        for unknown in part.rest() {
            notes.dropped_field(&format!("content.parts[].{unknown}"));
        }
        Ok(())
    })?;
    for unknown in members.rest() {
        notes.dropped_field(&format!("content.{unknown}"));
    }
    let Some(last) = texts.pop() else {
        return Err(Misread::here("is empty or missing").inside("parts"));
    };
    if texts.is_empty() {
        return Ok(last);
    }
    let mut joined = String::new();
    for text in &texts {
        joined.push_str(text);
        joined.push('\n');
    }
    joined.push_str(&last);
    Ok(Text::from(joined))
}

impl Asked<'_> {
    /// What the answer must be.
    pub(super) fn wants(&self, operation: Operation) -> Wants {
        Wants {
            operation,
            is_base64: self.is_base64,
            model: self.model.as_str().to_owned(),
            count: self.inputs.len(),
            tokens: self
                .inputs
                .iter()
                .fold(0, |sum, input| sum + tokens::text(&input.text)),
        }
    }

    /// Writes `POST /v1/embeddings`. Floats are asked for: they are what all but OpenAI's own
    /// clients want, and the only form that every server of this dialect has.
    pub(super) fn to_openai(&self, model: &str, notes: &mut Notes) -> Result<Vec<u8>, Problem> {
        let dimensions = self.dimensions()?;
        self.lose_gemini(notes);
        // What is too long is refused there; only the wish to have it cut gets lost.
        if self.truncate == Some(true) {
            notes.dropped_field("truncate");
        }
        let mut out = Vec::new();
        Object::write(&mut out, |body| {
            body.text("model", model);
            self.write_input(body);
            body.text("encoding_format", "float");
            if let Some(dimensions) = dimensions {
                body.number("dimensions", dimensions);
            }
            body.maybe_text("user", self.user.as_deref());
        });
        Ok(out)
    }

    /// Writes `POST /api/embed`.
    pub(super) fn to_ollama(&self, model: &str, notes: &mut Notes) -> Result<Vec<u8>, Problem> {
        let dimensions = self.dimensions()?;
        self.lose_gemini(notes);
        self.lose_user(notes)?;
        let mut out = Vec::new();
        Object::write(&mut out, |body| {
            body.text("model", model);
            self.write_input(body);
            if let Some(truncate) = self.truncate {
                body.flag("truncate", truncate);
            }
            if let Some(dimensions) = dimensions {
                body.number("dimensions", dimensions);
            }
        });
        Ok(out)
    }

    /// Writes `:embedContent`, which takes one input.
    pub(super) fn to_gemini(&self, model: &str, notes: &mut Notes) -> Result<Vec<u8>, Problem> {
        let [input] = self.inputs.as_slice() else {
            let name = if self.is_batch { "requests" } else { "input" };
            return Err(
                Misread::here("has several texts, and this provider takes one at a time")
                    .inside(name)
                    .into(),
            );
        };
        self.lose_to_gemini(notes)?;
        let mut out = Vec::new();
        Object::write(&mut out, |body| input.write(model, body));
        Ok(out)
    }

    /// Writes `:batchEmbedContents`. Gemini takes 100 inputs at most and says so itself.
    pub(super) fn to_gemini_batch(
        &self,
        model: &str,
        notes: &mut Notes,
    ) -> Result<Vec<u8>, Problem> {
        self.lose_to_gemini(notes)?;
        let mut out = Vec::new();
        Object::write(&mut out, |body| {
            body.array("requests", |requests| {
                for input in &self.inputs {
                    requests.object(|request| input.write(model, request));
                }
            });
        });
        Ok(out)
    }

    fn write_input(&self, body: &mut Object<'_>) {
        if let [only] = self.inputs.as_slice() {
            body.text("input", only.text.as_str());
        } else {
            body.array("input", |array| {
                for input in &self.inputs {
                    array.text(input.text.as_str());
                }
            });
        }
    }

    /// The one length of all vectors.
    fn dimensions(&self) -> Result<Option<u64>, Problem> {
        let first = self.inputs.first().and_then(|input| input.dimensions);
        if self.inputs.iter().all(|input| input.dimensions == first) {
            return Ok(first);
        }
        Err(
            Misread::here("differs, and the provider of this model makes vectors of one length")
                .inside("requests[].outputDimensionality")
                .into(),
        )
    }

    /// Notes what only Gemini has.
    fn lose_gemini(&self, notes: &mut Notes) {
        if self.inputs.iter().any(|input| input.task.is_some()) {
            notes.dropped_field("taskType");
        }
        if self.inputs.iter().any(|input| input.title.is_some()) {
            notes.dropped_field("title");
        }
    }

    fn lose_user(&self, notes: &mut Notes) -> Result<(), Problem> {
        if self.user.is_some() {
            notes.lose(Feature::User)?;
        }
        Ok(())
    }

    /// Notes what Gemini has not. It cuts what is too long, so only the wish that it does not gets
    /// lost.
    fn lose_to_gemini(&self, notes: &mut Notes) -> Result<(), Problem> {
        if self.truncate == Some(false) {
            notes.dropped_field("truncate");
        }
        self.lose_user(notes)
    }
}

impl Input<'_> {
    /// Writes one of Gemini's requests.
    fn write(&self, model: &str, request: &mut Object<'_>) {
        let model = model.strip_prefix("models/").unwrap_or(model);
        request.text("model", format!("models/{model}"));
        request.object("content", |content| {
            content.array("parts", |parts| {
                parts.object(|part| part.text("text", self.text.as_str()));
            });
        });
        request.maybe_text("taskType", self.task.as_deref());
        request.maybe_text("title", self.title.as_deref());
        if let Some(dimensions) = self.dimensions {
            request.number("outputDimensionality", dimensions);
        }
    }
}
