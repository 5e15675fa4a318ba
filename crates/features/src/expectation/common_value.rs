//! The value that a column has most often.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainer_data::Table;

use super::bound::Scalar;
use super::cell::PandasColumn;
use super::membership::ValueSet;
use super::{Expectation, Outcome, Severity, column, is_false};

/// The most common value is in the set. Missing cells are passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MostCommonInSet {
    /// The column.
    pub column: String,
    /// The set.
    pub value_set: Vec<Scalar>,
    /// Whether, of several values that are equally common, one in the set is enough.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ties_okay: bool,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

impl Expectation for MostCommonInSet {
    fn column(&self) -> Option<&str> {
        Some(&self.column)
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn judge<'t>(&self, table: &'t Table) -> Result<Outcome<'t>, String> {
        let cells = PandasColumn::of(column(table, &self.column)?);
        let levels = cells.column.levels();
        let counts = levels.counts();
        let most = counts.iter().max().copied().unwrap_or(0);
        let common: Vec<usize> = (0..counts.len()).filter(|&level| counts[level] == most).collect();
        let inside = ValueSet::of(&self.value_set).has_levels(cells.column, &levels);
        let hits = common.iter().filter(|&&level| inside[level]).count();
        let success = if self.ties_okay { hits > 0 } else { common.len() == 1 && hits == 1 };
        let first =
            |level: usize| levels.codes.iter().position(|&code| code as usize == level).expect("a row of the level");
        let observed: Vec<Value> = common.iter().map(|&level| cells.json(first(level))).collect();
        Ok(Outcome::observed(success, observed))
    }
}
