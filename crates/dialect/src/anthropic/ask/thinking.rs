//! How much to think, in the way the model is told.

use mirk_model::{Ask, Effort, Problem, Reasoning, ReasoningMode, Shown, Thinks, Traits};

use crate::{
    json::Object,
    loss::{Feature, Notes},
    measure,
};

/// The most output tokens where neither the client nor the catalogue says: every model takes it.
const OUTPUT: u64 = 8_192;

/// The least budget that Anthropic accepts; also the room left for the answer behind it.
const LEAST_BUDGET: u64 = 1_024;

/// What is written about thinking, and the output limit that has room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// What `thinking` says.
    pub(super) mode: Mode,
    /// What `output_config.effort` says.
    pub(super) effort: Option<&'static str>,
    /// What `max_tokens` says.
    pub(super) max_tokens: u64,
    shown: Option<Shown>,
}

/// What `thinking` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Nothing.
    Unsaid,
    /// Not to.
    Off,
    /// As the model sees fit.
    Adaptive,
    /// With so many tokens.
    Budget(u64),
}

impl Plan {
    /// Nothing said.
    pub(super) const UNSAID: Self = Self {
        mode: Mode::Unsaid,
        effort: None,
        max_tokens: OUTPUT,
        shown: None,
    };

    /// Whether the model thinks, as far as the request says.
    pub(super) const fn is_on(&self) -> bool {
        matches!(self.mode, Mode::Adaptive | Mode::Budget(_))
    }

    /// The plan for `ask`; `is_forced` when what comes next is said already, and Anthropic refuses
    /// to have the model think about it.
    pub(super) fn of(
        ask: &Ask<'_>,
        traits: &Traits,
        is_forced: bool,
        notes: &mut Notes,
    ) -> Result<Self, Problem> {
        let limit = ask
            .max_tokens
            .map(|wanted| measure::limit(wanted, traits.least_output, traits, notes));
        let reasoning = ask.reasoning.unwrap_or_default();
        let mut plan = Self {
            mode: Mode::Unsaid,
            effort: None,
            max_tokens: limit.or(traits.max_output).unwrap_or(OUTPUT),
            shown: reasoning.shown,
        };
        let is_off = reasoning.mode == Some(ReasoningMode::Off)
            || reasoning.effort == Some(Effort::None)
            || reasoning.budget == Some(0);
        let is_said =
            reasoning.mode.is_some() || reasoning.effort.is_some() || reasoning.budget.is_some();
        match traits.thinks {
            _ if !is_said => {}
            Thinks::No | Thinks::Flag if is_off => {}
            Thinks::No | Thinks::Flag => notes.lose(Feature::Reasoning)?,
            Thinks::Effort | Thinks::Budget { .. } if is_off => plan.mode = Mode::Off,
            Thinks::Effort => plan.by_effort(&reasoning, is_forced, notes)?,
            Thinks::Budget { .. } if is_forced => notes.lose(Feature::Reasoning)?,
            Thinks::Budget { least, most } => {
                let has_limit = limit.or(traits.max_output).is_some();
                plan.by_budget(&reasoning, (least, most), has_limit, notes)?;
            }
        }
        Ok(plan)
    }

    fn by_effort(
        &mut self,
        reasoning: &Reasoning,
        is_forced: bool,
        notes: &mut Notes,
    ) -> Result<(), Problem> {
        let (effort, is_exact) = match (reasoning.effort, reasoning.budget) {
            (Some(Effort::Minimal), _) => (Some("low"), false),
            (Some(effort), budget) => (Some(word(effort)), budget.is_none()),
            (None, Some(budget)) => (Some(effort_of(budget)), false),
            (None, None) => (None, reasoning.mode != Some(ReasoningMode::On)),
        };
        self.effort = effort;
        if is_forced {
            return notes.lose(Feature::Reasoning);
        }
        if !is_exact {
            notes.changed(Feature::Reasoning);
        }
        self.mode = Mode::Adaptive;
        Ok(())
    }

    /// The output limit is the client's, who counts thoughts as output: the budget gives way.
    fn by_budget(
        &mut self,
        reasoning: &Reasoning,
        (least, most): (u64, u64),
        has_limit: bool,
        notes: &mut Notes,
    ) -> Result<(), Problem> {
        let least = least.max(LEAST_BUDGET);
        let wanted = match (reasoning.budget, reasoning.effort) {
            (Some(budget), _) => budget,
            (None, Some(effort)) => budget_of(effort).unwrap_or(most),
            (None, None) => budget_of(Effort::Medium).unwrap_or(most),
        };
        let mut budget = wanted.min(most).max(least);
        if !has_limit {
            self.max_tokens = self.max_tokens.max(budget.saturating_add(OUTPUT));
        }
        if budget.saturating_add(LEAST_BUDGET) > self.max_tokens {
            budget = self.max_tokens.saturating_sub(LEAST_BUDGET).max(least);
        }
        if budget >= self.max_tokens {
            return notes.lose(Feature::Reasoning);
        }
        if reasoning.budget != Some(budget) || reasoning.effort.is_some() {
            notes.changed(Feature::Reasoning);
        }
        self.mode = Mode::Budget(budget);
        Ok(())
    }

    /// Writes `thinking`.
    pub(super) fn write(&self, body: &mut Object<'_>) {
        let kind = match self.mode {
            Mode::Unsaid => return,
            Mode::Off => "disabled",
            Mode::Adaptive => "adaptive",
            Mode::Budget(_) => "enabled",
        };
        body.object("thinking", |thinking| {
            thinking.text("type", kind);
            if let Mode::Budget(budget) = self.mode {
                thinking.number("budget_tokens", budget);
            }
            match self.shown {
                Some(_) if self.mode == Mode::Off => {}
                Some(Shown::Omitted) => thinking.text("display", "omitted"),
                Some(_) => thinking.text("display", "summarized"),
                None => {}
            }
        });
    }
}

const fn word(effort: Effort) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::ExtraHigh => "xhigh",
        Effort::Max => "max",
    }
}

/// The effort that a budget is about. Above `high` not every model follows, so a budget alone
/// never asks for that.
const fn effort_of(budget: u64) -> &'static str {
    match budget {
        0..=4_096 => "low",
        4_097..=8_192 => "medium",
        _ => "high",
    }
}

/// The budget that an effort is about; nothing for all that there is.
const fn budget_of(effort: Effort) -> Option<u64> {
    match effort {
        Effort::None => Some(0),
        Effort::Minimal => Some(1_024),
        Effort::Low => Some(4_096),
        Effort::Medium => Some(8_192),
        Effort::High => Some(16_384),
        Effort::ExtraHigh => Some(32_768),
        Effort::Max => None,
    }
}
