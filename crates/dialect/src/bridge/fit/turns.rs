//! The conversation, turn by turn: roles, places, and parts that the target has nothing for.

use mirk_model::{
    Ask, Dialect, Kind, Media, MediaKind, Part, PartKind, Problem, ReasoningMode, Role, Source,
    Text, Traits, Turn,
};

use crate::{
    loss::{Fate, Feature, Notes},
    wire::{Shape, SystemPlace},
};

pub(super) fn fit(
    ask: &mut Ask<'_>,
    shape: &Shape,
    traits: &Traits,
    notes: &mut Notes,
) -> Result<(), Problem> {
    roles(ask, shape, traits, notes)?;
    for turn in &mut ask.turns {
        if turn.name.is_some() && Feature::TurnName.fate(notes.target()) != Fate::Kept {
            turn.name = None;
            notes.lose(Feature::TurnName)?;
        }
        parts(turn, shape, notes)?;
    }
    result_media(ask, shape, traits, notes)?;
    ask.turns.retain(|turn| !turn.parts.is_empty());
    if shape.system == SystemPlace::Front {
        hoist(ask, notes)?;
    }
    if shape.merges_turns {
        merge(ask);
    }
    thinking_of_last_turn(ask, notes);
    Ok(())
}

fn roles(
    ask: &mut Ask<'_>,
    shape: &Shape,
    traits: &Traits,
    notes: &mut Notes,
) -> Result<(), Problem> {
    let knows_developer =
        shape.has_developer && (notes.target() != Dialect::OpenAiChat || traits.has_developer);
    for turn in &mut ask.turns {
        if turn.role == Role::Developer && !knows_developer {
            turn.role = Role::System;
            notes.lose(Feature::Developer)?;
        }
    }
    Ok(())
}

fn parts(turn: &mut Turn<'_>, shape: &Shape, notes: &mut Notes) -> Result<(), Problem> {
    let mut kept = Vec::with_capacity(turn.parts.len());
    for mut part in std::mem::take(&mut turn.parts) {
        if part.cache.is_some() && Feature::CacheMarks.fate(notes.target()) != Fate::Kept {
            part.cache = None;
            notes.lose(Feature::CacheMarks)?;
        }
        if let Some(part) = fitted(part, shape, notes)? {
            kept.push(part);
        }
    }
    if turn.role == Role::Assistant && shape.needs_results {
        // What was said after a call is said before it: the results come right behind.
        let is_call = |part: &Part<'_>| matches!(part.kind, PartKind::Call(_));
        kept.sort_by_key(is_call);
    }
    turn.parts = kept;
    Ok(())
}

/// The part as the target can take it, if it can.
fn fitted<'a>(
    mut part: Part<'a>,
    shape: &Shape,
    notes: &mut Notes,
) -> Result<Option<Part<'a>>, Problem> {
    match &mut part.kind {
        PartKind::Text { citations, .. } => {
            if !citations.is_empty() {
                citations.clear();
                notes.lose(Feature::Citations)?;
            }
        }
        PartKind::Media(media) => {
            if let Some(text) = fit_media(media, notes)? {
                part.kind = Part::text(text).kind;
            }
        }
        PartKind::Thinking(thinking) => {
            let is_foreign = |state: &mirk_model::State<'_>| !shape.origins.contains(&state.origin);
            if thinking.state.as_ref().is_some_and(is_foreign) {
                thinking.state = None;
                notes.dropped(Feature::ThinkingState);
            }
            if thinking.state.is_none() && Feature::ThinkingText.fate(notes.target()) != Fate::Kept
            {
                if !thinking.text.is_empty() {
                    notes.lose(Feature::ThinkingText)?;
                }
                return Ok(None);
            }
        }
        PartKind::Call(call) => {
            if call
                .state
                .as_ref()
                .is_some_and(|state| !shape.origins.contains(&state.origin))
            {
                call.state = None;
                notes.dropped(Feature::ThinkingState);
            }
        }
        PartKind::Result(result) => {
            let mut kept = Vec::with_capacity(result.parts.len());
            for part in std::mem::take(&mut result.parts) {
                kept.extend(fitted(part, shape, notes)?);
            }
            result.parts = kept;
            if result.is_error && Feature::ToolErrors.fate(notes.target()) == Fate::Changed {
                result.is_error = false;
                result.parts.insert(0, Part::text("[tool error]"));
                notes.changed(Feature::ToolErrors);
            }
        }
        PartKind::Refusal(text) => {
            if Feature::Refusals.fate(notes.target()) != Fate::Kept {
                part.kind = Part::text(std::mem::take(text)).kind;
                notes.changed(Feature::Refusals);
            }
        }
    }
    Ok(Some(part))
}

/// Fits media; a document that is text may come back as that.
fn fit_media<'a>(media: &mut Media<'a>, notes: &mut Notes) -> Result<Option<Text<'a>>, Problem> {
    if media.detail.is_some() && Feature::ImageDetail.fate(notes.target()) != Fate::Kept {
        media.detail = None;
        notes.lose(Feature::ImageDetail)?;
    }
    if let Source::Data { mime, .. } = &media.source
        && !is_mime(mime)
    {
        let words = "The media type of an attachment is none, such as `image/png` is.";
        return Err(Problem::new(Kind::BadRequest, words));
    }
    let feature = match (media.kind, &media.source) {
        (_, Source::File(_)) => Feature::File,
        (MediaKind::Image, Source::Url { .. }) => Feature::ImageUrl,
        (MediaKind::Image, _) => Feature::Image,
        (MediaKind::Document, Source::Url { .. }) => Feature::DocumentUrl,
        (MediaKind::Document, Source::Text(_)) => Feature::DocumentText,
        (MediaKind::Document, Source::Data { .. }) => Feature::Document,
        (MediaKind::Audio, _) => Feature::Audio,
        (MediaKind::Video, _) => Feature::Video,
    };
    match feature.fate(notes.target()) {
        Fate::Kept => Ok(None),
        Fate::Changed => {
            notes.changed(feature);
            match &mut media.source {
                Source::Text(text) => Ok(Some(std::mem::take(text))),
                _ => Ok(None),
            }
        }
        Fate::Dropped | Fate::Refused => Err(notes.refuse(feature)),
    }
}

