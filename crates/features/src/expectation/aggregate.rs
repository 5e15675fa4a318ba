//! One number of a column between two bounds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainer_data::{Kind, Table};

use super::bound::{Range, Scalar, check_bounds};
use super::cell::{PandasColumn, PandasType};
use super::strftime::instant;
use super::{Expectation, Outcome, Severity, column, is_false};
use crate::step::statistic;

/// What was observed: the number to compare, and how it is written; nothing where there is none.
type Observed = Option<(f64, Value)>;

/// Declares an expectation about a number of a column.
macro_rules! aggregate {
    ($(#[$attr:meta])* $Name:ident, |$cells:ident| $observed:expr) => {
        $(#[$attr])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $Name {
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
            /// What a failure means for the run.
            #[serde(default, skip_serializing_if = "Severity::is_default")]
            pub severity: Severity,
        }

        impl Expectation for $Name {
            fn column(&self) -> Option<&str> {
                Some(&self.column)
            }

            fn severity(&self) -> Severity {
                self.severity
            }

            fn check(&self) -> Result<(), String> {
                check_bounds(self.min_value.as_ref(), self.max_value.as_ref())
            }

            fn judge<'t>(&self, table: &'t Table) -> Result<Outcome<'t>, String> {
                let $cells = PandasColumn::of(column(table, &self.column)?);
                let observed: Result<Observed, String> = $observed;
                let bound = |bound: &Option<Scalar>| bring(bound.as_ref(), $cells.kind());
                let (min, max) = (bound(&self.min_value)?, bound(&self.max_value)?);
                let range = Range { min, max, strict_min: self.strict_min, strict_max: self.strict_max };
                Ok(match observed? {
                    Some((number, value)) => Outcome::observed(range.holds(&number), value),
                    None => Outcome::observed(false, Value::Null),
                })
            }
        }
    };
}

/// A bound as a number: of dates and timestamps in their own unit.
fn bring(bound: Option<&Scalar>, kind: Kind) -> Result<Option<f64>, String> {
    let Some(bound) = bound else { return Ok(None) };
    let number = match (bound, kind) {
        (Scalar::Text(text), Kind::Date) => instant(text).map(|seconds| seconds / 86_400.0),
        (Scalar::Text(text), Kind::Timestamp) => instant(text),
        (bound, _) => bound.number(),
    };
    number.map(Some).ok_or_else(|| format!("expected a bound of the column's type ({kind}), found {}", bound.json()))
}

/// The numbers of a column that has numbers.
fn numbers(cells: &PandasColumn<'_>) -> Result<Vec<f64>, String> {
    if !cells.is_numeric() {
        return Err(format!("expected a column of numbers, found {}", cells.kind()));
    }
    Ok(statistic::present(&cells.numbers().unwrap_or_default()))
}

/// A number of a column of numbers, as a float.
fn float(cells: &PandasColumn<'_>, number: impl Fn(&[f64]) -> f64) -> Result<Observed, String> {
    let present = numbers(cells)?;
    let number = if present.is_empty() { f64::NAN } else { number(&present) };
    Ok((!number.is_nan()).then(|| (number, number.into())))
}

/// The least or greatest cell, written as the column's cells are.
fn extreme(cells: &PandasColumn<'_>, better: impl Fn(f64, f64) -> bool) -> Result<Observed, String> {
    let Some(numbers) = cells.numbers() else {
        return Err(format!("expected a column of numbers, dates or times, found {}", cells.kind()));
    };
    let best =
        numbers.iter().enumerate().filter(|(_, x)| !x.is_nan()).reduce(|a, b| if better(*b.1, *a.1) { b } else { a });
    Ok(best.map(|(row, &number)| (number, cells.json(row))))
}

/// The sum; of whole numbers and booleans, a whole number.
fn sum(cells: &PandasColumn<'_>) -> Result<Observed, String> {
    let sum = statistic::sum(&numbers(cells)?);
    let whole = !matches!(cells.pandas, PandasType::Float) && sum.abs() < 9e15;
    Ok(Some((sum, if whole { (sum as i64).into() } else { sum.into() })))
}

fn distinct_count(cells: &PandasColumn<'_>) -> usize {
    cells.column.levels().values.len()
}

/// Distinct values per cell with a value.
fn unique_share(cells: &PandasColumn<'_>) -> Observed {
    let present = cells.column.len() - cells.column.null_count();
    if present == 0 {
        return Some((0.0, 0.into()));
    }
    let share = distinct_count(cells) as f64 / present as f64;
    Some((share, share.into()))
}

/// Cells with a value per cell.
fn non_null_share(cells: &PandasColumn<'_>) -> Observed {
    let rows = cells.column.len() as f64;
    let share = (rows - cells.column.null_count() as f64) / rows;
    (!share.is_nan()).then(|| (share, share.into()))
}

aggregate! {
    /// The least value lies between two bounds.
    Min, |cells| extreme(&cells, |a, b| a < b)
}

aggregate! {
    /// The greatest value lies between two bounds.
    Max, |cells| extreme(&cells, |a, b| a > b)
}

aggregate! {
    /// The mean lies between two bounds.
    Mean, |cells| float(&cells, |present| statistic::sum(present) / present.len() as f64)
}

aggregate! {
    /// The median lies between two bounds.
    Median, |cells| float(&cells, |present| statistic::median(present.to_vec()))
}

aggregate! {
    /// The standard deviation (of a sample: divided by n - 1) lies between two bounds.
    Stdev, |cells| float(&cells, statistic::deviation)
}

aggregate! {
    /// The sum lies between two bounds.
    Sum, |cells| sum(&cells)
}

aggregate! {
    /// The number of distinct values lies between two bounds.
    UniqueCount, |cells| { let count = distinct_count(&cells); Ok(Some((count as f64, count.into()))) }
}

aggregate! {
    /// The number of distinct values per cell with a value lies between two bounds.
    UniqueShare, |cells| Ok(unique_share(&cells))
}

aggregate! {
    /// The share of cells with a value lies between two bounds.
    NonNullShare, |cells| Ok(non_null_share(&cells))
}
