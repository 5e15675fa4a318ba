//! Values between two bounds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::Kind;

use super::bound::{Range, Scalar, check_bounds};
use super::check::{Block, Check};
use super::header::Header;
use super::rows::{Listing, RowCheck};
use super::strftime::instant;
use super::{Expectation, Severity, all, is_all, is_false};
use crate::step::Fraction;

/// Every value lies between two bounds, of which one may be left out. Missing cells are passed over.
///
/// Columns of dates and timestamps take bounds such as `2026-01-31` or `2026-01-31T08:00:00`; text takes text, by code point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BeBetween {
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
    /// The least share of rows with a value that must be so.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub mostly: Fraction,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

impl BeBetween {
    fn range<'s, T>(&'s self, bring: impl Fn(&'s Scalar) -> Option<T>, expected: &str) -> Result<Range<T>, String> {
        let one = |bound: &'s Option<Scalar>| match bound {
            None => Ok(None),
            Some(bound) => match bring(bound) {
                Some(value) => Ok(Some(value)),
                None => Err(format!("expected {expected} as bounds, found {}", bound.json())),
            },
        };
        let (min, max) = (one(&self.min_value)?, one(&self.max_value)?);
        Ok(Range { min, max, strict_min: self.strict_min, strict_max: self.strict_max })
    }

    /// The bounds as numbers: of dates and timestamps in their own unit.
    fn numbers(&self, kind: Kind) -> Result<Range<f64>, String> {
        match kind {
            Kind::Date => self.range(|bound| Some(instant(bound.text()?)? / 86_400.0), "dates or times"),
            Kind::Timestamp => self.range(|bound| instant(bound.text()?), "dates or times"),
            _ => self.range(Scalar::number, "numbers"),
        }
    }
}

fn outside(block: &Block<'_>, position: usize, range: &Range<f64>) -> Vec<usize> {
    let numbers = block.numbers(position);
    block.rows().zip(numbers).filter(|(_, x)| !x.is_nan() && !range.holds(x)).map(|(row, _)| row).collect()
}

impl Expectation for BeBetween {
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
        check_bounds(self.min_value.as_ref(), self.max_value.as_ref())
    }

    fn plan(&self, header: &Header, listing: &Listing) -> Result<Box<dyn Check>, String> {
        let position = header.position(&self.column)?;
        let check = match header.kind(position) {
            Kind::Text => {
                let range = self.range(|bound| bound.text().map(str::to_owned), "text")?;
                RowCheck::text(header, position, self.mostly, listing, move |text| {
                    !range.admits(|bound| Some(text.cmp(bound.as_str())))
                })
            }
            kind => {
                let range = self.numbers(kind)?;
                RowCheck::cells(position, self.mostly, listing, move |block| outside(block, position, &range))
            }
        };
        Ok(Box::new(check))
    }
}
