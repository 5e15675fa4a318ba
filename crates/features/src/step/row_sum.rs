//! A sum over columns.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::Fault;

use super::{Transform, named};
use crate::FeatureError;
use crate::frame::{Frame, Takes};
use crate::learned::Learned;
use crate::program::arithmetic::Arithmetic;

/// Adds a column: the sum of others, row by row. Missing where one of them is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RowSum {
    /// The columns; when left out, all columns of numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// The name of the new column.
    #[serde(alias = "output")]
    pub into: String,
}

impl Default for RowSum {
    fn default() -> Self {
        Self { columns: None, into: "row_sum".into() }
    }
}

impl Transform for RowSum {
    fn columns(&self) -> Vec<&str> {
        named(&self.columns)
    }

    fn check(&self) -> Result<(), String> {
        match &self.columns {
            Some(columns) if columns.is_empty() => Err("expected at least one column, found none".into()),
            _ if self.into.trim().is_empty() => Err("expected a name as `into`, found none".into()),
            _ => Ok(()),
        }
    }

    fn is_beside(&self) -> bool {
        true
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<Learned, FeatureError> {
        let chosen = frame.choose("row_sum", self.columns.as_deref(), Takes::Numbers)?;
        if chosen.is_empty() && !frame.must_wait() {
            return Err(FeatureError::config(Fault::new("no_columns", "step `row_sum`: expected a column of numbers, found none")));
        }
        let mut learned = Learned::default();
        if frame.must_wait() {
            return Ok(learned);
        }
        let inputs = chosen.into_iter().map(|column| column.name).collect();
        learned.add(Arithmetic::RowSum, inputs, vec![self.into.clone()]);
        Ok(learned)
    }
}
