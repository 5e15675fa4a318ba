//! Cells without a value, or with one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::Check;
use super::header::Header;
use super::rows::{Listing, RowCheck};
use super::{Expectation, Severity, all, is_all};
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

            fn plan(&self, header: &Header, listing: &Listing) -> Result<Box<dyn Check>, String> {
                let position = header.position(&self.column)?;
                let check = RowCheck::cells(position, self.mostly, listing, move |block| {
                    let column = block.column(position);
                    block.rows().filter(|&row| column.is_null(row) == $unexpected).collect()
                });
                Ok(Box::new(check.of_all_rows()))
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
