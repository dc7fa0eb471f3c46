//! Answers with embeddings, read and written.

use mirk_model::{Operation, Text};

use super::{Wants, vector::Vector};
use crate::json::{Array, Misread, Object, Value};

/// An answer, in no dialect.
#[derive(Debug, Default)]
pub(super) struct Reply<'a> {
    /// The model that the provider names; empty where it names none.
    model: Text<'a>,
    /// In the order of the inputs.
    vectors: Vec<Vector<'a>>,
    /// Input tokens, where the provider says.
    tokens: Option<u64>,
}

/// Reads a provider's answer. What Mirk does not know in it is left.
pub(super) fn read(upstream: Operation, body: &str) -> Result<Reply<'_>, Misread> {
    let mut members = Value::parse(body)?.members()?;
    let mut reply = Reply::default();
    match upstream {
        Operation::Embeddings => {
            reply.model = named(members.take("model"));
            reply.vectors = members.need("data", data)?;
            reply.tokens = members.take("usage").and_then(|usage| {
                let mut usage = usage.members().ok()?;
                let tokens = usage.take("prompt_tokens");
                count(tokens.or_else(|| usage.take("total_tokens")))
            });
        }
        Operation::OllamaEmbed => {
            reply.model = named(members.take("model"));
            reply.vectors = members.need("embeddings", |value| each(value, Vector::read))?;
            reply.tokens = count(members.take("prompt_eval_count"));
        }
        _ => {
            let batch = members.read("embeddings", |value| each(value, values))?;
            reply.vectors = match batch {
                Some(vectors) => vectors,
                None => vec![members.need("embedding", values)?],
            };
            reply.tokens = members
                .take("usageMetadata")
                .and_then(|usage| count(usage.members().ok()?.take("promptTokenCount")));
        }
    }
    Ok(reply)
}

/// A name that may be missing, or be anything.
fn named(value: Option<Value<'_>>) -> Text<'_> {
    value
        .and_then(|value| value.lossy_text().ok())
        .unwrap_or_default()
}

/// A count that may be missing, or be anything: an answer is not lost over that.
fn count(value: Option<Value<'_>>) -> Option<u64> {
    value.and_then(|value| value.count().ok())
}

fn each<'a>(
    value: Value<'a>,
    read: impl Fn(Value<'a>) -> Result<Vector<'a>, Misread>,
) -> Result<Vec<Vector<'a>>, Misread> {
    let items = value.items()?.into_iter().enumerate();
    items
        .map(|(index, item)| read(item).map_err(|misread| misread.at(index)))
        .collect()
}

/// One of Gemini's embeddings.
fn values(value: Value<'_>) -> Result<Vector<'_>, Misread> {
    value.members()?.need("values", Vector::read)
}

/// OpenAI's embeddings, put in the order that their indexes say.
fn data(value: Value<'_>) -> Result<Vec<Vector<'_>>, Misread> {
    let mut vectors = Vec::new();
    for (place, item) in value.items()?.into_iter().enumerate() {
        let place = u64::try_from(place).unwrap_or(u64::MAX);
        let mut members = item.members()?;
        let index = members.read("index", Value::count)?.unwrap_or(place);
        vectors.push((index, members.need("embedding", Vector::read)?));
    }
    vectors.sort_by_key(|(index, _)| *index);
    let is_whole = (0..)
        .zip(&vectors)
        .all(|(place, (index, _))| place == *index);
    if !is_whole {
        return Err(Misread::here("has indexes that do not count from 0"));
    }
    Ok(vectors.into_iter().map(|(_, vector)| vector).collect())
}

impl Reply<'_> {
    /// Writes the answer as its client wants it.
    pub(super) fn write(&self, wants: &Wants) -> Result<Vec<u8>, Misread> {
        if self.vectors.len() != wants.count {
            return Err(Misread::here(format!(
                "has {} vectors for {} inputs",
                self.vectors.len(),
                wants.count
            )));
        }
        let mut out = Vec::new();
        Object::try_write(&mut out, |body| match wants.operation {
            Operation::Embeddings => self.openai(wants, body),
            Operation::OllamaEmbed => {
                body.text("model", self.model(wants));
                body.try_array("embeddings", |array| self.arrays(array))?;
                body.number("prompt_eval_count", self.tokens(wants));
                Ok(())
            }
            Operation::GeminiEmbed => {
                if let [vector] = self.vectors.as_slice() {
                    body.try_object("embedding", |embedding| values_of(*vector, embedding))?;
                }
                self.gemini_usage(body);
                Ok(())
            }
            _ => {
                body.try_array("embeddings", |array| {
                    self.vectors
                        .iter()
                        .try_for_each(|vector| array.try_object(|item| values_of(*vector, item)))
                })?;
                self.gemini_usage(body);
                Ok(())
            }
        })?;
        Ok(out)
    }

    fn openai(&self, wants: &Wants, body: &mut Object<'_>) -> Result<(), Misread> {
        body.text("object", "list");
        body.try_array("data", |data| {
            for (index, vector) in (0_i128..).zip(&self.vectors) {
                data.try_object(|item| {
                    item.text("object", "embedding");
                    item.number("index", index);
                    if wants.is_base64 {
                        item.text("embedding", vector.base64()?);
                    } else {
                        item.raw("embedding", vector.numbers()?);
                    }
                    Ok::<(), Misread>(())
                })?;
            }
            Ok::<(), Misread>(())
        })?;
        body.text("model", self.model(wants));
        let tokens = self.tokens(wants);
        body.object("usage", |usage| {
            usage.number("prompt_tokens", tokens);
            usage.number("total_tokens", tokens);
        });
        Ok(())
    }

    fn arrays(&self, array: &mut Array<'_>) -> Result<(), Misread> {
        for vector in &self.vectors {
            array.raw(vector.numbers()?);
        }
        Ok(())
    }

    /// Gemini may leave its usage out, so an estimate never stands there.
    fn gemini_usage(&self, body: &mut Object<'_>) {
        if let Some(tokens) = self.tokens {
            body.object("usageMetadata", |usage| {
                usage.number("promptTokenCount", tokens);
            });
        }
    }

    fn model<'s>(&'s self, wants: &'s Wants) -> &'s str {
        if self.model.is_empty() {
            &wants.model
        } else {
            &self.model
        }
    }

    fn tokens(&self, wants: &Wants) -> u64 {
        self.tokens.unwrap_or(wants.tokens)
    }
}

fn values_of(vector: Vector<'_>, embedding: &mut Object<'_>) -> Result<(), Misread> {
    embedding.raw("values", vector.numbers()?);
    Ok(())
}
