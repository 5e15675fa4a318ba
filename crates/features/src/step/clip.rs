//! Bounds for outliers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::statistic::{QuantileMethod, quantiles};
use super::{Fraction, Transform, named};
use crate::FeatureError;
use crate::frame::{Frame, Takes};
use crate::learned::Learned;
use crate::program::affine::Affine;

/// Replaces values beyond a bound by the bound (`numpy.clip`).
///
/// A bound is a number for all columns, or a quantile that is learned per column (`numpy.quantile`, linear). Missing cells
/// stay missing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Clip {
    /// The columns; when left out, all columns of numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// What is added to the name of a column for the name of the new one, which then comes beside it; when left out, the
    /// column itself is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
    /// The lower bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The upper bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// The quantile that is the lower bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lower_quantile: Option<Fraction>,
    /// The quantile that is the upper bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upper_quantile: Option<Fraction>,
}

impl Transform for Clip {
    fn columns(&self) -> Vec<&str> {
        named(&self.columns)
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Self { min: None, max: None, lower_quantile: None, upper_quantile: None, .. } => {
                Err("expected a bound: `min`, `max`, `lower_quantile` or `upper_quantile`".into())
            }
            Self { min: Some(_), lower_quantile: Some(_), .. } => Err("expected `min` or `lower_quantile`, found both".into()),
            Self { max: Some(_), upper_quantile: Some(_), .. } => Err("expected `max` or `upper_quantile`, found both".into()),
            Self { min: Some(min), max: Some(max), .. } if min > max => Err(format!("expected `min` below `max`, found {min} and {max}")),
            Self { lower_quantile: Some(low), upper_quantile: Some(high), .. } if low > high => {
                Err("expected `lower_quantile` below `upper_quantile`".into())
            }
            Self { min, max, .. } if min.iter().chain(max).any(|bound| !bound.is_finite()) => Err("expected finite bounds".into()),
            _ => Ok(()),
        }
    }

    fn is_beside(&self) -> bool {
        self.suffix.is_some()
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<Learned, FeatureError> {
        let chosen = frame.choose("clip", self.columns.as_deref(), Takes::Numbers)?;
        frame.learn_each(&chosen, |column, learned| {
            let (mut low, mut high) = (self.min, self.max);
            if self.lower_quantile.is_some() || self.upper_quantile.is_some() {
                let shares: Vec<f64> = [self.lower_quantile, self.upper_quantile].into_iter().flatten().map(f64::from).collect();
                let Some(numbers) = frame.quantiles(&column.name) else { return Ok(()) };
                let Some(mut bounds) = quantiles(numbers, &shares, QuantileMethod::Linear).map(Vec::into_iter) else {
                    return Ok(());
                };
                low = self.lower_quantile.and_then(|_| bounds.next()).or(low);
                high = self.upper_quantile.and_then(|_| bounds.next()).or(high);
            }
            // A learned bound may cross a fixed one: the upper bound then holds, as in `numpy.clip`.
            let low = low.map(|low| high.map_or(low, |high| low.min(high)));
            learned.put(&column.name, self.suffix.as_deref(), Affine::clip(low, high));
            Ok(())
        })
    }
}
