//! A range between two given ends.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Transform, named};
use crate::FeatureError;
use crate::frame::{Frame, Takes};
use crate::learned::Learned;
use crate::program::affine::Affine;

/// Moves the least value of a column to the lower end of a range and the greatest to its upper end (scikit-learn's
/// `MinMaxScaler`).
///
/// A column without spread goes to the lower end. Missing cells stay missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MinMax {
    /// The columns; when left out, all columns of numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// What is added to the name of a column for the name of the new one, which then comes beside it; when left out, the
    /// column itself is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
    /// Lower and upper end.
    pub feature_range: [f64; 2],
    /// Whether values beyond those of the training rows stay within the range.
    pub clip: bool,
}

impl Default for MinMax {
    fn default() -> Self {
        Self { columns: None, suffix: None, feature_range: [0.0, 1.0], clip: false }
    }
}

impl MinMax {
    fn program(&self, (least, greatest): (f64, f64)) -> Affine {
        let [low, high] = self.feature_range;
        let span = greatest - least;
        // As scikit-learn: a span of a few roundings is none.
        let span = if span < 10.0 * f64::EPSILON { 1.0 } else { span };
        let bounds = if self.clip { (Some(low), Some(high)) } else { (None, None) };
        Affine { center: least, scale: (high - low) / span, offset: low, ..Affine::clip(bounds.0, bounds.1) }
    }
}

impl Transform for MinMax {
    fn columns(&self) -> Vec<&str> {
        named(&self.columns)
    }

    fn check(&self) -> Result<(), String> {
        let [low, high] = self.feature_range;
        let holds = low.is_finite() && high.is_finite() && low < high;
        if holds { Ok(()) } else { Err(format!("expected a `feature_range` in ascending order, found [{low}, {high}]")) }
    }

    fn is_beside(&self) -> bool {
        self.suffix.is_some()
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<Learned, FeatureError> {
        let chosen = frame.choose("min_max", self.columns.as_deref(), Takes::Numbers)?;
        frame.learn_each(&chosen, |column, learned| {
            if let Some(extremes) = frame.moments(&column.name).and_then(|moments| moments.extremes) {
                learned.put(&column.name, self.suffix.as_deref(), self.program(extremes));
            }
            Ok(())
        })
    }
}
