//! The wire formats, and what can be asked for in them.

use std::fmt;

/// A wire format that clients and providers speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// OpenAI Chat Completions, with Completions, Embeddings and the model list beside it.
    OpenAiChat,
    /// OpenAI Responses.
    OpenAiResponses,
    /// Anthropic Messages.
    Anthropic,
    /// Google Gemini.
    Gemini,
    /// Ollama's own API.
    Ollama,
}

/// What a request asks a provider to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// OpenAI `POST /v1/chat/completions`.
    Chat,
    /// OpenAI `POST /v1/completions`.
    Completions,
    /// OpenAI `POST /v1/embeddings`.
    Embeddings,
    /// OpenAI `POST /v1/responses`.
    Responses,
    /// ClawPipe `POST /v1/prompt`.
    Prompt,
    /// ClawPipe `POST /v1/stream`.
    PromptStream,
    /// Anthropic `POST /v1/messages`.
    Messages,
    /// Anthropic `POST /v1/messages/count_tokens`.
    CountTokens,
    /// Gemini `:generateContent`.
    Generate,
    /// Gemini `:streamGenerateContent`.
    StreamGenerate,
    /// Gemini `:countTokens`.
    GeminiCount,
    /// Gemini `:embedContent`.
    GeminiEmbed,
    /// Gemini `:batchEmbedContents`.
    GeminiBatchEmbed,
    /// Ollama `POST /api/chat`.
    OllamaChat,
    /// Ollama `POST /api/generate`.
    OllamaGenerate,
    /// Ollama `POST /api/embed`.
    OllamaEmbed,
}

impl Operation {
    /// The dialect that the operation belongs to.
    pub const fn dialect(self) -> Dialect {
        match self {
            // ClawPipe's own words for errors are OpenAI's.
            Self::Chat
            | Self::Completions
            | Self::Embeddings
            | Self::Prompt
            | Self::PromptStream => Dialect::OpenAiChat,
            Self::Responses => Dialect::OpenAiResponses,
            Self::Messages | Self::CountTokens => Dialect::Anthropic,
            Self::Generate
            | Self::StreamGenerate
            | Self::GeminiCount
            | Self::GeminiEmbed
            | Self::GeminiBatchEmbed => Dialect::Gemini,
            Self::OllamaChat | Self::OllamaGenerate | Self::OllamaEmbed => Dialect::Ollama,
        }
    }

    /// Whether the operation makes embeddings.
    pub const fn is_embedding(self) -> bool {
        matches!(
            self,
            Self::Embeddings | Self::GeminiEmbed | Self::GeminiBatchEmbed | Self::OllamaEmbed
        )
    }

    /// Whether the operation only counts tokens.
    pub const fn is_count(self) -> bool {
        matches!(self, Self::CountTokens | Self::GeminiCount)
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::OpenAiChat => "openai-chat",
            Self::OpenAiResponses => "openai-responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
        })
    }
}
