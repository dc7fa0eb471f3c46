//! A request for a provider.

use mirk_model::{
    Ask, Dialect, Effort, Format, Function, Problem, ReasoningMode, Text, Thinks, Tool, ToolChoice,
    Traits,
};

use super::write_turns;
use crate::{
    json::{Array, Object},
    loss::{Feature, Notes},
    measure,
    openai_chat::words,
};

/// Writes a request.
pub(in crate::openai_chat) fn write(
    ask: &Ask<'_>,
    traits: &Traits,
    notes: &mut Notes,
) -> Result<Vec<u8>, Problem> {
    let mut out = Vec::new();
    Object::try_write(&mut out, |body| {
        body.text("model", ask.model.as_str());
        body.try_array("messages", |messages| {
            write_turns::write(&ask.turns, traits, messages, notes)
        })?;
        write_tools(ask, body, notes)?;
        write_format(ask, traits, body, notes);
        write_reasoning(ask, traits, body, notes)?;
        write_sampling(ask, traits, body, notes)?;
        write_size(ask, traits, body, notes);
        write_names(ask, body, notes)?;
        for (name, value) in &ask.own {
            if notes.client() == Dialect::OpenAiChat {
                body.raw(name, value.as_str());
            } else {
                notes.dropped_field(name);
            }
        }
        if ask.is_stream {
            body.flag("stream", true);
            body.object("stream_options", |out| out.flag("include_usage", true));
        }
        Ok::<(), Problem>(())
    })?;
    Ok(out)
}

fn write_tools(ask: &Ask<'_>, body: &mut Object<'_>, notes: &mut Notes) -> Result<(), Problem> {
    let is_here = |tool: &&Tool<'_>| !matches!(tool, Tool::Hosted { .. });
    if ask.tools.iter().any(|tool| !is_here(&tool)) {
        notes.lose(Feature::HostedTools)?;
    }
    // OpenAI refuses a choice, and a rule for several calls, where there are no tools.
    if !ask.tools.iter().any(|tool| is_here(&tool)) {
        return Ok(());
    }
    body.try_array("tools", |array| {
        for tool in &ask.tools {
            match tool {
                Tool::Function(function) => write_function(function, array, notes)?,
                Tool::Custom {
                    name,
                    description,
                    format,
                } => array.object(|tool| {
                    tool.text("type", "custom");
                    tool.object("custom", |out| {
                        out.text("name", name.as_str());
                        out.maybe_text("description", description.as_ref().map(Text::as_str));
                        out.maybe_raw("format", format.as_ref().map(Text::as_str));
                    });
                }),
                Tool::Hosted { .. } => {}
            }
        }
        Ok::<(), Problem>(())
    })?;
    if let Some(choice) = &ask.tool_choice {
        write_choice(choice, &ask.tools, body);
    }
    if let Some(are_parallel) = ask.parallel_calls {
        body.flag("parallel_tool_calls", are_parallel);
    }
    Ok(())
}

fn write_function(
    function: &Function<'_>,
    array: &mut Array<'_>,
    notes: &mut Notes,
) -> Result<(), Problem> {
    if function.cache.is_some() {
        notes.lose(Feature::CacheMarks)?;
    }
    if function.namespace.is_some() {
        notes.lose(Feature::Namespaces)?;
    }
    array.object(|tool| {
        tool.text("type", "function");
        tool.object("function", |out| {
            out.text("name", function.name.as_str());
            out.maybe_text(
                "description",
                function.description.as_ref().map(Text::as_str),
            );
            out.maybe_raw("parameters", function.schema.as_ref().map(Text::as_str));
            if let Some(is_strict) = function.strict {
                out.flag("strict", is_strict);
            }
        });
    });
    Ok(())
}

