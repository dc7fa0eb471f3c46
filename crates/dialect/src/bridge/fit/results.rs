//! Calls and their results brought together: every id once, every result with its call.

use std::collections::{HashMap, HashSet, VecDeque};

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
    is_answered: bool,
}

/// Gives every call an id that the target takes and no other call has, and every result the id of
/// its call. Results of one turn's calls follow it in the order of the calls.
pub(super) fn pair(ask: &mut Ask<'_>, shape: &Shape, notes: &mut Notes) -> Result<(), Problem> {
    let mut known = name_calls(ask, shape);
    let mut open = Open::default();
    let mut results: Vec<Vec<(usize, Part<'_>)>> = Vec::new();
    results.resize_with(ask.turns.len(), Vec::new);
    let mut next = 0;
    for (index, turn) in ask.turns.iter_mut().enumerate() {
        while let Some(call) = known.get(next).filter(|call| call.turn <= index) {
            open.add(next, call);
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
            let place = open.take(&result.id, name, &known);
            let Some((place, call)) = place.and_then(|place| Some((place, known.get_mut(place)?)))
            else {
                return Err(notes.refuse(Feature::OrphanResults));
            };
            call.is_answered = true;
            result.id = Text::from(call.given.clone());
            result.name = Some(Text::from(call.name.clone()));
            result.is_custom = call.is_custom;
            if let Some(of_turn) = results.get_mut(call.turn) {
                of_turn.push((place, part));
            }
        }
    }
    for (place, call) in known.iter().enumerate() {
        if shape.needs_results && !call.is_answered {
            if let Some(of_turn) = results.get_mut(call.turn) {
                of_turn.push((place, missing(call)));
            }
            notes.lose(Feature::MissingResults)?;
        }
    }
    put_behind_calls(ask, results);
    Ok(())
}

/// Calls that wait for their results, in the order in which they were made.
#[derive(Default)]
struct Open {
    by_id: HashMap<String, VecDeque<usize>>,
    by_name: HashMap<String, VecDeque<usize>>,
    all: VecDeque<usize>,
}

impl Open {
    fn add(&mut self, place: usize, call: &Known) {
        self.by_id
            .entry(call.id.clone())
            .or_default()
            .push_back(place);
        self.by_name
            .entry(call.name.clone())
            .or_default()
            .push_back(place);
        self.all.push_back(place);
    }

    /// The call that a result answers: the first open one of its id. A client of a dialect without
    /// ids answers calls that were given ids on their way there: then the first of its name, and
    /// where it says no name, the first of all. A result of another tool is never taken for it.
    fn take(&mut self, id: &str, name: Option<&str>, known: &[Known]) -> Option<usize> {
        let is_open = |place: &usize| known.get(*place).is_some_and(|call| !call.is_answered);
        let first = |queue: Option<&mut VecDeque<usize>>| {
            let queue = queue?;
            loop {
                let place = queue.pop_front()?;
                if is_open(&place) {
                    return Some(place);
                }
            }
        };
        if !id.is_empty() {
            return first(self.by_id.get_mut(id));
        }
        match name.filter(|name| !name.is_empty()) {
            Some(name) => first(self.by_name.get_mut(name)),
            None => first(self.by_id.get_mut("")).or_else(|| first(Some(&mut self.all))),
        }
    }
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
fn put_behind_calls<'a>(ask: &mut Ask<'a>, results: Vec<Vec<(usize, Part<'a>)>>) {
    let turns = std::mem::take(&mut ask.turns);
    for (turn, mut of_turn) in turns.into_iter().zip(results) {
        if turn.role != Role::Tool {
            ask.turns.push(turn);
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
