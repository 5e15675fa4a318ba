//! Pairs of values of a set.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bound::Scalar;
use super::cell::Cell;
use super::check::{Block, Check};
use super::header::Header;
use super::membership::ValueSet;
use super::pair::IgnoreRowIf;
use super::rows::{Found, Listing, RowCheck, Shown};
use super::{Expectation, Severity, all, is_all};
use crate::step::Fraction;

/// The values of two columns, taken together, are a pair of the set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PairsInSet {
    /// The first column.
    #[serde(rename = "column_A")]
    pub column_a: String,
    /// The second column.
    #[serde(rename = "column_B")]
    pub column_b: String,
    /// The pairs; null = no value.
    pub value_pairs_set: Vec<[Option<Scalar>; 2]>,
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

/// One side of a pair: a value, or none.
struct Side(Option<ValueSet>);

impl Side {
    fn of(value: &Option<Scalar>) -> Self {
        Self(value.as_ref().map(|value| ValueSet::of(std::slice::from_ref(value))))
    }

    fn is(&self, cell: &Cell) -> bool {
        self.0.as_ref().map_or(*cell == Cell::Missing, |value| value.has(cell))
    }
}

impl Expectation for PairsInSet {
    fn column(&self) -> Option<&str> {
        Some(&self.column_a)
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn check(&self) -> Result<(), String> {
        let empty = self.value_pairs_set.is_empty();
        if empty { Err("expected a `value_pairs_set`, found an empty one".into()) } else { Ok(()) }
    }

    fn plan(&self, header: &Header, listing: &Listing) -> Result<Box<dyn Check>, String> {
        let pair = [header.position(&self.column_a)?, header.position(&self.column_b)?];
        let set: Vec<[Side; 2]> = self.value_pairs_set.iter().map(|[a, b]| [Side::of(a), Side::of(b)]).collect();
        let ignore = self.ignore_row_if;
        let rule = move |block: &Block<'_>, _| {
            let mut found = Found { rows: Vec::new(), missing: 0 };
            for row in block.rows() {
                let [a, b] = pair.map(|position| Cell::of(block.column(position), row));
                if ignore.ignores(a == Cell::Missing, b == Cell::Missing) {
                    found.missing += 1;
                } else if !set.iter().any(|[x, y]| x.is(&a) && y.is(&b)) {
                    found.rows.push(row);
                }
            }
            found
        };
        Ok(Box::new(RowCheck::new(Shown::Pair(pair), self.mostly, listing, rule)))
    }
}
