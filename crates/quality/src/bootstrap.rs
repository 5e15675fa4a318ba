use std::borrow::Cow;

use rayon::prelude::*;
use serde::Serialize;

use crate::sampling::{Draws, with_replacement};
use crate::{Metric, Scores};

/// How often rows are drawn again to see how much a metric depends on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrap {
    /// Number of draws of all rows with replacement.
    pub replicates: u32,
    /// Seed of the draws.
    pub seed: u64,
}

impl Bootstrap {
    /// The usual 1,000 draws.
    pub fn seeded(seed: u64) -> Self {
        Self { replicates: 1000, seed }
    }

    /// 95 % percentile intervals (2.5 % to 97.5 %) of some metrics, from the same draws.
    ///
    /// Each draw is a new weight for each row, so the order of the rows by score is made once; a draw costs O(rows).
    /// The same for any number of threads.
    pub fn intervals(&self, scores: &Scores<'_>, metrics: &[&Metric]) -> Vec<Interval> {
        let by_draw: Vec<Vec<f64>> = (0..u64::from(self.replicates))
            .into_par_iter()
            .map(|draw| {
                let weight = with_replacement(scores.rows(), scores.weight(), Draws::new(self.seed, draw));
                let drawn = scores.reweighted(Cow::Owned(weight));
                metrics.iter().map(|metric| (metric.compute)(&drawn)).collect()
            })
            .collect();
        (0..metrics.len()).map(|metric| Interval::of(by_draw.iter().map(|values| values[metric]).collect())).collect()
    }
}

/// Where a metric would fall with other rows of the same kind, 95 times of 100.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The 2.5 % percentile; `NaN` when undefined draws reach it.
    pub low: f64,
    /// The 97.5 % percentile; `NaN` when undefined draws reach it.
    pub high: f64,
    /// In how many draws the metric was undefined. These count as the worst possible at either end.
    pub undefined: usize,
}

impl Interval {
    fn of(mut values: Vec<f64>) -> Self {
        let all = values.len();
        values.retain(|value| !value.is_nan());
        values.sort_by(f64::total_cmp);
        let undefined = all - values.len();
        let at = |place: f64| percentile(&values, place);
        let end = (all.max(1) - 1) as f64;
        // Seen from below, undefined draws stand before all others; seen from above, behind them.
        Self { low: at(0.025 * end - undefined as f64), high: at(0.975 * end), undefined }
    }
}

/// The value at a fractional place of sorted values, by linear interpolation (NumPy's default); `NaN` outside.
fn percentile(sorted: &[f64], place: f64) -> f64 {
    if place < 0.0 || sorted.is_empty() || place > (sorted.len() - 1) as f64 {
        return f64::NAN;
    }
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}
