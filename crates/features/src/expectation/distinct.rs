//! The set of a column's values.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::bound::Scalar;
use super::cell::Cell;
use super::check::Check;
use super::header::{Facts, Header};
use super::membership::ValueSet;
use super::rows::Listing;
use super::values::ValuesCheck;
use super::{Expectation, Outcome, Severity};

/// At most this many values are listed.
const LISTED: usize = 20;

/// Which difference between the values and the set matters.
#[derive(Clone, Copy)]
struct Matters {
    unexpected: bool,
    missing: bool,
}

/// What a column's values and a set do not have in common.
fn compare(matters: Matters, set: &[Scalar], values: &[(Cell, u64)], json: impl Fn(&Cell) -> Value) -> Outcome {
    let inside = ValueSet::of(set);
    let unexpected: Vec<Value> =
        values.iter().filter(|(cell, _)| !inside.has(cell)).map(|(cell, _)| json(cell)).collect();
    let missing = missing(set, values);
    let success = (!matters.unexpected || unexpected.is_empty()) && (!matters.missing || missing.is_empty());
    let mut result = Map::from_iter([("observed_value".to_owned(), Value::Null)]);
    if matters.unexpected {
        result.insert("unexpected_count".into(), unexpected.len().into());
    }
    if matters.missing {
        result.insert("missing_count".into(), missing.len().into());
    }
    if matters.unexpected {
        result.insert("partial_unexpected_list".into(), listed(unexpected));
    }
    if matters.missing {
        result.insert("partial_missing_list".into(), listed(missing));
    }
    Outcome::Observed { success, result }
}

/// The set's values that the column does not have, each once.
fn missing(set: &[Scalar], values: &[(Cell, u64)]) -> Vec<Value> {
    let there = ValueSet::of_cells(values.iter().map(|(cell, _)| cell));
    let same = |a: &Scalar, b: &Scalar| match (a.number(), b.number()) {
        (Some(a), Some(b)) => a == b,
        (None, None) => a.text() == b.text(),
        _ => false,
    };
    let mut missing: Vec<&Scalar> = Vec::new();
    for value in set {
        if !there.has_scalar(value) && !missing.iter().any(|other| same(other, value)) {
            missing.push(value);
        }
    }
    missing.into_iter().map(Scalar::json).collect()
}

fn plan(matters: Matters, column: &str, set: &[Scalar], header: &Header) -> Result<Box<dyn Check>, String> {
    let (position, set) = (header.position(column)?, set.to_vec());
    let verdict = move |values: &[(Cell, u64)], facts: &Facts<'_>| {
        compare(matters, &set, values, |cell| facts.json(position, cell))
    };
    Ok(Box::new(ValuesCheck { position, verdict: Box::new(verdict) }))
}

/// Declares an expectation that compares the column's values with a set.
macro_rules! distinct {
    ($(#[$attr:meta])* $Name:ident, unexpected: $unexpected:literal, missing: $missing:literal) => {
        $(#[$attr])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $Name {
            /// The column.
            pub column: String,
            /// The set.
            pub value_set: Vec<Scalar>,
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

            fn plan(&self, header: &Header, _listing: &Listing) -> Result<Box<dyn Check>, String> {
                let matters = Matters { unexpected: $unexpected, missing: $missing };
                plan(matters, &self.column, &self.value_set, header)
            }
        }
    };
}

fn listed(values: Vec<Value>) -> Value {
    values.into_iter().take(LISTED).collect()
}

distinct! {
    /// Every distinct value is in the set.
    BeInSet, unexpected: true, missing: false
}

distinct! {
    /// The distinct values are those of the set.
    EqualSet, unexpected: true, missing: true
}

distinct! {
    /// Every value of the set is there.
    ContainSet, unexpected: false, missing: true
}
