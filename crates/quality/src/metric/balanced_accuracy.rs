//! Mean recall over the classes that have rows: scikit-learn's `balanced_accuracy_score`, which also leaves out
//! (with a warning) a class that occurs only among the predictions.
use super::{Better, Metric};
use crate::Scores;

pub(super) const METRIC: Metric = Metric {
    name: "balanced_accuracy",
    about: "mean over the classes of the share of their rows that was found",
    better: Better::Higher,
    range: (0.0, 1.0),
    compute,
};

fn compute(scores: &Scores<'_>) -> f64 {
    let confusion = scores.confusion();
    let recalls = (0..confusion.classes()).filter(|&class| confusion.actual(class) > 0.0);
    let (sum, count) = recalls
        .fold((0.0, 0.0), |(sum, count), class| (sum + crate::average::divide(confusion.recall(class)), count + 1.0));
    crate::average::divide((sum, count))
}
