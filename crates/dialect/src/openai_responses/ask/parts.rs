//! The parts of a message, or of what a tool answered.

use mirk_model::{Part, PartKind};

use crate::{
    json::{Members, Misread, Type, Value},
    loss::Notes,
    openai_responses::{media, words},
};

/// Reads content: a string, or an array of parts.
pub(super) fn read<'a>(value: Value<'a>, notes: &mut Notes) -> Result<Vec<Part<'a>>, Misread> {
    if value.kind() == Type::Text {
        let text = value.text()?;
        return Ok(if text.is_empty() {
            Vec::new()
        } else {
            vec![Part::text(text)]
        });
    }
    let items = value
        .items()
        .map_err(|_other| Misread::here("is neither a string nor an array"))?;
    let mut parts = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        parts.push(part(item, notes).map_err(|misread| misread.at(index))?);
    }
    Ok(parts)
}

fn part<'a>(value: Value<'a>, notes: &mut Notes) -> Result<Part<'a>, Misread> {
    let mut members = value.members()?;
    let kind = members.need("type", Value::text)?;
    let found = match kind.as_str() {
        "input_text" | "output_text" | "text" | "summary_text" => text(&mut members)?,
        "refusal" => PartKind::Refusal(members.need("refusal", Value::text)?),
        other => match media::read(other, &mut members)? {
            Some(media) => PartKind::Media(media),
            None => return Err(Misread::here("is of a type that is not known")),
        },
    };
    for unknown in members.rest() {
        notes.dropped_field(&format!("input[].content[].{unknown}"));
    }
    Ok(Part::new(found))
}

fn text<'a>(members: &mut Members<'a>) -> Result<PartKind<'a>, Misread> {
    let text = members.need("text", Value::text)?;
    // How likely each token was is of no use to anyone again.
    let _known = members.take("logprobs");
    let mut citations = Vec::new();
    members.each("annotations", |value| {
        citations.extend(words::annotation(value));
        Ok(())
    })?;
    Ok(PartKind::Text { text, citations })
}
