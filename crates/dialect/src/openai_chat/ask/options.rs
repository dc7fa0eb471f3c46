//! How to sample, how much to say and to think.

use mirk_model::{Ask, Effort, Reasoning, ReasoningMode, Shown};

use super::leave;
use crate::{
    json::{Members, Misread, Type, Value},
    loss::{Feature, Notes},
    openai_chat::words,
};

/// Reads what governs sampling and the size of the answer.
pub(super) fn read<'a>(
    members: &mut Members<'a>,
    ask: &mut Ask<'a>,
    notes: &mut Notes,
) -> Result<(), Misread> {
    let sampling = &mut ask.sampling;
    sampling.temperature = members.read("temperature", Value::number)?;
    sampling.top_p = members.read("top_p", Value::number)?;
    sampling.top_k = members.read("top_k", Value::number)?;
    sampling.min_p = members.read("min_p", Value::number)?;
    sampling.frequency_penalty = members.read("frequency_penalty", Value::number)?;
    sampling.presence_penalty = members.read("presence_penalty", Value::number)?;
    sampling.repeat_penalty = members.read("repetition_penalty", Value::number)?;
    sampling.seed = members.read("seed", Value::number)?;
    sampling.logit_bias =
        members.read("logit_bias", |value| value.members().map(|_| value.json()))?;
    let older = members.read("max_tokens", Value::count)?;
    ask.max_tokens = members
        .read("max_completion_tokens", Value::count)?
        .or(older);
    ask.choices = members.read("n", Value::count)?;
    ask.verbosity = members.read("verbosity", Value::text)?;
    members.read("stop", |value| {
        if value.kind() == Type::Text {
            ask.stop.push(value.text()?);
            return Ok(());
        }
        for (index, item) in value.items()?.into_iter().enumerate() {
            ask.stop
                .push(item.text().map_err(|misread| misread.at(index))?);
        }
        Ok(())
    })?;
    let is_wanted = members.read("logprobs", Value::flag)?.unwrap_or(false);
    let others = members.read("top_logprobs", Value::count)?;
    if is_wanted {
        ask.logprobs = Some(others.unwrap_or(0));
    } else if others.is_some_and(|others| others > 0) {
        // OpenAI refuses one without the other; other servers ignore it.
        notes.dropped(Feature::Logprobs);
    }
    Ok(())
}

/// Reads how much to think, in the words of OpenAI, OpenRouter, DeepSeek and Qwen. Says whether
/// thoughts may be shown.
pub(super) fn reasoning<'a>(
    members: &mut Members<'a>,
    ask: &mut Ask<'a>,
    notes: &mut Notes,
) -> Result<bool, Misread> {
    let mut wish = Reasoning {
        effort: members.read("reasoning_effort", effort)?,
        ..Reasoning::default()
    };
    members.read("reasoning", |value| routed(value, &mut wish, notes))?;
    members.read("thinking", |value| switched(value, &mut wish, notes))?;
    if let Some(is_on) = members.read("enable_thinking", Value::flag)? {
        wish.mode = Some(mode(is_on));
    }
    if let Some(budget) = members.read("thinking_budget", Value::count)? {
        wish.budget = Some(budget);
    }
    if members.read("include_reasoning", Value::flag)? == Some(false) {
        wish.shown = Some(Shown::Omitted);
    }
    if wish != Reasoning::default() {
        ask.reasoning = Some(wish);
    }
    Ok(wish.shown != Some(Shown::Omitted))
}

const fn mode(is_on: bool) -> ReasoningMode {
    if is_on {
        ReasoningMode::On
    } else {
        ReasoningMode::Off
    }
}

fn effort(value: Value<'_>) -> Result<Effort, Misread> {
    words::effort(&value.text()?).ok_or_else(|| Misread::here("is not an effort that Mirk knows"))
}

/// OpenRouter's `reasoning`.
fn routed(value: Value<'_>, wish: &mut Reasoning, notes: &mut Notes) -> Result<(), Misread> {
    let mut members = value.members()?;
    wish.effort = members.read("effort", effort)?.or(wish.effort);
    wish.budget = members.read("max_tokens", Value::count)?;
    wish.mode = members.read("enabled", Value::flag)?.map(mode);
    wish.shown = members.read("summary", |value| match &*value.text()? {
        "auto" => Ok(Shown::Auto),
        "concise" => Ok(Shown::Concise),
        "detailed" => Ok(Shown::Detailed),
        _ => Err(Misread::here("is neither auto, concise nor detailed")),
    })?;
    if members.read("exclude", Value::flag)? == Some(true) {
        wish.shown = Some(Shown::Omitted);
    }
    leave(&members, "reasoning.", notes);
    Ok(())
}

/// DeepSeek's `thinking`, which is Anthropic's.
fn switched(value: Value<'_>, wish: &mut Reasoning, notes: &mut Notes) -> Result<(), Misread> {
    let mut members = value.members()?;
    wish.mode = members.read("type", |value| match &*value.text()? {
        "enabled" => Ok(ReasoningMode::On),
        "disabled" => Ok(ReasoningMode::Off),
        "adaptive" | "auto" => Ok(ReasoningMode::Adaptive),
        _ => Err(Misread::here(
            "is neither enabled, disabled, adaptive nor auto",
        )),
    })?;
    wish.budget = members.read("budget_tokens", Value::count)?.or(wish.budget);
    leave(&members, "thinking.", notes);
    Ok(())
}
