//! How long values are.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::Table;

use super::bound::Range;
use super::cell::PandasColumn;
use super::{Expectation, Outcome, Severity, UnexpectedRows, all, column, is_all, is_false};
use crate::step::Fraction;

/// Every value, written as text, has a number of characters between two bounds. Missing cells are passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LengthsBetween {
    /// The column.
    pub column: String,
    /// The least number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_value: Option<f64>,
    /// The greatest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_value: Option<f64>,
    /// Whether `min_value` itself is too few.
    #[serde(default, skip_serializing_if = "is_false")]
    pub strict_min: bool,
    /// Whether `max_value` itself is too many.
    #[serde(default, skip_serializing_if = "is_false")]
    pub strict_max: bool,
    /// The least share of rows with a value that must be so.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub mostly: Fraction,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

/// The number of characters (code points, as Python counts them).
fn length(text: &str) -> f64 {
    text.chars().count() as f64
}

impl Expectation for LengthsBetween {
    fn column(&self) -> Option<&str> {
        Some(&self.column)
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn check(&self) -> Result<(), String> {
        match (self.min_value, self.max_value) {
            (None, None) => Err("expected `min_value`, `max_value` or both, found neither".into()),
            (Some(min), Some(max)) if min > max => Err("expected `min_value` at or below `max_value`".into()),
            _ => Ok(()),
        }
    }

    fn judge<'t>(&self, table: &'t Table) -> Result<Outcome<'t>, String> {
        let cells = PandasColumn::of(column(table, &self.column)?);
        let Self { min_value: min, max_value: max, strict_min, strict_max, .. } = *self;
        let range = Range { min, max, strict_min, strict_max };
        let rows = cells.rows_where(|text| !range.holds(&length(text)));
        Ok(Outcome::Rows(UnexpectedRows::of(cells, rows, self.mostly)))
    }
}

/// Every value, written as text, has this number of characters. Missing cells are passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LengthsEqual {
    /// The column.
    pub column: String,
    /// The number.
    pub value: f64,
    /// The least share of rows with a value that must be so.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub mostly: Fraction,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

impl Expectation for LengthsEqual {
    fn column(&self) -> Option<&str> {
        Some(&self.column)
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn judge<'t>(&self, table: &'t Table) -> Result<Outcome<'t>, String> {
        let cells = PandasColumn::of(column(table, &self.column)?);
        let rows = cells.rows_where(|text| length(text) != self.value);
        Ok(Outcome::Rows(UnexpectedRows::of(cells, rows, self.mostly)))
    }
}
