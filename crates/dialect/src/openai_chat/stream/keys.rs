//! Which call a piece belongs to.
//!
//! Invariant: pieces of two calls are never put together (T1). OpenAI numbers them by `index`; some
//! servers leave it out or always write 0, some send no ids, some whole calls in one piece.

use mirk_model::{Call, State, Text};

/// The most calls in one answer.
const MOST_CALLS: usize = 1024;

/// The longest arguments that are held while a call has no name yet, in bytes.
const LONGEST_HELD: usize = 4 << 20;

/// What a piece says of the call it belongs to.
#[derive(Debug, Default)]
pub(super) struct Piece<'a> {
    pub(super) index: Option<u64>,
    pub(super) id: Text<'a>,
    pub(super) name: Text<'a>,
    pub(super) is_custom: bool,
    pub(super) state: Option<State<'a>>,
}

/// A call that has begun.
#[derive(Debug, Default)]
struct Known {
    index: Option<u64>,
    id: String,
    name: String,
    is_custom: bool,
    state: Option<State<'static>>,
    shape: Shape,
    /// Arguments that came before the name.
    held: String,
    is_told: bool,
}

/// Whether arguments so far are one whole JSON object.
#[derive(Clone, Copy, Debug, Default)]
struct Shape {
    depth: u32,
    is_in_text: bool,
    is_escaped: bool,
    is_whole: bool,
}

/// The calls of one answer.
#[derive(Debug, Default)]
pub(super) struct Keys(Vec<Known>);

/// There are more calls, or longer arguments, than are believed.
#[derive(Debug)]
pub(super) struct TooMuch;

impl Keys {
    /// The call that `piece` belongs to, which may begin with it. `position` is its place among the
    /// pieces of its chunk, of which there are `pieces`.
    pub(super) fn place(
        &mut self,
        piece: Piece<'_>,
        position: usize,
        pieces: usize,
    ) -> Result<u32, TooMuch> {
        let found = self.find(&piece, position, pieces);
        let at = match found {
            Some(at) => at,
            None if self.0.len() < MOST_CALLS => {
                self.0.push(Known::default());
                self.0.len() - 1
            }
            None => return Err(TooMuch),
        };
        if let Some(known) = self.0.get_mut(at) {
            known.learn(piece);
        }
        u32::try_from(at).map_err(|_many| TooMuch)
    }

    fn find(&self, piece: &Piece<'_>, position: usize, pieces: usize) -> Option<usize> {
        let last = |is: &dyn Fn(&Known) -> bool| self.0.iter().rposition(is);
        if !piece.id.is_empty() {
            // An id says it all, but that it may come after the index; and that older servers (vLLM)
            // make a new one for each piece, of which the first alone has a name.
            return last(&|known| piece.id == known.id.as_str()).or_else(|| {
                let index = piece.index?;
                last(&|known| known.index == Some(index)).filter(|at| {
                    self.0.get(*at).is_some_and(|known| {
                        piece.name.is_empty() || (known.id.is_empty() && !piece.is_next(known))
                    })
                })
            });
        }
        let found = match piece.index {
            Some(index) => last(&|known| known.index == Some(index)),
            None if pieces > 1 => Some(position).filter(|position| *position < self.0.len()),
            None => self.0.len().checked_sub(1),
        };
        found.filter(|at| self.0.get(*at).is_some_and(|known| !piece.is_next(known)))
    }

    /// Takes more of a call's arguments. Says what to pass on, which is nothing while the call has
    /// no name, and whether the call is to be told first.
    pub(super) fn take(&mut self, call: u32, more: &str) -> Result<Passed<'_>, TooMuch> {
        let known = usize::try_from(call)
            .ok()
            .and_then(|call| self.0.get_mut(call))
            .ok_or(TooMuch)?;
        known.shape.feed(more);
        if known.is_told {
            return Ok(Passed::More);
        }
        if known.held.len() + more.len() > LONGEST_HELD {
            return Err(TooMuch);
        }
        known.held.push_str(more);
        if known.name.is_empty() {
            return Ok(Passed::Nothing);
        }
        Ok(known.tell())
    }

    /// The calls that never got a name, to be told as they are.
    pub(super) fn untold(&mut self) -> impl Iterator<Item = (u32, Passed<'_>)> {
        (0_u32..)
            .zip(&mut self.0)
            .filter(|(_, known)| !known.is_told)
            .map(|(call, known)| (call, known.tell()))
    }
}

/// What a piece comes to.
#[derive(Debug)]
pub(super) enum Passed<'k> {
    /// Nothing yet.
    Nothing,
    /// The piece.
    More,
    /// The call begins, with what was held and the piece.
    Begun(Call<'k>, &'k str),
}

impl Piece<'_> {
    /// Whether the piece begins another call than `known`, although it says no other key.
    fn is_next(&self, known: &Known) -> bool {
        !self.name.is_empty()
            && !known.name.is_empty()
            && (self.name != known.name.as_str() || known.shape.is_whole)
    }
}

impl Known {
    fn learn(&mut self, piece: Piece<'_>) {
        self.index = self.index.or(piece.index);
        if self.id.is_empty() {
            piece.id.as_str().clone_into(&mut self.id);
        }
        if self.name.is_empty() {
            piece.name.as_str().clone_into(&mut self.name);
        }
        self.is_custom |= piece.is_custom;
        if let Some(state) = piece.state {
            self.state = Some(State {
                origin: state.origin,
                data: state.data.into_owned(),
            });
        }
    }

    fn tell(&mut self) -> Passed<'_> {
        self.is_told = true;
        let call = Call {
            id: Text::from(self.id.as_str()),
            name: Text::from(self.name.as_str()),
            namespace: None,
            arguments: Text::default(),
            is_custom: self.is_custom,
            state: self.state.clone(),
        };
        Passed::Begun(call, &self.held)
    }
}

impl Shape {
    fn feed(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.is_in_text => self.is_escaped = true,
                b'"' => self.is_in_text = !self.is_in_text,
                _ if self.is_in_text => {}
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.is_whole |= self.depth == 0;
                }
                _ => {}
            }
        }
    }
}
