//! What a request comes to before it is written: which tools, which must be called, in which form
//! the answer comes.

use mirk_model::{Ask, Format, Function, Json, Problem, Role, Tool, ToolChoice, Traits};

use super::thinking;
use crate::{
    json::{Type, Value},
    loss::{Feature, Notes},
};

/// A request's plan.
pub(super) struct Plan<'q, 'a> {
    pub(super) tools: Vec<&'q Function<'a>>,
    pub(super) choice: Option<Choice<'q>>,
    /// Whether at most one tool may be called at a time.
    pub(super) is_single: bool,
    /// The schema that is held to natively.
    pub(super) schema: Option<&'q Json<'a>>,
    /// The schema that a tool stands for.
    pub(super) json_tool: Option<&'q Json<'a>>,
    /// Whether the model is told in words to answer with a JSON object.
    pub(super) wants_object: bool,
    pub(super) thinking: thinking::Plan,
}

/// What `tool_choice` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice<'q> {
    Auto,
    Any,
    None,
    Named(&'q str),
}

impl<'q, 'a> Plan<'q, 'a> {
    pub(super) fn of(
        ask: &'q Ask<'a>,
        traits: &Traits,
        notes: &mut Notes,
    ) -> Result<Self, Problem> {
        let mut plan = Self {
            tools: functions(&ask.tools, notes)?,
            choice: None,
            is_single: ask.parallel_calls == Some(false),
            schema: None,
            json_tool: None,
            wants_object: false,
            thinking: thinking::Plan::UNSAID,
        };
        plan.choose(ask.tool_choice.as_ref(), notes);
        plan.form(ask, traits, notes)?;
        // Neither before a tool that must be called nor in an answer that has begun can it think.
        let is_forced = matches!(plan.choice, Some(Choice::Any | Choice::Named(_)));
        let has_begun = ask
            .turns
            .last()
            .is_some_and(|turn| turn.role == Role::Assistant);
        plan.thinking = thinking::Plan::of(ask, traits, is_forced || has_begun, notes)?;
        Ok(plan)
    }

    fn choose(&mut self, choice: Option<&'q ToolChoice<'a>>, notes: &mut Notes) {
        if self.tools.is_empty() {
            self.is_single = false;
            return;
        }
        self.choice = match choice {
            None if self.is_single => Some(Choice::Auto),
            None => None,
            Some(ToolChoice::Auto) => Some(Choice::Auto),
            Some(ToolChoice::None) => Some(Choice::None),
            Some(ToolChoice::Required) => Some(Choice::Any),
            Some(ToolChoice::Named(name)) => Some(Choice::Named(name)),
            Some(ToolChoice::Allowed { names, is_required }) => {
                let before = self.tools.len();
                self.tools.retain(|tool| names.contains(&tool.name));
                if self.tools.len() < before {
                    notes.changed(Feature::ToolChoice);
                }
                match (self.tools.is_empty(), is_required) {
                    (true, _) => None,
                    (false, true) => Some(Choice::Any),
                    (false, false) => Some(Choice::Auto),
                }
            }
        };
    }

    fn form(
        &mut self,
        ask: &'q Ask<'a>,
        traits: &Traits,
        notes: &mut Notes,
    ) -> Result<(), Problem> {
        match &ask.format {
            None | Some(Format::Text) => {}
            Some(Format::JsonObject) => {
                self.wants_object = true;
                notes.lose(Feature::JsonObject)?;
            }
            Some(Format::Schema {
                schema,
                description,
                ..
            }) => {
                if description.is_some() {
                    notes.dropped_field("response_format.json_schema.description");
                }
                if traits.has_schema {
                    self.schema = Some(schema);
                } else {
                    self.by_tool(schema, notes)?;
                }
            }
        }
        Ok(())
    }

    /// Has the answer given as the arguments of a tool. Beside other tools the model has to call
    /// one of them or this one; where one is demanded by name, that one is the answer.
    fn by_tool(&mut self, schema: &'q Json<'a>, notes: &mut Notes) -> Result<(), Problem> {
        if !is_of_objects(schema) {
            return Err(notes.refuse(Feature::JsonSchema));
        }
        match self.choice {
            Some(Choice::Named(_)) => {
                notes.dropped(Feature::JsonSchema);
                return Ok(());
            }
            None if self.tools.is_empty() => {
                self.choice = Some(Choice::Named(crate::anthropic::JSON_TOOL));
            }
            Some(Choice::None) => {
                // The client's own tools may not be called, which none of them may be now.
                self.choice = Some(Choice::Named(crate::anthropic::JSON_TOOL));
            }
            _ => self.choice = Some(Choice::Any),
        }
        self.json_tool = Some(schema);
        self.is_single = true;
        notes.changed(Feature::JsonSchema);
        Ok(())
    }
}

/// Whether every value of a schema is an object, as arguments have to be.
fn is_of_objects(schema: &str) -> bool {
    Value::parse(schema)
        .and_then(Value::members)
        .is_ok_and(|members| {
            members
                .peek("type")
                .is_none_or(|kind| kind.kind() == Type::Text && kind.raw() == r#""object""#)
        })
}

/// The client's functions. The bridge has made functions of tools that take free-form text; tools
/// that another provider runs are no one's here.
fn functions<'q, 'a>(
    tools: &'q [Tool<'a>],
    notes: &mut Notes,
) -> Result<Vec<&'q Function<'a>>, Problem> {
    let mut functions = Vec::with_capacity(tools.len());
    for tool in tools {
        match tool {
            Tool::Function(function) => {
                if function.namespace.is_some() {
                    notes.lose(Feature::Namespaces)?;
                }
                functions.push(function);
            }
            Tool::Custom { .. } => notes.dropped(Feature::CustomTools),
            Tool::Hosted { .. } => notes.lose(Feature::HostedTools)?,
        }
    }
    Ok(functions)
}
