//! What media costs, by flat rates and by size.
//!
//! Invariant: nothing is decoded; a kind is told by how the base64 or the address looks.

use mirk_model::Dialect;

/// What a medium is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Medium {
    Image,
    Document,
    Audio,
    Video,
    /// Plain text, as base64.
    Text,
    /// Bytes that only their maker can read.
    Unknown,
}

/// What one picture costs, in tokens. Anthropic: the most, for 1.15 megapixels or more
/// (<https://docs.anthropic.com/en/docs/build-with-claude/vision>). OpenAI: 1024 x 1024 in high
/// detail (<https://platform.openai.com/docs/guides/images-vision>). Gemini: the usual resolution
/// of Gemini 3; older ones take 258 a tile (<https://ai.google.dev/gemini-api/docs/media-resolution>).
/// Ollama: between its models, which take some 256 to 1,600.
pub(super) const fn image(dialect: Dialect) -> u64 {
    match dialect {
        Dialect::Anthropic => 1_600,
        Dialect::OpenAiChat | Dialect::OpenAiResponses => 765,
        Dialect::Gemini => 1_120,
        Dialect::Ollama => 1_024,
    }
}

/// What a picture costs where the client asks for low detail. Only OpenAI's dialects can.
pub(super) const LOW_DETAIL: u64 = 85;

/// The least that a document costs: a page. Source:
/// <https://docs.anthropic.com/en/docs/build-with-claude/pdf-support>, 1,500 to 3,000 a page.
pub(super) const DOCUMENT: u64 = 1_500;

impl Medium {
    /// What base64 of so many characters costs; pictures are counted apart.
    pub(super) fn cost(self, characters: usize) -> u64 {
        let bytes = u64::try_from(characters).unwrap_or(u64::MAX) / 4 * 3;
        match self {
            Self::Image => 0,
            // A page of 60 kB with its text and its picture.
            Self::Document => (bytes / 16).max(DOCUMENT),
            // 32 tokens a second (Gemini) of 32 kbit/s.
            Self::Audio => (bytes / 128).max(32),
            // 300 tokens a second (Gemini) of 600 kbit/s.
            Self::Video => (bytes / 256).max(300),
            Self::Text => bytes.div_ceil(4),
            // Mostly thoughts, sealed by their provider, some ten bytes a token; or a document.
            Self::Unknown => bytes.div_ceil(10),
        }
    }

    fn of_mime(mime: &str) -> Self {
        let kinds = [
            ("image/", Self::Image),
            ("audio/", Self::Audio),
            ("video/", Self::Video),
            ("text/", Self::Text),
            ("application/json", Self::Text),
        ];
        kinds
            .iter()
            .find(|(start, _)| mime.starts_with(start))
            .map_or(Self::Document, |(_, medium)| *medium)
    }
}

/// The first bytes of files, as base64.
const STARTS: [(&str, Medium); 9] = [
    ("iVBORw0KGgo", Medium::Image),
    ("/9j/", Medium::Image),
    ("R0lGOD", Medium::Image),
    ("JVBERi0", Medium::Document),
    ("SUQz", Medium::Audio),
    ("//u", Medium::Audio),
    ("T2dnUw", Medium::Audio),
    ("ZkxhQ", Medium::Audio),
    ("GkXfo", Medium::Video),
];

/// The shortest base64 without a known beginning that is taken for a file and not for a text.
const SHORTEST: usize = 64;

/// What `raw`, a JSON string without its quotes under a name that stands for media, is; with the
/// length of its base64. None when it is text after all. `is_audio` when the name says so.
pub(super) fn of(raw: &str, is_audio: bool) -> Option<(Medium, usize)> {
    if let Some(rest) = raw.strip_prefix("data:") {
        let (mime, data) = rest.split_once(',')?;
        return Some((Medium::of_mime(mime), data.len()));
    }
    if is_address(raw) {
        let path = raw.split(['?', '#']).next().unwrap_or(raw);
        let is_document = path
            .rsplit_once('.')
            .is_some_and(|(_, ending)| ending.eq_ignore_ascii_case("pdf"));
        return Some(if is_document {
            (Medium::Document, 0)
        } else {
            (Medium::Image, 0)
        });
    }
    if !raw.bytes().all(is_base64) {
        return None;
    }
    let known = STARTS.iter().find(|(start, _)| raw.starts_with(start));
    let medium = if let Some((_, medium)) = known {
        *medium
    } else if raw.starts_with("UklGR") {
        // RIFF, which says what it holds at its ninth byte.
        match raw.get(11..16) {
            Some("XQVZF") => Medium::Audio,
            _ => Medium::Image,
        }
    } else if raw.get(..16).is_some_and(|head| head.contains("Z0eXB")) {
        Medium::Video
    } else if is_audio {
        Medium::Audio
    } else if raw.len() >= SHORTEST {
        Medium::Unknown
    } else {
        return None;
    };
    Some((medium, raw.len()))
}

fn is_address(raw: &str) -> bool {
    ["https:", "http:", "gs:"]
        .iter()
        .any(|scheme| raw.starts_with(scheme))
}

/// Whether a byte may stand in base64 of either alphabet, as JSON may write it: `\/`, `\n`.
const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_' | b'\\')
}
