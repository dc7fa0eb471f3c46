//! Parts that are no text: pictures, documents, recordings, films.
//!
//! Source: OpenAI's API reference, content parts `image_url`, `input_audio`, `file`; OpenRouter
//! "Multimodal" for `video_url` and addresses in `file_data`; vLLM for `audio_url`.

use std::borrow::Cow;

use mirk_model::{Media, MediaKind, Problem, Source, Text};

use crate::{
    json::{Array, Members, Misread, Object, Value},
    loss::{Feature, Notes},
    measure,
};

/// A media type and base64, if `url` is a data URL of these.
fn split(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once(':')?;
    let (head, data) = rest.split_once(',')?;
    let (kind, coding) = head.rsplit_once(';')?;
    let mime = kind.split(';').next().unwrap_or(kind);
    let is_data = scheme.eq_ignore_ascii_case("data") && coding.eq_ignore_ascii_case("base64");
    (is_data && !mime.is_empty()).then_some((mime, data))
}

/// Where `url` says that something is.
fn place(url: Text<'_>) -> Result<Source<'_>, Misread> {
    let found = match &url.0 {
        Cow::Borrowed(url) => split(url).map(|(mime, data)| (Text::from(mime), Text::from(data))),
        Cow::Owned(url) => split(url)
            .map(|(mime, data)| (Text::from(mime.to_owned()), Text::from(data.to_owned()))),
    };
    let is_data = url
        .get(..5)
        .is_some_and(|start| start.eq_ignore_ascii_case("data:"));
    match found {
        Some((mime, base64)) => Ok(Source::Data { mime, base64 }),
        None if is_data => Err(Misread::here(
            "is a data URL without a media type, or not in base64",
        )),
        None if url.is_empty() => Err(Misread::here("is empty")),
        None => Ok(Source::Url { url, mime: None }),
    }
}

const fn media(kind: MediaKind, source: Source<'_>) -> Media<'_> {
    Media {
        kind,
        source,
        name: None,
        detail: None,
    }
}

/// Reads the member that a part of the type `kind` has; nothing for types that are no media.
pub(super) fn read<'a>(
    kind: &str,
    part: &mut Members<'a>,
    notes: &mut Notes,
) -> Result<Option<Media<'a>>, Misread> {
    let at = |member: &'static str, kind| (member, kind);
    let (member, kind) = match kind {
        "image_url" | "input_image" => at("image_url", MediaKind::Image),
        "video_url" => at("video_url", MediaKind::Video),
        "audio_url" => at("audio_url", MediaKind::Audio),
        "input_audio" => {
            return part
                .need("input_audio", |value| audio(value, notes))
                .map(Some);
        }
        "file" => return part.need("file", |value| file(value, notes)).map(Some),
        _ => return Ok(None),
    };
    let mut found = part.need(member, |value| linked(kind, value, notes))?;
    if found.detail.is_none() {
        found.detail = part.read("detail", Value::text)?;
    }
    Ok(Some(found))
}

/// `{"url": …}`, or the bare address as Responses has it.
pub(super) fn linked<'a>(
    kind: MediaKind,
    value: Value<'a>,
    notes: &mut Notes,
) -> Result<Media<'a>, Misread> {
    if let Ok(url) = value.text() {
        return Ok(media(kind, place(url)?));
    }
    let mut members = value.members()?;
    let source = members.need("url", |url| place(url.text()?))?;
    let detail = members.read("detail", Value::text)?;
    for name in members.rest() {
        notes.dropped_field(&format!("messages[].content[].image_url.{name}"));
    }
    Ok(Media {
        detail,
        ..media(kind, source)
    })
}

fn audio<'a>(value: Value<'a>, notes: &mut Notes) -> Result<Media<'a>, Misread> {
    let mut members = value.members()?;
    let base64 = members.need("data", Value::text)?;
    let format = members.need("format", Value::text)?;
    for name in members.rest() {
        notes.dropped_field(&format!("messages[].content[].input_audio.{name}"));
    }
    let mime = match format.as_str() {
        "mp3" => Text::from("audio/mpeg"),
        "wav" => Text::from("audio/wav"),
        other => Text::from(format!("audio/{other}")),
    };
    Ok(media(MediaKind::Audio, Source::Data { mime, base64 }))
}

