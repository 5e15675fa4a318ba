//! Share of the predictions of a class that are right: scikit-learn's `precision_score`, averaged as
//! [`Averaging`](crate::Averaging) says. Undefined (scikit-learn: 0 with a warning) when `average: binary` and the
//! positive class is never predicted.
use super::{Better, Metric};
use crate::Scores;

pub(super) const METRIC: Metric = Metric {
    name: "precision",
    about: "share of the predictions of a class that are right, averaged over classes",
    better: Better::Higher,
    range: (0.0, 1.0),
    compute,
};

fn compute(scores: &Scores<'_>) -> f64 {
    let confusion = scores.confusion();
    scores.averaging().of(confusion, |class| confusion.precision(class))
}
