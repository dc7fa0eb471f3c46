//! What was measured: every figure of every round, by measure and by way.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::stats::{median, share};
use crate::target::Way;

/// One thing that is measured, with its unit in the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Measure {
    Chat1Rate,
    Chat1CpuUs,
    Chat1P50Us,
    Chat1P99Us,
    Chat64Rate,
    Chat64CpuUs,
    Chat64Busy,
    Chat256Rate,
    Chat256CpuUs,
    SteadyP50Us,
    SteadyP99Us,
    FirstP50Us,
    FirstP99Us,
    FastRate,
    FastCpuUs,
    FastBusy,
    PacedCpuUs,
    PacedAgeP50Us,
    PacedAgeP99Us,
    MegabyteRate,
    MegabyteCpuUs,
    AloneAgeP99Us,
    BesideAgeP99Us,
    TranslatedCpuUs,
    TranslatedFastCpuUs,
    WholeShare,
    Unexpected,
    SpawnS,
    IdleMb,
    OpenMb,
    PerStreamKb,
    HeldWholeShare,
    AfterMb,
    GoneMs,
    AcceptedCpuUs,
    RejectedCpuUs,
    RejectedReached,
    CutLooksWhole,
    RetryAfterLost,
    AuthMismatch,
}

/// Every measure in the order of the table: its name in the JSON, its label, digits after the point.
pub(crate) static MEASURES: &[(Measure, &str, &str, usize)] = &[
    (
        Measure::Chat1Rate,
        "chat_1_rate",
        "chat, 1 connection: requests/s",
        0,
    ),
    (Measure::Chat1CpuUs, "chat_1_cpu_us", "  CPU/request, us", 1),
    (Measure::Chat1P50Us, "chat_1_p50_us", "  latency p50, us", 1),
    (Measure::Chat1P99Us, "chat_1_p99_us", "  latency p99, us", 1),
    (
        Measure::Chat64Rate,
        "chat_64_rate",
        "chat, 64 connections: requests/s",
        0,
    ),
    (
        Measure::Chat64CpuUs,
        "chat_64_cpu_us",
        "  CPU/request, us",
        1,
    ),
    (
        Measure::Chat64Busy,
        "chat_64_busy",
        "  gateway's core at work, share",
        2,
    ),
    (
        Measure::Chat256Rate,
        "chat_256_rate",
        "chat, 256 connections: requests/s",
        0,
    ),
    (
        Measure::Chat256CpuUs,
        "chat_256_cpu_us",
        "  CPU/request, us",
        1,
    ),
    (
        Measure::SteadyP50Us,
        "steady_p50_us",
        "chat, about 900/s: latency p50, us",
        1,
    ),
    (
        Measure::SteadyP99Us,
        "steady_p99_us",
        "  latency p99, us",
        1,
    ),
    (
        Measure::FirstP50Us,
        "first_p50_us",
        "stream: first event p50, us",
        1,
    ),
    (
        Measure::FirstP99Us,
        "first_p99_us",
        "  first event p99, us",
        1,
    ),
    (
        Measure::FastRate,
        "fast_rate",
        "64 streams, unpaced: events/s",
        0,
    ),
    (Measure::FastCpuUs, "fast_cpu_us", "  CPU/event, us", 2),
    (
        Measure::FastBusy,
        "fast_busy",
        "  gateway's core at work, share",
        2,
    ),
    (
        Measure::PacedCpuUs,
        "paced_cpu_us",
        "64 streams, 20 ms: CPU/event, us",
        2,
    ),
    (
        Measure::PacedAgeP50Us,
        "paced_age_p50_us",
        "  age of a delta p50, us",
        1,
    ),
    (
        Measure::PacedAgeP99Us,
        "paced_age_p99_us",
        "  age of a delta p99, us",
        1,
    ),
    (
        Measure::MegabyteRate,
        "megabyte_rate",
        "1 MB body, 8 connections: requests/s",
        0,
    ),
    (
        Measure::MegabyteCpuUs,
        "megabyte_cpu_us",
        "  CPU/request, us",
        0,
    ),
    (
        Measure::AloneAgeP99Us,
        "alone_age_p99_us",
        "16 streams: age p99, us",
        1,
    ),
    (
        Measure::BesideAgeP99Us,
        "beside_age_p99_us",
        "  beside 1 MB requests: age p99, us",
        1,
    ),
    (
        Measure::TranslatedCpuUs,
        "translated_cpu_us",
        "translated chat, 64: CPU/request, us",
        1,
    ),
    (
        Measure::TranslatedFastCpuUs,
        "translated_fast_cpu_us",
        "translated streams: CPU/event, us",
        2,
    ),
    (
        Measure::WholeShare,
        "whole_share",
        "streams that ended right, share",
        4,
    ),
    (Measure::Unexpected, "unexpected", "unexpected answers", 0),
    (Measure::SpawnS, "spawn_s", "spawn to first answer, s", 3),
    (Measure::IdleMb, "idle_mb", "idle memory, MB", 1),
    (
        Measure::OpenMb,
        "open_mb",
        "memory, 1000 open streams, MB",
        1,
    ),
    (
        Measure::PerStreamKb,
        "per_stream_kb",
        "  kB per open stream",
        1,
    ),
    (
        Measure::HeldWholeShare,
        "held_whole_share",
        "  of them ended right, share",
        4,
    ),
    (Measure::AfterMb, "after_mb", "  memory 10 s after, MB", 1),
    (
        Measure::GoneMs,
        "gone_ms",
        "client gone to upstream ended, ms",
        2,
    ),
    (
        Measure::AcceptedCpuUs,
        "accepted_cpu_us",
        "accepted key: CPU/request, us",
        1,
    ),
    (
        Measure::RejectedCpuUs,
        "rejected_cpu_us",
        "revoked key: CPU/request, us",
        1,
    ),
    (
        Measure::RejectedReached,
        "rejected_reached",
        "  that reached the upstream",
        0,
    ),
    (
        Measure::CutLooksWhole,
        "cut_looks_whole",
        "streams cut off that ended as if whole",
        0,
    ),
    (
        Measure::RetryAfterLost,
        "retry_after_lost",
        "429s without Retry-After, or late",
        0,
    ),
    (
        Measure::AuthMismatch,
        "auth_mismatch",
        "wrong credentials at the upstream",
        0,
    ),
];

