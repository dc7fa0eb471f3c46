//! `think`: whether to, and for some models how much.

use mirk_model::{Effort, Reasoning, ReasoningMode, Thinks, Traits};

use crate::{
    json::{Misread, Object, Value},
    loss::{Feature, Notes},
    measure,
};

/// Reads `think`.
pub(super) fn read(value: Value<'_>) -> Result<Reasoning, Misread> {
    let mut reasoning = Reasoning::default();
    match value.raw() {
        "true" => reasoning.mode = Some(ReasoningMode::On),
        "false" => reasoning.mode = Some(ReasoningMode::Off),
        r#""low""# => reasoning.effort = Some(Effort::Low),
        r#""medium""# => reasoning.effort = Some(Effort::Medium),
        r#""high""# => reasoning.effort = Some(Effort::High),
        _ => {
            return Err(Misread::here(
                "is neither true, false, low, medium nor high",
            ));
        }
    }
    Ok(reasoning)
}

/// Writes `think`.
pub(super) fn write(
    reasoning: Option<Reasoning>,
    traits: &Traits,
    notes: &mut Notes,
    body: &mut Object<'_>,
) {
    let Some(reasoning) = reasoning else { return };
    let is_off =
        reasoning.mode == Some(ReasoningMode::Off) || reasoning.effort == Some(Effort::None);
    let wants = !is_off
        && (reasoning.mode.is_some() || reasoning.effort.is_some() || reasoning.budget.is_some());
    match traits.thinks {
        Thinks::No if wants => notes.dropped(Feature::Reasoning),
        Thinks::Effort => {
            let budget = reasoning.budget.map(measure::effort_of);
            let effort = is_off.then_some(Effort::None).or(reasoning.effort);
            let (word, is_exact) = match effort.or(budget) {
                Some(Effort::Low) => ("low", effort.is_some()),
                // These models cannot be told not to think.
                Some(Effort::None | Effort::Minimal) => ("low", false),
                Some(Effort::High) => ("high", effort.is_some()),
                Some(Effort::ExtraHigh | Effort::Max) => ("high", false),
                Some(Effort::Medium) => ("medium", effort.is_some()),
                None if wants => ("medium", true),
                None => return,
            };
            if !is_exact {
                notes.changed(Feature::Reasoning);
            }
            body.text("think", word);
        }
        Thinks::Flag | Thinks::Budget { .. } if wants => {
            if reasoning.effort.is_some() || reasoning.budget.is_some() {
                notes.changed(Feature::Reasoning);
            }
            body.flag("think", true);
        }
        // A model that can think does, unless it is told not to; one that cannot takes `false`.
        _ if is_off => body.flag("think", false),
        _ => {}
    }
}
