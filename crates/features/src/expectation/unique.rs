//! Values that appear once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::Check;
use super::header::Header;
use super::repeated::RepeatedCheck;
use super::rows::{Listing, Shown};
use super::{Expectation, Severity, all, is_all};
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

    fn plan(&self, header: &Header, listing: &Listing) -> Result<Box<dyn Check>, String> {
        Ok(Box::new(RepeatedCheck {
            shown: Shown::Cell(header.position(&self.column)?),
            passes_over: |missing, _| missing > 0,
            mostly: self.mostly.into(),
            listing: listing.clone(),
        }))
    }
}
