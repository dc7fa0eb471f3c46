//! What a request needs, what is known of a model, and whether the two go together.
//!
//! Invariant: what is not known never excludes. What is only estimated or learned excludes as
//! long as something else is left.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use mirk_model::{Operation, Timestamp};

/// For how long a model's refusal is remembered, in microseconds.
pub const REMEMBERED_FOR: i64 = 86_400_000_000;

macro_rules! features {
    ($($(#[$doc:meta])* $name:ident = $code:literal),+ $(,)?) => {
        /// Something that a model can or can not do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Feature {
            $($(#[$doc])* $name,)+
        }

        impl Feature {
            /// Every feature.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name in settings and explanations.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }
        }
    };
}

features! {
    /// Takes images.
    Image = "image",
    /// Takes audio.
    Audio = "audio",
    /// Takes video.
    Video = "video",
    /// Takes documents, such as PDF.
    Document = "document",
    /// Calls tools.
    Tools = "tools",
    /// Answers in the form of a JSON schema.
    Schema = "schema",
    /// Thinks before it answers.
    Reasoning = "reasoning",
    /// Answers as a stream.
    Stream = "stream",
}

/// How many features there are.
const COUNT: usize = Feature::ALL.len();

impl Feature {
    /// The feature with this code.
    pub fn by_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.code() == code)
    }

    const fn bit(self) -> u16 {
        1 << self as u8
    }
}

/// A set of features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Features(u16);

impl Features {
    /// None.
    pub const NONE: Self = Self(0);

    /// The set with `feature` in it.
    #[must_use]
    pub const fn with(self, feature: Feature) -> Self {
        Self(self.0 | feature.bit())
    }

    /// Whether `feature` is in it.
    pub const fn has(self, feature: Feature) -> bool {
        self.0 & feature.bit() != 0
    }

    const fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    fn first(self) -> Option<Feature> {
        Feature::ALL.iter().copied().find(|known| self.has(*known))
    }
}

impl FromIterator<Feature> for Features {
    fn from_iter<I: IntoIterator<Item = Feature>>(features: I) -> Self {
        features.into_iter().fold(Self::NONE, Self::with)
    }
}

/// A set of operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Operations(u32);

impl Operations {
    /// The set with `operation` in it.
    #[must_use]
    pub const fn with(self, operation: Operation) -> Self {
        Self(self.0 | 1 << operation as u32)
    }

    /// Whether `operation` is in it.
    pub const fn has(self, operation: Operation) -> bool {
        self.0 & (1 << operation as u32) != 0
    }
}

impl FromIterator<Operation> for Operations {
    fn from_iter<I: IntoIterator<Item = Operation>>(operations: I) -> Self {
        operations.into_iter().fold(Self::default(), Self::with)
    }
}

/// What a request needs of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// What is asked for.
    pub operation: Operation,
    /// Estimated input tokens.
    pub input: u64,
    /// The most output tokens that the client asks for; absent when it does not say.
    pub output: Option<u64>,
    /// What else it needs.
    pub features: Features,
}

impl Need {
    /// `operation`, and nothing else known.
    pub const fn of(operation: Operation) -> Self {
        Self {
            operation,
            input: 0,
            output: None,
            features: Features::NONE,
        }
    }
}

/// What is known of a model. The default is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Tokens that fit into one request, input and output together.
    pub context: Option<u64>,
    /// The most output tokens.
    pub output: Option<u64>,
    /// What it certainly can.
    pub can: Features,
    /// What it certainly can not.
    pub lacks: Features,
}

impl Known {
    /// What is in `self` where that says something, else what is in `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            context: self.context.or(other.context),
            output: self.output.or(other.output),
            can: Features(self.can.0 | other.can.0 & !self.lacks.0),
            lacks: Features(self.lacks.0 | other.lacks.0 & !self.can.0),
        }
    }
}

/// Why a model can not do a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// It can not be asked this way.
    Operation,
    /// It is known not to do this.
    Lacks(Feature),
    /// It refused this lately.
    Refused(Feature),
    /// The request is longer than its context.
    Context,
    /// It refused a request that was not longer than this one lately.
    RefusedLength,
    /// The client asks for more output than it gives.
    Output,
}

