//! Several columns as one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::Fault;

use super::{Buckets, Transform};
use crate::FeatureError;
use crate::frame::{Frame, Takes};
use crate::learned::{Learned, LevelNames};
use crate::program::{self, CellType};

/// Adds a column: the joint level of others, such as `Bern x tablet`. Missing where one of them is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cross {
    /// The columns: text, or columns of the table as they are.
    pub columns: Vec<String>,
    /// How many buckets the joint levels are hashed to; when left out, they stay text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buckets: Option<Buckets>,
    /// The name of the new column; when left out, `first_x_second`.
    #[serde(default, alias = "output", skip_serializing_if = "Option::is_none")]
    pub into: Option<String>,
}

impl Transform for Cross {
    fn columns(&self) -> Vec<&str> {
        self.columns.iter().map(String::as_str).collect()
    }

    fn check(&self) -> Result<(), String> {
        match self.columns.len() {
            0 | 1 => Err(format!("expected at least two columns, found {}", self.columns.len())),
            _ if self.into.as_ref().is_some_and(|into| into.trim().is_empty()) => {
                Err("expected a name as `into`, found none".into())
            }
            _ => Ok(()),
        }
    }

    fn is_beside(&self) -> bool {
        true
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<Learned, FeatureError> {
        let mut learned = Learned::default();
        for column in frame.choose("cross", Some(&self.columns), Takes::Any)? {
            if column.cell_type == CellType::Number && frame.input_kind(&column.name).is_none() {
                let message = "step `cross`: expected text, or a column of the table as it is, found computed numbers";
                let fault = Fault::new("changed_column", message).column(&column.name);
                return Err(FeatureError::config(fault.hint("put `cross` before the step that computes them")));
            }
        }
        let into = self.into.clone().unwrap_or_else(|| self.columns.join("_x_"));
        learned.add_beside(program::cross::Cross {}, self.columns.clone(), vec![into.clone()]);
        if let Some(buckets) = self.buckets {
            let buckets = u32::from(buckets);
            learned.in_place(&into, program::hash::Hash { buckets });
            learned.coded(LevelNames::Numbered(buckets));
        }
        Ok(learned)
    }
}
