//! The table itself: what becomes of every feature at every target.

use super::{Fate, Feature, Row};

const fn row(feature: Feature, name: &'static str, fates: [Fate; 5], meaning: &'static str) -> Row {
    Row {
        feature,
        name,
        meaning,
        fates,
    }
}

use Fate::{Changed as C, Dropped as D, Kept as K, Refused as R};

/// Every feature that is not carried over everywhere. Columns: Chat, Responses, Anthropic, Gemini,
/// Ollama.
pub static ROWS: &[Row] = &[
    row(
        Feature::Seed,
        "seed",
        [K, D, D, K, K],
        "the seed for sampling",
    ),
    row(
        Feature::Choices,
        "n",
        [K, R, R, K, R],
        "more than one answer",
    ),
    row(
        Feature::Logprobs,
        "logprobs",
        [K, K, D, K, K],
        "log probabilities of the answer's tokens",
    ),
    row(
        Feature::LogitBias,
        "logit_bias",
        [K, D, D, D, D],
        "a bias by token id, which no two models share",
    ),
    row(
        Feature::FrequencyPenalty,
        "frequency_penalty",
        [K, D, D, K, K],
        "the penalty by frequency",
    ),
    row(
        Feature::PresencePenalty,
        "presence_penalty",
        [K, D, D, K, K],
        "the penalty by presence",
    ),
    row(
        Feature::RepeatPenalty,
        "repeat_penalty",
        [D, D, D, D, K],
        "Ollama's penalty for repetition",
    ),
    row(
        Feature::Temperature,
        "temperature",
        [K, K, C, K, K],
        "the temperature; at most 1 for Anthropic, left out where the model takes none",
    ),
    row(
        Feature::TopP,
        "top_p",
        [K, K, K, K, K],
        "nucleus sampling; left out where the model takes none, and at Anthropic beside a temperature",
    ),
    row(
        Feature::TopK,
        "top_k",
        [D, D, K, K, K],
        "sampling from the best so many",
    ),
    row(
        Feature::MinP,
        "min_p",
        [D, D, D, D, K],
        "the least relative probability",
    ),
    row(
        Feature::Stop,
        "stop",
        [K, D, K, K, K],
        "texts that end the answer; beyond a provider's most they are left out",
    ),
    row(
        Feature::MaxTokens,
        "max_tokens",
        [K, K, K, K, K],
        "the limit of the answer; changed to the least or the most that the model takes",
    ),
    row(
        Feature::User,
        "user",
        [K, K, K, D, D],
        "the client's name for its user; left out where it is longer than the provider takes",
    ),
    row(
        Feature::Metadata,
        "metadata",
        [D, K, D, D, D],
        "the client's own labels; Chat takes them only with answers that it keeps",
    ),
    row(
        Feature::ServiceTier,
        "service_tier",
        [K, K, D, D, D],
        "the service tier",
    ),
    row(
        Feature::Verbosity,
        "verbosity",
        [K, K, D, D, D],
        "how long an answer should be",
    ),
    row(
        Feature::ParallelCalls,
        "parallel_tool_calls",
        [K, K, K, D, D],
        "that tools are called one at a time",
    ),
    row(
        Feature::ToolChoice,
        "tool_choice",
        [K, K, K, K, D],
        "which tools must be called; `none` leaves the tools out for Ollama; a choice among some leaves the others out for Anthropic and Ollama",
    ),
    row(
        Feature::StrictTools,
        "tools.strict",
        [K, K, K, D, D],
        "that arguments follow their schema to the letter",
    ),
    row(
        Feature::CustomTools,
        "tools.custom",
        [C, K, C, C, C],
        "tools that take free-form text; they become functions with one string",
    ),
    row(
        Feature::HostedTools,
        "tools.hosted",
        [D, D, D, D, D],
        "tools that another provider runs itself; refused when one is demanded or there is no other tool",
    ),
    row(
        Feature::Namespaces,
        "tools.namespace",
        [C, K, C, C, C],
        "groups of tools; their names are joined",
    ),
    row(
        Feature::JsonObject,
        "response_format.json_object",
        [K, K, C, K, K],
        "an answer that is any JSON object; an instruction for Anthropic",
    ),
    row(
        Feature::JsonSchema,
        "response_format.json_schema",
        [K, K, K, K, K],
        "an answer that follows a schema; a forced tool for models that lack it, which are refused when the schema's root is no object",
    ),
    row(
        Feature::Image,
        "image",
        [K, K, K, K, K],
        "a picture in the request",
    ),
    row(
        Feature::ImageUrl,
        "image.url",
        [K, K, K, K, R],
        "a picture at an address, which Mirk never fetches",
    ),
    row(
        Feature::ImageDetail,
        "image.detail",
        [K, K, D, D, D],
        "how closely to look at a picture",
    ),
    row(
        Feature::Document,
        "document",
        [K, K, K, K, R],
        "a document in the request",
    ),
    row(
        Feature::DocumentUrl,
        "document.url",
        [R, K, K, K, R],
        "a document at an address",
    ),
    row(
        Feature::DocumentText,
        "document.text",
        [C, C, K, C, C],
        "a document that is text; it becomes a text",
    ),
    row(
        Feature::Audio,
        "audio",
        [K, R, R, K, R],
        "a recording in the request",
    ),
    row(
        Feature::Video,
        "video",
        [R, R, R, K, R],
        "a film in the request",
    ),
    row(
        Feature::File,
        "file",
        [R, R, R, R, R],
        "a file that was uploaded to one provider, at another",
    ),
    row(
        Feature::ThinkingText,
        "thinking",
        [D, D, D, D, K],
        "earlier thoughts as text, which no provider takes without its own signature",
    ),
    row(
        Feature::ThinkingState,
        "thinking.signature",
        [D, D, D, D, D],
        "signatures of thoughts that another provider made; its own go back to each as they were",
    ),
    row(
        Feature::Reasoning,
        "reasoning",
        [K, K, K, K, K],
        "how much to think; left out where the model does not think, changed where it counts otherwise",
    ),
    row(
        Feature::CacheMarks,
        "cache_control",
        [D, D, K, D, D],
        "marks for the prompt cache",
    ),
    row(
        Feature::CacheKey,
        "prompt_cache_key",
        [K, K, D, D, D],
        "the key of the prompt cache",
    ),
    row(
        Feature::Refusals,
        "refusal",
        [K, K, C, C, C],
        "earlier refusals; they become text",
    ),
    row(
        Feature::Citations,
        "citations",
        [D, D, D, D, D],
        "sources of earlier answers",
    ),
    row(
        Feature::ToolErrors,
        "tool_result.is_error",
        [C, C, K, K, C],
        "that a tool failed; said in words where there is no field",
    ),
    row(
        Feature::ToolResultMedia,
        "tool_result.media",
        [C, K, K, C, C],
        "pictures that a tool gave; they follow in the user's next turn",
    ),
    row(
        Feature::LateSystem,
        "system.position",
        [K, K, C, C, K],
        "instructions in the middle of a conversation; they move to its front",
    ),
    row(
        Feature::Developer,
        "developer",
        [C, K, C, C, C],
        "the developer's role; it becomes the system's, but for OpenAI's own models",
    ),
    row(
        Feature::TurnName,
        "name",
        [K, D, D, D, D],
        "names of speakers",
    ),
    row(
        Feature::Store,
        "store",
        [D, K, D, D, D],
        "that the provider keeps the answer",
    ),
    row(
        Feature::Previous,
        "previous_response_id",
        [R, R, R, R, R],
        "an answer that another provider keeps",
    ),
    row(
        Feature::Background,
        "background",
        [R, K, R, R, R],
        "work in the background",
    ),
    row(
        Feature::BrokenArguments,
        "tool_calls.arguments",
        [K, K, C, C, C],
        "earlier arguments that are no JSON object; they are wrapped in one",
    ),
    row(
        Feature::MissingResults,
        "tool_results.missing",
        [C, C, C, C, K],
        "calls that were never answered; an answer that says so is put in",
    ),
    row(
        Feature::OrphanResults,
        "tool_results.orphan",
        [R, R, R, R, R],
        "results that answer no call",
    ),
    row(
        Feature::ToolNames,
        "tools.name",
        [C, C, C, C, C],
        "names of tools that the target does not take; they are rewritten there and back",
    ),
    row(
        Feature::Schema,
        "tools.schema",
        [K, K, K, C, K],
        "keywords of JSON Schema that Gemini does not know become words; Anthropic wants an object at the root",
    ),
    row(
        Feature::Own,
        "other",
        [D, D, D, D, D],
        "what only the client's own dialect can say; named one by one",
    ),
];
