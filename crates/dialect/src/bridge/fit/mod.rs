//! A request made to fit what its target can take, before it is written: everything that is not a
//! matter of spelling.
//!
//! Invariant: every pass either leaves the request as it is, or notes what it did by the table of
//! losses; nothing is moved across a turn of another speaker but where the notes say so.

mod calls;
mod names;
mod options;
mod results;
mod turns;

#[cfg(test)]
mod tests;

use mirk_model::{Ask, Kind, Problem, Traits};

use crate::{loss::Notes, wire::Shape};

pub(super) use names::Restore;

/// Fits `ask` to a target, and says how the names in its answer are to be read.
///
/// # Errors
/// When the table of losses has the request refused.
pub(super) fn fit(
    ask: &mut Ask<'_>,
    shape: &Shape,
    traits: &Traits,
    notes: &mut Notes,
) -> Result<Restore, Problem> {
    options::fit(ask, shape, notes)?;
    let wrapped = calls::fit(ask, shape, notes)?;
    results::pair(ask, shape, notes)?;
    let restore = names::fit(ask, shape, &wrapped, notes);
    turns::fit(ask, shape, traits, notes)?;
    if ask.turns.is_empty() {
        // Ollama loads a model so; another provider would refuse it in words that fit nobody.
        return Err(Problem::new(Kind::BadRequest, "there is nothing to answer").about("messages"));
    }
    Ok(restore)
}
