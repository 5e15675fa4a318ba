//! What came of holding rules against a table, in one form whatever the rules are.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trainer_data::Warning;
use trainer_features::dqx::{Criticality, RuleSet};
use trainer_features::expectation::{Severity, ValidationResult};

use super::judging::DqxFound;
use crate::lock::Program;

/// One rule and what was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Whether it holds.
    pub met: bool,
    /// Whether it makes the whole fail when it does not.
    pub decides: bool,
    /// What its failure means, in the words of its kind of rules.
    pub severity: &'static str,
    /// Its name.
    pub name: String,
    /// The column or columns that it is about; empty for the whole table.
    pub on: String,
    /// What was found.
    pub found: String,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// What the rules are.
    pub rules: String,
    /// The file that they were held against.
    pub input: String,
    /// Its rows.
    pub rows: u64,
    /// When.
    pub time: String,
    /// One line a rule.
    pub lines: Vec<Line>,
    /// What was odd.
    pub warnings: Vec<Warning>,
    /// `validation.json`: of a suite the result in the form of Great Expectations.
    pub result: Value,
}

impl Verdict {
    /// What came of a suite.
    ///
    /// # Errors
    /// A result that is no JSON.
    pub fn of_suite(mut result: ValidationResult, rows: u64, about: About) -> anyhow::Result<Self> {
        result.meta.insert("run_id".into(), json!({ "run_name": null, "run_time": about.time }));
        result.meta.insert("trainer_version".into(), Program::this().version.into());
        let mut warnings = about.warnings.clone();
        warnings.extend(result.results.iter().filter(|one| one.success).filter_map(|one| one.warning()));
        Ok(about.verdict(rows, lines_of(&result), warnings, serde_json::to_value(&result)?))
    }

    /// What came of rules of DQX.
    pub fn of_dqx(set: &RuleSet, found: &DqxFound, about: About) -> Self {
        let DqxFound { tally, warnings } = found;
        let counts = tally.counts(set);
        let lines = counts.iter().map(|count| Line {
            met: count.rows == 0,
            decides: count.criticality == Criticality::Error,
            severity: if count.criticality == Criticality::Error { "error" } else { "warn" },
            name: count.name.clone(),
            on: count.columns.join(", "),
            found: match &count.example {
                Some(example) => format!("{} of {} rows: {example}", count.rows, tally.rows),
                None => "no row breaks it".to_owned(),
            },
        });
        let result = json!({
            "success": !tally.breaks(set, Criticality::Error),
            "rows": tally.rows,
            "valid_rows": tally.valid,
            "invalid_rows": tally.flagged,
            "rules": counts,
            "rule_set_fingerprint": set.fingerprint,
            "run_time": about.time,
            "trainer_version": Program::this().version,
        });
        // Each rule says it once, however many rules there are.
        let unique: BTreeMap<String, Warning> = warnings
            .iter()
            .map(|warning| (format!("{:?} {}", warning.column, warning.message), warning.clone()))
            .collect();
        let warnings = about.warnings.iter().cloned().chain(unique.into_values()).collect();
        let lines = lines.collect();
        about.verdict(tally.rows, lines, warnings, result)
    }

    /// Whether every rule that decides holds.
    pub fn passed(&self) -> bool {
        self.lines.iter().all(|line| line.met || !line.decides)
    }

    /// How many rules hold, and how many do not that decide and that do not decide.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |wanted: &dyn Fn(&Line) -> bool| self.lines.iter().filter(|line| wanted(line)).count();
        (count(&|line| line.met), count(&|line| !line.met && line.decides), count(&|line| !line.met && !line.decides))
    }

    /// The verdict in some words.
    pub fn summary(&self) -> String {
        let (met, failed, warned) = self.counts();
        let others = if warned > 0 { format!(", {warned} more only warn") } else { String::new() };
        match failed {
            0 => format!("passed: {met} of {} hold{others}", self.lines.len()),
            _ => format!("failed: {failed} of {} do not hold{others}", self.lines.len()),
        }
    }
}

/// What a verdict is about.
#[derive(Debug, Clone)]
pub struct About {
    /// What the rules are.
    pub rules: String,
    /// The file that they are held against.
    pub input: String,
    /// When.
    pub time: String,
    /// What was odd about the file.
    pub warnings: Vec<Warning>,
}

impl About {
    fn verdict(self, rows: u64, lines: Vec<Line>, warnings: Vec<Warning>, result: Value) -> Verdict {
        let Self { rules, input, time, .. } = self;
        Verdict { rules, input, rows, time, lines, warnings, result }
    }
}

fn lines_of(result: &ValidationResult) -> Vec<Line> {
    let line = |one: &trainer_features::expectation::ExpectationResult| Line {
        met: one.success,
        decides: one.severity == Severity::Critical,
        severity: match one.severity {
            Severity::Critical => "critical",
            Severity::Warning => "warning",
            Severity::Info => "info",
        },
        name: one.type_name().to_owned(),
        on: one.columns().join(", "),
        found: one.summary(),
    };
    result.results.iter().map(line).collect()
}
