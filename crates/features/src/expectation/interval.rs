//! Values between two bounds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::{Kind, Table};

use super::bound::{Range, Scalar, check_bounds};
use super::cell::PandasColumn;
use super::strftime::instant;
use super::{Expectation, Outcome, Severity, UnexpectedRows, all, column, is_all, is_false};
use crate::step::Fraction;

/// Every value lies between two bounds, of which one may be left out. Missing cells are passed over.
///
/// Columns of dates and timestamps take bounds such as `2026-01-31` or `2026-01-31T08:00:00`; text takes text, by code point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BeBetween {
    /// The column.
    pub column: String,
    /// The least value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_value: Option<Scalar>,
    /// The greatest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_value: Option<Scalar>,
    /// Whether `min_value` itself is too small.
    #[serde(default, skip_serializing_if = "is_false")]
    pub strict_min: bool,
    /// Whether `max_value` itself is too large.
    #[serde(default, skip_serializing_if = "is_false")]
    pub strict_max: bool,
    /// The least share of rows with a value that must be so.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub mostly: Fraction,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

impl BeBetween {
    fn range<'s, T>(&'s self, bring: impl Fn(&'s Scalar) -> Option<T>, expected: &str) -> Result<Range<T>, String> {
        let one = |bound: &'s Option<Scalar>| match bound {
            None => Ok(None),
            Some(bound) => match bring(bound) {
                Some(value) => Ok(Some(value)),
                None => Err(format!("expected {expected} as bounds, found {}", bound.json())),
            },
        };
        let (min, max) = (one(&self.min_value)?, one(&self.max_value)?);
        Ok(Range { min, max, strict_min: self.strict_min, strict_max: self.strict_max })
    }

    fn unexpected(&self, cells: &PandasColumn<'_>) -> Result<Vec<u32>, String> {
        let column = cells.column;
        if let Some(strings) = column.strings() {
            let range = self.range(Scalar::text, "text")?;
            let odd = |row: &u32| {
                let row = *row as usize;
                !column.is_null(row) && !range.holds(&strings.value(row))
            };
            return Ok((0..column.len() as u32).filter(odd).collect());
        }
        let range = match column.kind() {
            Kind::Date | Kind::Timestamp => {
                let unit = if column.kind() == Kind::Date { 86_400.0 } else { 1.0 };
                self.range(|bound| Some(instant(bound.text()?)? / unit), "dates or times")?
            }
            _ => self.range(Scalar::number, "numbers")?,
        };
        let numbers = cells.numbers().unwrap_or_default();
        Ok((0u32..).zip(&numbers).filter(|(_, x)| !x.is_nan() && !range.holds(*x)).map(|(row, _)| row).collect())
    }
}

impl Expectation for BeBetween {
    fn column(&self) -> Option<&str> {
        Some(&self.column)
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn check(&self) -> Result<(), String> {
        if self.min_value.is_none() && self.max_value.is_none() {
            return Err("expected `min_value`, `max_value` or both, found neither".into());
        }
        check_bounds(self.min_value.as_ref(), self.max_value.as_ref())
    }

    fn judge<'t>(&self, table: &'t Table) -> Result<Outcome<'t>, String> {
        let cells = PandasColumn::of(column(table, &self.column)?);
        let rows = self.unexpected(&cells)?;
        Ok(Outcome::Rows(UnexpectedRows::of(cells, rows, self.mostly)))
    }
}