/// Whether `mime` is a media type that can stand in a data URL: two names, parameters maybe, and none of what
/// would end it there. Source: RFC 2397.
fn is_mime(mime: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b",\"#%<>\\".contains(&byte);
    !mime.is_empty() && mime.bytes().all(is_plain)
}

/// Moves media out of results into the user's next turn, where results hold only text.
fn result_media(
    ask: &mut Ask<'_>,
    shape: &Shape,
    traits: &Traits,
    notes: &mut Notes,
) -> Result<(), Problem> {
    let holds =
        shape.has_result_media && (notes.target() != Dialect::Gemini || traits.takes_result_media);
    if holds {
        return Ok(());
    }
    let turns = std::mem::take(&mut ask.turns);
    let mut moved: Vec<Part<'_>> = Vec::new();
    for mut turn in turns {
        if turn.role == Role::User && !moved.is_empty() {
            moved.append(&mut turn.parts);
            turn.parts = std::mem::take(&mut moved);
        } else if turn.role != Role::Tool && !moved.is_empty() {
            ask.turns.push(user(std::mem::take(&mut moved)));
        }
        for part in &mut turn.parts {
            if let PartKind::Result(result) = &mut part.kind {
                take_media(&mut result.parts, &mut moved);
            }
        }
        ask.turns.push(turn);
    }
    if !moved.is_empty() {
        ask.turns.push(user(moved));
    }
    // `moved` is not empty only where something was noted.
    let has_moved =
        ask.turns.iter().flat_map(|turn| &turn.parts).any(
            |part| matches!(&part.kind, PartKind::Result(result) if is_pointer(&result.parts)),
        );
    if has_moved {
        notes.lose(Feature::ToolResultMedia)?;
    }
    Ok(())
}

/// What a result says whose media follows.
const FOLLOWS: &str = "[see the attachment in the next message]";

fn is_pointer(parts: &[Part<'_>]) -> bool {
    parts
        .iter()
        .any(|part| matches!(&part.kind, PartKind::Text { text, .. } if *text == FOLLOWS))
}

fn take_media<'a>(parts: &mut Vec<Part<'a>>, moved: &mut Vec<Part<'a>>) {
    let is_media = |part: &Part<'_>| matches!(part.kind, PartKind::Media(_));
    if !parts.iter().any(is_media) {
        return;
    }
    let (media, mut rest): (Vec<_>, Vec<_>) = std::mem::take(parts).into_iter().partition(is_media);
    moved.extend(media);
    rest.push(Part::text(FOLLOWS));
    *parts = rest;
}

fn user(parts: Vec<Part<'_>>) -> Turn<'_> {
    Turn {
        role: Role::User,
        name: None,
        parts,
    }
}

/// Moves instructions to the front, in their order.
fn hoist(ask: &mut Ask<'_>, notes: &mut Notes) -> Result<(), Problem> {
    let is_instruction = |turn: &Turn<'_>| matches!(turn.role, Role::System | Role::Developer);
    let is_late = ask
        .turns
        .iter()
        .skip_while(|turn| is_instruction(turn))
        .any(is_instruction);
    if is_late {
        ask.turns.sort_by_key(|turn| !is_instruction(turn));
        notes.lose(Feature::LateSystem)?;
    }
    Ok(())
}

/// Makes turns of one role in a row one turn.
fn merge(ask: &mut Ask<'_>) {
    let mut merged: Vec<Turn<'_>> = Vec::with_capacity(ask.turns.len());
    for mut turn in std::mem::take(&mut ask.turns) {
        match merged.last_mut() {
            Some(last)
                if last.role == turn.role
                    && !matches!(turn.role, Role::System | Role::Developer) =>
            {
                last.parts.append(&mut turn.parts);
            }
            _ => merged.push(turn),
        }
    }
    ask.turns = merged;
}

/// Anthropic wants a turn that calls tools to begin with the thought that led there, signed. Where
/// the client's history has none, this turn is answered without thinking.
fn thinking_of_last_turn(ask: &mut Ask<'_>, notes: &mut Notes) {
    if notes.target() != Dialect::Anthropic {
        return;
    }
    let thinks = ask.reasoning.is_some_and(|reasoning| {
        reasoning.mode != Some(ReasoningMode::Off)
            && (reasoning.mode.is_some()
                || reasoning.effort.is_some()
                || reasoning.budget.is_some())
    });
    let is_loop = ask.turns.last().is_some_and(|turn| turn.role == Role::Tool);
    let begins_with_thought = ask
        .turns
        .iter()
        .rev()
        .find(|turn| turn.role == Role::Assistant)
        .and_then(|turn| turn.parts.first())
        .is_none_or(|part| matches!(part.kind, PartKind::Thinking(_)));
    if thinks && is_loop && !begins_with_thought {
        if let Some(reasoning) = &mut ask.reasoning {
            reasoning.mode = Some(ReasoningMode::Off);
            reasoning.effort = None;
            reasoning.budget = None;
        }
        notes.dropped(Feature::Reasoning);
    }
}
