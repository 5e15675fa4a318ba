//! Values that appear once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::{Levels, Table};

use super::cell::PandasColumn;
use super::{Expectation, Outcome, Severity, UnexpectedRows, all, column, is_all};
use crate::step::Fraction;

/// No value appears twice; every row of a value that does is unexpected. Missing cells are passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BeUnique {
    /// The column.
    pub column: String,
    /// The least share of rows with a value that must be so.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub mostly: Fraction,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

impl Expectation for BeUnique {
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
        let twice = |code: u32| code != Levels::MISSING && counts[code as usize] > 1;
        let rows = (0u32..).zip(&levels.codes).filter(|&(_, &code)| twice(code)).map(|(row, _)| row).collect();
        Ok(Outcome::Rows(UnexpectedRows::of(cells, rows, self.mostly)))
    }
}
