//! The gates: one table of limits, each with the figure it holds against.

use crate::figures::{Figures, Measure};
use crate::target::Way;

/// On which side of its limit a figure must stay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Limit {
    /// Not above.
    AtMost(f64),
    /// Not below.
    AtLeast(f64),
}

/// One promise about Mirk's speed or size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gate {
    /// What is promised, with its unit.
    pub(crate) label: &'static str,
    /// What must hold.
    pub(crate) limit: Limit,
    /// What is hoped for.
    pub(crate) goal: Option<Limit>,
    /// The figure.
    pub(crate) read: fn(&Figures, &Machine) -> Option<f64>,
}

/// What is not measured in rounds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Machine {
    /// Size of the mirk binary in bytes.
    pub(crate) binary_bytes: Option<f64>,
}

/// How a figure stands to its gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Within the goal.
    Goal,
    /// Within the gate.
    Pass,
    /// Outside.
    Miss,
    /// Not measured.
    Unknown,
}

impl Limit {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
        }
    }
}

impl Gate {
    /// Where this figure stands.
    pub(crate) fn mark(&self, value: Option<f64>) -> Mark {
        match value {
            None => Mark::Unknown,
            Some(value) if !self.limit.holds(value) => Mark::Miss,
            Some(value) if self.goal.is_some_and(|goal| goal.holds(value)) => Mark::Goal,
            Some(_) => Mark::Pass,
        }
    }
}

const fn at_most(
    label: &'static str,
    limit: f64,
    goal: f64,
    read: fn(&Figures, &Machine) -> Option<f64>,
) -> Gate {
    Gate {
        label,
        limit: Limit::AtMost(limit),
        goal: Some(Limit::AtMost(goal)),
        read,
    }
}

const fn at_least(
    label: &'static str,
    limit: f64,
    goal: f64,
    read: fn(&Figures, &Machine) -> Option<f64>,
) -> Gate {
    Gate {
        label,
        limit: Limit::AtLeast(limit),
        goal: Some(Limit::AtLeast(goal)),
        read,
    }
}

/// Every gate, in the order of the table.
pub(crate) static GATES: &[Gate] = &[
    at_most("CPU/request, 64 connections, x nginx", 2.0, 1.5, |f, _| {
        f.ratio(Measure::Chat64CpuUs)
    }),
    at_most("CPU/request, 256 connections, x nginx", 2.0, 1.5, |f, _| {
        f.ratio(Measure::Chat256CpuUs)
    }),
    at_least("requests/s, 64 connections, x nginx", 0.5, 0.65, |f, _| {
        f.ratio(Measure::Chat64Rate)
    }),
    at_least("requests/s, 256 connections, x nginx", 0.5, 0.65, |f, _| {
        f.ratio(Measure::Chat256Rate)
    }),
    at_most("added p50, 1 connection, x nginx's", 1.6, 1.35, |f, _| {
        f.added_ratio(Measure::Chat1P50Us)
    }),
    at_most("added p99, steady rate, ms", 1.0, 0.7, |f, _| {
        Some(f.added(Measure::SteadyP99Us, Way::Mirk)? / 1e3)
    }),
    at_most("first event p50, ms over nginx's", 0.3, 0.1, |f, _| {
        over_nginx_ms(f, Measure::FirstP50Us)
    }),
    at_most("first event p99, ms over nginx's", 0.5, 0.3, |f, _| {
        over_nginx_ms(f, Measure::FirstP99Us)
    }),
    at_most(
        "CPU/event, 64 unpaced streams, x nginx",
        1.7,
        1.45,
        |f, _| f.ratio(Measure::FastCpuUs),
    ),
    at_most("CPU/event, 64 paced streams, x nginx", 1.7, 1.45, |f, _| {
        f.ratio(Measure::PacedCpuUs)
    }),
    at_least(
        "events/s, 64 unpaced streams, x nginx",
        0.65,
        0.75,
        |f, _| f.ratio(Measure::FastRate),
    ),
    at_most("added age of a delta p50, x nginx's", 1.7, 1.4, |f, _| {
        f.added_ratio(Measure::PacedAgeP50Us)
    }),
    at_most("1 MB body: CPU/request, x nginx", 1.2, 0.8, |f, _| {
        f.ratio(Measure::MegabyteCpuUs)
    }),
    at_least("1 MB body: requests/s, x nginx", 0.9, 1.3, |f, _| {
        f.ratio(Measure::MegabyteRate)
    }),
    at_most(
        "translation: CPU/request, x nginx's plain",
        4.0,
        2.5,
        |f, _| over_nginx(f, Measure::TranslatedCpuUs, Measure::Chat64CpuUs),
    ),
    at_most(
        "translation: CPU/event, x nginx's plain",
        2.2,
        1.8,
        |f, _| over_nginx(f, Measure::TranslatedFastCpuUs, Measure::FastCpuUs),
    ),
    at_most(
        "translation: CPU/event, x Mirk's own plain",
        3.0,
        2.0,
        |f, _| {
            let plain = f.median(Measure::FastCpuUs, Way::Mirk)?;
            Some(f.median(Measure::TranslatedFastCpuUs, Way::Mirk)? / plain)
        },
    ),
    at_most("idle memory, MB (issue)", 20.0, 10.0, |f, _| {
        f.median(Measure::IdleMb, Way::Mirk)
    }),
    at_most("idle memory, MB (performance goals)", 15.0, 10.0, |f, _| {
        f.median(Measure::IdleMb, Way::Mirk)
    }),
    at_most("kB per open stream at 1000", 30.0, 22.0, |f, _| {
        f.median(Measure::PerStreamKb, Way::Mirk)
    }),
    at_most("memory with 1000 open streams, MB", 60.0, 45.0, |f, _| {
        f.median(Measure::OpenMb, Way::Mirk)
    }),
    at_most("memory 10 s after, x idle", 1.5, 1.2, |f, _| {
        Some(f.median(Measure::AfterMb, Way::Mirk)? / f.median(Measure::IdleMb, Way::Mirk)?)
    }),
    at_most("spawn to first answer, s", 0.3, 0.1, |f, _| {
        f.median(Measure::SpawnS, Way::Mirk)
    }),
    at_most("release binary, MB", 25.0, 16.0, |_, machine| {
        Some(machine.binary_bytes? / 1e6)
    }),
    at_least(
        "streams that ended right, lowest share",
        1.0,
        1.0,
        |f, _| lowest_whole(f),
    ),
    at_most(
        "client gone to upstream ended, slowest, ms",
        100.0,
        100.0,
        |f, _| {
            f.all(Measure::GoneMs, Way::Mirk)
                .iter()
                .copied()
                .reduce(f64::max)
        },
    ),
    at_most("rejected key: CPU, x accepted", 0.5, 0.5, |f, _| {
        let accepted = f.median(Measure::AcceptedCpuUs, Way::Mirk)?;
        Some(f.median(Measure::RejectedCpuUs, Way::Mirk)? / accepted)
    }),
    at_most(
        "rejected keys that reached the upstream",
        0.0,
        0.0,
        |f, _| f.median(Measure::RejectedReached, Way::Mirk),
    ),
    at_most("age p99 beside 1 MB requests, x alone", 2.0, 2.0, |f, _| {
        let alone = f.median(Measure::AloneAgeP99Us, Way::Mirk)?;
        Some(f.median(Measure::BesideAgeP99Us, Way::Mirk)? / alone)
    }),
    at_most(
        "streams cut off that ended as if whole",
        0.0,
        0.0,
        |f, _| f.median(Measure::CutLooksWhole, Way::Mirk),
    ),
    at_most("429s without Retry-After, or late", 0.0, 0.0, |f, _| {
        f.median(Measure::RetryAfterLost, Way::Mirk)
    }),
    at_most(
        "unexpected answers, most in one measure",
        0.0,
        0.0,
        |f, _| {
            f.all(Measure::Unexpected, Way::Mirk)
                .iter()
                .copied()
                .reduce(f64::max)
        },
    ),
    at_most("wrong credentials at the upstream", 0.0, 0.0, |f, _| {
        f.median(Measure::AuthMismatch, Way::Mirk)
    }),
];

