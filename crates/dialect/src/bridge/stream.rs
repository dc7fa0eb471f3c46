//! A stream on its way back.
//!
//! Invariant: a stream that the provider did not end is not ended here.

use mirk_model::{Dialect, Event, Failure, Operation, Problem, Reply, Text};

use super::{Kinds, Way, fit::Restore, frames::Frames, order::Order, replay, wire};
use crate::{
    clawpipe,
    json::{Misread, Value},
    problem,
    wire::{Malformed, Reader, Writer},
};

impl Way {
    /// The translation of a stream.
    pub fn stream(&self) -> Stream {
        let writer = match self.manner.operation {
            Operation::Prompt | Operation::PromptStream => clawpipe::writer(&self.manner),
            operation => (wire(operation.dialect()).writer)(&self.manner),
        };
        let upstream = self.upstream.dialect();
        let restore = match &self.kind {
            Kinds::Said(restore) => restore.clone(),
            Kinds::Vectors(_) | Kinds::Count { .. } => Restore::default(),
        };
        Stream {
            client: self.manner.operation.dialect(),
            frames: Some(Frames::new(upstream == Dialect::Ollama)),
            reader: (wire(upstream).reader)(),
            order: Order::new(restore),
            writer,
            read_reply: wire(upstream).read_reply,
            has_failed: false,
        }
    }
}

/// A stream on its way from a provider's dialect to a client's.
#[derive(Debug)]
pub struct Stream {
    client: Dialect,
    frames: Option<Frames>,
    reader: Box<dyn Reader>,
    order: Order,
    writer: Box<dyn Writer>,
    read_reply: for<'a> fn(&'a str) -> Result<Reply<'a>, Misread>,
    has_failed: bool,
}

impl Stream {
    /// Translates what `chunk` completes, to the end of `out`.
    ///
    /// # Errors
    /// When the provider breaks its own dialect, or a bound is met. What `out` got by then is
    /// good; [`Stream::fail`] says the rest.
    pub fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        let Self {
            client,
            frames,
            reader,
            order,
            writer,
            has_failed,
            ..
        } = self;
        let Some(frames) = frames else {
            return Ok(());
        };
        frames.feed(chunk, &mut |data| {
            reader.data(data, &mut |event| {
                let event = in_terms_of(*client, event, has_failed);
                order.take(event, &mut |event| writer.event(event, out))
            })
        })
    }

    /// The provider's body ended well: translates what is left. Whether the stream was whole is
    /// for [`Stream::has_ended`] to say.
    ///
    /// # Errors
    /// As [`Stream::feed`].
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let Self {
            client,
            frames,
            reader,
            order,
            writer,
            has_failed,
            ..
        } = self;
        let Some(frames) = frames.take() else {
            return Ok(());
        };
        let mut sink = |event: Event<'_>| {
            let event = in_terms_of(*client, event, has_failed);
            order.take(event, &mut |event| writer.event(event, out))
        };
        frames.finish(&mut |data| {
            // Half an event shows that the stream was cut, not that the provider wrote nonsense.
            if Value::parse(data).is_err() && data.trim() != "[DONE]" {
                return Ok(());
            }
            reader.data(data, &mut sink)
        })?;
        reader.end(&mut sink)
    }

    /// An answer in one piece where a stream was asked for.
    ///
    /// # Errors
    /// When it is not what the provider's dialect has.
    pub fn whole(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        let text = String::from_utf8_lossy(body);
        let reply = (self.read_reply)(&text)?;
        let Self { order, writer, .. } = self;
        replay::replay(&reply, &mut |event| {
            order.take(event, &mut |event| writer.event(event, out))
        })
    }

    /// Whether the provider said that the stream is whole, or that it failed.
    pub const fn has_ended(&self) -> bool {
        self.order.has_ended()
    }

    /// Whether the provider said, inside the stream, that it failed.
    pub const fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Ends the stream with an error in the client's words.
    pub fn fail(&mut self, problem: &Problem, out: &mut Vec<u8>) {
        let failure = Failure {
            status: problem.kind.status(),
            code: Text::from(problem.kind.code()),
            message: Text::from(&*problem.public),
            param: problem.param.as_deref().map(Text::from),
        };
        self.writer.event(&Event::Error(failure), out);
    }
}

/// The event, and an error with the marks that clients of the dialect know.
fn in_terms_of<'a>(client: Dialect, event: Event<'a>, has_failed: &mut bool) -> Event<'a> {
    match event {
        Event::Error(failure) => {
            *has_failed = true;
            Event::Error(problem::in_terms_of(client, failure))
        }
        other => other,
    }
}
