//! A call whose arguments come in pieces, each with the path of its place in them.
//!
//! Source: Google Cloud, "Function calling: stream function call arguments" (`partialArgs`,
//! `willContinue`).
//! Invariant: a piece that has no place ends the stream; none is left out.

use mirk_model::Text;
use serde_json::{Map, Value as Tree};

use super::super::reply::said::Part;
use crate::{
    json::{Misread, Type},
    wire::Malformed,
};

/// The most that all pieces of one call may be, in bytes.
const MOST: usize = 4 << 20;

/// The deepest place.
const DEEPEST: usize = 64;

/// The arguments so far.
#[derive(Default)]
pub(super) struct Partial {
    tree: Map<String, Tree>,
    length: usize,
}

impl std::fmt::Debug for Partial {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Partial({} bytes)", self.length)
    }
}

/// One step on the way to a place.
enum Step<'p> {
    Name(&'p str),
    Item(usize),
}

impl Partial {
    /// Puts a piece where it belongs. A text goes on where there is one already.
    pub(super) fn put(&mut self, part: &Part<'_>) -> Result<(), Malformed> {
        let path = part.path.as_str();
        self.length += path.len() + part.value.raw().len();
        if self.length > MOST {
            return Err(Misread::here("is longer than 4 MiB")
                .inside("partialArgs")
                .into());
        }
        let wrong = || Malformed::from(Misread::here("has no place in the arguments"));
        let steps = steps(path).ok_or_else(wrong)?;
        let Some((Step::Name(first), rest)) = steps.split_first() else {
            return Err(wrong());
        };
        let mut at = self.tree.entry(*first).or_insert(Tree::Null);
        for step in rest {
            at = below(at, step).ok_or_else(wrong)?;
        }
        if part.is_null {
            *at = Tree::Null;
            return Ok(());
        }
        if part.value.kind() != Type::Text {
            *at = serde_json::from_str(part.value.raw()).map_err(|_odd| wrong())?;
            return Ok(());
        }
        let text = part.value.lossy_text()?;
        match at {
            Tree::String(said) => said.push_str(&text),
            _ => *at = Tree::String(text.as_str().to_owned()),
        }
        Ok(())
    }

    /// The arguments as JSON text.
    pub(super) fn into_text(self) -> Text<'static> {
        Text::from(Tree::Object(self.tree).to_string())
    }
}

/// The steps of a path such as `$.cities[0].name` or `$['a name']`.
fn steps(path: &str) -> Option<Vec<Step<'_>>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if steps.len() == DEEPEST {
            return None;
        }
        let (step, after) = if let Some(quoted) = rest.strip_prefix("['") {
            let (name, after) = quoted.split_once("']")?;
            (Step::Name(name), after)
        } else if let Some(quoted) = rest.strip_prefix("[\"") {
            let (name, after) = quoted.split_once("\"]")?;
            (Step::Name(name), after)
        } else if let Some(number) = rest.strip_prefix('[') {
            let (number, after) = number.split_once(']')?;
            (Step::Item(number.parse().ok()?), after)
        } else {
            let name = rest.strip_prefix('.')?;
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (name, after) = name.split_at_checked(end)?;
            (Step::Name(name), after)
        };
        steps.push(step);
        rest = after;
    }
    Some(steps)
}

/// The place one step below `tree`, made if it is not there. A list grows by one at a time.
fn below<'t>(tree: &'t mut Tree, step: &Step<'_>) -> Option<&'t mut Tree> {
    match step {
        Step::Name(name) => {
            if tree.is_null() {
                *tree = Tree::Object(Map::new());
            }
            Some(tree.as_object_mut()?.entry(*name).or_insert(Tree::Null))
        }
        Step::Item(index) => {
            if tree.is_null() {
                *tree = Tree::Array(Vec::new());
            }
            let list = tree.as_array_mut()?;
            if list.len() == *index {
                list.push(Tree::Null);
            }
            list.get_mut(*index)
        }
    }
}
