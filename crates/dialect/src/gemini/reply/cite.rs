//! Sources of an answer: `groundingMetadata` and `citationMetadata`.
//!
//! Gemini counts places in bytes of UTF-8, everything here in characters.
//! Source: <https://ai.google.dev/api/generate-content>, `Segment`, `CitationSource`.

use mirk_model::{Citation, Text};

use super::word;
use crate::json::{Members, Misread, Object, Value};

/// What is known of the text that places are in.
#[derive(Debug)]
pub(in crate::gemini) enum Places<'t> {
    /// The text of each part; what is no text is empty.
    Known(&'t [String]),
    /// Only whether a byte is a character.
    Passed {
        /// Whether all that passed was ASCII.
        is_ascii: bool,
    },
}

impl Places<'_> {
    /// The place in characters, of a place in bytes of a part.
    fn characters(&self, part: usize, bytes: u64) -> Option<u64> {
        match self {
            Self::Passed { is_ascii } => (*is_ascii && part == 0).then_some(bytes),
            Self::Known(texts) => {
                let before = texts.get(..part)?.iter();
                let before: usize = before.map(|text| text.chars().count()).sum();
                let mut left = usize::try_from(bytes).ok()?;
                let mut count = before;
                for text in texts.get(part..)? {
                    if let Some(head) = text.get(..left) {
                        return u64::try_from(count + head.chars().count()).ok();
                    }
                    left = left.checked_sub(text.len())?;
                    count += text.chars().count();
                }
                None
            }
        }
    }

    /// The place in bytes of the whole, of a place in characters.
    fn bytes(&self, characters: u64) -> Option<u64> {
        match self {
            Self::Passed { is_ascii } => is_ascii.then_some(characters),
            Self::Known(texts) => {
                let mut left = usize::try_from(characters).ok()?;
                let mut bytes = 0;
                for text in *texts {
                    let count = text.chars().count();
                    if left <= count {
                        let head: usize = text.chars().take(left).map(char::len_utf8).sum();
                        return u64::try_from(bytes + head).ok();
                    }
                    left -= count;
                    bytes += text.len();
                }
                (left == 0).then_some(0)
            }
        }
    }
}

/// Shows every source of a candidate.
pub(in crate::gemini) fn read<'a>(
    candidate: &mut Members<'a>,
    places: &Places<'_>,
    mut show: impl FnMut(Citation<'a>) -> Result<(), Misread>,
) -> Result<(), Misread> {
    if let Some(Ok(metadata)) = candidate.take("groundingMetadata").map(Value::members) {
        grounding(metadata, places, &mut show)?;
    }
    if let Some(Ok(mut metadata)) = candidate.take("citationMetadata").map(Value::members) {
        let mut sources = items(&mut metadata, "citationSources");
        // Vertex calls them so.
        sources.extend(items(&mut metadata, "citations"));
        for source in sources {
            let Ok(mut source) = source.members() else {
                continue;
            };
            show(Citation {
                url: some(word(&mut source, "uri")),
                title: some(word(&mut source, "title")),
                quote: None,
                start: place(&mut source, "startIndex", 0, places),
                end: place(&mut source, "endIndex", 0, places),
            })?;
        }
    }
    Ok(())
}

fn grounding<'a>(
    mut metadata: Members<'a>,
    places: &Places<'_>,
    show: &mut dyn FnMut(Citation<'a>) -> Result<(), Misread>,
) -> Result<(), Misread> {
    let chunks = items(&mut metadata, "groundingChunks").into_iter();
    let chunks: Vec<_> = chunks.map(chunk).collect();
    let mut is_used = vec![false; chunks.len()];
    for support in items(&mut metadata, "groundingSupports") {
        let Ok(mut support) = support.members() else {
            continue;
        };
        let segment = support.take("segment").map(Value::members);
        let (quote, start, end) = match segment {
            Some(Ok(mut segment)) => {
                let part = segment.take("partIndex").and_then(|part| part.count().ok());
                let part = usize::try_from(part.unwrap_or(0)).unwrap_or(usize::MAX);
                (
                    some(word(&mut segment, "text")),
                    place(&mut segment, "startIndex", part, places),
                    place(&mut segment, "endIndex", part, places),
                )
            }
            _ => (None, None, None),
        };
        for index in items(&mut support, "groundingChunkIndices") {
            let index = index
                .count()
                .ok()
                .and_then(|index| usize::try_from(index).ok());
            let Some((url, title)) = index.and_then(|index| chunks.get(index)) else {
                continue;
            };
            if let Some(used) = index.and_then(|index| is_used.get_mut(index)) {
                *used = true;
            }
            show(Citation {
                url: url.clone(),
                title: title.clone(),
                quote: quote.clone(),
                start,
                end,
            })?;
        }
    }
    for ((url, title), is_used) in chunks.into_iter().zip(is_used) {
        if !is_used && (url.is_some() || title.is_some()) {
            show(Citation {
                url,
                title,
                ..Citation::default()
            })?;
        }
    }
    Ok(())
}

type Chunk<'a> = (Option<Text<'a>>, Option<Text<'a>>);

/// The address and title of a `groundingChunk`, of whatever kind.
fn chunk(value: Value<'_>) -> Chunk<'_> {
    let Ok(mut members) = value.members() else {
        return (None, None);
    };
    for kind in ["web", "retrievedContext", "maps", "image"] {
        if let Some(Ok(mut chunk)) = members.take(kind).map(Value::members) {
            return (
                some(word(&mut chunk, "uri")),
                some(word(&mut chunk, "title")),
            );
        }
    }
    (None, None)
}

fn place(members: &mut Members<'_>, name: &str, part: usize, places: &Places<'_>) -> Option<u64> {
    let bytes = members.take(name)?.count().ok()?;
    places.characters(part, bytes)
}

fn items<'a>(members: &mut Members<'a>, name: &str) -> Vec<Value<'a>> {
    let value = members.take(name).map(Value::items);
    value.and_then(Result::ok).unwrap_or_default()
}

fn some(text: Text<'_>) -> Option<Text<'_>> {
    (!text.is_empty()).then_some(text)
}

/// Writes `groundingMetadata`, which has titles and quotes too.
pub(in crate::gemini) fn write<'c, 'a: 'c>(
    citations: impl Iterator<Item = &'c Citation<'a>> + Clone,
    places: &Places<'_>,
    object: &mut Object<'_>,
) {
    object.object("groundingMetadata", |metadata| {
        metadata.array("groundingChunks", |chunks| {
            for citation in citations.clone() {
                chunks.object(|chunk| {
                    chunk.object("web", |web| {
                        web.maybe_text("uri", citation.url.as_deref());
                        web.maybe_text("title", citation.title.as_deref());
                    });
                });
            }
        });
        metadata.array("groundingSupports", |supports| {
            for (index, citation) in (0_i64..).zip(citations) {
                let start = citation.start.and_then(|start| places.bytes(start));
                let end = citation.end.and_then(|end| places.bytes(end));
                if citation.quote.is_none() && start.is_none() && end.is_none() {
                    continue;
                }
                supports.object(|support| {
                    support.object("segment", |segment| {
                        if let Some(start) = start {
                            segment.number("startIndex", start);
                        }
                        if let Some(end) = end {
                            segment.number("endIndex", end);
                        }
                        segment.maybe_text("text", citation.quote.as_deref());
                    });
                    support.array("groundingChunkIndices", |array| {
                        array.raw(index.to_string());
                    });
                });
            }
        });
    });
}
