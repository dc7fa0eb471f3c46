//! A place of a schema, written in Gemini's form.

use std::{borrow::Cow, collections::HashSet};

use super::node::{Build, Node, TYPES};
use crate::json::{Object, Type, Value};

/// The most levels that are written; Gemini refuses schemas long before.
const DEEPEST: u32 = 64;

/// What a place of unknown type may be. Gemini wants every place to have a type.
const ANYTHING: [&str; 4] = ["string", "number", "boolean", "object"];

/// Writes `node`.
pub(super) fn write<'a>(build: &mut Build<'a>, mut node: Node<'a>, out: &mut Vec<u8>) {
    build.depth += 1;
    if build.depth > DEEPEST {
        build.has_changed = true;
        out.extend_from_slice(br#"{"type":"OBJECT"}"#);
    } else {
        settle(build, &mut node);
        Object::write(out, |object| fill(build, &node, object));
    }
    build.depth -= 1;
}

/// Brings what was gathered to what one Gemini schema can say.
fn settle<'a>(build: &mut Build<'a>, node: &mut Node<'a>) {
    if !node.any_of.is_empty() && !node.properties.is_empty() {
        // Alternatives beside an object's own properties: all of them, none required.
        build.make_object(node);
    }
    if node.types.is_empty() {
        node.types = inferred(node);
    }
    settle_values(build, node);
    settle_format(build, node);
    let has_more = node.values.is_some()
        || node.pattern.is_some()
        || node.format.is_some()
        || node.items.is_some()
        || !node.bounds.is_empty();
    // Beside alternatives nothing else may stand.
    build.has_changed |= has_more && !node.any_of.is_empty();
}

/// The type that the other members tell.
fn inferred(node: &Node<'_>) -> Vec<&'static str> {
    if !node.any_of.is_empty() {
        return Vec::new();
    }
    if !node.properties.is_empty() || !node.required.is_empty() {
        return vec!["object"];
    }
    if node.items.is_some() || !node.tuple.is_empty() {
        return vec!["array"];
    }
    if let Some(values) = &node.values {
        let all = |is: fn(&Value<'_>) -> bool| values.iter().all(is);
        return if all(|value| value.kind() == Type::Flag) {
            vec!["boolean"]
        } else if all(|value| value.kind() == Type::Number && value.raw().parse::<i64>().is_ok()) {
            vec!["integer"]
        } else if all(|value| value.kind() == Type::Number) {
            vec!["number"]
        } else {
            vec!["string"]
        };
    }
    let has = |names: &[&str]| node.bounds.iter().any(|(name, _)| names.contains(name));
    if node.pattern.is_some() || node.format.is_some() || has(&["minLength", "maxLength"]) {
        vec!["string"]
    } else if has(&["minimum", "maximum"]) {
        vec!["number"]
    } else if has(&["minItems", "maxItems"]) {
        vec!["array"]
    } else if has(&["minProperties", "maxProperties"]) {
        vec!["object"]
    } else {
        ANYTHING.to_vec()
    }
}

/// Gemini's `enum` holds strings and stands only with strings; other values become words.
fn settle_values(build: &mut Build<'_>, node: &mut Node<'_>) {
    let Some(values) = node.values.take() else {
        return;
    };
    if node.types == ["string"] || node.types.is_empty() {
        build.has_changed |= values.iter().any(|value| value.kind() != Type::Text);
        node.types = vec!["string"];
        node.format = Some(Cow::Borrowed("enum"));
        node.values = Some(values);
        return;
    }
    build.has_changed = true;
    let words: Vec<String> = values
        .iter()
        .take(64)
        .map(|value| value.raw().chars().take(100).collect())
        .collect();
    node.hints.push(format!("one of: {}", words.join(", ")));
}

/// Formats other than the documented ones become words.
fn settle_format(build: &mut Build<'_>, node: &mut Node<'_>) {
    let known: &[&str] = match node.types.as_slice() {
        ["string"] => &["enum", "date-time"],
        ["number"] => &["float", "double"],
        ["integer"] => &["int32", "int64"],
        _ => &[],
    };
    let is_known = |format: &Cow<'_, str>| known.contains(&&**format);
    if let Some(format) = node.format.take_if(|format| !is_known(format)) {
        build.has_changed = true;
        let format: String = format.chars().take(100).collect();
        node.hints.push(format!("format: {format}"));
    }
    if node.format.as_deref() == Some("enum") && node.values.is_none() {
        node.format = None;
    }
}

fn fill<'a>(build: &mut Build<'a>, node: &Node<'a>, object: &mut Object<'_>) {
    let one = match node.types.as_slice() {
        [one] if node.any_of.is_empty() => Some(*one),
        _ => None,
    };
    object.maybe_text("type", one.map(word));
    object.maybe_text("title", node.title.as_deref());
    let description = description(node);
    if !description.is_empty() {
        object.text("description", description);
    }
    if node.is_nullable {
        object.flag("nullable", true);
    }
    if !node.any_of.is_empty() {
        any_of(build, node, object);
    } else if let Some(one) = one {
        typed(build, node, one, object);
    } else {
        let types = if node.types.is_empty() {
            &ANYTHING[..]
        } else {
            &node.types
        };
        object.array("anyOf", |array| {
            for name in types {
                array.object(|branch| {
                    branch.text("type", word(name));
                    typed(build, node, name, branch);
                });
            }
        });
    }
}

/// Gemini's word for a type.
fn word(name: &str) -> &'static str {
    let word = TYPES.iter().find(|(known, _)| *known == name);
    word.map_or("STRING", |(_, word)| word)
}

