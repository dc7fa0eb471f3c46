//! `generationConfig`, read.

use mirk_model::{Ask, Effort, Format, Reasoning, ReasoningMode, Shown, Text};

use super::super::{fields::Fields, schema};
use crate::{
    json::{Misread, Value},
    loss::Notes,
};

/// Reads `generationConfig`.
/// Source: <https://ai.google.dev/api/generate-content>, `GenerationConfig`.
pub(super) fn read<'a>(
    value: Value<'a>,
    ask: &mut Ask<'a>,
    notes: &mut Notes,
) -> Result<(), Misread> {
    let mut fields = Fields::of(value)?;
    let sampling = &mut ask.sampling;
    sampling.temperature = fields.read("temperature", Value::number)?;
    sampling.top_p = fields.read("topP", Value::number)?;
    sampling.top_k = fields.read("topK", Value::number)?;
    sampling.seed = fields.read("seed", Value::number)?;
    sampling.presence_penalty = fields.read("presencePenalty", Value::number)?;
    sampling.frequency_penalty = fields.read("frequencyPenalty", Value::number)?;
    ask.max_tokens = fields.read("maxOutputTokens", Value::count)?;
    ask.choices = fields.read("candidateCount", Value::count)?;
    fields.read("stopSequences", |value| {
        for (index, stop) in value.items()?.into_iter().enumerate() {
            ask.stop
                .push(stop.text().map_err(|misread| misread.at(index))?);
        }
        Ok(())
    })?;
    let has_logprobs = fields.read("responseLogprobs", Value::flag)? == Some(true);
    let others = fields.read("logprobs", Value::count)?;
    if has_logprobs {
        ask.logprobs = Some(others.unwrap_or(0));
    } else if others.is_some() {
        // Without the flag Gemini gives none.
        notes.dropped_field("generationConfig.logprobs");
    }
    read_format(&mut fields, ask)?;
    ask.reasoning = fields.read("thinkingConfig", |value| read_thinking(value, notes))?;
    read_modalities(&mut fields, ask)?;
    for (name, own) in OWN {
        if let Some(value) = fields.take(name) {
            ask.own.push((own, value.json()));
        }
    }
    fields.name_rest("generationConfig.", notes);
    Ok(())
}

/// Members with no counterpart in any other dialect.
const OWN: [(&str, &str); 7] = [
    ("mediaResolution", "generationConfig.mediaResolution"),
    ("speechConfig", "generationConfig.speechConfig"),
    ("imageConfig", "generationConfig.imageConfig"),
    ("audioTimestamp", "generationConfig.audioTimestamp"),
    ("routingConfig", "generationConfig.routingConfig"),
    (
        "modelSelectionConfig",
        "generationConfig.modelSelectionConfig",
    ),
    (
        "enableEnhancedCivicAnswers",
        "generationConfig.enableEnhancedCivicAnswers",
    ),
];

/// Text alone is what every answer is; the rest has no counterpart.
fn read_modalities<'a>(fields: &mut Fields<'a>, ask: &mut Ask<'a>) -> Result<(), Misread> {
    let own = fields.read("responseModalities", |value| {
        let mut is_text_alone = true;
        for (index, item) in value.items()?.into_iter().enumerate() {
            let word = item.text().map_err(|misread| misread.at(index))?;
            is_text_alone &= word.eq_ignore_ascii_case("TEXT");
        }
        Ok((!is_text_alone).then(|| value.json()))
    })?;
    if let Some(own) = own.flatten() {
        ask.own.push(("generationConfig.responseModalities", own));
    }
    Ok(())
}

fn read_format<'a>(fields: &mut Fields<'a>, ask: &mut Ask<'a>) -> Result<(), Misread> {
    let said = fields.read("responseMimeType", |value| {
        Ok((value.text()?, value.json()))
    })?;
    let (mime, raw) = said.unzip();
    let own = fields.read("responseSchema", schema::read)?;
    let plain = fields.read("responseJsonSchema", |value| Ok(value.json()))?;
    let schema = plain.or(own);
    match mime.as_ref().map(Text::as_str) {
        None | Some("" | "text/plain") if schema.is_none() => {
            ask.format = mime
                .filter(|mime| !mime.is_empty())
                .map(|_text| Format::Text);
        }
        None | Some("" | "text/plain" | "application/json") => {
            ask.format = Some(schema.map_or(Format::JsonObject, |schema| Format::Schema {
                name: None,
                description: None,
                schema,
                strict: None,
            }));
        }
        // `text/x.enum`: one of the schema's words, bare.
        Some(_) => {
            let raw = raw.unwrap_or_default();
            ask.own.push(("generationConfig.responseMimeType", raw));
            if let Some(schema) = schema {
                ask.own.push(("generationConfig.responseSchema", schema));
            }
        }
    }
    Ok(())
}

/// Source: <https://ai.google.dev/gemini-api/docs/thinking>: a budget of 0 is off, of -1 as the
/// model sees fit.
fn read_thinking(value: Value<'_>, notes: &mut Notes) -> Result<Reasoning, Misread> {
    let mut fields = Fields::of(value)?;
    let mut reasoning = Reasoning::default();
    if let Some(budget) = fields.read("thinkingBudget", |value| match value.raw() {
        "-1" => Ok(None),
        _ => value.count().map(Some),
    })? {
        reasoning.mode = Some(match budget {
            None => ReasoningMode::Adaptive,
            Some(0) => ReasoningMode::Off,
            Some(_) => ReasoningMode::On,
        });
        reasoning.budget = budget.filter(|budget| *budget > 0);
    }
    reasoning.effort = fields
        .read("thinkingLevel", |value| {
            match value.text()?.to_ascii_uppercase().as_str() {
                "MINIMAL" => Ok(Some(Effort::Minimal)),
                "LOW" => Ok(Some(Effort::Low)),
                "MEDIUM" => Ok(Some(Effort::Medium)),
                "HIGH" => Ok(Some(Effort::High)),
                "THINKING_LEVEL_UNSPECIFIED" => Ok(None),
                _ => Err(Misread::here("is not MINIMAL, LOW, MEDIUM or HIGH")),
            }
        })?
        .flatten();
    let includes = fields.read("includeThoughts", Value::flag)?;
    reasoning.shown = includes.map(|is_shown| {
        if is_shown {
            Shown::Auto
        } else {
            Shown::Omitted
        }
    });
    fields.name_rest("generationConfig.thinkingConfig.", notes);
    Ok(reasoning)
}
