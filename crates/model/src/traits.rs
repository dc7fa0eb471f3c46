//! What a model at a provider can take, as far as a translation must know.

/// How a model is told to think.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Thinks {
    /// It does not, or nothing is known: it is told nothing.
    #[default]
    No,
    /// By an effort: OpenAI's `reasoning_effort`, Anthropic's adaptive thinking with
    /// `output_config.effort`, Gemini's `thinkingLevel`, Ollama's `think: "high"`.
    Effort,
    /// By a budget of tokens, between these: Anthropic's `budget_tokens`, Gemini's
    /// `thinkingBudget`.
    Budget {
        /// The least that is accepted.
        least: u64,
        /// The most.
        most: u64,
    },
    /// By yes or no: Ollama's `think`.
    Flag,
}

/// What a model at a provider can take. The default is what is true of an unknown model at an
/// unknown server: the oldest and plainest form of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about one model"
)]
pub struct Traits {
    /// The most output tokens, where known.
    pub max_output: Option<u64>,
    /// The least output tokens that it accepts as a limit.
    pub least_output: u64,
    /// Whether the output limit is called `max_completion_tokens` (OpenAI's reasoning models).
    pub has_completion_limit: bool,
    /// Whether `temperature`, `top_p` and the penalties are accepted.
    pub takes_sampling: bool,
    /// Whether the developer role is known.
    pub has_developer: bool,
    /// Whether answers can be held to a JSON schema natively (Anthropic `output_config.format`).
    pub has_schema: bool,
    /// Whether results of tools may hold media (Gemini 3 `functionResponse.parts`).
    pub takes_result_media: bool,
    /// How it is told to think.
    pub thinks: Thinks,
    /// Whether a call of a tool must come back with its signature (Gemini 3).
    pub wants_signatures: bool,
}

impl Default for Traits {
    fn default() -> Self {
        Self {
            max_output: None,
            least_output: 1,
            has_completion_limit: false,
            takes_sampling: true,
            has_developer: false,
            has_schema: true,
            takes_result_media: false,
            thinks: Thinks::No,
            wants_signatures: false,
        }
    }
}
