//! One place of a JSON Schema, with everything that is said of it gathered: what stands there,
//! behind its `$ref`, and in its `allOf`.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use crate::json::{Type, Value};

/// The most places of a schema that are looked at: a few `$ref`s can stand for very many.
const MOST_NODES: u32 = 20_000;

/// The most `$ref`s inside one another.
const DEEPEST: usize = 24;

/// The most bytes that all `$ref`s together may stand for.
const MOST_INLINED: usize = 1 << 20;

/// The most `$ref`s to elsewhere than `$defs`; each is looked for from the top.
const MOST_ODD: u32 = 64;

/// The longest hint, in characters.
const LONGEST_HINT: usize = 300;

/// Types as Gemini names them.
pub(super) const TYPES: [(&str, &str); 6] = [
    ("string", "STRING"),
    ("number", "NUMBER"),
    ("integer", "INTEGER"),
    ("boolean", "BOOLEAN"),
    ("array", "ARRAY"),
    ("object", "OBJECT"),
];

/// Members that say nothing of what is valid.
const SILENT: [&str; 11] = [
    "$schema",
    "$id",
    "$anchor",
    "$comment",
    "$defs",
    "definitions",
    "$vocabulary",
    "$dynamicAnchor",
    "id",
    "propertyOrdering",
    "deprecated",
];

/// Members that Gemini has and that need no other form.
const COUNTS: [&str; 6] = [
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minProperties",
    "maxProperties",
];

/// What is said of one place.
#[derive(Default)]
pub(super) struct Node<'a> {
    pub(super) types: Vec<&'static str>,
    pub(super) is_nullable: bool,
    pub(super) title: Option<Cow<'a, str>>,
    pub(super) description: Option<Cow<'a, str>>,
    pub(super) format: Option<Cow<'a, str>>,
    /// Values of `enum` or `const`, without `null`.
    pub(super) values: Option<Vec<Value<'a>>>,
    pub(super) properties: Vec<(Cow<'a, str>, Value<'a>)>,
    pub(super) required: Vec<Cow<'a, str>>,
    pub(super) items: Option<Value<'a>>,
    /// The items of a tuple.
    pub(super) tuple: Vec<Value<'a>>,
    pub(super) any_of: Vec<Value<'a>>,
    /// `minItems` and the like, as they are.
    pub(super) bounds: Vec<(&'static str, &'a str)>,
    pub(super) pattern: Option<Cow<'a, str>>,
    /// What Gemini has nothing for, in words.
    pub(super) hints: Vec<String>,
    /// The `$ref`s that led here.
    pub(super) trail: Vec<Cow<'a, str>>,
}

/// What holds for the whole schema.
pub(super) struct Build<'a> {
    root: Value<'a>,
    pub(super) has_changed: bool,
    /// How deep the place lies that is being written.
    pub(super) depth: u32,
    left: u32,
    left_inlined: usize,
    left_odd: u32,
    /// `$defs` and `definitions` by their pointers, once they were needed.
    definitions: Option<HashMap<String, Value<'a>>>,
}

impl<'a> Build<'a> {
    pub(super) fn new(root: Value<'a>) -> Self {
        Self {
            root,
            has_changed: false,
            depth: 0,
            left: MOST_NODES,
            left_inlined: MOST_INLINED,
            left_odd: MOST_ODD,
            definitions: None,
        }
    }

