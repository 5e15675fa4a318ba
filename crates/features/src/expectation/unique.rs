//! Values that appear once.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::{Column, Levels, Table};

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
        let rows = match cells.column.strings() {
            Some(strings) => repeated_text(cells.column, |row| strings.value(row)),
            None => repeated(&cells.column.levels()),
        };
        Ok(Outcome::Rows(UnexpectedRows::of(cells, rows, self.mostly)))
    }
}

fn repeated(levels: &Levels) -> Vec<u32> {
    let counts = levels.counts();
    let twice = |code: u32| code != Levels::MISSING && counts[code as usize] > 1;
    (0u32..).zip(&levels.codes).filter(|&(_, &code)| twice(code)).map(|(row, _)| row).collect()
}

/// As [`repeated`], without putting the values in order: for ids that would be most of the work.
fn repeated_text<'t>(column: &Column, text: impl Fn(usize) -> &'t str) -> Vec<u32> {
    let present = || (0..column.len()).filter(|&row| !column.is_null(row));
    let mut seen: HashMap<&str, bool> = HashMap::with_capacity(column.len());
    present().for_each(|row| {
        seen.entry(text(row)).and_modify(|twice| *twice = true).or_insert(false);
    });
    if !seen.values().any(|&twice| twice) {
        return Vec::new();
    }
    present().filter(|&row| seen[text(row)]).map(|row| row as u32).collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option::of;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_is_unique_with_and_without_order(cells in vec(of("[ab]{0,2}"), 0..30)) {
            let column = Column::from_text("a", cells.clone());
            let naive: Vec<u32> = (0..cells.len())
                .filter(|&row| cells[row].is_some() && cells.iter().filter(|cell| **cell == cells[row]).count() > 1)
                .map(|row| row as u32)
                .collect();
            let strings = column.strings().unwrap();
            prop_assert_eq!(repeated_text(&column, |row| strings.value(row)), naive.clone());
            prop_assert_eq!(repeated(&column.levels()), naive);
        }
    }
}
