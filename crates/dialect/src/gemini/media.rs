//! Media: what kind a media type is, and where a file is.

use mirk_model::{Media, MediaKind, Source, Text};

use crate::json::Object;

/// The kind of a media type.
pub(super) fn kind_of(mime: &str) -> MediaKind {
    let is = |kind: &str| {
        mime.get(..kind.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(kind))
    };
    if is("image/") {
        MediaKind::Image
    } else if is("audio/") {
        MediaKind::Audio
    } else if is("video/") {
        MediaKind::Video
    } else {
        MediaKind::Document
    }
}

/// Bytes in the document.
pub(super) fn inline<'a>(mime: Text<'a>, base64: Text<'a>, name: Option<Text<'a>>) -> Media<'a> {
    Media {
        kind: kind_of(&mime),
        source: Source::Data {
            mime,
            base64: standard(base64),
        },
        name,
        detail: None,
    }
}

/// Base64 in the standard alphabet. The JSON form of protocol buffers takes both.
fn standard(text: Text<'_>) -> Text<'_> {
    if memchr::memchr2(b'-', b'_', text.as_bytes()).is_none() {
        return text;
    }
    let mut plain = text.replace('-', "+").replace('_', "/");
    while !plain.len().is_multiple_of(4) {
        plain.push('=');
    }
    Text::from(plain)
}

/// A file at `uri`: one that Google keeps, or one at a public address.
pub(super) fn at<'a>(uri: Text<'a>, mime: Option<Text<'a>>, name: Option<Text<'a>>) -> Media<'a> {
    let is_video = is_youtube(&uri);
    let kind = match &mime {
        Some(mime) => kind_of(mime),
        None if is_video => MediaKind::Video,
        None => guessed(&uri).map_or(MediaKind::Document, kind_of),
    };
    let is_public = (uri.starts_with("https://") || uri.starts_with("http://")) && !is_kept(&uri);
    Media {
        kind,
        source: if is_public {
            Source::Url { url: uri, mime }
        } else {
            Source::File(uri)
        },
        name,
        detail: None,
    }
}

/// Whether `uri` is a file that was uploaded to Google.
/// Source: <https://ai.google.dev/api/files>, `File.uri`.
fn is_kept(uri: &str) -> bool {
    host(uri).ends_with(".googleapis.com") && uri.contains("/files/")
}

/// Source: <https://ai.google.dev/gemini-api/docs/video-understanding>, "`YouTube` URLs".
fn is_youtube(uri: &str) -> bool {
    let host = host(uri);
    host == "youtu.be" || host == "youtube.com" || host.ends_with(".youtube.com")
}

fn host(uri: &str) -> &str {
    uri.split_once("://")
        .and_then(|(_, rest)| rest.split(['/', '?', '#']).next())
        .unwrap_or_default()
}

/// The media type that the end of an address tells.
fn guessed(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let (_, ending) = path.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "pdf" => "application/pdf",
        "mp3" => "audio/mp3",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        _ => return None,
    })
}

/// Writes the data of a part. `false` where Gemini has no place for it: a file that another
/// provider keeps, or text that stands for a document.
pub(super) fn write(media: &Media<'_>, part: &mut Object<'_>) -> bool {
    match &media.source {
        Source::Data { mime, base64 } => part.object("inlineData", |data| {
            data.text("mimeType", mime.as_str());
            data.text("data", base64.as_str());
        }),
        Source::Url { url, mime } => part.object("fileData", |data| {
            let mime = mime.as_ref().map(Text::as_str);
            data.maybe_text("mimeType", mime.or_else(|| guessed(url)));
            data.text("fileUri", url.as_str());
        }),
        Source::File(_) => return false,
        Source::Text(text) => part.text("text", text.as_str()),
    }
    true
}
