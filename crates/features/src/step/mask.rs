//! Columns that nobody may see.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::Fault;

use super::Transform;
use crate::FeatureError;
use crate::frame::{Frame, Takes};
use crate::learned::Learned;
use crate::program;
use crate::program::CellType;

pub use crate::program::mask::Secret;

/// Replaces cells by codes, by one text, or drops their columns, before any other step has changed them.
///
/// The columns are no features then. Missing cells stay missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mask {
    /// The columns.
    pub columns: Vec<String>,
    /// What becomes of them.
    #[serde(default)]
    pub method: Method,
    /// The key of the method `hash`: whoever has it can tell which code a text has. It is never written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Secret>,
    /// The text of the method `redact`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What becomes of a column that nobody may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The first 128 bits of HMAC-SHA256 with `key`, as hexadecimal digits: equal cells stay equal.
    #[default]
    Hash,
    /// The same text in all cells; `***` when `text` is left out.
    Redact,
    /// The column is taken away.
    Drop,
}

impl Transform for Mask {
    fn columns(&self) -> Vec<&str> {
        self.columns.iter().map(String::as_str).collect()
    }

    fn check(&self) -> Result<(), String> {
        let is_empty = |key: &Secret| matches!(key, Secret::Key(key) if key.is_empty());
        match (self.method, &self.key, &self.text) {
            (Method::Hash, None, _) => Err("expected a `key` with the method `hash`, found none".into()),
            (Method::Hash, Some(key), _) if is_empty(key) => Err("expected a `key` that is not empty".into()),
            (Method::Redact | Method::Drop, Some(_), _) => Err("expected a `key` with the method `hash` only".into()),
            (Method::Hash | Method::Drop, _, Some(_)) => Err("expected a `text` with the method `redact` only".into()),
            _ => Ok(()),
        }
    }

    fn leaves(&self, _cell_type: CellType) -> CellType {
        CellType::Text
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<Learned, FeatureError> {
        let mut learned = Learned::default();
        for column in frame.choose("mask", Some(&self.columns), Takes::Any)? {
            if frame.input_kind(&column.name).is_none() {
                let message = "step `mask`: expected a column of the table as it is, found one that a step has changed";
                let fault = Fault::new("changed_column", message).column(&column.name);
                return Err(FeatureError::config(fault.hint("put `mask` before the other steps")));
            }
            let op = match (self.method, &self.key) {
                (Method::Drop, _) => {
                    learned.dropped.push(column.name);
                    continue;
                }
                (Method::Hash, Some(key)) => program::mask::Mask::Hash { key: key.clone() },
                _ => program::mask::Mask::Redact { text: self.text.clone().unwrap_or_else(|| "***".into()) },
            };
            learned.in_place(&column.name, op);
        }
        Ok(learned)
    }
}
