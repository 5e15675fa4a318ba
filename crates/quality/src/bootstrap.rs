use rayon::prelude::*;
use serde::Serialize;

use crate::sampling::Draws;
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
                let weights = scores.weights().with_replacement(scores.rows(), Draws::new(self.seed, draw));
                let drawn = scores.reweighted(weights);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::METRICS;
    use crate::sample::Rows;

    fn rows(count: u32) -> Rows {
        let y: Vec<u32> = (0..count).map(|row| u32::from(row % 3 == 0)).collect();
        let positive: Vec<f32> = (0..count).map(|row| ((row * 7919) % 64) as f32 / 80.0).collect();
        Rows::binary(&y, &positive)
    }

    #[test]
    fn a_replicate_is_the_metric_of_the_rows_that_were_drawn() {
        let rows = rows(90);
        let scores = rows.scores();
        let weights = scores.weights().with_replacement(90, Draws::new(3, 0));
        let repeated = |row: usize| std::iter::repeat_n(row, weights.of(row) as usize);
        let drawn: Vec<usize> = (0..90).flat_map(repeated).collect();
        let y: Vec<u32> = drawn.iter().map(|&row| rows.y[row]).collect();
        let positive: Vec<f32> = drawn.iter().map(|&row| rows.proba[[row, 1]]).collect();
        let copied = Rows::binary(&y, &positive);
        let reweighted = scores.reweighted(weights.clone());
        for metric in METRICS {
            let (fast, slow) = ((metric.compute)(&reweighted), (metric.compute)(&copied.scores()));
            assert!(crate::sample::same(fast, slow), "{}: {fast} for {slow}", metric.name);
        }
    }

    #[test]
    fn the_intervals_do_not_depend_on_the_number_of_threads() {
        let rows = rows(300);
        let scores = rows.scores();
        let metrics: Vec<&Metric> = METRICS.iter().collect();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Bootstrap::seeded(9).intervals(&scores, &metrics))
        };
        let (one, three) = (run(1), run(3));
        assert_eq!(one, three);
        for (interval, metric) in one.iter().zip(METRICS) {
            let point = (metric.compute)(&scores);
            // The calibration error is pushed up by noise: its interval may lie above the point.
            assert!(interval.low < interval.high && (metric.name == "ece" || interval.low < point), "{}", metric.name);
        }
    }

    #[test]
    fn the_ends_are_numpys_percentiles() {
        let interval = Interval::of((0..=1000).rev().map(f64::from).collect());
        assert_eq!((interval.low, interval.high), (25.0, 975.0));
        let interval = Interval::of(vec![1.0, 2.0]);
        assert_eq!((interval.low, interval.high), (1.025, 1.975));
    }

    #[test]
    fn undefined_draws_are_the_worst_at_both_ends() {
        let with = |undefined: usize| {
            let values = (0..1000).map(f64::from).chain(std::iter::repeat_n(f64::NAN, undefined)).collect();
            Interval::of(values)
        };
        let few = with(10);
        assert!(
            (few.low - (0.025 * 1009.0 - 10.0)).abs() < 1e-9 && (few.high - 0.975 * 1009.0).abs() < 1e-9,
            "{few:?}"
        );
        let many = with(100);
        assert!(many.low.is_nan() && many.high.is_nan() && many.undefined == 100);
        assert!(with(0).low > few.low);
    }
}
