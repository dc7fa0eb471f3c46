//! What a request says beyond what other dialects can say: known members are kept by name, unknown
//! ones are noted.

use mirk_model::{Json, Text};

use crate::{
    json::{Members, Value},
    loss::Notes,
};

/// What the block with which Claude Code begins its instructions begins with. It changes with
/// every request, so no other provider's prompt cache would ever be hit.
const BILLING: &str = "x-anthropic-billing-header";

/// Members that have no counterpart anywhere else, as they are found.
pub(super) struct Fields<'a, 'n> {
    /// By name, each once.
    pub(super) own: Vec<(&'static str, Json<'a>)>,
    notes: &'n mut Notes,
}

impl<'a, 'n> Fields<'a, 'n> {
    pub(super) const fn new(notes: &'n mut Notes) -> Self {
        Self {
            own: Vec::new(),
            notes,
        }
    }

    /// Keeps `value` under `name`.
    pub(super) fn keep(&mut self, name: &'static str, value: Value<'a>) {
        if self.own.iter().all(|(known, _)| *known != name) {
            self.own.push((name, value.json()));
        }
    }

    /// Takes the member that the last part of `name` says and keeps it, if it says anything.
    pub(super) fn own(&mut self, members: &mut Members<'a>, name: &'static str) {
        let member = name.rsplit_once('.').map_or(name, |(_, member)| member);
        if let Some(value) = members.take(member).filter(|value| value.raw() != "false") {
            self.keep(name, value);
        }
    }

    /// Notes what nobody took. Members are named, not where they stood.
    pub(super) fn rest(&mut self, prefix: &str, members: &Members<'_>) {
        for name in members.rest() {
            self.notes.dropped_field(&format!("{prefix}{name}"));
        }
    }

    /// Instructions without the line that is none.
    pub(super) fn instructions(&mut self, text: Text<'a>) -> Option<Text<'a>> {
        if !text.starts_with(BILLING) {
            return Some(text);
        }
        self.notes.dropped_field(&format!("system.{BILLING}"));
        let rest = match &text.0 {
            std::borrow::Cow::Borrowed(text) => behind_line(text).map(Text::from),
            std::borrow::Cow::Owned(text) => {
                behind_line(text).map(|rest| Text::from(rest.to_owned()))
            }
        };
        rest.filter(|rest| !rest.is_empty())
    }
}

fn behind_line(text: &str) -> Option<&str> {
    text.split_once('\n')
        .map(|(_, rest)| rest.trim_start_matches(['\r', '\n']))
}
