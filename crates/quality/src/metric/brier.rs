//! Mean squared distance between probabilities and truth: scikit-learn's `brier_score_loss`. Two classes: of the
//! positive class, within 0 .. 1. More: the sum over the classes, within 0 .. 2 (`scale_by_half="auto"`).
use super::{Better, Metric};
use crate::Scores;

pub(super) const METRIC: Metric = Metric {
    name: "brier",
    about: "mean squared distance of the probabilities from the truth",
    better: Better::Lower,
    range: (0.0, 2.0),
    compute,
};

fn compute(scores: &Scores<'_>) -> f64 {
    let proba = scores.proba();
    let error = |row: usize, class: usize| {
        let truth = f64::from(u8::from(scores.y()[row] as usize == class));
        (truth - f64::from(proba[[row, class]])).powi(2)
    };
    let classes = scores.ranked_classes();
    scores.mean(|row| classes.iter().map(|&class| error(row, class)).sum())
}
