//! Expected calibration error (Naeini et al. 2015; Guo et al. 2017): over the 15 equal bins of the calibration figure,
//! the weighted mean distance between the mean predicted probability and the observed share. Two classes: of the
//! positive class. More: of the most probable class, against whether it is the true one.
use super::{Better, Metric};
use crate::Scores;

pub(super) const METRIC: Metric = Metric {
    name: "ece",
    about: "mean distance between predicted probability and observed share, over bins",
    better: Better::Lower,
    range: (0.0, 1.0),
    compute,
};

fn compute(scores: &Scores<'_>) -> f64 {
    let bins = crate::calibration::bins(scores);
    let distance = |bin: &crate::CalibrationBin| bin.weight * (bin.mean_probability - bin.observed_share).abs();
    crate::average::divide((bins.iter().map(distance).sum(), bins.iter().map(|bin| bin.weight).sum()))
}
