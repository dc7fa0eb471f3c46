//! A whole answer told as the events of a stream.

use mirk_model::{Event, PartKind, Reply};

use crate::wire::{Malformed, Sink};

/// Tells `reply` to `sink`, from its beginning to its end.
pub(super) fn replay(reply: &Reply<'_>, sink: &mut Sink<'_>) -> Result<(), Malformed> {
    sink(Event::Start {
        id: reply.id.reborrow(),
        model: reply.model.reborrow(),
        created: reply.created,
        usage: reply.usage,
    })?;
    for (choice, said) in (0_u32..).zip(&reply.choices) {
        let mut call = 0;
        for part in &said.parts {
            tell(choice, &mut call, &part.kind, sink)?;
        }
        if !said.logprobs.is_empty() {
            sink(Event::Logprobs {
                choice,
                tokens: said.logprobs.clone(),
            })?;
        }
        sink(Event::Finish {
            choice,
            finish: said.finish,
            stop: said.stop.clone(),
        })?;
    }
    if let Some(usage) = reply.usage {
        sink(Event::Usage(usage))?;
    }
    sink(Event::End)
}

fn tell(
    choice: u32,
    call: &mut u32,
    part: &PartKind<'_>,
    sink: &mut Sink<'_>,
) -> Result<(), Malformed> {
    match part {
        PartKind::Text { text, citations } => {
            sink(Event::Break { choice })?;
            sink(Event::Text {
                choice,
                text: text.reborrow(),
            })?;
            for citation in citations {
                sink(Event::Citation {
                    choice,
                    citation: citation.clone(),
                })?;
            }
            Ok(())
        }
        PartKind::Thinking(thinking) => {
            sink(Event::Thinking {
                choice,
                text: thinking.text.reborrow(),
            })?;
            match &thinking.state {
                Some(state) => sink(Event::ThinkingState {
                    choice,
                    id: thinking.id.clone(),
                    state: state.clone(),
                }),
                None => Ok(()),
            }
        }
        PartKind::Call(begun) => {
            let number = *call;
            *call += 1;
            sink(Event::Call {
                choice,
                call: number,
                begun: begun.clone(),
            })?;
            sink(Event::CallEnd {
                choice,
                call: number,
            })
        }
        PartKind::Refusal(text) => sink(Event::Refusal {
            choice,
            text: text.reborrow(),
        }),
        // What a model answers holds no results, and no dialect here streams media.
        PartKind::Media(_) | PartKind::Result(_) => Ok(()),
    }
}