/// All figures of a run, and what could not be measured.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    values: BTreeMap<(Measure, Way), Vec<f64>>,
    notes: Vec<String>,
}

impl Figures {
    /// Keeps one figure; nothing is kept of what could not be measured.
    pub(crate) fn add(&mut self, measure: Measure, way: Way, value: Option<f64>) {
        if let Some(value) = value {
            self.values.entry((measure, way)).or_default().push(value);
        }
    }

    /// Keeps a sentence for the reader.
    pub(crate) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Keeps a sentence, where there is one.
    pub(crate) fn note_any(&mut self, note: Option<String>) {
        if let Some(note) = note {
            self.note(note);
        }
    }

    /// Everything noted.
    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The median over the rounds.
    pub(crate) fn median(&self, measure: Measure, way: Way) -> Option<f64> {
        median(self.all(measure, way))
    }

    /// Every figure, in the order of the rounds.
    pub(crate) fn all(&self, measure: Measure, way: Way) -> &[f64] {
        self.values.get(&(measure, way)).map_or(&[], Vec::as_slice)
    }

    /// Median over the rounds of Mirk's figure as a multiple of nginx's in the same round.
    pub(crate) fn ratio(&self, measure: Measure) -> Option<f64> {
        let pairs = self
            .all(measure, Way::Mirk)
            .iter()
            .zip(self.all(measure, Way::Nginx));
        median(
            &pairs
                .filter_map(|(mirk, nginx)| share(*mirk, *nginx))
                .collect::<Vec<_>>(),
        )
    }

    /// Median over the rounds of what `way` adds to the direct figure of the same round.
    pub(crate) fn added(&self, measure: Measure, way: Way) -> Option<f64> {
        let pairs = self
            .all(measure, way)
            .iter()
            .zip(self.all(measure, Way::Direct));
        median(
            &pairs
                .map(|(through, direct)| through - direct)
                .collect::<Vec<_>>(),
        )
    }

    /// What Mirk adds as a multiple of what nginx adds.
    pub(crate) fn added_ratio(&self, measure: Measure) -> Option<f64> {
        let nginx = self
            .added(measure, Way::Nginx)
            .filter(|added| *added > 0.0)?;
        share(self.added(measure, Way::Mirk)?, nginx)
    }

    /// Every raw figure, by measure and way.
    pub(crate) fn to_json(&self) -> Value {
        let mut measures = Map::new();
        for (measure, name, label, _) in MEASURES {
            let mut ways = Map::new();
            for way in [Way::Direct, Way::Nginx, Way::Mirk] {
                let all = self.all(*measure, way);
                if !all.is_empty() {
                    ways.insert(
                        way.name().into(),
                        json!({ "median": median(all), "rounds": all }),
                    );
                }
            }
            ways.insert("label".into(), label.trim().into());
            measures.insert((*name).into(), Value::Object(ways));
        }
        json!({ "measures": measures, "notes": self.notes })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Figures, MEASURES, Measure};
    use crate::target::Way;

    #[test]
    fn ratios_pair_figures_of_the_same_round() {
        let mut figures = Figures::default();
        for (nginx, mirk) in [(10.0, 15.0), (100.0, 150.0), (20.0, 40.0)] {
            figures.add(Measure::Chat64CpuUs, Way::Nginx, Some(nginx));
            figures.add(Measure::Chat64CpuUs, Way::Mirk, Some(mirk));
        }
        assert_eq!(figures.ratio(Measure::Chat64CpuUs), Some(1.5));
    }

    #[test]
    fn added_is_over_direct_and_its_ratio_over_nginxs() {
        let mut figures = Figures::default();
        for (way, value) in [(Way::Direct, 50.0), (Way::Nginx, 150.0), (Way::Mirk, 170.0)] {
            figures.add(Measure::Chat1P50Us, way, Some(value));
        }
        assert_eq!(figures.added(Measure::Chat1P50Us, Way::Mirk), Some(120.0));
        assert_eq!(figures.added_ratio(Measure::Chat1P50Us), Some(1.2));
    }

    #[test]
    fn what_was_not_measured_has_no_ratio() {
        let mut figures = Figures::default();
        figures.add(Measure::Chat64Rate, Way::Mirk, Some(1.0));
        assert_eq!(figures.ratio(Measure::Chat64Rate), None);
    }

    #[test]
    fn every_name_stands_once_in_the_table() {
        let names: BTreeSet<_> = MEASURES.iter().map(|(_, name, ..)| name).collect();
        let measures: BTreeSet<_> = MEASURES.iter().map(|(measure, ..)| measure).collect();
        assert_eq!(
            (names.len(), measures.len()),
            (MEASURES.len(), MEASURES.len())
        );
    }
}
