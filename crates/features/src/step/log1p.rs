//! Logarithms for long tails.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Transform, named};
use crate::FeatureError;
use crate::frame::{Frame, Takes};
use crate::learned::Learned;
use crate::program::arithmetic::Arithmetic;

/// `ln(1 + x)` (`numpy.log1p`), for columns with a long tail.
///
/// A value at or below -1 has none: it becomes missing, and is counted in a warning.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log1p {
    /// The columns; when left out, all columns of numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// What is added to the name of a column for the name of the new one, which then comes beside it; when left out, the
    /// column itself is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
}

impl Transform for Log1p {
    fn columns(&self) -> Vec<&str> {
        named(&self.columns)
    }

    fn is_beside(&self) -> bool {
        self.suffix.is_some()
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<Learned, FeatureError> {
        let mut learned = Learned::default();
        for column in frame.choose("log1p", self.columns.as_deref(), Takes::Numbers)? {
            learned.put(&column.name, self.suffix.as_deref(), Arithmetic::Log1p);
        }
        Ok(learned)
    }
}
