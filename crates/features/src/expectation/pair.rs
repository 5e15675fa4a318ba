//! Two columns, row by row.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainer_data::Table;

use super::cell::PandasColumn;
use super::{Expectation, Outcome, Severity, UnexpectedRows, all, column, is_all, is_false};
use crate::step::Fraction;

/// Which rows are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IgnoreRowIf {
    /// Those without either value.
    #[default]
    BothValuesAreMissing,
    /// Those without one of the values.
    EitherValueIsMissing,
    /// None: a missing value is unexpected.
    Neither,
}

impl IgnoreRowIf {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    fn ignores(self, a: bool, b: bool) -> bool {
        match self {
            Self::BothValuesAreMissing => a && b,
            Self::EitherValueIsMissing => a || b,
            Self::Neither => false,
        }
    }
}

/// Cells of two columns, in the one type in which they are compared.
enum Comparable<'t> {
    Numbers(Vec<f64>, Vec<f64>),
    Text(PandasColumn<'t>, PandasColumn<'t>),
}

impl Comparable<'_> {
    fn order(&self, row: usize) -> Option<Ordering> {
        match self {
            Self::Numbers(a, b) => a[row].partial_cmp(&b[row]),
            Self::Text(a, b) => {
                let (a, b) = (a.column.text(row)?, b.column.text(row)?);
                Some(a.cmp(&b))
            }
        }
    }
}

/// The rows that do not hold, and what they show.
fn judge<'t>(
    table: &'t Table,
    (a, b): (&str, &str),
    ignore: IgnoreRowIf,
    mostly: Fraction,
    holds: impl Fn(Option<Ordering>) -> bool,
) -> Result<Outcome<'t>, String> {
    let (a, b) = (PandasColumn::of(column(table, a)?), PandasColumn::of(column(table, b)?));
    let comparable = match (a.column.numbers(), b.column.numbers()) {
        (Some(x), Some(y)) if a.is_numeric() == b.is_numeric() && (a.is_numeric() || a.kind() == b.kind()) => {
            Comparable::Numbers(x, y)
        }
        (None, None) => Comparable::Text(a, b),
        _ => return Err(format!("expected two columns of one type, found {} and {}", a.kind(), b.kind())),
    };
    let mut missing = 0;
    let mut rows = Vec::new();
    for row in 0..table.rows() {
        if ignore.ignores(a.column.is_null(row), b.column.is_null(row)) {
            missing += 1;
        } else if !holds(comparable.order(row)) {
            rows.push(row as u32);
        }
    }
    Ok(Outcome::Rows(UnexpectedRows {
        rows,
        elements: table.rows(),
        missing: Some(missing),
        mostly: mostly.into(),
        value: Box::new(move |row| Value::Array(vec![a.json(row), b.json(row)])),
    }))
}

/// Every value of the first column is greater than that of the second. A missing value is not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GreaterThan {
    /// The first column.
    #[serde(rename = "column_A")]
    pub column_a: String,
    /// The second column.
    #[serde(rename = "column_B")]
    pub column_b: String,
    /// Whether equal values are as expected.
    #[serde(default, skip_serializing_if = "is_false")]
    pub or_equal: bool,
    /// Which rows are passed over.
    #[serde(default, skip_serializing_if = "IgnoreRowIf::is_default")]
    pub ignore_row_if: IgnoreRowIf,
    /// The least share of the other rows that must be so.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub mostly: Fraction,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

impl Expectation for GreaterThan {
    fn column(&self) -> Option<&str> {
        Some(&self.column_a)
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn judge<'t>(&self, table: &'t Table) -> Result<Outcome<'t>, String> {
        let names = (self.column_a.as_str(), self.column_b.as_str());
        judge(table, names, self.ignore_row_if, self.mostly, |order| match order {
            Some(Ordering::Greater) => true,
            Some(Ordering::Equal) => self.or_equal,
            _ => false,
        })
    }
}

/// The two columns have the same values. A missing value equals none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Equal {
    /// The first column.
    #[serde(rename = "column_A")]
    pub column_a: String,
    /// The second column.
    #[serde(rename = "column_B")]
    pub column_b: String,
    /// Which rows are passed over.
    #[serde(default, skip_serializing_if = "IgnoreRowIf::is_default")]
    pub ignore_row_if: IgnoreRowIf,
    /// The least share of the other rows that must be so.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub mostly: Fraction,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

impl Expectation for Equal {
    fn column(&self) -> Option<&str> {
        Some(&self.column_a)
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn judge<'t>(&self, table: &'t Table) -> Result<Outcome<'t>, String> {
        let names = (self.column_a.as_str(), self.column_b.as_str());
        judge(table, names, self.ignore_row_if, self.mostly, |order| order == Some(Ordering::Equal))
    }
}
