//! Values of a set.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::{Column, Levels, Table};

use super::bound::Scalar;
use super::cell::PandasColumn;
use super::{Expectation, Outcome, Severity, UnexpectedRows, all, column, is_all};
use crate::step::Fraction;

/// Values as Python compares them: numbers and booleans by value, text by text.
pub(super) struct ValueSet<'s> {
    numbers: HashSet<u64>,
    text: HashSet<&'s str>,
}

impl<'s> ValueSet<'s> {
    pub fn of(values: &'s [Scalar]) -> Self {
        let numbers = values.iter().filter_map(Scalar::number).map(key).collect();
        Self { numbers, text: values.iter().filter_map(Scalar::text).collect() }
    }

    pub fn has_number(&self, value: f64) -> bool {
        self.numbers.contains(&key(value))
    }

    pub fn has_text(&self, value: &str) -> bool {
        self.text.contains(value)
    }

    /// Which of a column's levels it has.
    pub fn has_levels(&self, column: &Column, levels: &Levels) -> Vec<bool> {
        let cells = PandasColumn::of(column);
        if !cells.is_numeric() {
            return levels.values.iter().map(|value| self.has_text(value)).collect();
        }
        level_numbers(column, levels).into_iter().map(|value| self.has_number(value)).collect()
    }
}

/// The number of each level of a column of numbers or booleans.
pub(super) fn level_numbers(column: &Column, levels: &Levels) -> Vec<f64> {
    let mut values = vec![f64::NAN; levels.values.len()];
    for (&code, number) in levels.codes.iter().zip(column.numbers().unwrap_or_default()) {
        if code != Levels::MISSING {
            values[code as usize] = number;
        }
    }
    values
}

/// Equal for equal numbers: both zeros are one.
fn key(value: f64) -> u64 {
    (value + 0.0).to_bits()
}

/// Declares an expectation about each value being in a set, or not.
macro_rules! membership {
    ($(#[$attr:meta])* $Name:ident, $unexpected:literal) => {
        $(#[$attr])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $Name {
            /// The column.
            pub column: String,
            /// The set.
            pub value_set: Vec<Scalar>,
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

            fn check(&self) -> Result<(), String> {
                if self.value_set.is_empty() { Err("expected a `value_set`, found an empty one".into()) } else { Ok(()) }
            }

            fn judge<'t>(&self, table: &'t Table) -> Result<Outcome<'t>, String> {
                let cells = PandasColumn::of(column(table, &self.column)?);
                let levels = cells.column.levels();
                let inside = ValueSet::of(&self.value_set).has_levels(cells.column, &levels);
                let odd = |code: u32| code != Levels::MISSING && inside[code as usize] == $unexpected;
                let rows = (0u32..).zip(&levels.codes).filter(|&(_, &code)| odd(code)).map(|(row, _)| row).collect();
                Ok(Outcome::Rows(UnexpectedRows::of(cells, rows, self.mostly)))
            }
        }
    };
}

membership! {
    /// Every value is in the set. Missing cells are passed over.
    BeInSet, false
}

membership! {
    /// No value is in the set. Missing cells are passed over.
    NotBeInSet, true
}
