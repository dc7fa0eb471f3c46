//! Fields of the request as a whole that the target has nothing for.

use mirk_model::{Ask, Problem, Text, Tool};

use crate::{
    loss::{Fate, Feature, Notes},
    wire::Shape,
};

/// Takes a field out when the target has nothing for it, and notes that.
fn without<T>(field: &mut Option<T>, feature: Feature, notes: &mut Notes) -> Result<(), Problem> {
    if field.is_some() && feature.fate(notes.target()) != Fate::Kept {
        *field = None;
        notes.lose(feature)?;
    }
    Ok(())
}

pub(super) fn fit(ask: &mut Ask<'_>, shape: &Shape, notes: &mut Notes) -> Result<(), Problem> {
    let sampling = &mut ask.sampling;
    without(&mut sampling.seed, Feature::Seed, notes)?;
    without(&mut sampling.logit_bias, Feature::LogitBias, notes)?;
    without(
        &mut sampling.frequency_penalty,
        Feature::FrequencyPenalty,
        notes,
    )?;
    without(
        &mut sampling.presence_penalty,
        Feature::PresencePenalty,
        notes,
    )?;
    without(&mut sampling.repeat_penalty, Feature::RepeatPenalty, notes)?;
    without(&mut sampling.top_k, Feature::TopK, notes)?;
    without(&mut sampling.min_p, Feature::MinP, notes)?;
    without(&mut ask.logprobs, Feature::Logprobs, notes)?;
    without(&mut ask.verbosity, Feature::Verbosity, notes)?;
    without(&mut ask.user, Feature::User, notes)?;
    let is_long = |user: &mut Text<'_>| user.chars().count() > shape.longest_user;
    if ask.user.take_if(is_long).is_some() {
        notes.dropped(Feature::User);
    }
    without(&mut ask.metadata, Feature::Metadata, notes)?;
    without(&mut ask.service_tier, Feature::ServiceTier, notes)?;
    without(&mut ask.cache_key, Feature::CacheKey, notes)?;
    without(&mut ask.cache, Feature::CacheMarks, notes)?;
    without(&mut ask.kept.previous, Feature::Previous, notes)?;
    if ask.choices == Some(1) {
        ask.choices = None;
    }
    without(&mut ask.choices, Feature::Choices, notes)?;
    if ask.parallel_calls == Some(true) {
        // What every provider does unless told otherwise.
        ask.parallel_calls = None;
    }
    without(&mut ask.parallel_calls, Feature::ParallelCalls, notes)?;
    if ask.kept.store == Some(false) {
        // What every provider but OpenAI's Responses does anyway.
        ask.kept.store = ask.kept.store.filter(|_| keeps_answers(notes));
    }
    without(&mut ask.kept.store, Feature::Store, notes)?;
    if ask.kept.background && Feature::Background.fate(notes.target()) != Fate::Kept {
        notes.lose(Feature::Background)?;
    }
    if ask.stop.len() > shape.most_stops {
        ask.stop.truncate(shape.most_stops);
        notes.dropped(Feature::Stop);
    }
    for tool in &mut ask.tools {
        if let Tool::Function(function) = tool {
            if function.strict == Some(false) {
                function.strict = None;
            }
            without(&mut function.strict, Feature::StrictTools, notes)?;
            without(&mut function.cache, Feature::CacheMarks, notes)?;
        }
    }
    for (name, _) in ask.own.drain(..) {
        notes.dropped_field(name);
    }
    Ok(())
}

fn keeps_answers(notes: &Notes) -> bool {
    Feature::Store.fate(notes.target()) == Fate::Kept
}
