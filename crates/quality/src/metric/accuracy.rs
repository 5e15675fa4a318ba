//! Share of rows predicted right: scikit-learn's `accuracy_score`.
use super::{Better, Metric};
use crate::Scores;

pub(super) const METRIC: Metric = Metric {
    name: "accuracy",
    about: "share of rows predicted right",
    better: Better::Higher,
    range: (0.0, 1.0),
    compute,
};

fn compute(scores: &Scores<'_>) -> f64 {
    let confusion = scores.confusion();
    crate::average::divide((confusion.right(), confusion.total()))
}
