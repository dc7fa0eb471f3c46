//! Calls and their results brought together: every id once, every result with its call.

use std::collections::{HashSet, VecDeque};

use mirk_model::{Ask, CallResult, Part, PartKind, Problem, Role, Text, Turn};

use crate::{
    loss::{Feature, Notes},
    wire::Shape,
};

/// What stands for the result of a call that was never answered.
const NO_RESULT: &str = "[no result]";

/// A call in the conversation.
struct Known {
    /// As the client has it.
    id: String,
    /// As the target gets it.
    given: String,
    name: String,
    is_custom: bool,
    /// The turn it stands in.
    turn: usize,
    result: Option<Part<'static>>,
    is_answered: bool,
}

/// Gives every call an id that the target takes and no other call has, and every result the id of
/// its call. Results of one turn's calls follow it in the order of the calls.
pub(super) fn pair(ask: &mut Ask<'_>, shape: &Shape, notes: &mut Notes) -> Result<(), Problem> {
    let mut known = name_calls(ask, shape);
    let mut open: VecDeque<usize> = VecDeque::new();
    let mut results: Vec<Vec<(usize, Part<'_>)>> = Vec::new();
    results.resize_with(ask.turns.len(), Vec::new);
    let mut next = 0;
    for (index, turn) in ask.turns.iter_mut().enumerate() {
        while known.get(next).is_some_and(|call| call.turn <= index) {
            open.push_back(next);
            next += 1;
        }
        if turn.role != Role::Tool {
            continue;
        }
        for mut part in std::mem::take(&mut turn.parts) {
            let PartKind::Result(result) = &mut part.kind else {
                continue;
            };
            let name = result.name.as_ref().map(Text::as_str);
            let Some(call) = answered(&mut open, &known, &result.id, name) else {
                return Err(notes.refuse(Feature::OrphanResults));
            };
            let Some(call_known) = known.get_mut(call) else {
                continue;
            };
            call_known.is_answered = true;
            result.id = Text::from(call_known.given.clone());
            result.name = Some(Text::from(call_known.name.clone()));
            result.is_custom = call_known.is_custom;
            if let Some(of_turn) = results.get_mut(call_known.turn) {
                of_turn.push((call, part));
            }
        }
    }
    if shape.needs_results {
        for call in known.iter_mut().filter(|call| !call.is_answered) {
            call.result = Some(missing(call));
            notes.lose(Feature::MissingResults)?;
        }
    }
    put_behind_calls(ask, results, known);
    Ok(())
}

/// The call that a result answers: the first open one of its id, and of those without an id the
/// first of its name.
fn answered(
    open: &mut VecDeque<usize>,
    known: &[Known],
    id: &str,
    name: Option<&str>,
) -> Option<usize> {
    let find = |is_it: &dyn Fn(&Known) -> bool| {
        open.iter()
            .position(|call| known.get(*call).is_some_and(is_it))
    };
    let by_name = name
        .filter(|_| id.is_empty())
        .and_then(|name| find(&|call| call.name == name));
    let by_id = || find(&|call| call.id == id);
    // A client of a dialect without ids answers calls that were given ids on their way there.
    let first = || if id.is_empty() { find(&|_| true) } else { None };
    let place = by_name.or_else(by_id).or_else(first)?;
    open.remove(place)
}

fn name_calls(ask: &mut Ask<'_>, shape: &Shape) -> Vec<Known> {
    let mut taken: HashSet<String> = HashSet::new();
    let originals: HashSet<String> = calls(ask)
        .map(|(_, call)| call.id.as_str().to_owned())
        .collect();
    let mut known = Vec::new();
    let mut number = 0_u32;
    for (turn, call) in calls(ask) {
        let is_good = shape.longest_id == 0
            || (!call.id.is_empty()
                && call.id.len() <= shape.longest_id
                && call.id.bytes().all(shape.id_byte));
        let given = if is_good && !taken.contains(call.id.as_str()) {
            call.id.as_str().to_owned()
        } else {
            loop {
                let made = format!("call_{number}");
                number += 1;
                if !taken.contains(&made) && !originals.contains(&made) {
                    break made;
                }
            }
        };
        taken.insert(given.clone());
        known.push(Known {
            id: call.id.as_str().to_owned(),
            name: call.name.as_str().to_owned(),
            is_custom: call.is_custom,
            turn,
            result: None,
            is_answered: false,
            given: given.clone(),
        });
        call.id = Text::from(given);
    }
    known
}

fn calls<'q, 'a>(
    ask: &'q mut Ask<'a>,
) -> impl Iterator<Item = (usize, &'q mut mirk_model::Call<'a>)> {
    ask.turns.iter_mut().enumerate().flat_map(|(index, turn)| {
        turn.parts
            .iter_mut()
            .filter_map(move |part| match &mut part.kind {
                PartKind::Call(call) => Some((index, call)),
                _ => None,
            })
    })
}

fn missing(call: &Known) -> Part<'static> {
    Part::new(PartKind::Result(CallResult {
        id: Text::from(call.given.clone()),
        name: Some(Text::from(call.name.clone())),
        parts: vec![Part::text(NO_RESULT)],
        is_error: true,
        is_custom: call.is_custom,
    }))
}

/// Rebuilds the turns: behind each turn with calls one turn with their results, in the order of
/// the calls; turns that were results alone are gone.
fn put_behind_calls<'a>(
    ask: &mut Ask<'a>,
    mut results: Vec<Vec<(usize, Part<'a>)>>,
    mut known: Vec<Known>,
) {
    let turns = std::mem::take(&mut ask.turns);
    for (index, turn) in turns.into_iter().enumerate() {
        if turn.role != Role::Tool {
            ask.turns.push(turn);
        }
        let mut of_turn = results
            .get_mut(index)
            .map(std::mem::take)
            .unwrap_or_default();
        for (number, call) in known.iter_mut().enumerate() {
            if call.turn == index
                && let Some(result) = call.result.take()
            {
                of_turn.push((number, result));
            }
        }
        of_turn.sort_by_key(|(call, _)| *call);
        if !of_turn.is_empty() {
            ask.turns.push(Turn {
                role: Role::Tool,
                name: None,
                parts: of_turn.into_iter().map(|(_, part)| part).collect(),
            });
        }
    }
}