    /// A place inside the one that `trail` led to.
    pub(super) fn inside(&mut self, value: Value<'a>, trail: &[Cow<'a, str>]) -> Node<'a> {
        let mut node = Node {
            trail: trail.to_vec(),
            ..Node::default()
        };
        self.absorb(value, &mut node);
        node
    }

    /// Adds what `value` says to `node`.
    pub(super) fn absorb(&mut self, value: Value<'a>, node: &mut Node<'a>) {
        let Some(left) = self.left.checked_sub(1) else {
            self.has_changed = true;
            return;
        };
        self.left = left;
        let Ok(members) = value.members() else {
            // `true` is anything; `false` and what is no schema cannot be said.
            self.has_changed |= value.raw() != "true";
            return;
        };
        let members: Vec<_> = members.into_rest().collect();
        for (name, value) in &members {
            if value.is_null() && name != "const" && name != "default" {
                continue;
            }
            self.keyword(name, *value, node);
        }
    }

    fn keyword(&mut self, name: &str, value: Value<'a>, node: &mut Node<'a>) {
        match name {
            "$ref" => self.follow(value, node),
            "allOf" => {
                for branch in value.items().unwrap_or_default() {
                    self.absorb(branch, node);
                }
            }
            "type" => self.types(value, node),
            "nullable" => node.is_nullable |= value.raw() == "true",
            "enum" => self.values(value.items().unwrap_or_default(), node),
            "const" => self.values(vec![value], node),
            "title" => node.title = node.title.take().or_else(|| text(value)),
            "description" => node.description = node.description.take().or_else(|| text(value)),
            "format" => node.format = node.format.take().or_else(|| text(value)),
            "pattern" => self.pattern(value, node),
            "properties" => self.properties(value, node),
            "required" => {
                for name in value.items().unwrap_or_default() {
                    node.required.extend(text(name));
                }
            }
            "items" if value.kind() == Type::Array => {
                node.tuple = value.items().unwrap_or_default();
            }
            "items" => node.items = node.items.or(Some(value)),
            "prefixItems" => node.tuple = value.items().unwrap_or_default(),
            "anyOf" | "oneOf" => self.any_of(name, value, node),
            "minimum" | "maximum" if value.kind() == Type::Number => {
                let name = if name == "minimum" {
                    "minimum"
                } else {
                    "maximum"
                };
                bound(name, value, node);
            }
            _ => self.other(name, value, node),
        }
    }

    /// A member that is a bound, says nothing, or becomes words.
    fn other(&mut self, name: &str, value: Value<'a>, node: &mut Node<'a>) {
        if let Some(name) = COUNTS.iter().find(|count| **count == name)
            && value.count().is_ok()
        {
            bound(name, value, node);
            return;
        }
        let is_open = name == "additionalProperties" && value.kind() == Type::Flag;
        let is_silent = SILENT.contains(&name) || name.starts_with("x-") || is_open;
        if !is_silent {
            self.hint(name, value, node);
        }
    }

    pub(super) fn hint(&mut self, name: &str, value: Value<'a>, node: &mut Node<'a>) {
        self.has_changed = true;
        let said = text(value).unwrap_or(Cow::Borrowed(value.raw()));
        let said: String = said.chars().take(LONGEST_HINT).collect();
        node.hints.push(format!("{name}: {said}"));
    }

    /// Adds what a `$ref` points at. One that leads in a circle, out of this document or nowhere
    /// is cut.
    fn follow(&mut self, value: Value<'a>, node: &mut Node<'a>) {
        let Some(pointer) = text(value) else {
            self.has_changed = true;
            return;
        };
        let is_circle = node.trail.contains(&pointer) || pointer == "#";
        let target = if is_circle || node.trail.len() >= DEEPEST {
            None
        } else {
            self.resolve(&pointer).filter(|target| {
                let left = self.left_inlined.checked_sub(target.raw().len());
                self.left_inlined = left.unwrap_or(0);
                left.is_some()
            })
        };
        let Some(target) = target else {
            self.has_changed = true;
            if is_circle {
                node.types = vec!["object"];
                let name = pointer.rsplit('/').next().unwrap_or_default();
                let name: String = name.chars().take(LONGEST_HINT).collect();
                node.hints.push(format!("again a {name}"));
            }
            return;
        };
        node.trail.push(pointer);
        self.absorb(target, node);
    }

    /// What a JSON pointer points at. Source: RFC 6901.
    fn resolve(&mut self, pointer: &str) -> Option<Value<'a>> {
        let root = self.root;
        let definitions = self.definitions.get_or_insert_with(|| definitions(root));
        if let Some(known) = definitions.get(pointer) {
            return Some(*known);
        }
        self.left_odd = self.left_odd.checked_sub(1)?;
        let mut at = root;
        for step in pointer.strip_prefix("#/")?.split('/') {
            let step = step.replace("~1", "/").replace("~0", "~");
            at = match at.kind() {
                Type::Array => {
                    let place: usize = step.parse().ok()?;
                    at.items().ok()?.into_iter().nth(place)?
                }
                _ => at.members().ok()?.take(&step)?,
            };
        }
        Some(at)
    }

    fn types(&mut self, value: Value<'a>, node: &mut Node<'a>) {
        let names = match value.kind() {
            Type::Array => value.items().unwrap_or_default(),
            _ => vec![value],
        };
        let mut found = Vec::new();
        for name in names {
            let name = text(name).unwrap_or_default().to_ascii_lowercase();
            match TYPES.iter().find(|(known, _)| *known == name) {
                Some((known, _)) => found.push(*known),
                None if name == "null" => node.is_nullable = true,
                None => self.has_changed = true,
            }
        }
        if node.types.is_empty() {
            node.types = found;
        } else if !found.is_empty() {
            // Both must hold: what `allOf` leaves.
            node.types.retain(|name| found.contains(name));
        }
    }

    fn values(&mut self, values: Vec<Value<'a>>, node: &mut Node<'a>) {
        node.is_nullable |= values.iter().any(|value| value.is_null());
        let values: Vec<_> = values
            .into_iter()
            .filter(|value| !value.is_null())
            .collect();
        if node.values.is_some() {
            self.has_changed = true;
        } else if values.is_empty() {
            node.types = vec!["string"];
        } else {
            node.values = Some(values);
        }
    }

    fn pattern(&mut self, value: Value<'a>, node: &mut Node<'a>) {
        match text(value) {
            // Look-around and the like are not in every engine.
            Some(pattern) if node.pattern.is_none() && !pattern.contains("(?") => {
                node.pattern = Some(pattern);
            }
            _ => self.hint("pattern", value, node),
        }
    }

    fn properties(&mut self, value: Value<'a>, node: &mut Node<'a>) {
        let Ok(members) = value.members() else {
            self.has_changed = true;
            return;
        };
        self.has_changed |= !add(&mut node.properties, members.into_rest().collect());
    }

    /// Adds alternatives; `null` among them is said apart, and one alone is no alternative.
    fn any_of(&mut self, name: &str, value: Value<'a>, node: &mut Node<'a>) {
        let mut branches = value.items().unwrap_or_default();
        let before = branches.len();
        branches.retain(|branch| !is_null_type(*branch));
        node.is_nullable |= branches.len() < before;
        match branches.as_slice() {
            [] => {}
            [one] => self.absorb(*one, node),
            _ if node.any_of.is_empty() => node.any_of = branches,
            _ => self.hint(name, value, node),
        }
    }

    /// Makes an object of `node` whatever it is: properties of alternatives are all optional.
    pub(super) fn make_object(&mut self, node: &mut Node<'a>) {
        let branches = std::mem::take(&mut node.any_of);
        for branch in branches {
            self.has_changed = true;
            let inner = self.inside(branch, &node.trail);
            add(&mut node.properties, inner.properties);
        }
        if node.types != ["object"] {
            self.has_changed |= !node.types.is_empty();
            node.types = vec!["object"];
        }
        node.is_nullable = false;
    }
}

