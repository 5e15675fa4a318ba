//! `report.html`: one file that opens anywhere. No script, nothing loaded from elsewhere, figures as inline SVG.

mod confusion;
mod curves;
mod figure;
mod metric_table;
mod number;
mod page;
pub mod plots;
pub mod profile;
mod profile_table;

use trainer_data::Warning;
use trainer_quality::{Evaluation, FlatMetrics, GateReport};

pub use profile::Profile;

/// What the report shows.
#[derive(Debug, Clone)]
pub struct Report {
    /// The project's name.
    pub project: String,
    /// The project's version, if it has one.
    pub version: Option<String>,
    /// The run's name: that of its folder.
    pub run: String,
    /// When it was made, as it is to be read.
    pub created: String,
    /// The learner, such as `random_forest`.
    pub learner: String,
    /// Which part was judged: `test` or `validation`.
    pub judged: String,
    /// What the gates said.
    pub gates: GateReport,
    /// How good the model is on the judged rows.
    pub evaluation: Evaluation,
    /// All numbers of the run.
    pub metrics: FlatMetrics,
    /// How much each feature matters, in any order.
    pub importances: Vec<Importance>,
    /// What the training data looks like.
    pub profile: Profile,
    /// What was expected of it.
    pub expectations: Vec<Expected>,
    /// What was odd.
    pub warnings: Vec<Warning>,
    /// Anything else worth knowing, such as seed, device and model hash: name and value, in order.
    pub facts: Vec<(String, String)>,
    /// The files that were read.
    pub inputs: Vec<InputFact>,
    /// How long each stage took, in order.
    pub seconds: Vec<(String, f64)>,
}

/// How much one feature matters.
#[derive(Debug, Clone, PartialEq)]
pub struct Importance {
    /// The feature's name.
    pub feature: String,
    /// Its share of the impurity that the splits removed.
    pub impurity: f64,
    /// Mean and standard deviation of what the score loses when its values are permuted.
    pub permutation: Option<(f64, f64)>,
}

/// One expectation on the training data, and whether it was met.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// Its name.
    pub name: String,
    /// The column or columns it is about; empty for the whole table.
    pub on: String,
    /// Whether it was met.
    pub met: bool,
    /// What was found, in a few words.
    pub observed: String,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct InputFact {
    /// What it was read for: `training`, `test`.
    pub part: String,
    /// Its path.
    pub path: String,
    /// Its rows.
    pub rows: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

impl Report {
    /// The page.
    ///
    /// # Errors
    /// When the template fails to write into memory.
    pub fn html(&self) -> anyhow::Result<String> {
        page::render(self)
    }
}

#[cfg(test)]
mod tests;