fn description(node: &Node<'_>) -> String {
    let hints = node.hints.join("; ");
    match node.description.as_deref().unwrap_or_default() {
        "" => hints,
        said if hints.is_empty() => said.to_owned(),
        said => format!("{said} ({hints})"),
    }
}

/// Alternatives. What stands beside them holds for each.
fn any_of<'a>(build: &mut Build<'a>, node: &Node<'a>, object: &mut Object<'_>) {
    object.array("anyOf", |array| {
        for branch in &node.any_of {
            let mut inner = build.inside(*branch, &node.trail);
            if inner.types.is_empty() && inner.any_of.is_empty() && inner.values.is_none() {
                inner.types.clone_from(&node.types);
            }
            let mut out = Vec::new();
            write(build, inner, &mut out);
            array.raw(String::from_utf8(out).unwrap_or_default());
        }
    });
}

/// The members that belong to one type.
fn typed<'a>(build: &mut Build<'a>, node: &Node<'a>, name: &str, object: &mut Object<'_>) {
    let bounds: &[&str] = match name {
        "string" => &["minLength", "maxLength"],
        "number" | "integer" => &["minimum", "maximum"],
        "array" => &["minItems", "maxItems"],
        "object" => &["minProperties", "maxProperties"],
        _ => &[],
    };
    for (bound, raw) in &node.bounds {
        if bounds.contains(bound) {
            object.raw(bound, raw);
        }
    }
    match name {
        "string" => {
            object.maybe_text("format", node.format.as_deref());
            object.maybe_text("pattern", node.pattern.as_deref());
            if let Some(values) = &node.values {
                values_of(values, object);
            }
        }
        "number" | "integer" => object.maybe_text("format", node.format.as_deref()),
        "array" => items(build, node, object),
        "object" => properties(build, node, object),
        _ => {}
    }
}

fn values_of(values: &[Value<'_>], object: &mut Object<'_>) {
    object.array("enum", |array| {
        let mut said: HashSet<Cow<'_, str>> = HashSet::new();
        for value in values {
            let word = match value.lossy_text() {
                Ok(text) => text.into_cow(),
                Err(_not_text) => Cow::Borrowed(value.raw()),
            };
            // An empty or repeated word is refused.
            if !word.is_empty() && said.insert(word.clone()) {
                array.text(&word);
            }
        }
    });
}

fn items<'a>(build: &mut Build<'a>, node: &Node<'a>, object: &mut Object<'_>) {
    let mut out = Vec::new();
    if let [one] = node.tuple.as_slice() {
        build.has_changed = true;
        let inner = build.inside(*one, &node.trail);
        write(build, inner, &mut out);
    } else if !node.tuple.is_empty() {
        build.has_changed = true;
        let inner = Node {
            any_of: node.tuple.clone(),
            trail: node.trail.clone(),
            ..Node::default()
        };
        write(build, inner, &mut out);
    } else if let Some(schema) = node.items {
        let inner = build.inside(schema, &node.trail);
        write(build, inner, &mut out);
    } else {
        // An array without items is refused.
        build.has_changed = true;
        out.extend_from_slice(br#"{"type":"STRING"}"#);
    }
    object.raw("items", String::from_utf8(out).unwrap_or_default());
}

fn properties<'a>(build: &mut Build<'a>, node: &Node<'a>, object: &mut Object<'_>) {
    if node.properties.is_empty() {
        return;
    }
    object.object("properties", |properties| {
        for (name, schema) in &node.properties {
            let inner = build.inside(*schema, &node.trail);
            let mut out = Vec::new();
            write(build, inner, &mut out);
            properties.raw(name, String::from_utf8(out).unwrap_or_default());
        }
    });
    let mut known: HashSet<&str> = node.properties.iter().map(|(name, _)| &**name).collect();
    let names = node.required.iter().map(|name| &**name);
    let required: Vec<&str> = names.filter(|name| known.remove(name)).collect();
    if !required.is_empty() {
        object.array("required", |array| {
            for name in required {
                array.text(name);
            }
        });
    }
}
