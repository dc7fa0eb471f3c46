//! Pictures, documents and recordings: `input_image`, `input_file`, `input_audio`.
//!
//! Source: `response_input_image_param.py`, `response_input_file_param.py` and
//! `response_input_audio_param.py` of `openai-python`; "File inputs" of the guide.

use std::borrow::Cow;

use mirk_model::{Dialect, Media, MediaKind, Problem, Source, Text};

use crate::{
    json::{Array, Members, Misread, Object, Value},
    loss::{Feature, Notes},
    measure,
};

/// The media type and the base64 of a data URL.
fn split(url: &str) -> Option<(&str, &str)> {
    let (head, base64) = url.split_once(',')?;
    let (scheme, rest) = head.split_once(':')?;
    let (mime, coding) = rest.rsplit_once(';')?;
    let mime = mime.split(';').next().unwrap_or(mime);
    let is_data = scheme.eq_ignore_ascii_case("data") && coding.eq_ignore_ascii_case("base64");
    (is_data && !mime.is_empty()).then_some((mime, base64))
}

fn is_data(url: &str) -> bool {
    url.get(..5)
        .is_some_and(|start| start.eq_ignore_ascii_case("data:"))
}

/// Where `url` says that something is.
fn place(url: Text<'_>) -> Result<Source<'_>, Misread> {
    if url.is_empty() {
        return Err(Misread::here("is empty"));
    }
    if !is_data(&url) {
        return Ok(Source::Url { url, mime: None });
    }
    let found = match &url.0 {
        Cow::Borrowed(url) => split(url).map(|(mime, data)| (Text::from(mime), Text::from(data))),
        Cow::Owned(url) => split(url).map(|(mime, data)| {
            let (mime, data) = (mime.to_owned(), data.to_owned());
            (Text::from(mime), Text::from(data))
        }),
    };
    let (mime, base64) = found
        .ok_or_else(|| Misread::here("is a data URL without a media type, or not in base64"))?;
    Ok(Source::Data { mime, base64 })
}

/// Reads the members of a part of the type `kind`; nothing when that is no media.
pub(super) fn read<'a>(kind: &str, part: &mut Members<'a>) -> Result<Option<Media<'a>>, Misread> {
    match kind {
        "input_image" => image(part).map(Some),
        "input_file" => file(part).map(Some),
        "input_audio" => part.need("input_audio", audio).map(Some),
        _ => Ok(None),
    }
}

fn image<'a>(part: &mut Members<'a>) -> Result<Media<'a>, Misread> {
    let url = part.read("image_url", |url| place(url.text()?))?;
    let id = part.read("file_id", Value::text)?;
    let source = url
        .or_else(|| id.map(Source::File))
        .ok_or_else(|| Misread::here("has neither `image_url` nor `file_id`"))?;
    Ok(Media {
        kind: MediaKind::Image,
        source,
        name: None,
        detail: part.read("detail", Value::text)?,
    })
}

fn file<'a>(part: &mut Members<'a>) -> Result<Media<'a>, Misread> {
    let data = part.read("file_data", |data| {
        let data = data.text()?;
        if is_data(&data) {
            return place(data);
        }
        // Some leave the media type out, of what then is the usual PDF.
        Ok(Source::Data {
            mime: Text::from("application/pdf"),
            base64: data,
        })
    })?;
    let url = part.read("file_url", |url| place(url.text()?))?;
    let id = part.read("file_id", Value::text)?;
    let source = data
        .or(url)
        .or_else(|| id.map(Source::File))
        .ok_or_else(|| Misread::here("has neither `file_data`, `file_url` nor `file_id`"))?;
    Ok(Media {
        kind: MediaKind::Document,
        source,
        name: part.read("filename", Value::text)?,
        detail: part.read("detail", Value::text)?,
    })
}

fn audio(value: Value<'_>) -> Result<Media<'_>, Misread> {
    let mut members = value.members()?;
    let base64 = members.need("data", Value::text)?;
    let mime = match members.need("format", Value::text)?.as_str() {
        "mp3" => Text::from("audio/mpeg"),
        other => Text::from(format!("audio/{other}")),
    };
    Ok(Media {
        kind: MediaKind::Audio,
        source: Source::Data { mime, base64 },
        name: None,
        detail: None,
    })
}

/// Writes a part.
pub(super) fn write(
    media: &Media<'_>,
    array: &mut Array<'_>,
    notes: &mut Notes,
) -> Result<(), Problem> {
    if let Source::Text(text) = &media.source {
        notes.lose(Feature::DocumentText)?;
        array.object(|out| {
            out.text("type", "input_text");
            out.text("text", text.as_str());
        });
        return Ok(());
    }
    let is_foreign = notes.client() != Dialect::OpenAiResponses;
    if matches!(media.source, Source::File(_)) && is_foreign {
        return notes.lose(Feature::File);
    }
    match media.kind {
        MediaKind::Image => array.object(|out| {
            out.text("type", "input_image");
            write_source(&media.source, ("image_url", "image_url"), out);
            out.maybe_text("detail", media.detail.as_ref().map(Text::as_str));
        }),
        MediaKind::Document => array.object(|out| {
            out.text("type", "input_file");
            match (&media.name, &media.source) {
                // The reference wants a name beside data.
                (name, Source::Data { mime, .. }) => {
                    out.text("filename", measure::file_name(name.as_ref(), mime, notes));
                }
                (Some(name), _) => out.text("filename", name.as_str()),
                (None, _) => {}
            }
            write_source(&media.source, ("file_data", "file_url"), out);
            out.maybe_text("detail", media.detail.as_ref().map(Text::as_str));
        }),
        MediaKind::Audio => return notes.lose(Feature::Audio),
        MediaKind::Video => return notes.lose(Feature::Video),
    }
    Ok(())
}

fn write_source(source: &Source<'_>, (data, url): (&str, &str), out: &mut Object<'_>) {
    match source {
        Source::Data { mime, base64 } => {
            out.text(data, ["data:", mime, ";base64,", base64].concat());
        }
        Source::Url { url: address, .. } => out.text(url, address.as_str()),
        Source::File(id) => out.text("file_id", id.as_str()),
        Source::Text(_) => {}
    }
}
