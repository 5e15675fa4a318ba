//! Values that rise or fall from row to row.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::Table;

use super::cell::{PandasColumn, PandasType};
use super::{Expectation, Outcome, Severity, UnexpectedRows, all, column, is_all, is_false};
use crate::step::Fraction;

/// Declares an expectation about each value and the one before it.
macro_rules! ordered {
    ($(#[$attr:meta])* $Name:ident, |$before:ident, $value:ident| $strict:expr) => {
        $(#[$attr])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $Name {
            /// The column.
            pub column: String,
            /// Whether a value equal to the one before it is unexpected.
            #[serde(default, skip_serializing_if = "is_false")]
            pub strictly: bool,
            /// The least share of rows with a value that must be so.
            #[serde(default = "all", skip_serializing_if = "is_all")]
            pub mostly: Fraction,
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

            fn judge<'t>(&self, table: &'t Table) -> Result<Outcome<'t>, String> {
                let cells = PandasColumn::of(column(table, &self.column)?);
                let holds = |$before: f64, $value: f64| $strict || (!self.strictly && $before == $value);
                let rows = steps(&cells)?.into_iter().filter(|(_, a, b)| !holds(*a, *b)).map(|(row, ..)| row).collect();
                Ok(Outcome::Rows(UnexpectedRows::of(cells, rows, self.mostly)))
            }
        }
    };
}

/// Each row with a value but the first, with the value before it and its own.
fn steps(cells: &PandasColumn<'_>) -> Result<Vec<(u32, f64, f64)>, String> {
    let boolean = matches!(cells.pandas, PandasType::Boolean | PandasType::BooleanObject);
    let numbers = cells.numbers().filter(|_| !boolean);
    let numbers =
        numbers.ok_or_else(|| format!("expected a column of numbers, dates or times, found {}", cells.kind()))?;
    let present: Vec<(u32, f64)> = (0u32..).zip(numbers).filter(|(_, x)| !x.is_nan()).collect();
    Ok(present.windows(2).map(|pair| (pair[1].0, pair[0].1, pair[1].1)).collect())
}

ordered! {
    /// No value is less than the one before it. Missing cells are passed over.
    BeIncreasing, |before, value| before < value
}

ordered! {
    /// No value is greater than the one before it. Missing cells are passed over.
    BeDecreasing, |before, value| before > value
}