/// Adds properties; of two with one name the first stays, and `false` says that there were two.
fn add<'a>(
    properties: &mut Vec<(Cow<'a, str>, Value<'a>)>,
    more: Vec<(Cow<'a, str>, Value<'a>)>,
) -> bool {
    let mut known: HashSet<Cow<'a, str>> =
        properties.iter().map(|(name, _)| name.clone()).collect();
    let before = more.len() + properties.len();
    let is_new = |(name, _): &(Cow<'a, str>, Value<'a>)| known.insert(name.clone());
    properties.extend(more.into_iter().filter(is_new));
    properties.len() == before
}

fn definitions(root: Value<'_>) -> HashMap<String, Value<'_>> {
    let mut found = HashMap::new();
    let Ok(mut members) = root.members() else {
        return found;
    };
    for group in ["$defs", "definitions"] {
        let Some(Ok(inner)) = members.take(group).map(Value::members) else {
            continue;
        };
        for (name, schema) in inner.into_rest() {
            let name = name.replace('~', "~0").replace('/', "~1");
            found.insert(format!("#/{group}/{name}"), schema);
        }
    }
    found
}

/// Adds a bound, if there is none of that name yet.
fn bound<'a>(name: &'static str, value: Value<'a>, node: &mut Node<'a>) {
    if node.bounds.iter().all(|(known, _)| *known != name) {
        node.bounds.push((name, value.raw()));
    }
}

fn text(value: Value<'_>) -> Option<Cow<'_, str>> {
    value.lossy_text().ok().map(mirk_model::Text::into_cow)
}

/// Whether a branch is `{"type": "null"}` or says the same as a value.
fn is_null_type(branch: Value<'_>) -> bool {
    let Ok(mut members) = branch.members() else {
        return false;
    };
    if members
        .peek("type")
        .is_some_and(|name| name.raw() == "\"null\"")
    {
        return true;
    }
    let only_null = |value: Value<'_>| {
        value
            .items()
            .is_ok_and(|items| !items.is_empty() && items.iter().all(|item| item.is_null()))
    };
    members.take("enum").is_some_and(only_null)
}
