//! Embeddings between OpenAI, Gemini and Ollama.
//!
//! Invariant: every input gets its own vector, in the order in which the inputs came, or the
//! answer is malformed; digits stay as they were written wherever both sides write numbers.
//!
//! Sources: <https://platform.openai.com/docs/api-reference/embeddings>,
//! <https://ai.google.dev/api/embeddings>, <https://docs.ollama.com/api/embed>.

mod ask;
mod reply;
mod vector;

#[cfg(test)]
mod tests;

use std::fmt;

use mirk_model::{Kind, Operation, Problem};

use crate::{
    json::{Misread, Value},
    loss::Notes,
};

/// How the answer must look to the client that asked. Made from its request, kept until the end.
#[derive(Clone, PartialEq, Eq)]
pub struct Wants {
    /// What the client asked for.
    pub operation: Operation,
    /// Whether it wants each vector as base64 of little-endian 32-bit floats: what OpenAI's own
    /// clients ask for unless told otherwise.
    pub is_base64: bool,
    /// The model as the client named it, empty where the body names none (Gemini); shown where the
    /// provider names none.
    pub model: String,
    /// How many vectors it must get.
    pub count: usize,
    /// Input tokens by Mirk's own estimate; shown where the client's dialect must have a count and
    /// the provider gives none.
    pub tokens: u64,
}

impl fmt::Debug for Wants {
    /// Without what the client wrote.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Wants")
            .field("operation", &self.operation)
            .field("is_base64", &self.is_base64)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

/// What to ask a provider for when a client asks for `client`: itself where the provider `serves`
/// it, else the first in order of what is lost. None when nothing fits, or `client` makes no
/// embeddings.
///
/// Gemini is asked for a batch, which takes any number of inputs; for a single one only where it
/// serves nothing else.
pub fn upstream(client: Operation, serves: impl Fn(Operation) -> bool) -> Option<Operation> {
    use Operation::{Embeddings, GeminiBatchEmbed, GeminiEmbed, OllamaEmbed};
    let order: &[Operation] = match client {
        Embeddings => &[Embeddings, GeminiBatchEmbed, OllamaEmbed, GeminiEmbed],
        GeminiEmbed => &[GeminiEmbed, GeminiBatchEmbed, Embeddings, OllamaEmbed],
        GeminiBatchEmbed => &[GeminiBatchEmbed, Embeddings, OllamaEmbed, GeminiEmbed],
        OllamaEmbed => &[OllamaEmbed, Embeddings, GeminiBatchEmbed, GeminiEmbed],
        _ => &[],
    };
    order.iter().copied().find(|operation| serves(*operation))
}

/// Translates a client's request to one for `upstream`, where the model is called `model`.
///
/// # Errors
/// When the body is not what its dialect has, or holds what the provider has nothing for: token
/// ids, media, one setting that differs from input to input.
pub fn ask(
    client: Operation,
    upstream: Operation,
    body: &str,
    model: &str,
    notes: &mut Notes,
) -> Result<(Vec<u8>, Wants), Problem> {
    let mut members = Value::parse(body)?.members()?;
    let asked = match client {
        Operation::Embeddings => ask::openai(&mut members)?,
        Operation::OllamaEmbed => ask::ollama(&mut members, notes)?,
        Operation::GeminiEmbed => ask::gemini(&mut members, notes)?,
        Operation::GeminiBatchEmbed => ask::gemini_batch(&mut members, notes)?,
        _ => return Err(no_embeddings()),
    };
    for unknown in members.rest() {
        notes.dropped_field(unknown);
    }
    let body = match upstream {
        Operation::Embeddings => asked.to_openai(model, notes)?,
        Operation::OllamaEmbed => asked.to_ollama(model, notes)?,
        Operation::GeminiEmbed => asked.to_gemini(model, notes)?,
        Operation::GeminiBatchEmbed => asked.to_gemini_batch(model, notes)?,
        _ => return Err(no_embeddings()),
    };
    Ok((body, asked.wants(client)))
}

/// Translates a provider's whole answer.
///
/// # Errors
/// When it is not what the provider's dialect has, or has not one vector for each input.
pub fn reply(upstream: Operation, wants: &Wants, body: &str) -> Result<Vec<u8>, Misread> {
    let reply = reply::read(upstream, body)?;
    reply.write(wants)
}

/// Neither side may be anything but an operation that makes embeddings; callers see to that with
/// [`upstream`].
fn no_embeddings() -> Problem {
    Problem::new(Kind::BadRequest, "This call makes no embeddings.")
}
