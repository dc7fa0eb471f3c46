//! Profiles: what makes one model better than another for a request that names none.
//!
//! A profile is a value: which models it takes, and how much each part of a score weighs. The
//! parts are measured or known; where neither, they stand in the middle.

use std::sync::Arc;

use crate::{
    intent::{Class, Complexity, Intent},
    name::Lists,
};

macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident = $code:literal),+ $(,)?) => {
        /// One part of a score, from 0 to 1000.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Part {
            $($(#[$doc])* $name,)+
        }

        impl Part {
            /// Every part.
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

parts! {
    /// How soon it answers.
    Speed = "speed",
    /// How much of what was asked lately succeeded.
    Reliability = "reliability",
    /// How little the request costs there.
    Thrift = "thrift",
    /// How able the model is taken to be: by its price, or by its name where it has none.
    Strength = "strength",
    /// How early the profile's list of favourites names it.
    Favourite = "favourite",
    /// Whether it runs on the operator's own machines.
    Local = "local",
    /// How much fits into its context.
    Room = "room",
    /// How well it suits what the request is about.
    Intent = "intent",
}

/// How many parts there are.
pub const PARTS: usize = Part::ALL.len();

/// One number for each part, in the order of [`Part::ALL`].
pub type Scores = [i32; PARTS];

/// A profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name: asked for as `mirk/<name>`.
    pub name: Arc<str>,
    /// Which models it takes.
    pub lists: Lists,
    /// Whether it takes local models only. Strict: not one packet goes elsewhere.
    pub is_local_only: bool,
    /// Whether it takes models with a known price only.
    pub is_priced_only: bool,
    /// How much each part weighs.
    pub weights: Scores,
    /// Globs over `provider/model`, the best first.
    pub favourites: Vec<String>,
}

/// Names that speak of coding.
const CODERS: [&str; 5] = [
    "*cod*",
    "*claude*sonnet*",
    "*claude*opus*",
    "*gpt-5*",
    "*devstral*",
];

impl Profile {
    fn of(name: &str, weights: &[(Part, i32)]) -> Self {
        let mut all = [0; PARTS];
        for (part, weight) in weights {
            if let Some(own) = all.get_mut(*part as usize) {
                *own = *weight;
            }
        }
        Self {
            name: Arc::from(name),
            lists: Lists::default(),
            is_local_only: false,
            is_priced_only: false,
            weights: all,
            favourites: Vec::new(),
        }
    }

    /// Those that every installation has; one that is configured under the same name takes the
    /// place of its namesake.
    pub fn built_in() -> Vec<Self> {
        use Part::{Favourite, Intent, Local, Reliability, Room, Speed, Strength, Thrift};
        let local = [(Local, 10), (Speed, 3), (Reliability, 4), (Strength, 1)];
        let balanced = [
            (Speed, 3),
            (Reliability, 4),
            (Thrift, 3),
            (Strength, 3),
            (Room, 1),
            (Intent, 2),
        ];
        let coding = [
            (Favourite, 6),
            (Strength, 3),
            (Reliability, 4),
            (Speed, 1),
            (Room, 1),
        ];
        let mut all = vec![
            Self::of("fast", &[(Speed, 8), (Reliability, 4), (Thrift, 1)]),
            Self::of("balanced", &balanced),
            Self::of("deep", &[(Strength, 8), (Room, 3), (Reliability, 3)]),
            Self::of("best", &[(Strength, 10), (Reliability, 2)]),
            Self::of("cheap", &[(Thrift, 10), (Reliability, 3), (Speed, 1)]),
            Self::of("local-first", &local),
        ];
        let mut only = Self::of("local-only", &local);
        only.is_local_only = true;
        let mut code = Self::of("coding", &coding);
        code.favourites = CODERS.map(str::to_owned).to_vec();
        all.extend([only, code]);
        all
    }

    /// Whether its scores depend on what a request is about, so that somebody must read that.
    pub fn uses_intent(&self) -> bool {
        self.weights.get(Part::Intent as usize).copied() != Some(0)
    }

    /// What a favourite's place is worth; 0 for what is none.
    pub(crate) fn favourite(&self, full: &str) -> i32 {
        let place = self.favourites.iter().position(|glob| {
            // One list for each place, because the place is what counts.
            mirk_model::ModelFilter::new(vec![glob.clone()]).allows(full)
        });
        place.map_or(0, |place| {
            i32::try_from(place).map_or(100, |place| (1_000 - 100 * place).max(100))
        })
    }

    /// The sum of `parts` by weight.
    pub(crate) fn sum(&self, parts: &Scores) -> i64 {
        let pairs = self.weights.iter().zip(parts);
        pairs
            .map(|(weight, part)| i64::from(*weight) * i64::from(*part))
            .sum()
    }
}

/// What a model's name says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// That it is one of the small ones of its family.
    is_small: bool,
    /// That it was made for programs.
    is_coder: bool,
}

/// Words for small models.
const SMALL: [&str; 12] = [
    "mini", "nano", "flash", "lite", "haiku", "small", "tiny", "instant", "-1b", "-3b", "-8b",
    ":8b",
];

impl Said {
    pub(crate) fn by(model: &str) -> Self {
        let name = model.to_ascii_lowercase();
        // `gemini` has a `mini` in it that says nothing.
        let plain = name.replace("gemini", "");
        Self {
            is_small: SMALL.iter().any(|word| plain.contains(word)),
            is_coder: name.contains("cod") || name.contains("devstral"),
        }
    }
}

/// What is measured or known of a model, before a profile weighs it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) said: Said,
    /// Average microseconds to the first byte.
    pub(crate) latency: Option<u64>,
    /// Millionths.
    pub(crate) success: u32,
    /// Nano-dollars for this request.
    pub(crate) cost: Option<u64>,
    /// Pico-dollars per token of output.
    pub(crate) output_price: Option<u64>,
    pub(crate) is_local: bool,
    pub(crate) context: Option<u64>,
}

