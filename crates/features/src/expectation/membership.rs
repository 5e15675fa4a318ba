//! Values of a set.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bound::Scalar;
use super::cell::Cell;
use super::check::{Block, Check};
use super::header::Header;
use super::rows::{Listing, RowCheck};
use super::{Expectation, Severity, all, is_all};
use crate::step::Fraction;

/// Values as Python compares them: numbers and booleans by value, text by text.
pub struct ValueSet {
    numbers: HashSet<u64>,
    text: HashSet<String>,
}

impl ValueSet {
    pub fn of(values: &[Scalar]) -> Self {
        let numbers = values.iter().filter_map(Scalar::number).map(key).collect();
        Self { numbers, text: values.iter().filter_map(Scalar::text).map(str::to_owned).collect() }
    }

    /// The values of cells.
    pub fn of_cells<'c>(cells: impl Iterator<Item = &'c Cell>) -> Self {
        let mut set = Self { numbers: HashSet::new(), text: HashSet::new() };
        for cell in cells {
            match cell {
                Cell::Text(text) => drop(set.text.insert(text.clone())),
                cell => set.numbers.extend(cell.number().map(key)),
            }
        }
        set
    }

    pub fn has_scalar(&self, value: &Scalar) -> bool {
        match value.number() {
            Some(number) => self.has_number(number),
            None => value.text().is_some_and(|text| self.has_text(text)),
        }
    }

    pub fn has_number(&self, value: f64) -> bool {
        self.numbers.contains(&key(value))
    }

    pub fn has_text(&self, value: &str) -> bool {
        self.text.contains(value)
    }

    /// Whether it has a cell; it has no missing one.
    pub fn has(&self, cell: &Cell) -> bool {
        match cell {
            Cell::Text(text) => self.has_text(text),
            cell => cell.number().is_some_and(|number| self.has_number(number)),
        }
    }
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

            fn plan(&self, header: &Header, listing: &Listing) -> Result<Box<dyn Check>, String> {
                let (position, set) = (header.position(&self.column)?, ValueSet::of(&self.value_set));
                Ok(Box::new(match header.is_numeric(position) {
                    false => {
                        let odd = move |text: &str| set.has_text(text) == $unexpected;
                        RowCheck::text(header, position, self.mostly, listing, odd)
                    }
                    true => {
                        let odd = move |block: &Block<'_>| {
                            let numbers = block.rows().zip(block.numbers(position));
                            let odd = |x: f64| !x.is_nan() && set.has_number(x) == $unexpected;
                            numbers.filter(|(_, x)| odd(*x)).map(|(row, _)| row).collect()
                        };
                        RowCheck::cells(position, self.mostly, listing, odd)
                    }
                }))
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