impl Misfit {
    /// Its stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Operation => "operation_not_spoken",
            Self::Lacks(_) => "feature_missing",
            Self::Refused(_) => "feature_refused_lately",
            Self::Context => "context_too_small",
            Self::RefusedLength => "length_refused_lately",
            Self::Output => "output_too_small",
        }
    }

    /// The feature that it is about.
    pub const fn feature(self) -> Option<Feature> {
        match self {
            Self::Lacks(feature) | Self::Refused(feature) => Some(feature),
            Self::Operation | Self::Context | Self::RefusedLength | Self::Output => None,
        }
    }

    /// Whether the target may be tried all the same when nothing else is left: input tokens are
    /// estimated, an output limit can be lowered, and what was refused once may work now.
    pub const fn is_soft(self) -> bool {
        !matches!(self, Self::Operation | Self::Lacks(_))
    }
}

/// What is kept of [`Refused`] over a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Features, each with the moment until which it counts as refused.
    pub features: Vec<(Feature, Timestamp)>,
    /// The shortest request that was too long, in estimated input tokens, and until when that
    /// counts.
    pub length: Option<(u64, Timestamp)>,
}

/// What a model refused lately. One for each model at a provider, shared by `Arc`.
#[derive(Debug)]
pub struct Refused {
    /// Until when each feature counts as refused.
    features: [AtomicI64; COUNT],
    /// The shortest request that was too long, in estimated input tokens, and until when that
    /// counts.
    length: AtomicU64,
    length_until: AtomicI64,
}

impl Default for Refused {
    fn default() -> Self {
        Self {
            features: [const { AtomicI64::new(i64::MIN) }; COUNT],
            length: AtomicU64::new(u64::MAX),
            length_until: AtomicI64::new(i64::MIN),
        }
    }
}

impl Refused {
    /// Remembers that it refused `feature`.
    pub fn feature(&self, feature: Feature, now: Timestamp) {
        if let Some(until) = self.features.get(feature as usize) {
            let end = now.plus_micros(REMEMBERED_FOR).as_micros();
            until.store(end, Ordering::Relaxed);
        }
    }

    /// Remembers that a request of `input` estimated tokens was too long.
    pub fn length(&self, input: u64, now: Timestamp) {
        let is_over = now.as_micros() >= self.length_until.load(Ordering::Relaxed);
        let shortest = if is_over {
            input
        } else {
            input.min(self.length.load(Ordering::Relaxed))
        };
        self.length.store(shortest, Ordering::Relaxed);
        let end = now.plus_micros(REMEMBERED_FOR).as_micros();
        self.length_until.store(end, Ordering::Relaxed);
    }

    /// What counts at `now`, for keeping.
    pub(crate) fn kept(&self, now: Timestamp) -> Kept {
        let is_over = |until: i64| now.as_micros() >= until;
        let features = Feature::ALL.iter().zip(&self.features);
        let features = features
            .map(|(feature, until)| (*feature, until.load(Ordering::Relaxed)))
            .filter(|(_, until)| !is_over(*until))
            .map(|(feature, until)| (feature, Timestamp::from_micros(until)))
            .collect();
        let until = self.length_until.load(Ordering::Relaxed);
        let length = self.length.load(Ordering::Relaxed);
        let length = (!is_over(until)).then(|| (length, Timestamp::from_micros(until)));
        Kept { features, length }
    }

    /// Takes back what was kept, for as long as anything is remembered at most.
    pub(crate) fn restore(&self, kept: &Kept, now: Timestamp) {
        let latest = now.plus_micros(REMEMBERED_FOR);
        for (feature, until) in &kept.features {
            if let Some(own) = self.features.get(*feature as usize) {
                own.store((*until).min(latest).as_micros(), Ordering::Relaxed);
            }
        }
        if let Some((length, until)) = kept.length {
            self.length.store(length, Ordering::Relaxed);
            self.length_until
                .store(until.min(latest).as_micros(), Ordering::Relaxed);
        }
    }

    fn features(&self, now: Timestamp) -> Features {
        let is_refused = |feature: &Feature| {
            let until = self.features.get(*feature as usize);
            until.is_some_and(|until| now.as_micros() < until.load(Ordering::Relaxed))
        };
        Feature::ALL.iter().copied().filter(is_refused).collect()
    }

    fn is_too_long(&self, input: u64, now: Timestamp) -> bool {
        now.as_micros() < self.length_until.load(Ordering::Relaxed)
            && input > 0
            && input >= self.length.load(Ordering::Relaxed)
    }
}

