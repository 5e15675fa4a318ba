//! Mean zero, standard deviation one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Transform, named};
use crate::FeatureError;
use crate::frame::{Frame, Takes};
use crate::learned::Learned;
use crate::program::affine::Affine;

/// Takes off the mean and divides by the standard deviation (scikit-learn's `StandardScaler`: divided by n, not n - 1).
///
/// A column without spread is divided by one. Missing cells stay missing and count for nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Standardize {
    /// The columns; when left out, all columns of numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// What is added to the name of a column for the name of the new one, which then comes beside it; when left out, the
    /// column itself is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
    /// Whether the mean is taken off.
    pub with_mean: bool,
    /// Whether it is divided by the standard deviation.
    pub with_std: bool,
}

impl Default for Standardize {
    fn default() -> Self {
        Self { columns: None, suffix: None, with_mean: true, with_std: true }
    }
}

impl Standardize {
    fn program(&self, count: u64, (mean, variance): (f64, f64)) -> Affine {
        let count = count as f64;
        // Below this the variance is what rounding leaves of a constant column.
        let noise = count * f64::EPSILON * variance + (count * mean * f64::EPSILON).powi(2);
        let scaled = self.with_std && variance > noise;
        let center = if self.with_mean { mean } else { 0.0 };
        Affine { center, scale: if scaled { 1.0 / variance.sqrt() } else { 1.0 }, ..Affine::clip(None, None) }
    }
}

impl Transform for Standardize {
    fn columns(&self) -> Vec<&str> {
        named(&self.columns)
    }

    fn is_beside(&self) -> bool {
        self.suffix.is_some()
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<Learned, FeatureError> {
        let chosen = frame.choose("standardize", self.columns.as_deref(), Takes::Numbers)?;
        frame.learn_each(&chosen, |column, learned| {
            let Some(moments) = frame.moments(&column.name) else { return Ok(()) };
            if let Some(found) = moments.mean_and_variance() {
                learned.put(&column.name, self.suffix.as_deref(), self.program(moments.count, found));
            }
            Ok(())
        })
    }
}
