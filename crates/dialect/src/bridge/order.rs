//! The order of a stream's events, kept whatever the provider does, and the client's own names
//! for its tools put back.

use std::borrow::Cow;

use mirk_model::{Call, Event, Finish, Text};

use super::fit::Restore;
use crate::{
    json::{Members, Value},
    wire::Malformed,
};

/// The most that the arguments of one call may be.
const MOST_ARGUMENTS: usize = 4 << 20;

/// The most calls in one answer.
const MOST_CALLS: usize = 1_024;

/// The most answers.
const MOST_CHOICES: usize = 128;

/// What was said so far.
#[derive(Debug)]
pub(super) struct Order {
    restore: Restore,
    has_started: bool,
    has_ended: bool,
    choices: Vec<Said>,
    calls: Vec<Under>,
}

/// One of the answers.
#[derive(Clone, Debug, Default)]
struct Said {
    has_calls: bool,
    has_refused: bool,
    is_finished: bool,
}

impl Said {
    /// Why it ended, from what it holds.
    const fn derived(&self, finish: Finish) -> Finish {
        match derived(finish, self.has_calls) {
            Finish::Stop if self.has_refused => Finish::Refusal,
            finish => finish,
        }
    }
}

/// A call under way.
#[derive(Debug)]
struct Under {
    choice: u32,
    call: u32,
    is_open: bool,
    length: usize,
    /// The arguments of a free-form tool that the provider knows as a function: they can be
    /// unwrapped only when they are whole.
    wrapped: Option<Held>,
}

struct Held(String);

impl std::fmt::Debug for Held {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Held({} bytes)", self.0.len())
    }
}

/// Where events go on to.
type Next<'s> = dyn FnMut(&Event<'_>) + 's;

impl Order {
    pub(super) const fn new(restore: Restore) -> Self {
        Self {
            restore,
            has_started: false,
            has_ended: false,
            choices: Vec::new(),
            calls: Vec::new(),
        }
    }

    /// Whether the provider said that the stream is whole, or that it failed.
    pub(super) const fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Takes one event of the provider's and hands on what it comes to.
    pub(super) fn take(&mut self, event: Event<'_>, next: &mut Next<'_>) -> Result<(), Malformed> {
        if self.has_ended {
            return Ok(());
        }
        if !self.has_started {
            self.has_started = true;
            if !matches!(event, Event::Start { .. } | Event::Error(_)) {
                next(&Event::Start {
                    id: Text::default(),
                    model: Text::default(),
                    created: None,
                    usage: None,
                });
            }
        } else if let Event::Start { usage, .. } = event {
            // A second beginning says nothing new but its usage.
            if let Some(usage) = usage {
                next(&Event::Usage(usage));
            }
            return Ok(());
        }
        match event {
            Event::Call {
                choice,
                call,
                begun,
            } => self.begin((choice, call), begun, next),
            Event::Arguments { choice, call, text } => self.more((choice, call), text, next),
            Event::CallEnd { choice, call } => {
                self.end_call(choice, call, next);
                Ok(())
            }
            Event::Finish {
                choice,
                finish,
                stop,
            } => self.finish((choice, finish), stop, next),
            Event::End => {
                self.end(next);
                Ok(())
            }
            Event::Error(_) => {
                self.has_ended = true;
                next(&event);
                Ok(())
            }
            other => {
                if let Event::Refusal { choice, .. } = &other {
                    self.said(*choice)?.has_refused = true;
                }
                next(&other);
                Ok(())
            }
        }
    }

    fn said(&mut self, choice: u32) -> Result<&mut Said, Malformed> {
        let index = usize::try_from(choice).unwrap_or(usize::MAX);
        if index >= MOST_CHOICES {
            return Err(Malformed(Cow::Borrowed(
                "the provider gave too many answers",
            )));
        }
        if self.choices.len() <= index {
            self.choices.resize(index + 1, Said::default());
        }
        self.choices.get_mut(index).ok_or(Malformed(Cow::Borrowed(
            "the provider gave too many answers",
        )))
    }

