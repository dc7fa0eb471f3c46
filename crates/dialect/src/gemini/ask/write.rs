//! A request, written for a provider.
//!
//! Invariant: only documented members are written, in one spelling; what Gemini has nothing for
//! is noted or refused by the table of losses.

use mirk_model::{Ask, Function, Problem, Role, Tool, ToolChoice, Traits, Turn};

use super::{super::schema, options, turns};
use crate::{
    json::{Array, Object},
    loss::{Feature, Notes},
};

/// Writes a request. The model stands in the path, so it is not written; neither is whether the
/// answer is to be streamed.
pub(in crate::gemini) fn write(
    ask: &Ask<'_>,
    traits: &Traits,
    notes: &mut Notes,
) -> Result<Vec<u8>, Problem> {
    lose(ask, notes)?;
    let mut out = Vec::new();
    Object::try_write(&mut out, |object| {
        conversation(ask, traits, notes, object)?;
        tools(ask, notes, object)?;
        options::write(ask, traits, notes, object)
    })?;
    Ok(out)
}

/// What Gemini has nothing for. The bridge took most of it out before.
fn lose(ask: &Ask<'_>, notes: &mut Notes) -> Result<(), Problem> {
    let sampling = &ask.sampling;
    let kept = &ask.kept;
    let lost = [
        (sampling.logit_bias.is_some(), Feature::LogitBias),
        (sampling.repeat_penalty.is_some(), Feature::RepeatPenalty),
        (sampling.min_p.is_some(), Feature::MinP),
        (ask.parallel_calls == Some(false), Feature::ParallelCalls),
        (ask.verbosity.is_some(), Feature::Verbosity),
        (ask.user.is_some(), Feature::User),
        (ask.metadata.is_some(), Feature::Metadata),
        (ask.service_tier.is_some(), Feature::ServiceTier),
        (ask.cache_key.is_some(), Feature::CacheKey),
        (ask.cache.is_some(), Feature::CacheMarks),
        (kept.store == Some(true), Feature::Store),
        (kept.previous.is_some(), Feature::Previous),
        (kept.background, Feature::Background),
    ];
    for (is_there, feature) in lost {
        if is_there {
            notes.lose(feature)?;
        }
    }
    for (name, _) in &ask.own {
        notes.dropped_field(name);
    }
    Ok(())
}

const fn is_instruction(turn: &Turn<'_>) -> bool {
    matches!(turn.role, Role::System | Role::Developer)
}

fn conversation(
    ask: &Ask<'_>,
    traits: &Traits,
    notes: &mut Notes,
    object: &mut Object<'_>,
) -> Result<(), Problem> {
    let is_instruction_alone = ask.turns.iter().all(is_instruction);
    object.try_array("contents", |contents| {
        if is_instruction_alone && !ask.turns.is_empty() {
            // Gemini wants contents; instructions alone are what the user says.
            notes.changed(Feature::LateSystem);
        }
        turns::write(&ask.turns, is_instruction_alone, traits, notes, contents)
    })?;
    if is_instruction_alone || !ask.turns.iter().any(is_instruction) {
        return Ok(());
    }
    object.try_object("systemInstruction", |system| {
        system.try_array("parts", |parts| {
            for turn in ask.turns.iter().filter(|turn| is_instruction(turn)) {
                turns::write_instruction(turn, notes, parts)?;
            }
            Ok(())
        })
    })
}

/// Tools that Google runs itself. Source: <https://ai.google.dev/api/caching>, `Tool`.
const HOSTED: [&str; 9] = [
    "googleSearch",
    "googleSearchRetrieval",
    "codeExecution",
    "urlContext",
    "computerUse",
    "fileSearch",
    "googleMaps",
    "mcpServers",
    "enterpriseWebSearch",
];

fn tools(ask: &Ask<'_>, notes: &mut Notes, object: &mut Object<'_>) -> Result<(), Problem> {
    let mut functions = Vec::new();
    let mut hosted = Vec::new();
    for tool in &ask.tools {
        match tool {
            Tool::Function(function) => functions.push(function),
            Tool::Hosted { kind, raw } if HOSTED.contains(&kind.as_str()) => hosted.push(raw),
            Tool::Hosted { .. } => notes.lose(Feature::HostedTools)?,
            // The bridge made functions of them.
            Tool::Custom { .. } => notes.dropped(Feature::CustomTools),
        }
    }
    if functions.is_empty() && hosted.is_empty() {
        return Ok(());
    }
    object.try_array("tools", |tools| {
        if !functions.is_empty() {
            tools.try_object(|tool| {
                tool.try_array("functionDeclarations", |declared| {
                    functions
                        .iter()
                        .try_for_each(|function| declare(function, notes, declared))
                })
            })?;
        }
        for raw in hosted {
            tools.raw(raw.as_str());
        }
        Ok::<(), Problem>(())
    })?;
    if let Some(choice) = &ask.tool_choice
        && !functions.is_empty()
    {
        object.object("toolConfig", |config| {
            config.object("functionCallingConfig", |config| choose(choice, config));
        });
    }
    Ok(())
}

fn declare(
    function: &Function<'_>,
    notes: &mut Notes,
    declared: &mut Array<'_>,
) -> Result<(), Problem> {
    if function.strict == Some(true) {
        notes.lose(Feature::StrictTools)?;
    }
    if function.cache.is_some() {
        notes.lose(Feature::CacheMarks)?;
    }
    if function.namespace.is_some() {
        notes.lose(Feature::Namespaces)?;
    }
    let schema = function
        .schema
        .as_ref()
        .map(|schema| schema::parameters(schema));
    if schema.as_ref().is_some_and(|schema| schema.has_changed) {
        notes.changed(Feature::Schema);
    }
    declared.object(|object| {
        object.text("name", function.name.as_str());
        object.maybe_text("description", function.description.as_deref());
        object.maybe_raw("parameters", schema.and_then(|schema| schema.json));
    });
    Ok(())
}

/// Source: <https://ai.google.dev/api/caching>, `FunctionCallingConfig`: names may stand with ANY
/// and with VALIDATED, which leaves the model free to answer in words.
fn choose(choice: &ToolChoice<'_>, config: &mut Object<'_>) {
    let (mode, names) = match choice {
        ToolChoice::Auto => ("AUTO", None),
        ToolChoice::None => ("NONE", None),
        ToolChoice::Required => ("ANY", None),
        ToolChoice::Named(name) => ("ANY", Some(std::slice::from_ref(name))),
        ToolChoice::Allowed {
            names,
            is_required: true,
        } => ("ANY", Some(names.as_slice())),
        ToolChoice::Allowed { names, .. } => ("VALIDATED", Some(names.as_slice())),
    };
    config.text("mode", mode);
    if let Some(names) = names {
        config.array("allowedFunctionNames", |array| {
            for name in names {
                array.text(name.as_str());
            }
        });
    }
}
