//! Names of tools that the target takes, and the way back to the client's own.

use std::collections::HashMap;

use mirk_model::{Ask, Call, Part, PartKind, Text, Tool, ToolChoice};

use crate::{
    loss::{Feature, Notes},
    wire::Shape,
};

/// What the names in an answer stand for.
#[derive(Clone, Default)]
pub(in crate::bridge) struct Restore {
    /// By the name that the provider knows.
    tools: HashMap<String, Own>,
}

/// A tool as the client knows it.
#[derive(Clone)]
struct Own {
    namespace: Option<String>,
    name: String,
    /// Whether it is a free-form tool that the provider knows as a function.
    is_wrapped: bool,
}

impl std::fmt::Debug for Restore {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Restore({} names)", self.tools.len())
    }
}

impl Restore {
    /// Whether any free-form tool became a function.
    pub(crate) fn has_wrapped(&self) -> bool {
        self.tools.values().any(|own| own.is_wrapped)
    }

    /// `call` as the client knows its tool. Arguments stay as they are.
    pub(crate) fn call<'a>(&self, mut call: Call<'a>) -> Call<'a> {
        if let Some(own) = self.tools.get(call.name.as_str()) {
            call.name = Text::from(own.name.clone());
            call.namespace = own.namespace.clone().map(Text::from);
            call.is_custom |= own.is_wrapped;
        }
        call
    }

    /// The calls among `parts` as the client knows their tools, free-form ones unwrapped.
    pub(crate) fn parts(&self, parts: &mut [Part<'_>]) {
        for part in parts {
            let PartKind::Call(call) = &mut part.kind else {
                continue;
            };
            let was_custom = call.is_custom;
            *call = self.call(call.clone());
            if call.is_custom && !was_custom {
                let text = super::super::order::unwrapped(&call.arguments).into_owned();
                call.arguments = text;
            }
        }
    }
}

/// Hands out names that a target takes, each once.
struct Names<'s> {
    shape: &'s Shape,
    given: HashMap<(Option<String>, String), String>,
    taken: HashMap<String, Own>,
}

impl Names<'_> {
    fn of(&mut self, namespace: Option<&str>, name: &str, notes: &mut Notes) -> String {
        let key = (namespace.map(str::to_owned), name.to_owned());
        if let Some(given) = self.given.get(&key) {
            return given.clone();
        }
        let joined = match namespace {
            Some(group) if !self.shape.has_namespaces => {
                notes.changed(Feature::Namespaces);
                let joint = if group.ends_with("__") { "" } else { "__" };
                format!("{group}{joint}{name}")
            }
            _ => name.to_owned(),
        };
        let mut fitted = fitted(&joined, self.shape);
        let mut number = 2_u32;
        while self.taken.contains_key(&fitted) {
            let tail = format!("_{number}");
            let room = self.shape.longest_name.saturating_sub(tail.len());
            fitted = joined_fit(&joined, room, self.shape) + &tail;
            number += 1;
        }
        if fitted != joined {
            notes.changed(Feature::ToolNames);
        }
        let own = Own {
            namespace: key.0.clone(),
            name: key.1.clone(),
            is_wrapped: false,
        };
        self.taken.insert(fitted.clone(), own);
        self.given.insert(key, fitted.clone());
        fitted
    }
}

/// `name` with what the target does not take written as `_`.
fn fitted(name: &str, shape: &Shape) -> String {
    joined_fit(name, shape.longest_name, shape)
}

fn joined_fit(name: &str, longest: usize, shape: &Shape) -> String {
    let mut out = String::with_capacity(name.len());
    for letter in name.chars() {
        let is_good =
            u8::try_from(letter).is_ok_and(|byte| byte.is_ascii() && (shape.name_byte)(byte));
        let letter = if is_good { letter } else { '_' };
        if out.is_empty() && !u8::try_from(letter).is_ok_and(shape.name_front) {
            out.push('_');
        }
        if out.len() < longest {
            out.push(letter);
        }
    }
    if out.is_empty() {
        out.push('_');
    }
    out
}

/// Gives every tool a name that the target takes, the same everywhere.
pub(super) fn fit(
    ask: &mut Ask<'_>,
    shape: &Shape,
    wrapped: &[String],
    notes: &mut Notes,
) -> Restore {
    let mut names = Names {
        shape,
        given: HashMap::new(),
        taken: HashMap::new(),
    };
    // Names that need no change keep theirs, whoever comes first.
    for is_first in [true, false] {
        for tool in &mut ask.tools {
            rename_tool(tool, &mut names, is_first, notes);
        }
    }
    let mut of_calls = HashMap::new();
    for part in ask.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        match &mut part.kind {
            PartKind::Call(call) => {
                let namespace = call.namespace.as_ref().map(Text::as_str);
                let name = names.of(namespace, &call.name, notes);
                if !shape.has_namespaces {
                    call.namespace = None;
                }
                of_calls.insert(call.id.as_str().to_owned(), name.clone());
                call.name = Text::from(name);
            }
            PartKind::Result(result) => {
                // Its call decides: every id stands for one call by now.
                if let Some(name) = of_calls.get(result.id.as_str()) {
                    result.name = Some(Text::from(name.clone()));
                }
            }
            _ => {}
        }
    }
    choice(ask, &mut names, notes);
    let mut tools = names.taken;
    for own in tools.values_mut() {
        own.is_wrapped = own.namespace.is_none() && wrapped.contains(&own.name);
    }
    tools.retain(|given, own| own.is_wrapped || own.namespace.is_some() || *given != own.name);
    Restore { tools }
}

fn rename_tool(tool: &mut Tool<'_>, names: &mut Names<'_>, is_first: bool, notes: &mut Notes) {
    let (namespace, name) = match tool {
        Tool::Function(function) => (&mut function.namespace, &mut function.name),
        Tool::Custom { name, .. } => (&mut None, name),
        Tool::Hosted { .. } => return,
    };
    let is_good = (namespace.is_none() || names.shape.has_namespaces)
        && fitted(name, names.shape) == name.as_str();
    if is_first != is_good {
        return;
    }
    let given = names.of(namespace.as_ref().map(Text::as_str), name, notes);
    *name = Text::from(given);
    if !names.shape.has_namespaces {
        *namespace = None;
    }
}

fn choice(ask: &mut Ask<'_>, names: &mut Names<'_>, notes: &mut Notes) {
    // A choice names a tool without its group; the first tool of that name is meant.
    let mut find = |name: &mut Text<'_>| {
        let known = names
            .given
            .iter()
            .filter(|((_, own), _)| own == name.as_str())
            .min_by_key(|((namespace, _), _)| namespace.is_some())
            .map(|(_, given)| given.clone());
        let given = known.unwrap_or_else(|| names.of(None, name, notes));
        *name = Text::from(given);
    };
    match &mut ask.tool_choice {
        Some(ToolChoice::Named(name)) => find(name),
        Some(ToolChoice::Allowed { names, .. }) => names.iter_mut().for_each(find),
        _ => {}
    }
}
