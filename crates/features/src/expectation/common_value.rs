//! The value that a column has most often.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bound::Scalar;
use super::cell::Cell;
use super::check::Check;
use super::header::{Facts, Header};
use super::membership::ValueSet;
use super::rows::Listing;
use super::values::ValuesCheck;
use super::{Expectation, Outcome, Severity, is_false};

/// The most common value is in the set. Missing cells are passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MostCommonInSet {
    /// The column.
    pub column: String,
    /// The set.
    pub value_set: Vec<Scalar>,
    /// Whether, of several values that are equally common, one in the set is enough.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ties_okay: bool,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

impl Expectation for MostCommonInSet {
    fn column(&self) -> Option<&str> {
        Some(&self.column)
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn plan(&self, header: &Header, _listing: &Listing) -> Result<Box<dyn Check>, String> {
        let position = header.position(&self.column)?;
        let (set, ties_okay) = (ValueSet::of(&self.value_set), self.ties_okay);
        let verdict = move |values: &[(Cell, u64)], facts: &Facts<'_>| {
            let most = values.iter().map(|(_, count)| *count).max().unwrap_or(0);
            let common: Vec<&Cell> = values.iter().filter(|(_, count)| *count == most).map(|(cell, _)| cell).collect();
            let hits = common.iter().filter(|cell| set.has(cell)).count();
            let success = if ties_okay { hits > 0 } else { common.len() == 1 && hits == 1 };
            let observed: Vec<Value> = common.iter().map(|cell| facts.json(position, cell)).collect();
            Outcome::observed(success, observed)
        };
        Ok(Box::new(ValuesCheck { position, verdict: Box::new(verdict) }))
    }
}
