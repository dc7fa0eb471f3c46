//! Mutations that keep JSON being JSON: values change place, kind or name, so that what comes behind the
//! reader is tried too.

use serde_json::Value;

use crate::{chance::Chance, corpus::Format, words};

/// How deep the walk to a value goes.
const DEEPEST: usize = 12;

/// A mutated document, or a stream with one document mutated; `None` when there is none to read.
pub(crate) fn mutate(seed: &[u8], format: Format, chance: &mut Chance) -> Option<Vec<u8>> {
    if format != Format::Stream {
        return document(seed, chance);
    }
    let text = std::str::from_utf8(seed).ok()?;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let chosen = chance.below(lines.len());
    let mut out = Vec::with_capacity(seed.len() + 64);
    for (at, line) in lines.iter().enumerate() {
        let way = if at == chosen { chance.below(5) } else { 5 };
        match way {
            0 => {}
            1 => out.extend([*line, *line].concat().bytes()),
            2..=4 => out.extend(changed_line(line, chance)),
            _ => out.extend(line.bytes()),
        }
    }
    Some(out)
}

fn changed_line(line: &str, chance: &mut Chance) -> Vec<u8> {
    let found = line.find(['{', '[']);
    let (head, json) = found
        .and_then(|at| line.split_at_checked(at))
        .unwrap_or((line, ""));
    let Some(changed) = document(json.trim_end().as_bytes(), chance) else {
        return line.as_bytes().to_vec();
    };
    let end = line.get(line.trim_end().len()..).unwrap_or("\n");
    [head.as_bytes(), &changed, end.as_bytes()].concat()
}

fn document(text: &[u8], chance: &mut Chance) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(text).ok()?;
    let donor = value.clone();
    for _ in 0..=chance.small(4) {
        let steps = chance.below(DEEPEST);
        descend(&mut value, steps, &donor, chance);
    }
    serde_json::to_vec(&value).ok()
}

fn change(place: &mut Value, donor: &Value, chance: &mut Chance) {
    match (chance.below(8), place) {
        (0 | 1, place) => *place = scalar(chance),
        (2, place) => *place = part(donor, chance).clone(),
        (3, Value::Object(members)) => {
            let name = members.keys().nth(chance.below(members.len())).cloned();
            name.map(|name| members.shift_remove(&name));
        }
        (4, Value::Object(members)) => {
            let name = name(chance);
            members.insert(name, part(donor, chance).clone());
        }
        (5, Value::Object(members)) => {
            let old = members.keys().nth(chance.below(members.len())).cloned();
            if let Some(moved) = old.and_then(|old| members.shift_remove(&old)) {
                members.insert(name(chance), moved);
            }
        }
        (3..=5, Value::Array(items)) => change_items(items, donor, chance),
        (6, place) => *place = Value::Array(vec![std::mem::take(place)]),
        (7, Value::String(text)) => {
            let word = chance.pick(words::tokens(Format::Json)).copied();
            text.push_str(word.unwrap_or_default());
        }
        (_, place) => *place = container(chance),
    }
}

fn change_items(items: &mut Vec<Value>, donor: &Value, chance: &mut Chance) {
    let at = chance.below(items.len());
    match chance.below(4) {
        0 if !items.is_empty() => drop(items.remove(at)),
        1 => items.push(part(donor, chance).clone()),
        2 => items.reverse(),
        _ => {
            if let Some(item) = items.get(at).cloned() {
                let times = chance.small(64);
                items.extend(std::iter::repeat_n(item, times));
            }
        }
    }
}

/// Walks some steps down from `value` and changes what is there.
fn descend(value: &mut Value, steps: usize, donor: &Value, chance: &mut Chance) {
    let inner = match value {
        Value::Object(members) if steps > 0 => {
            let at = chance.below(members.len());
            members.values_mut().nth(at)
        }
        Value::Array(items) if steps > 0 => {
            let at = chance.below(items.len());
            items.get_mut(at)
        }
        _ => None,
    };
    match inner {
        Some(inner) => descend(inner, steps - 1, donor, chance),
        None => change(value, donor, chance),
    }
}

/// Some part of `value`.
fn part<'a>(mut value: &'a Value, chance: &mut Chance) -> &'a Value {
    for _ in 0..chance.below(DEEPEST) {
        let inner = match value {
            Value::Object(members) => members.values().nth(chance.below(members.len())),
            Value::Array(items) => items.get(chance.below(items.len())),
            _ => None,
        };
        let Some(inner) = inner else { break };
        value = inner;
    }
    value
}

fn name(chance: &mut Chance) -> String {
    let token = chance.pick(words::tokens(Format::Json)).copied();
    let token = token.unwrap_or_default().trim_matches([':', '"', '{', '[']);
    token.split('"').next().unwrap_or_default().to_owned()
}

fn container(chance: &mut Chance) -> Value {
    let mut value = scalar(chance);
    for _ in 0..chance.small(150) {
        value = if chance.one_in(2) {
            Value::Array(vec![value])
        } else {
            Value::Object([(name(chance), value)].into_iter().collect())
        };
    }
    value
}

fn scalar(chance: &mut Chance) -> Value {
    match chance.below(8) {
        0 => Value::Null,
        1 => Value::Bool(chance.one_in(2)),
        2 | 3 => {
            let number = chance.pick(words::NUMBERS).copied().unwrap_or("0");
            serde_json::from_str(number).unwrap_or_else(|_not_json| number.into())
        }
        4 => Value::from(chance.number()),
        5 => "".into(),
        6 => name(chance).into(),
        _ => "\u{e9}\u{1f600}\n\"\\".repeat(chance.small(200)).into(),
    }
}
