//! Values not far from the mean.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::Table;

use super::cell::PandasColumn;
use super::{Expectation, Outcome, Severity, UnexpectedRows, all, column, is_all};
use crate::step::{Fraction, statistic};

/// Every value is less than a number of standard deviations (of a sample) above the mean. Missing cells are passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ZScoresLessThan {
    /// The column.
    pub column: String,
    /// The number of standard deviations.
    pub threshold: f64,
    /// Whether the same holds below the mean.
    pub double_sided: bool,
    /// The least share of rows with a value that must be so.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub mostly: Fraction,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

impl Expectation for ZScoresLessThan {
    fn column(&self) -> Option<&str> {
        Some(&self.column)
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn check(&self) -> Result<(), String> {
        let holds = self.threshold.is_finite();
        if holds { Ok(()) } else { Err(format!("expected a finite `threshold`, found {}", self.threshold)) }
    }

    fn judge<'t>(&self, table: &'t Table) -> Result<Outcome<'t>, String> {
        let cells = PandasColumn::of(column(table, &self.column)?);
        if !cells.is_numeric() {
            return Err(format!("expected a column of numbers, found {}", cells.kind()));
        }
        let numbers = cells.numbers().unwrap_or_default();
        let present = statistic::present(&numbers);
        let (mean, deviation) = (statistic::sum(&present) / present.len() as f64, statistic::deviation(&present));
        let holds = |x: f64| {
            let score = (x - mean) / deviation;
            let score = if self.double_sided { score.abs() } else { score };
            score < self.threshold
        };
        let rows = (0u32..).zip(&numbers).filter(|(_, x)| !x.is_nan() && !holds(**x)).map(|(row, _)| row).collect();
        Ok(Outcome::Rows(UnexpectedRows::of(cells, rows, self.mostly)))
    }
}
