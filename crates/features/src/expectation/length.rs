//! How long values are.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bound::{Range, Scalar, check_numbers, number};
use super::check::Check;
use super::header::Header;
use super::rows::{Listing, RowCheck};
use super::{Expectation, Severity, all, is_all, is_false};
use crate::step::Fraction;

/// Every value, written as text, has a number of characters between two bounds. Missing cells are passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LengthsBetween {
    /// The column.
    pub column: String,
    /// The least number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_value: Option<Scalar>,
    /// The greatest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_value: Option<Scalar>,
    /// Whether `min_value` itself is too few.
    #[serde(default, skip_serializing_if = "is_false")]
    pub strict_min: bool,
    /// Whether `max_value` itself is too many.
    #[serde(default, skip_serializing_if = "is_false")]
    pub strict_max: bool,
    /// The least share of rows with a value that must be so.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub mostly: Fraction,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

/// The number of characters (code points, as Python counts them).
fn length(text: &str) -> f64 {
    text.chars().count() as f64
}

impl Expectation for LengthsBetween {
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
        check_numbers(self.min_value.as_ref(), self.max_value.as_ref())
    }

    fn plan(&self, header: &Header, listing: &Listing) -> Result<Box<dyn Check>, String> {
        let position = header.position(&self.column)?;
        let (min, max) = (number(&self.min_value), number(&self.max_value));
        let range = Range { min, max, strict_min: self.strict_min, strict_max: self.strict_max };
        let odd = move |text: &str| !range.holds(&length(text));
        Ok(Box::new(RowCheck::text(header, position, self.mostly, listing, odd)))
    }
}

/// Every value, written as text, has this number of characters. Missing cells are passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LengthsEqual {
    /// The column.
    pub column: String,
    /// The number.
    pub value: f64,
    /// The least share of rows with a value that must be so.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub mostly: Fraction,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

impl Expectation for LengthsEqual {
    fn column(&self) -> Option<&str> {
        Some(&self.column)
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn plan(&self, header: &Header, listing: &Listing) -> Result<Box<dyn Check>, String> {
        let (position, value) = (header.position(&self.column)?, self.value);
        let odd = move |text: &str| length(text) != value;
        Ok(Box::new(RowCheck::text(header, position, self.mostly, listing, odd)))
    }
}