fn file<'a>(value: Value<'a>, notes: &mut Notes) -> Result<Media<'a>, Misread> {
    let mut members = value.members()?;
    let name = members.read("filename", Value::text)?;
    let id = members.read("file_id", Value::text)?;
    let data = members.read("file_data", |data| placed_file(data.text()?))?;
    for name in members.rest() {
        notes.dropped_field(&format!("messages[].content[].file.{name}"));
    }
    let source = match (data, id) {
        (Some(source), _) => source,
        (None, Some(id)) => Source::File(id),
        (None, None) => return Err(Misread::here("has neither `file_data` nor `file_id`")),
    };
    let mime = match &source {
        Source::Data { mime, .. } => mime.as_str(),
        _ => "",
    };
    let kind = match mime.split_once('/').map(|(kind, _)| kind) {
        Some("image") => MediaKind::Image,
        Some("audio") => MediaKind::Audio,
        Some("video") => MediaKind::Video,
        _ => MediaKind::Document,
    };
    Ok(Media {
        name,
        ..media(kind, source)
    })
}

/// `file_data` is a data URL; OpenRouter takes addresses too, and some send bare base64 of a PDF.
fn placed_file(data: Text<'_>) -> Result<Source<'_>, Misread> {
    if data.contains(':') {
        return place(data);
    }
    Ok(Source::Data {
        mime: Text::from("application/pdf"),
        base64: data,
    })
}

/// Writes media as a part of a message.
pub(super) fn write(
    media: &Media<'_>,
    out: &mut Array<'_>,
    notes: &mut Notes,
) -> Result<(), Problem> {
    match (&media.source, media.kind) {
        (Source::Text(text), _) => {
            notes.changed(Feature::DocumentText);
            out.object(|part| {
                part.text("type", "text");
                part.text("text", text.as_str());
            });
            Ok(())
        }
        (Source::File(_), _) => Err(notes.refuse(Feature::File)),
        (_, MediaKind::Video) => Err(notes.refuse(Feature::Video)),
        (Source::Data { mime, base64 }, MediaKind::Audio) => {
            out.object(|part| {
                part.text("type", "input_audio");
                part.object("input_audio", |audio| {
                    audio.text("data", base64.as_str());
                    audio.text("format", audio_format(mime));
                });
            });
            Ok(())
        }
        (Source::Url { .. }, MediaKind::Audio) => Err(notes.refuse(Feature::Audio)),
        (_, MediaKind::Image) => {
            out.object(|part| write_image(media, part));
            Ok(())
        }
        (Source::Data { mime, base64 }, MediaKind::Document) => {
            out.object(|part| {
                part.text("type", "file");
                part.object("file", |file| {
                    // OpenAI refuses data without a name.
                    file.text(
                        "filename",
                        measure::file_name(media.name.as_ref(), mime, notes),
                    );
                    file.text("file_data", data_url(mime, base64));
                });
            });
            Ok(())
        }
        (Source::Url { .. }, MediaKind::Document) => Err(notes.refuse(Feature::DocumentUrl)),
    }
}

/// Writes a picture as `{"type": "image_url", …}`, of a request or an answer.
pub(super) fn write_image(media: &Media<'_>, part: &mut Object<'_>) {
    part.text("type", "image_url");
    part.object("image_url", |image| {
        match &media.source {
            Source::Data { mime, base64 } => image.text("url", data_url(mime, base64)),
            Source::Url { url, .. } => image.text("url", url.as_str()),
            Source::File(_) | Source::Text(_) => {}
        }
        image.maybe_text("detail", media.detail.as_ref().map(Text::as_str));
    });
}

fn data_url(mime: &str, base64: &str) -> String {
    ["data:", mime, ";base64,", base64].concat()
}

fn audio_format(mime: &str) -> &str {
    let format = mime.split_once('/').map_or(mime, |(_, format)| format);
    match format {
        "mpeg" | "mp3" => "mp3",
        "wav" | "x-wav" | "wave" | "vnd.wave" => "wav",
        other => other.strip_prefix("x-").unwrap_or(other),
    }
}
