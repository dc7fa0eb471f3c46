//! The table for people and the JSON for programs; the only file that prints.

use std::path::Path;

use serde_json::{Value, json};

use crate::failure::{Doing, Failure};
use crate::figures::{Figures, MEASURES};
use crate::gates::{GATES, Limit, Machine, Mark};
use crate::target::Way;

/// Prints one line.
#[expect(
    clippy::print_stdout,
    reason = "printing figures is what this program is for"
)]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// Every measure in every way, then every gate.
pub(crate) fn table(figures: &Figures, machine: &Machine) -> String {
    let mut text = String::new();
    line(
        &mut text,
        [
            "measure (median of rounds)",
            "direct",
            "nginx",
            "mirk",
            "mirk/nginx",
        ],
    );
    for (measure, _, label, digits) in MEASURES {
        let cell = |way| number(figures.median(*measure, way), *digits);
        let ratio = number(figures.ratio(*measure), 2);
        line(
            &mut text,
            [
                label,
                &cell(Way::Direct),
                &cell(Way::Nginx),
                &cell(Way::Mirk),
                &ratio,
            ],
        );
    }
    text.push('\n');
    line(&mut text, ["gate", "figure", "gate", "goal", ""]);
    for gate in GATES {
        let value = (gate.read)(figures, machine);
        let limit = bound(Some(gate.limit));
        let mark = word(gate.mark(value));
        line(
            &mut text,
            [
                gate.label,
                &number(value, 2),
                &limit,
                &bound(gate.goal),
                mark,
            ],
        );
    }
    for note in figures.notes() {
        text.push_str("\nnote: ");
        text.push_str(note);
    }
    text
}

/// Gates that were missed or could not be measured.
pub(crate) fn missed(figures: &Figures, machine: &Machine) -> usize {
    let marks = GATES
        .iter()
        .map(|gate| gate.mark((gate.read)(figures, machine)));
    marks
        .filter(|mark| matches!(mark, Mark::Miss | Mark::Unknown))
        .count()
}

/// Writes every raw figure and every gate to a file.
pub(crate) fn write_json(path: &Path, figures: &Figures, machine: &Machine) -> Result<(), Failure> {
    let gates: Vec<Value> = GATES
        .iter()
        .map(|gate| {
            let value = (gate.read)(figures, machine);
            let (limit, mark) = (bound(Some(gate.limit)), word(gate.mark(value)));
            json!({ "gate": gate.label, "figure": value, "limit": limit, "mark": mark })
        })
        .collect();
    let mut tree = figures.to_json();
    if let Some(members) = tree.as_object_mut() {
        members.insert("gates".into(), gates.into());
        members.insert("release_binary_bytes".into(), machine.binary_bytes.into());
    }
    std::fs::write(path, format!("{tree:#}\n")).doing("writing the figures")
}

fn line(text: &mut String, cells: [&str; 5]) {
    let [first, second, third, fourth, last] = cells;
    let row = format!("{first:<44}{second:>11}{third:>11}{fourth:>11}  {last:>10}");
    text.push_str(row.trim_end());
    text.push('\n');
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.digits$}"))
}

fn bound(limit: Option<Limit>) -> String {
    match limit {
        Some(Limit::AtMost(value)) => format!("<= {value}"),
        Some(Limit::AtLeast(value)) => format!(">= {value}"),
        None => "-".into(),
    }
}

fn word(mark: Mark) -> &'static str {
    match mark {
        Mark::Goal => "PASS+goal",
        Mark::Pass => "PASS",
        Mark::Miss => "miss",
        Mark::Unknown => "unmeasured",
    }
}

#[cfg(test)]
mod tests {
    use super::{missed, table};
    use crate::figures::{Figures, Measure};
    use crate::gates::{GATES, Machine};
    use crate::target::Way;

    #[test]
    fn the_table_shows_a_figure_its_ratio_and_its_mark() {
        let mut figures = Figures::default();
        figures.add(Measure::Chat64CpuUs, Way::Nginx, Some(20.0));
        figures.add(Measure::Chat64CpuUs, Way::Mirk, Some(35.0));
        let text = table(&figures, &Machine::default());
        let row = text
            .lines()
            .find(|row| row.starts_with("CPU/request, 64"))
            .unwrap();
        assert!(row.contains("1.75") && row.ends_with("PASS"), "{row}");
        assert_eq!(missed(&figures, &Machine::default()), GATES.len() - 1);
    }
}
