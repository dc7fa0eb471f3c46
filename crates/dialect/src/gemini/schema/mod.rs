//! Schemas: Gemini's subset of `OpenAPI` 3.0 read as JSON Schema, and JSON Schema written in it.
//!
//! Invariant: names of properties are never taken for keywords; no `$ref` is fetched; what is
//! written holds only what [`Schema`] has, whatever the client's schema was.
//!
//! `parametersJsonSchema` and `responseJsonSchema` would take more, but the documents do not say
//! that every model does, and the Live API does not; the subset is taken everywhere.
//!
//! [`Schema`]: https://ai.google.dev/api/caching#Schema

mod node;
mod put;
mod read;

pub(super) use self::read::read;

use node::{Build, Node};

use crate::json::Value;

/// A schema in Gemini's form.
pub(super) struct Written {
    /// JSON text; nothing when there is nothing to say, as for a function without parameters.
    pub(super) json: Option<String>,
    /// Whether something of the schema's meaning became words or was left out.
    pub(super) has_changed: bool,
}

/// Writes the schema of a function's parameters, which must be an object.
pub(super) fn parameters(schema: &str) -> Written {
    written(schema, true)
}

/// Writes the schema of an answer.
pub(super) fn answer(schema: &str) -> Written {
    written(schema, false)
}

fn written(schema: &str, must_be_object: bool) -> Written {
    let Ok(root) = Value::parse(schema) else {
        return Written {
            json: None,
            has_changed: true,
        };
    };
    let mut build = Build::new(root);
    let mut node = Node::default();
    build.absorb(root, &mut node);
    if must_be_object {
        build.make_object(&mut node);
        if node.properties.is_empty() && node.hints.is_empty() {
            return Written {
                json: None,
                has_changed: build.has_changed,
            };
        }
    }
    let mut out = Vec::new();
    put::write(&mut build, node, &mut out);
    Written {
        json: Some(String::from_utf8(out).unwrap_or_default()),
        has_changed: build.has_changed,
    }
}
