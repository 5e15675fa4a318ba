//! Bins of about equal size.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::Warning;

use super::statistic::{QuantileMethod, quantiles};
use super::{AtLeastTwo, Transform, named};
use crate::FeatureError;
use crate::frame::{Frame, Takes};
use crate::learned::Learned;
use crate::program::cut::Cut;
use crate::statistic::Sketch;

/// Replaces a number by the number of its bin, where bins hold about equally many training rows (scikit-learn's
/// `KBinsDiscretizer` with `strategy="quantile"` and `encode="ordinal"`).
///
/// Bins narrower than 1e-8 are merged, with a warning. Missing cells stay missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QuantileBin {
    /// The columns; when left out, all columns of numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// What is added to the name of a column for the name of the new one, which then comes beside it; when left out, the
    /// column itself is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
    /// How many bins.
    pub n_bins: AtLeastTwo,
    /// How an edge between two values is taken.
    pub quantile_method: QuantileMethod,
}

impl Default for QuantileBin {
    fn default() -> Self {
        let n_bins = AtLeastTwo::try_from(5).expect("five is at least two");
        Self { columns: None, suffix: None, n_bins, quantile_method: QuantileMethod::default() }
    }
}

/// Bins narrower than this are merged.
const NARROW: f64 = 1e-8;

impl QuantileBin {
    /// The inner edges; nothing where no cell has a value.
    fn edges(&self, numbers: &Sketch) -> Option<Vec<f64>> {
        let bins = u32::from(self.n_bins);
        let step = 100.0 / f64::from(bins);
        // Through percent, so that the roundings are numpy's.
        let percent = |i: u32| if i == bins { 100.0 } else { f64::from(i) * step };
        let shares: Vec<f64> = (0..=bins).map(|i| percent(i) / 100.0).collect();
        let all = quantiles(numbers, &shares, self.quantile_method)?;
        let mut kept = vec![all[0]];
        kept.extend(all.windows(2).filter(|pair| pair[1] - pair[0] > NARROW).map(|pair| pair[1]));
        kept.pop();
        kept.drain(..1.min(kept.len()));
        Some(kept)
    }
}

impl Transform for QuantileBin {
    fn columns(&self) -> Vec<&str> {
        named(&self.columns)
    }

    fn is_beside(&self) -> bool {
        self.suffix.is_some()
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<Learned, FeatureError> {
        let chosen = frame.choose("quantile_bin", self.columns.as_deref(), Takes::Numbers)?;
        frame.learn_each(&chosen, |column, learned| {
            let Some(edges) = frame.quantiles(&column.name).and_then(|numbers| self.edges(numbers)) else { return Ok(()) };
            let (asked, made) = (u32::from(self.n_bins), edges.len() + 1);
            if made < asked as usize {
                learned.warnings.push(Warning {
                    code: "merged_bins".into(),
                    column: Some(column.name.clone()),
                    count: u64::from(asked) - made as u64,
                    message: format!("{asked} bins were asked for and {made} made: the others would be narrower than 1e-8"),
                });
            }
            learned.put(&column.name, self.suffix.as_deref(), Cut { edges });
            Ok(())
        })
    }
}
