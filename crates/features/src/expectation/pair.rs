//! Two columns, row by row.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::Kind;

use super::check::{Block, Check};
use super::header::Header;
use super::rows::{Found, Listing, RowCheck, Shown};
use super::{Expectation, Severity, all, is_all, is_false};
use crate::step::Fraction;

/// Which rows are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IgnoreRowIf {
    /// Those without either value.
    #[default]
    BothValuesAreMissing,
    /// Those without one of the values.
    EitherValueIsMissing,
    /// None: a missing value is unexpected.
    Neither,
}

impl IgnoreRowIf {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn ignores(self, a: bool, b: bool) -> bool {
        match self {
            Self::BothValuesAreMissing => a && b,
            Self::EitherValueIsMissing => a || b,
            Self::Neither => false,
        }
    }
}

/// Whether two columns are compared as numbers, and not as text.
fn as_numbers(header: &Header, [a, b]: [usize; 2]) -> Result<bool, String> {
    let (first, second) = (header.kind(a), header.kind(b));
    match (header.is_numeric(a), header.is_numeric(b)) {
        (true, true) => Ok(true),
        (false, false) if first == second => Ok(first != Kind::Text),
        _ => Err(format!("expected two columns of one type, found {first} and {second}")),
    }
}

/// How the cells of a block's rows compare; `None` where one is missing.
fn orders(block: &Block<'_>, [a, b]: [usize; 2], as_numbers: bool) -> Vec<Option<Ordering>> {
    if as_numbers {
        let pairs = block.numbers(a).into_iter().zip(block.numbers(b));
        return pairs.map(|(a, b)| a.partial_cmp(&b)).collect();
    }
    let (a, b) = (block.column(a), block.column(b));
    block.rows().map(|row| Some(a.text(row)?.cmp(&b.text(row)?))).collect()
}

/// Rows of two columns that hold where their order does.
fn plan(
    header: &Header,
    names: (&str, &str),
    (ignore, mostly): (IgnoreRowIf, Fraction),
    listing: &Listing,
    holds: impl Fn(Option<Ordering>) -> bool + Send + Sync + 'static,
) -> Result<Box<dyn Check>, String> {
    let pair = [header.position(names.0)?, header.position(names.1)?];
    let as_numbers = as_numbers(header, pair)?;
    let rule = move |block: &Block<'_>, _| {
        let (a, b) = (block.column(pair[0]), block.column(pair[1]));
        let mut found = Found { rows: Vec::new(), missing: 0 };
        for (row, order) in block.rows().zip(orders(block, pair, as_numbers)) {
            if ignore.ignores(a.is_null(row), b.is_null(row)) {
                found.missing += 1;
            } else if !holds(order) {
                found.rows.push(row);
            }
        }
        found
    };
    Ok(Box::new(RowCheck::new(Shown::Pair(pair), mostly, listing, rule)))
}

/// Every value of the first column is greater than that of the second. A missing value is not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GreaterThan {
    /// The first column.
    #[serde(rename = "column_A")]
    pub column_a: String,
    /// The second column.
    #[serde(rename = "column_B")]
    pub column_b: String,
    /// Whether equal values are as expected.
    #[serde(default, skip_serializing_if = "is_false")]
    pub or_equal: bool,
    /// Which rows are passed over.
    #[serde(default, skip_serializing_if = "IgnoreRowIf::is_default")]
    pub ignore_row_if: IgnoreRowIf,
    /// The least share of the other rows that must be so.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub mostly: Fraction,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

impl Expectation for GreaterThan {
    fn column(&self) -> Option<&str> {
        Some(&self.column_a)
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn plan(&self, header: &Header, listing: &Listing) -> Result<Box<dyn Check>, String> {
        let (names, or_equal) = ((self.column_a.as_str(), self.column_b.as_str()), self.or_equal);
        plan(header, names, (self.ignore_row_if, self.mostly), listing, move |order| match order {
            Some(Ordering::Greater) => true,
            Some(Ordering::Equal) => or_equal,
            _ => false,
        })
    }
}

/// The two columns have the same values. A missing value equals none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Equal {
    /// The first column.
    #[serde(rename = "column_A")]
    pub column_a: String,
    /// The second column.
    #[serde(rename = "column_B")]
    pub column_b: String,
    /// Which rows are passed over.
    #[serde(default, skip_serializing_if = "IgnoreRowIf::is_default")]
    pub ignore_row_if: IgnoreRowIf,
    /// The least share of the other rows that must be so.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub mostly: Fraction,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

impl Expectation for Equal {
    fn column(&self) -> Option<&str> {
        Some(&self.column_a)
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn plan(&self, header: &Header, listing: &Listing) -> Result<Box<dyn Check>, String> {
        let names = (self.column_a.as_str(), self.column_b.as_str());
        plan(header, names, (self.ignore_row_if, self.mostly), listing, |order| order == Some(Ordering::Equal))
    }
}
