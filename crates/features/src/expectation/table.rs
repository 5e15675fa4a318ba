//! Columns and rows as such.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::bound::{Range, Scalar, check_numbers, number};
use super::check::{Block, Check, Counting};
use super::header::{Facts, Header};
use super::rows::Listing;
use super::{Expectation, Outcome, Severity, is_false};

/// What follows from the number of rows and the header.
struct TableCheck(Judgement);

type Judgement = Box<dyn Fn(u64, &Header) -> Outcome + Send + Sync>;

impl Counting for TableCheck {
    type Part = u64;
    type State = u64;

    fn look(&self, block: &Block<'_>) -> u64 {
        block.rows().len() as u64
    }

    fn merge(&self, state: &mut u64, part: u64) {
        *state += part;
    }

    fn save(&self, rows: &u64) -> Option<Value> {
        Some((*rows).into())
    }

    fn read(&self, saved: Value, _first_row: u64) -> Option<u64> {
        saved.as_u64()
    }

    fn finish(&self, rows: u64, facts: &Facts<'_>) -> Result<Outcome, String> {
        Ok((self.0)(rows, facts.header))
    }
}

/// A check of the table as such.
fn table_check(outcome: impl Fn(u64, &Header) -> Outcome + Send + Sync + 'static) -> Result<Box<dyn Check>, String> {
    Ok(Box::new(TableCheck(Box::new(outcome))))
}

/// The column is there, and where it is expected to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnToExist {
    /// The column.
    pub column: String,
    /// Its place, from 0; from the end, -1, when negative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column_index: Option<i64>,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

impl Expectation for ColumnToExist {
    fn column(&self) -> Option<&str> {
        Some(&self.column)
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn plan(&self, header: &Header, _listing: &Listing) -> Result<Box<dyn Check>, String> {
        let names: Vec<&str> = header.names().collect();
        let exists = match self.column_index {
            // Great Expectations takes 0 for no place at all.
            None | Some(0) => names.contains(&self.column.as_str()),
            Some(place) => {
                let place = if place < 0 { place + names.len() as i64 } else { place };
                usize::try_from(place).ok().and_then(|place| names.get(place)).is_some_and(|name| *name == self.column)
            }
        };
        table_check(move |_, _| Outcome::Plain(exists))
    }
}

/// Declares an expectation about a count of the table.
macro_rules! counted {
    ($Between:ident, $Equal:ident, $what:literal, |$rows:ident, $header:ident| $count:expr) => {
        #[doc = concat!("The number of ", $what, " lies between two bounds.")]
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $Between {
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
            /// What a failure means for the run.
            #[serde(default, skip_serializing_if = "Severity::is_default")]
            pub severity: Severity,
        }

        impl Expectation for $Between {
            fn column(&self) -> Option<&str> {
                None
            }

            fn severity(&self) -> Severity {
                self.severity
            }

            fn check(&self) -> Result<(), String> {
                check_numbers(self.min_value.as_ref(), self.max_value.as_ref())
            }

            fn plan(&self, _header: &Header, _listing: &Listing) -> Result<Box<dyn Check>, String> {
                let (min, max) = (number(&self.min_value), number(&self.max_value));
                let range = Range { min, max, strict_min: self.strict_min, strict_max: self.strict_max };
                table_check(move |$rows, $header| {
                    let count: u64 = $count;
                    Outcome::observed(range.holds(&(count as f64)), count)
                })
            }
        }

        #[doc = concat!("The number of ", $what, " is this one.")]
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $Equal {
            /// The number.
            pub value: u64,
            /// What a failure means for the run.
            #[serde(default, skip_serializing_if = "Severity::is_default")]
            pub severity: Severity,
        }

        impl Expectation for $Equal {
            fn column(&self) -> Option<&str> {
                None
            }

            fn severity(&self) -> Severity {
                self.severity
            }

            fn plan(&self, _header: &Header, _listing: &Listing) -> Result<Box<dyn Check>, String> {
                let value = self.value;
                table_check(move |$rows, $header| {
                    let count: u64 = $count;
                    Outcome::observed(count == value, count)
                })
            }
        }
    };
}

counted!(RowCountBetween, RowCountEqual, "rows", |rows, _header| rows);
counted!(ColumnCountBetween, ColumnCountEqual, "columns", |_rows, header| header.names().len() as u64);

/// The columns are these, in this order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnsMatchList {
    /// The names in their order.
    pub column_list: Vec<String>,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

impl Expectation for ColumnsMatchList {
    fn column(&self) -> Option<&str> {
        None
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn plan(&self, header: &Header, _listing: &Listing) -> Result<Box<dyn Check>, String> {
        let found: Vec<&str> = header.names().collect();
        let mut result = Map::from_iter([("observed_value".to_owned(), json!(found))]);
        let mismatched: Vec<Value> = (0..found.len().max(self.column_list.len()))
            .map(|place| (place, self.column_list.get(place).map(String::as_str), found.get(place).copied()))
            .filter(|(_, expected, found)| expected != found)
            .map(|(place, expected, found)| json!({"Expected Column Position": place, "Expected": expected, "Found": found}))
            .collect();
        let success = mismatched.is_empty();
        if !success {
            result.insert("details".into(), json!({ "mismatched": mismatched }));
        }
        table_check(move |_, _| Outcome::Observed { success, result: result.clone() })
    }
}

/// The columns are these, in any order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnsMatchSet {
    /// The names.
    pub column_set: Vec<String>,
    /// Whether there may be no others.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub exact_match: bool,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

fn yes() -> bool {
    true
}

fn is_yes(flag: &bool) -> bool {
    *flag
}

impl Expectation for ColumnsMatchSet {
    fn column(&self) -> Option<&str> {
        None
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn plan(&self, header: &Header, _listing: &Listing) -> Result<Box<dyn Check>, String> {
        let found: BTreeSet<&str> = header.names().collect();
        let expected: BTreeSet<&str> = self.column_set.iter().map(String::as_str).collect();
        let unexpected: Vec<&str> = found.difference(&expected).copied().collect();
        let missing: Vec<&str> = expected.difference(&found).copied().collect();
        let mut result = Map::from_iter([("observed_value".to_owned(), json!(found))]);
        let mut mismatched = Map::new();
        if !unexpected.is_empty() {
            mismatched.insert("unexpected".into(), json!(unexpected));
        }
        if !missing.is_empty() {
            mismatched.insert("missing".into(), json!(missing));
        }
        let success = missing.is_empty() && (unexpected.is_empty() || !self.exact_match);
        if !mismatched.is_empty() {
            result.insert("details".into(), json!({ "mismatched": mismatched }));
        }
        table_check(move |_, _| Outcome::Observed { success, result: result.clone() })
    }
}
