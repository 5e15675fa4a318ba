//! Mean negative natural logarithm of the probability given to the true class: scikit-learn's `log_loss` on `float32`
//! probabilities, which it clips to `eps .. 1 - eps` with the `eps` of that type (2^-23).
use super::{Better, Metric};
use crate::Scores;

pub(super) const METRIC: Metric = Metric {
    name: "log_loss",
    about: "mean negative logarithm of the probability given to the true class",
    better: Better::Lower,
    range: (0.0, f64::INFINITY),
    compute,
};

fn compute(scores: &Scores<'_>) -> f64 {
    let proba = scores.proba();
    let low = f64::from(f32::EPSILON);
    scores.mean(|row| -f64::from(proba[[row, scores.y()[row] as usize]]).clamp(low, 1.0 - low).ln())
}