    fn begin(
        &mut self,
        (choice, call): (u32, u32),
        begun: Call<'_>,
        next: &mut Next<'_>,
    ) -> Result<(), Malformed> {
        self.said(choice)?.has_calls = true;
        if self.under(choice, call).is_some() {
            return Ok(());
        }
        if self.calls.len() >= MOST_CALLS {
            return Err(Malformed(Cow::Borrowed(
                "the provider called too many tools",
            )));
        }
        let arguments = begun.arguments.clone();
        let begun = self.restore.call(begun);
        let is_wrapped = begun.is_custom && self.restore.has_wrapped();
        self.calls.push(Under {
            choice,
            call,
            is_open: true,
            length: 0,
            wrapped: is_wrapped.then(|| Held(String::new())),
        });
        next(&Event::Call {
            choice,
            call,
            begun: Call {
                arguments: Text::default(),
                ..begun
            },
        });
        if arguments.is_empty() {
            return Ok(());
        }
        self.more((choice, call), arguments, next)
    }

    fn under(&mut self, choice: u32, call: u32) -> Option<&mut Under> {
        self.calls
            .iter_mut()
            .find(|under| under.choice == choice && under.call == call)
    }

    fn more(
        &mut self,
        (choice, call): (u32, u32),
        text: Text<'_>,
        next: &mut Next<'_>,
    ) -> Result<(), Malformed> {
        let Some(under) = self.under(choice, call).filter(|under| under.is_open) else {
            let words = "the provider sent arguments of a call that is not under way";
            return if text.is_empty() {
                Ok(())
            } else {
                Err(Malformed(Cow::Borrowed(words)))
            };
        };
        under.length += text.len();
        if under.length > MOST_ARGUMENTS {
            let words = "the arguments of a call are longer than 4 MiB";
            return Err(Malformed(Cow::Borrowed(words)));
        }
        if let Some(Held(held)) = &mut under.wrapped {
            held.push_str(&text);
        } else {
            next(&Event::Arguments { choice, call, text });
        }
        Ok(())
    }

    fn end_call(&mut self, choice: u32, call: u32, next: &mut Next<'_>) {
        let Some(under) = self.under(choice, call).filter(|under| under.is_open) else {
            return;
        };
        under.is_open = false;
        if let Some(Held(held)) = under.wrapped.take() {
            let text = unwrapped(&held);
            next(&Event::Arguments { choice, call, text });
        }
        next(&Event::CallEnd { choice, call });
    }

    fn end_calls(&mut self, choice: u32, next: &mut Next<'_>) {
        let open: Vec<_> = self
            .calls
            .iter()
            .filter(|under| under.is_open && under.choice == choice)
            .map(|under| under.call)
            .collect();
        for call in open {
            self.end_call(choice, call, next);
        }
    }

    fn finish(
        &mut self,
        (choice, finish): (u32, Finish),
        stop: Option<Text<'_>>,
        next: &mut Next<'_>,
    ) -> Result<(), Malformed> {
        if self.said(choice)?.is_finished {
            return Ok(());
        }
        self.end_calls(choice, next);
        let said = self.said(choice)?;
        said.is_finished = true;
        let finish = said.derived(finish);
        next(&Event::Finish {
            choice,
            finish,
            stop,
        });
        Ok(())
    }

    fn end(&mut self, next: &mut Next<'_>) {
        self.has_ended = true;
        for choice in 0..u32::try_from(self.choices.len()).unwrap_or(0).max(1) {
            let said = self.said(choice).cloned().unwrap_or_default();
            if said.is_finished {
                continue;
            }
            self.end_calls(choice, next);
            next(&Event::Finish {
                choice,
                finish: said.derived(Finish::Stop),
                stop: None,
            });
        }
        next(&Event::End);
    }
}

/// Why an answer ended, from what it holds: some providers say `stop` although tools are called.
pub(super) const fn derived(finish: Finish, has_calls: bool) -> Finish {
    match (finish, has_calls) {
        (Finish::Stop, true) => Finish::Calls,
        (Finish::Calls, false) => Finish::Stop,
        (finish, _) => finish,
    }
}

/// The text of a free-form tool's call out of the arguments `{"input": text}`; arguments of
/// another form are the text themselves.
pub(super) fn unwrapped(arguments: &str) -> Text<'_> {
    let input = Value::parse(arguments)
        .and_then(Value::members)
        .ok()
        .and_then(|mut members: Members<'_>| members.take("input"))
        .and_then(|input| input.lossy_text().ok());
    input.unwrap_or_else(|| Text::from(arguments))
}
