//! What cannot be written yet, because another block is open.
//!
//! Invariant: blocks come out in the order in which they began.

use mirk_model::{Citation, State};

/// A block to come.
pub(super) enum Block {
    Text {
        text: String,
        citations: Vec<Citation<'static>>,
        is_whole: bool,
    },
    Thinking {
        text: String,
        state: Option<State<'static>>,
        is_whole: bool,
    },
    Call {
        call: u32,
        id: String,
        name: String,
        arguments: String,
        is_whole: bool,
    },
}

impl Block {
    /// Whether nothing can be added to it.
    pub(super) const fn is_whole(&self) -> bool {
        match self {
            Self::Text { is_whole, .. }
            | Self::Thinking { is_whole, .. }
            | Self::Call { is_whole, .. } => *is_whole,
        }
    }

    /// Nothing is added to it any more.
    pub(super) const fn end(&mut self) {
        match self {
            Self::Text { is_whole, .. }
            | Self::Thinking { is_whole, .. }
            | Self::Call { is_whole, .. } => *is_whole = true,
        }
    }
}
