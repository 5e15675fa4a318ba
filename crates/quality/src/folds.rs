use serde::Serialize;

use crate::Values;

/// Mean and spread of each metric over the folds of a cross-validation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FoldSummary {
    /// Number of folds.
    pub folds: usize,
    /// Mean over the folds; `NaN` when the metric is undefined in one.
    pub mean: Values,
    /// Standard deviation over the folds, of the population (ddof 0), as `numpy.std` prints it.
    pub std: Values,
    /// The metrics of each fold.
    #[serde(skip)]
    pub each: Vec<Values>,
}

impl FoldSummary {
    /// Of the metrics of each fold, all in the same order.
    pub fn of(folds: &[Values]) -> Self {
        let names: Vec<&'static str> =
            folds.first().map_or_else(Vec::new, |first| first.iter().map(|(name, _)| name).collect());
        let count = folds.len() as f64;
        let column = |i: usize| folds.iter().map(move |fold| fold.iter().nth(i).map_or(f64::NAN, |(_, value)| value));
        let mean = |i: usize| column(i).sum::<f64>() / count;
        let std = |i: usize| (column(i).map(|value| (value - mean(i)).powi(2)).sum::<f64>() / count).sqrt();
        Self {
            folds: folds.len(),
            mean: names.iter().enumerate().map(|(i, &name)| (name, mean(i))).collect(),
            std: names.iter().enumerate().map(|(i, &name)| (name, std(i))).collect(),
            each: folds.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_that_of_numpy() {
        let fold = |accuracy, mcc| [("accuracy", accuracy), ("mcc", mcc)].into_iter().collect::<Values>();
        let summary = FoldSummary::of(&[fold(0.5, 0.1), fold(0.75, f64::NAN), fold(1.0, 0.3)]);
        assert_eq!(summary.mean.get("accuracy"), Some(0.75));
        assert!((summary.std.get("accuracy").unwrap() - (0.125f64 / 3.0).sqrt()).abs() < 1e-15);
        assert_eq!((summary.mean.get("mcc"), summary.std.get("mcc")), (None, None));
        assert_eq!(FoldSummary::of(&[]).mean, Values::default());
    }
}