fn write_choice(choice: &ToolChoice<'_>, tools: &[Tool<'_>], body: &mut Object<'_>) {
    match choice {
        ToolChoice::Auto => body.text("tool_choice", "auto"),
        ToolChoice::None => body.text("tool_choice", "none"),
        ToolChoice::Required => body.text("tool_choice", "required"),
        ToolChoice::Named(name) => {
            body.object("tool_choice", |out| write_named(name, tools, out));
        }
        ToolChoice::Allowed { names, is_required } => body.object("tool_choice", |out| {
            out.text("type", "allowed_tools");
            out.object("allowed_tools", |out| {
                out.text("mode", if *is_required { "required" } else { "auto" });
                out.array("tools", |array| {
                    for name in names {
                        array.object(|out| write_named(name, tools, out));
                    }
                });
            });
        }),
    }
}

fn write_named(name: &str, tools: &[Tool<'_>], out: &mut Object<'_>) {
    let is_it = |tool: &Tool<'_>| matches!(tool, Tool::Custom { name: own, .. } if *own == *name);
    let kind = if tools.iter().any(is_it) {
        "custom"
    } else {
        "function"
    };
    out.text("type", kind);
    out.object(kind, |out| out.text("name", name));
}

fn write_format(ask: &Ask<'_>, traits: &Traits, body: &mut Object<'_>, notes: &mut Notes) {
    match &ask.format {
        None => {}
        Some(Format::Text) => body.object("response_format", |out| out.text("type", "text")),
        Some(Format::Schema {
            name,
            description,
            schema,
            strict,
        }) if traits.has_schema => body.object("response_format", |out| {
            out.text("type", "json_schema");
            out.object("json_schema", |out| {
                // OpenAI refuses a schema without a name.
                out.text("name", name.as_ref().map_or("answer", Text::as_str));
                out.maybe_text("description", description.as_ref().map(Text::as_str));
                out.raw("schema", schema.as_str());
                if let Some(is_strict) = strict {
                    out.flag("strict", *is_strict);
                }
            });
        }),
        Some(format) => {
            if matches!(format, Format::Schema { .. }) {
                notes.changed(Feature::JsonSchema);
            }
            body.object("response_format", |out| out.text("type", "json_object"));
        }
    }
}

/// Writes how much to think as the model is told it: `reasoning_effort` (OpenAI),
/// `reasoning.max_tokens` (OpenRouter), `thinking.type` (DeepSeek, GLM, Kimi).
fn write_reasoning(
    ask: &Ask<'_>,
    traits: &Traits,
    body: &mut Object<'_>,
    notes: &mut Notes,
) -> Result<(), Problem> {
    let wish = ask.reasoning.unwrap_or_default();
    let is_off = wish.mode == Some(ReasoningMode::Off) || wish.effort == Some(Effort::None);
    let has_measure = wish.effort.is_some() || wish.budget.is_some();
    match traits.thinks {
        Thinks::No => {
            if !is_off && (has_measure || wish.mode == Some(ReasoningMode::On)) {
                notes.lose(Feature::Reasoning)?;
            }
        }
        Thinks::Effort => {
            let off = is_off.then_some(Effort::None);
            let asked = off.or(wish.effort);
            if let Some(effort) = asked.or(wish.budget.map(measure::effort_of)) {
                let taken = measure::openai_effort(&ask.model, effort);
                if asked != Some(taken) || taken == Effort::Max {
                    notes.changed(Feature::Reasoning);
                }
                body.text("reasoning_effort", words::effort_word(taken));
            }
        }
        Thinks::Budget { .. } if is_off => {
            body.object("reasoning", |out| out.flag("enabled", false));
        }
        Thinks::Budget { least, most } => {
            if let Some(budget) = wish.budget.or(wish.effort.map(as_budget)) {
                let fitting = budget.min(most).max(least);
                if wish.budget != Some(fitting) {
                    notes.changed(Feature::Reasoning);
                }
                body.object("reasoning", |out| out.number("max_tokens", fitting));
            } else if wish.mode == Some(ReasoningMode::On) {
                body.object("reasoning", |out| out.flag("enabled", true));
            }
        }
        Thinks::Flag => {
            if has_measure && !is_off {
                notes.changed(Feature::Reasoning);
            }
            if is_off || has_measure || wish.mode == Some(ReasoningMode::On) {
                let word = if is_off { "disabled" } else { "enabled" };
                body.object("thinking", |out| out.text("type", word));
            }
        }
    }
    Ok(())
}

const fn as_budget(effort: Effort) -> u64 {
    match effort {
        Effort::None => 0,
        Effort::Minimal => 1024,
        Effort::Low => 4096,
        Effort::Medium => 8192,
        Effort::High => 16384,
        Effort::ExtraHigh | Effort::Max => 32768,
    }
}

fn write_sampling(
    ask: &Ask<'_>,
    traits: &Traits,
    body: &mut Object<'_>,
    notes: &mut Notes,
) -> Result<(), Problem> {
    let sampling = &ask.sampling;
    let refused_by_some = [
        (Feature::Temperature, "temperature", &sampling.temperature),
        (Feature::TopP, "top_p", &sampling.top_p),
        (
            Feature::FrequencyPenalty,
            "frequency_penalty",
            &sampling.frequency_penalty,
        ),
        (
            Feature::PresencePenalty,
            "presence_penalty",
            &sampling.presence_penalty,
        ),
    ];
    for (feature, name, value) in refused_by_some {
        match value {
            Some(value) if traits.takes_sampling => body.raw(name, value.as_str()),
            Some(_) => notes.lose(feature)?,
            None => {}
        }
    }
    let unknown_here = [
        (Feature::TopK, &sampling.top_k),
        (Feature::MinP, &sampling.min_p),
        (Feature::RepeatPenalty, &sampling.repeat_penalty),
    ];
    for (feature, _) in unknown_here.iter().filter(|(_, value)| value.is_some()) {
        notes.lose(*feature)?;
    }
    body.maybe_raw("seed", sampling.seed.as_ref().map(Text::as_str));
    body.maybe_raw("logit_bias", sampling.logit_bias.as_ref().map(Text::as_str));
    if let Some(others) = ask.logprobs {
        body.flag("logprobs", true);
        if others > 0 {
            body.number("top_logprobs", others);
        }
    }
    Ok(())
}

fn write_size(ask: &Ask<'_>, traits: &Traits, body: &mut Object<'_>, notes: &mut Notes) {
    if let Some(wanted) = ask.max_tokens {
        let name = if traits.has_completion_limit {
            "max_completion_tokens"
        } else {
            "max_tokens"
        };
        body.number(
            name,
            measure::limit(wanted, traits.least_output, traits, notes),
        );
    }
    if let Some(choices) = ask.choices {
        body.number("n", choices);
    }
    if !ask.stop.is_empty() {
        body.array("stop", |array| {
            for stop in &ask.stop {
                array.text(stop.as_str());
            }
        });
    }
    body.maybe_text("verbosity", ask.verbosity.as_ref().map(Text::as_str));
}

fn write_names(ask: &Ask<'_>, body: &mut Object<'_>, notes: &mut Notes) -> Result<(), Problem> {
    body.maybe_text("user", ask.user.as_ref().map(Text::as_str));
    body.maybe_raw("metadata", ask.metadata.as_ref().map(Text::as_str));
    body.maybe_text("service_tier", ask.service_tier.as_ref().map(Text::as_str));
    body.maybe_text("prompt_cache_key", ask.cache_key.as_ref().map(Text::as_str));
    if ask.cache.is_some() {
        notes.lose(Feature::CacheMarks)?;
    }
    if ask.kept.store == Some(true) {
        notes.lose(Feature::Store)?;
    }
    if ask.kept.previous.is_some() {
        notes.lose(Feature::Previous)?;
    }
    if ask.kept.background {
        notes.lose(Feature::Background)?;
    }
    Ok(())
}
