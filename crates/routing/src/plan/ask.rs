//! What a plan is asked for with: the request, the rules of its key, and how much may be tried.

use std::sync::Arc;

use mirk_model::{ModelFilter, Timestamp};

use crate::{fit::Need, intent::Intent, name::Lists, sticky::Fingerprint};

/// What a key may use, and what it uses when nothing is said.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Which models: the name asked for or the `provider/model` that it leads to must fit.
    pub models: ModelFilter,
    /// What must fit besides, by `provider/model`, whatever the name asked for.
    pub lists: Lists,
    /// What `auto` means: a profile, a route or a model.
    pub default: Option<Arc<str>>,
    /// Whether everything must stay on the operator's own machines. Strict.
    pub is_local_only: bool,
    /// Whether a model without a known price is out: a money limit needs one.
    pub is_priced_only: bool,
}

/// How much may be tried for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How many tries that may have cost something can follow the first. A clear refusal costs
    /// nothing: no work was done, and what refused rests from then on.
    pub retries: u32,
    /// How long after planning the latest try may begin, in microseconds.
    pub deadline: i64,
}

impl Default for Budget {
    /// Two retries within two minutes.
    fn default() -> Self {
        Self {
            retries: 2,
            deadline: 120_000_000,
        }
    }
}

/// A request, as far as its plan depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The model that it names.
    pub name: &'a str,
    /// What takes the place of that name, such as a header's value: a profile, or any name.
    pub over: Option<&'a str>,
    /// What it needs.
    pub need: Need,
    /// The rules of its key.
    pub rules: &'a Rules,
    /// Whether this one request must stay on the operator's own machines.
    pub is_local_only: bool,
    /// The conversation it belongs to.
    pub conversation: Option<Fingerprint>,
    /// What it is about, where somebody read that.
    pub intent: Option<Intent>,
    /// How much may be tried.
    pub budget: Budget,
    /// When it is.
    pub now: Timestamp,
    /// Decides what is left to chance. The same seed in the same state gives the same plan.
    pub seed: u64,
}
