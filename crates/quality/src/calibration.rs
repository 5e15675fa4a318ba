use serde::Serialize;

use crate::Scores;

/// Number of equal bins over 0 .. 1.
const BINS: usize = 15;

/// Rows whose predicted probability falls in one bin.
///
/// With two classes the probability is that of the positive class, and the share that of the rows that are positive;
/// with more, that of the most probable class, and the share of the rows where it is the true one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CalibrationBin {
    /// Lower end of the bin, part of it.
    pub low: f64,
    /// Upper end of the bin, part of the next one (of this one when it is 1).
    pub high: f64,
    /// Mean predicted probability of its rows.
    pub mean_probability: f64,
    /// Share of its rows where the event happened.
    pub observed_share: f64,
    /// Weight of its rows.
    pub weight: f64,
}

/// The bins that have weight, in order.
pub(crate) fn bins(scores: &Scores<'_>) -> Vec<CalibrationBin> {
    let mut sums = [[0.0f64; 3]; BINS];
    for row in 0..scores.rows() {
        let (probability, happened) = event(scores, row);
        let weight = scores.weight_of(row);
        let bin = &mut sums[((probability * BINS as f64) as usize).min(BINS - 1)];
        bin[0] += weight;
        bin[1] += weight * probability;
        bin[2] += if happened { weight } else { 0.0 };
    }
    let bin = |(i, [weight, probability, happened]): (usize, &[f64; 3])| CalibrationBin {
        low: i as f64 / BINS as f64,
        high: (i + 1) as f64 / BINS as f64,
        mean_probability: probability / weight,
        observed_share: happened / weight,
        weight: *weight,
    };
    sums.iter().enumerate().filter(|(_, sums)| sums[0] > 0.0).map(bin).collect()
}

fn event(scores: &Scores<'_>, row: usize) -> (f64, bool) {
    let truth = scores.y()[row] as usize;
    if let Some(positive) = scores.positive() {
        return (f64::from(scores.proba()[[row, positive]]), truth == positive);
    }
    let proba = scores.proba();
    let class = crate::decision::first_greatest(proba.row(row));
    (f64::from(proba[[row, class]]), truth == class)
}
