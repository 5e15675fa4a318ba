use std::fmt::Write;

use crate::run::Outcome;
use trainer_quality::GateReport;

/// The run's note, in Markdown: what it is, what the gates said, the main numbers.
pub fn note(learner: &str, outcome: &Outcome) -> String {
    let mut text = format!("**{learner}**, {} rows judged: **{}**\n\n", outcome.judged.name(), verdict(&outcome.gates));
    text += &gate_table(&outcome.gates);
    text += "| metric | value | baseline |\n|---|---|---|\n";
    for (name, value) in outcome.evaluation.metrics.iter().filter(|(_, value)| value.is_finite()) {
        let _ = writeln!(text, "| {name} | {value:.4} | {} |", number(outcome.baseline.get(name)));
    }
    let _ = write!(text, "\nrows: {}\n", outcome.rows);
    for warning in &outcome.warnings {
        let _ = writeln!(text, "- {}", cell(&crate::warned::text(warning)));
    }
    text
}

/// What the gates said, in two words.
pub fn verdict(gates: &GateReport) -> &'static str {
    match (gates.verdicts.is_empty(), gates.passed) {
        (true, _) => "no gates",
        (false, true) => "all gates passed",
        (false, false) => "gates FAILED",
    }
}

/// The verdicts as a Markdown table, and nothing without gates.
pub fn gate_table(gates: &GateReport) -> String {
    if gates.verdicts.is_empty() {
        return String::new();
    }
    let mut text = "| gate | on | value | needs | verdict |\n|---|---|---|---|---|\n".to_owned();
    for verdict in &gates.verdicts {
        let passed = if verdict.passed { "passed" } else { "**FAILED**" };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {passed} |",
            verdict.metric,
            verdict.on,
            number(verdict.value),
            cell(&verdict.needs())
        );
    }
    text + "\n"
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "undefined".to_owned(), |value| format!("{value:.4}"))
}

/// Text that stays one line and no markup.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|").replace('<', "&lt;")
}