/// Mirk's median in ms above nginx's.
fn over_nginx_ms(figures: &Figures, measure: Measure) -> Option<f64> {
    let mirk = figures.added(measure, Way::Mirk)?;
    Some((mirk - figures.added(measure, Way::Nginx)?) / 1e3)
}

/// Mirk's median of one measure as a multiple of nginx's of another.
fn over_nginx(figures: &Figures, mirk: Measure, nginx: Measure) -> Option<f64> {
    Some(figures.median(mirk, Way::Mirk)? / figures.median(nginx, Way::Nginx)?)
}

fn lowest_whole(figures: &Figures) -> Option<f64> {
    let loaded = figures.all(Measure::WholeShare, Way::Mirk).iter();
    loaded
        .chain(figures.all(Measure::HeldWholeShare, Way::Mirk))
        .copied()
        .reduce(f64::min)
}

#[cfg(test)]
mod tests {
    use super::{GATES, Limit, Machine, Mark};
    use crate::figures::{Figures, Measure};
    use crate::target::Way;

    #[test]
    fn nothing_measured_is_not_a_pass() {
        let (figures, machine) = (Figures::default(), Machine::default());
        for gate in GATES {
            assert_eq!(
                gate.mark((gate.read)(&figures, &machine)),
                Mark::Unknown,
                "{}",
                gate.label
            );
        }
    }

    #[test]
    fn a_figure_on_the_limit_passes_and_past_it_misses() {
        for gate in GATES {
            let (Limit::AtMost(limit) | Limit::AtLeast(limit)) = gate.limit;
            assert_ne!(gate.mark(Some(limit)), Mark::Miss, "{}", gate.label);
            let past = match gate.limit {
                Limit::AtMost(limit) => limit + 0.001,
                Limit::AtLeast(limit) => limit - 0.001,
            };
            assert_eq!(gate.mark(Some(past)), Mark::Miss, "{}", gate.label);
        }
    }

    #[test]
    fn one_broken_stream_misses_the_gate_however_good_the_median() {
        let mut figures = Figures::default();
        for share in [1.0, 0.999, 1.0] {
            figures.add(Measure::WholeShare, Way::Mirk, Some(share));
        }
        let gate = GATES
            .iter()
            .find(|gate| gate.label.starts_with("streams that ended"))
            .unwrap();
        assert_eq!(
            gate.mark((gate.read)(&figures, &Machine::default())),
            Mark::Miss
        );
    }
}
