//! Share of the rows of a class that was found: scikit-learn's `recall_score`, averaged as
//! [`Averaging`](crate::Averaging) says. Undefined (scikit-learn: 0 with a warning) when `average: binary` and no row
//! is of the positive class.
use super::{Better, Metric};
use crate::Scores;

pub(super) const METRIC: Metric = Metric {
    name: "recall",
    about: "share of the rows of a class that was found, averaged over classes",
    better: Better::Higher,
    range: (0.0, 1.0),
    compute,
};

fn compute(scores: &Scores<'_>) -> f64 {
    let confusion = scores.confusion();
    scores.averaging().of(confusion, |class| confusion.recall(class))
}