/// Whether a model that speaks `spoken`, of which `known` is known and `refused` learned, can do
/// what `need` says at `now`. What certainly can not goes before what may not.
///
/// # Errors
/// The first [`Misfit`].
pub fn judge(
    need: &Need,
    (spoken, known): (Operations, &Known),
    refused: Option<&Refused>,
    now: Timestamp,
) -> Result<(), Misfit> {
    if !spoken.has(need.operation) {
        return Err(Misfit::Operation);
    }
    if let Some(feature) = need.features.both(known.lacks).first() {
        return Err(Misfit::Lacks(feature));
    }
    let whole = need.input.saturating_add(need.output.unwrap_or(0));
    if known.context.is_some_and(|context| whole > context) {
        return Err(Misfit::Context);
    }
    let output = need.output.unwrap_or(0);
    if known.output.is_some_and(|most| output > most) {
        return Err(Misfit::Output);
    }
    let Some(refused) = refused else {
        return Ok(());
    };
    if let Some(feature) = need.features.both(refused.features(now)).first() {
        return Err(Misfit::Refused(feature));
    }
    if refused.is_too_long(need.input, now) {
        return Err(Misfit::RefusedLength);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000);

    fn spoken() -> Operations {
        [Operation::Chat].into_iter().collect()
    }

    #[test]
    fn what_is_not_known_never_excludes() {
        let mut need = Need::of(Operation::Chat);
        need.input = u64::MAX;
        need.output = Some(u64::MAX);
        need.features = Feature::ALL.iter().copied().collect();
        assert_eq!(
            judge(&need, (spoken(), &Known::default()), None, NOW),
            Ok(())
        );
        let fresh = Refused::default();
        assert_eq!(
            judge(&need, (spoken(), &Known::default()), Some(&fresh), NOW),
            Ok(())
        );
    }

    #[test]
    fn each_known_fact_excludes_what_goes_against_it() {
        let known = Known {
            context: Some(1_000),
            output: Some(100),
            can: Features::NONE,
            lacks: Features::NONE.with(Feature::Image),
        };
        let judged = |change: fn(&mut Need)| {
            let mut need = Need::of(Operation::Chat);
            change(&mut need);
            judge(&need, (spoken(), &known), None, NOW)
        };
        assert_eq!(judged(|_| {}), Ok(()));
        assert_eq!(
            judged(|need| need.operation = Operation::Messages),
            Err(Misfit::Operation)
        );
        assert_eq!(judged(|need| need.input = 1_001), Err(Misfit::Context));
        assert_eq!(judged(|need| need.output = Some(101)), Err(Misfit::Output));
        let image = |need: &mut Need| need.features = Features::NONE.with(Feature::Image);
        assert_eq!(judged(image), Err(Misfit::Lacks(Feature::Image)));
        assert!(judged(|need| need.features = Features::NONE.with(Feature::Audio)).is_ok());
    }

    #[test]
    fn a_refusal_is_remembered_for_a_day() {
        let refused = Refused::default();
        refused.feature(Feature::Tools, NOW);
        refused.length(5_000, NOW);
        refused.length(9_000, NOW);
        let mut need = Need::of(Operation::Chat);
        need.input = 5_000;
        let known = Known::default();
        let at = |need: &Need, now| judge(need, (spoken(), &known), Some(&refused), now);
        assert_eq!(at(&need, NOW), Err(Misfit::RefusedLength));
        let tomorrow = NOW.plus_micros(REMEMBERED_FOR);
        assert_eq!(at(&need, tomorrow), Ok(()));
        need.input = 4_999;
        assert_eq!(at(&need, NOW), Ok(()));
        need.features = need.features.with(Feature::Tools);
        assert_eq!(at(&need, NOW), Err(Misfit::Refused(Feature::Tools)));
        assert_eq!(at(&need, tomorrow), Ok(()));
    }

    #[test]
    fn what_an_operator_says_goes_before_what_a_catalogue_says() {
        let said = Known {
            lacks: Features::NONE.with(Feature::Image),
            ..Known::default()
        };
        let listed = Known {
            context: Some(8),
            can: Features::NONE.with(Feature::Image).with(Feature::Audio),
            ..Known::default()
        };
        let both = said.or(listed);
        assert_eq!(both.context, Some(8));
        assert!(both.lacks.has(Feature::Image) && !both.can.has(Feature::Image));
        assert!(both.can.has(Feature::Audio));
    }
}
