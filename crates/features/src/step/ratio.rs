//! One column per another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Positive, Transform};
use crate::FeatureError;
use crate::frame::{Frame, Takes};
use crate::learned::Learned;
use crate::program::arithmetic::Arithmetic;

/// Adds a column: `numerator / max(denominator, floor)`, row by row. Missing where one of them is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ratio {
    /// The column that is divided.
    pub numerator: String,
    /// The column that it is divided by.
    pub denominator: String,
    /// The least divisor.
    #[serde(default = "one")]
    pub floor: Positive,
    /// The name of the new column; when left out, `numerator_per_denominator`.
    #[serde(default, alias = "output", skip_serializing_if = "Option::is_none")]
    pub into: Option<String>,
}

fn one() -> Positive {
    Positive::try_from(1.0).expect("one is above zero")
}

impl Transform for Ratio {
    fn columns(&self) -> Vec<&str> {
        vec![&self.numerator, &self.denominator]
    }

    fn check(&self) -> Result<(), String> {
        match &self.into {
            Some(into) if into.trim().is_empty() => Err("expected a name as `into`, found none".into()),
            _ if self.numerator == self.denominator => Err("expected two columns, found one twice".into()),
            _ => Ok(()),
        }
    }

    fn is_beside(&self) -> bool {
        true
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<Learned, FeatureError> {
        let inputs = vec![self.numerator.clone(), self.denominator.clone()];
        frame.choose("ratio", Some(&inputs), Takes::Numbers)?;
        let output = self.into.clone().unwrap_or_else(|| inputs.join("_per_"));
        let mut learned = Learned::default();
        learned.add(Arithmetic::Ratio { floor: self.floor.into() }, inputs, vec![output]);
        Ok(learned)
    }
}
