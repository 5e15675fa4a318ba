//! Cells without a value, or with one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::Table;

use super::cell::PandasColumn;
use super::{Expectation, Outcome, Severity, UnexpectedRows, all, column, is_all};
use crate::step::Fraction;

/// Declares an expectation about missing cells.
macro_rules! nullness {
    ($(#[$attr:meta])* $Name:ident, $unexpected:literal) => {
        $(#[$attr])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $Name {
            /// The column.
            pub column: String,
            /// The least share of all rows that must be so.
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
                let rows = (0..table.rows() as u32).filter(|&row| cells.column.is_null(row as usize) == $unexpected);
                Ok(Outcome::Rows(UnexpectedRows {
                    rows: rows.collect(),
                    elements: table.rows(),
                    missing: None,
                    mostly: self.mostly.into(),
                    value: Box::new(move |row| cells.json(row)),
                }))
            }
        }
    };
}

nullness! {
    /// Every cell has a value.
    NotBeNull, true
}

nullness! {
    /// No cell has a value.
    BeNull, false
}
