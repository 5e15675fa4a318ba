//! The set of a column's values.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use trainer_data::Table;

use super::bound::Scalar;
use super::cell::PandasColumn;
use super::membership::{ValueSet, level_numbers};
use super::{Expectation, Outcome, Severity, column};

/// At most this many values are listed.
const LISTED: usize = 20;

/// The distinct values that are not in a set, and the set's values that the column does not have.
fn compare(table: &Table, name: &str, set: &[Scalar]) -> Result<(Vec<Value>, Vec<Value>), String> {
    let cells = PandasColumn::of(column(table, name)?);
    let levels = cells.column.levels();
    let inside = ValueSet::of(set).has_levels(cells.column, &levels);
    let mut first = vec![usize::MAX; levels.values.len()];
    for (row, &code) in levels.codes.iter().enumerate().rev() {
        if let Some(first) = first.get_mut(code as usize) {
            *first = row;
        }
    }
    let outside = first.iter().zip(&inside).filter(|(_, inside)| !**inside).map(|(&row, _)| cells.json(row)).collect();
    let numbers: Vec<f64> = if cells.is_numeric() { level_numbers(cells.column, &levels) } else { Vec::new() };
    let has = |value: &Scalar| match value.number() {
        Some(number) => numbers.contains(&number),
        None => !cells.is_numeric() && levels.values.iter().any(|level| Some(level.as_str()) == value.text()),
    };
    let mut missing: Vec<&Scalar> = Vec::new();
    for value in set.iter().filter(|value| !has(value)) {
        let same = |other: &&Scalar| match (other.number(), value.number()) {
            (Some(a), Some(b)) => a == b,
            (None, None) => other.text() == value.text(),
            _ => false,
        };
        if !missing.iter().any(same) {
            missing.push(value);
        }
    }
    Ok((outside, missing.into_iter().map(Scalar::json).collect()))
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

            fn judge<'t>(&self, table: &'t Table) -> Result<Outcome<'t>, String> {
                let (unexpected, missing) = compare(table, &self.column, &self.value_set)?;
                let success = (!$unexpected || unexpected.is_empty()) && (!$missing || missing.is_empty());
                let mut result = Map::from_iter([("observed_value".to_owned(), Value::Null)]);
                if $unexpected {
                    result.insert("unexpected_count".into(), unexpected.len().into());
                }
                if $missing {
                    result.insert("missing_count".into(), missing.len().into());
                }
                if $unexpected {
                    result.insert("partial_unexpected_list".into(), listed(unexpected));
                }
                if $missing {
                    result.insert("partial_missing_list".into(), listed(missing));
                }
                Ok(Outcome::Observed { success, result })
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