/// The parts of a score.
pub(crate) fn parts(facts: &Facts, favourite: i32, intent: Option<Intent>) -> Scores {
    let small = facts.said.is_small;
    let speed = match facts.latency {
        // A second to the first byte is the middle.
        Some(latency) => part_of(1_000_000, latency),
        None if small => 600,
        None => 500,
    };
    // A cent for a request is the middle.
    let thrift = facts.cost.map_or(300, |cost| part_of(10_000_000, cost));
    let strength = match facts.output_price.filter(|price| *price > 0) {
        // Ten dollars for a million tokens of output is the middle.
        Some(price) => 1_000 - part_of(10_000_000, price),
        None if small => 200,
        None => 400,
    };
    let room = facts
        .context
        .map_or(100, |context| part(context.min(1_000_000) / 1_000));
    let mut parts = [0; PARTS];
    for (at, value) in [
        (Part::Speed, speed),
        (Part::Reliability, part(u64::from(facts.success) / 1_000)),
        (Part::Thrift, thrift),
        (Part::Strength, strength),
        (Part::Favourite, favourite),
        (Part::Local, if facts.is_local { 1_000 } else { 0 }),
        (Part::Room, room),
        (
            Part::Intent,
            suits(intent, facts.said, i32::midpoint(speed, thrift), strength),
        ),
    ] {
        if let Some(own) = parts.get_mut(at as usize) {
            *own = value;
        }
    }
    parts
}

/// Hard questions suit strong models, easy ones quick and cheap ones, programs those made for them.
fn suits(intent: Option<Intent>, said: Said, ease: i32, strength: i32) -> i32 {
    let Some(intent) = intent else {
        return 500;
    };
    let base = match intent.complexity {
        Complexity::Simple => ease,
        Complexity::Medium => i32::midpoint(ease, strength),
        Complexity::Complex => strength,
    };
    let bonus = if intent.class == Class::Code && said.is_coder {
        300
    } else {
        0
    };
    (base + bonus).min(1_000)
}

/// 1000 for nothing, 500 for `middle`, towards 0 for much.
fn part_of(middle: u64, value: u64) -> i32 {
    part(middle.saturating_mul(1_000) / middle.saturating_add(value).max(1))
}

fn part(value: u64) -> i32 {
    i32::try_from(value.min(1_000)).unwrap_or(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(model: &str) -> Facts {
        Facts {
            said: Said::by(model),
            latency: None,
            success: 1_000_000,
            cost: None,
            output_price: None,
            is_local: false,
            context: None,
        }
    }

    fn score(profile: &str, facts: &Facts) -> i64 {
        let all = Profile::built_in();
        let profile = all.iter().find(|one| &*one.name == profile).unwrap();
        profile.sum(&parts(facts, 0, None))
    }

    #[test]
    fn each_profile_prefers_what_its_name_says() {
        let dear = Facts {
            cost: Some(80_000_000),
            output_price: Some(25_000_000),
            latency: Some(3_000_000),
            ..facts("claude-opus")
        };
        let cheap = Facts {
            cost: Some(500_000),
            output_price: Some(400_000),
            latency: Some(300_000),
            ..facts("gpt-5-nano")
        };
        let local = Facts {
            cost: Some(0),
            is_local: true,
            latency: Some(2_000_000),
            ..facts("llama-3.3-70b")
        };
        for (profile, better, worse) in [
            ("fast", &cheap, &dear),
            ("cheap", &cheap, &dear),
            ("best", &dear, &cheap),
            ("deep", &dear, &local),
            ("local-first", &local, &cheap),
            ("local-first", &local, &dear),
        ] {
            assert!(score(profile, better) > score(profile, worse), "{profile}");
        }
    }

    #[test]
    fn what_fails_scores_less_everywhere() {
        let good = facts("m");
        let bad = Facts {
            success: 100_000,
            ..good
        };
        for profile in Profile::built_in() {
            let sum = |facts| profile.sum(&parts(facts, 0, None));
            assert!(sum(&good) > sum(&bad), "{}", profile.name);
        }
    }

    #[test]
    fn favourites_count_by_their_place() {
        let all = Profile::built_in();
        let coding = all.iter().find(|one| &*one.name == "coding").unwrap();
        let coder = coding.favourite("ollama/qwen3-coder:30b");
        assert!(coder > coding.favourite("anthropic/claude-sonnet-4-5"));
        assert_eq!(coding.favourite("openai/whisper"), 0);
        assert!(!coding.uses_intent());
    }

    #[test]
    fn gemini_is_not_mini() {
        assert!(!Said::by("gemini-3-pro").is_small);
        assert!(Said::by("gemini-3-flash").is_small);
        assert!(Said::by("GPT-5-mini").is_small);
    }

    #[test]
    fn intent_moves_hard_questions_to_strong_models() {
        let intent = |complexity| {
            Some(Intent {
                class: Class::Code,
                complexity,
                score: 5,
            })
        };
        let strong = Facts {
            output_price: Some(50_000_000),
            cost: Some(90_000_000),
            ..facts("big")
        };
        let weak = Facts {
            output_price: Some(300_000),
            cost: Some(100_000),
            ..facts("nano")
        };
        let part = |facts, complexity| parts(facts, 0, intent(complexity))[Part::Intent as usize];
        assert!(part(&strong, Complexity::Complex) > part(&weak, Complexity::Complex));
        assert!(part(&strong, Complexity::Simple) < part(&weak, Complexity::Simple));
    }
}
