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
/// Bins narrower than 1e-8 are merged, with a warning. Where that would leave no edge but the value that nearly all
/// rows have, that value gets a bin of its own, and the other rows are cut into bins of about equal size below and above it, as many as
/// their share. Missing cells stay missing.
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
        let edges = self.inner(numbers, bins)?;
        let (_, mode, _) = numbers.parted();
        let is_collapsed = edges.len() + 1 < bins as usize && edges.iter().all(|&edge| edge == mode);
        Some(if is_collapsed { self.around_mode(numbers, bins) } else { edges })
    }

    /// Where one value has nearly all rows: that value apart, and the others in bins of about equal size.
    fn around_mode(&self, numbers: &Sketch, bins: u32) -> Vec<f64> {
        let (below, mode, above) = numbers.parted();
        let others = (below.count() + above.count()).max(1);
        let sides = u64::from(below.count() > 0) + u64::from(above.count() > 0);
        let spare = u64::from(bins).saturating_sub(1 + sides);
        // Each side has one bin, and its share of those that are left.
        let lower = if sides == 2 { spare * below.count() / others } else { spare };
        let upper = if sides == 2 { spare - lower } else { spare };
        let mut edges = Vec::new();
        if below.count() > 0 {
            edges.extend(self.inner(&below, lower as u32 + 1).unwrap_or_default());
            edges.push(mode);
        }
        // Two bins cannot hold a value between two sides: it is with those above it.
        if above.count() > 0 && !(bins == 2 && sides == 2) {
            edges.push(above.at(&[0])[0]);
            edges.extend(self.inner(&above, upper as u32 + 1).unwrap_or_default());
        }
        edges.dedup();
        edges
    }

    /// The inner edges of so many bins; nothing where no cell has a value.
    fn inner(&self, numbers: &Sketch, bins: u32) -> Option<Vec<f64>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(cells: &[f64], bins: u32) -> Vec<f64> {
        let mut sketch = Sketch::new(1 << 10);
        sketch.add(cells);
        let step = QuantileBin { n_bins: AtLeastTwo::try_from(bins).unwrap(), ..QuantileBin::default() };
        step.edges(&sketch.settled()).unwrap()
    }

    #[test]
    fn a_value_that_has_nearly_all_rows_leaves_bins_for_the_others() {
        let mut cells = vec![0.0; 970];
        cells.extend((1..=30).map(f64::from));
        let many = edges(&cells, 32);
        assert!(many.len() + 1 >= 28 && many.len() < 32 && many[0] == 1.0, "{many:?}");
        let four = edges(&cells, 4);
        assert_eq!(four.len(), 3);
        let counts = |low: f64, high: f64| cells.iter().filter(|&&x| x >= low && x < high).count();
        assert_eq!([counts(four[0], four[1]), counts(four[1], four[2]), counts(four[2], 99.0)], [10, 10, 10]);
        // On both sides of it.
        let both: Vec<f64> = cells.iter().copied().chain((1..=10).map(|x| -f64::from(x))).collect();
        let edges = edges(&both, 8);
        assert!(edges.contains(&0.0) && edges.contains(&1.0) && edges.len() < 8 && edges.is_sorted(), "{edges:?}");
    }

    #[test]
    fn a_single_value_is_a_single_bin() {
        assert_eq!(edges(&[3.0; 9], 5), Vec::<f64>::new());
        assert_eq!(edges(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 7.0], 2), [7.0]);
    }
}
