//! What was done: one line a step, and the file that says it all.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use trainer_data::Warning;

/// What a run of features did, step by step.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// The project's name.
    pub project: String,
    /// The program's version.
    pub trainer: &'static str,
    /// Whether every step was done.
    pub complete: bool,
    /// The step that failed, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<Failed>,
    /// The steps, in order.
    pub steps: Vec<StepSummary>,
    /// The columns of the rows as they came, and as they were stored.
    pub columns: Columns,
    /// Rows of the further inputs, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, u64>,
    /// The files of what was learned from the rows; none where nothing was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<String>,
    /// What was odd.
    pub warnings: Vec<Warning>,
    /// Seconds in all.
    pub seconds: f64,
}

/// The step that failed.
#[derive(Debug, Clone, Serialize)]
pub struct Failed {
    /// Its name.
    pub step: String,
    /// How the program ends.
    pub exit_code: u8,
    /// Why.
    pub error: String,
}

/// One step.
#[derive(Debug, Clone, Default, Serialize)]
pub struct StepSummary {
    /// extract, validate, build, store or summarize.
    pub step: &'static str,
    /// Rows that it took.
    pub rows_in: u64,
    /// Rows that it gave.
    pub rows_out: u64,
    /// Rows that it left out, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub dropped: BTreeMap<String, u64>,
    /// The rows that could not be read, by what is wrong with them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub malformed: BTreeMap<String, u64>,
    /// The file of what the expectations found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<String>,
    /// Cells that it replaced, by column and reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub replaced: BTreeMap<String, u64>,
    /// Rows in and out of each part of the build.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartSummary>,
    /// Seconds of its own; not of writing this file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// What it read or wrote.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileSummary>,
}

/// One part of the build.
#[derive(Debug, Clone, Serialize)]
pub struct PartSummary {
    /// Its name in the config.
    pub name: String,
    /// Rows that it took.
    pub rows_in: u64,
    /// Rows that it gave.
    pub rows_out: u64,
}

/// A file that was read or written.
#[derive(Debug, Clone, Serialize)]
pub struct FileSummary {
    /// Where.
    pub path: String,
    /// Rows in it; 0 where it holds something else.
    pub rows: u64,
    /// Its length; 0 where it holds something else.
    pub bytes: u64,
    /// Of what was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// Columns, and what became of them.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Columns {
    /// As they came.
    pub extracted: Vec<String>,
    /// As they were stored.
    pub stored: Vec<String>,
    /// Came, and are not in `extract.header`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub appeared: Vec<String>,
    /// Are in `extract.header`, and did not come: null in every row.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disappeared: Vec<String>,
}

impl StepSummary {
    /// The step, with its own time.
    pub fn new(step: &'static str, rows_in: u64, rows_out: u64, seconds: Option<Duration>) -> Self {
        let seconds = seconds.map(|seconds| (seconds.as_secs_f64() * 1_000.0).round() / 1_000.0);
        Self { step, rows_in, rows_out, seconds, ..Self::default() }
    }

    /// `[features] step=validate rows_in=2000 rows_out=1991 dropped_malformed=9 seconds=0.012`.
    pub fn line(&self) -> String {
        let mut line = format!("[features] step={} rows_in={} rows_out={}", self.step, self.rows_in, self.rows_out);
        for (reason, rows) in &self.dropped {
            line.push_str(&format!(" dropped_{reason}={rows}"));
        }
        if !self.replaced.is_empty() {
            line.push_str(&format!(" replaced_cells={}", self.replaced.values().sum::<u64>()));
        }
        if let Some(seconds) = self.seconds {
            line.push_str(&format!(" seconds={seconds:.3}"));
        }
        if let [file] = self.files.as_slice() {
            line.push_str(&format!(" path={}", file.path));
        } else if let Some(file) = self.files.first() {
            line.push_str(&format!(" files={} first={}", self.files.len(), file.path));
        }
        line
    }
}
