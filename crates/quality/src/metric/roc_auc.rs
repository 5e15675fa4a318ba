//! Area under the ROC curve: scikit-learn's `roc_auc_score`. Two classes: of the positive class. More: one-vs-rest,
//! plain mean over all classes of the model (`multi_class="ovr"`, `average="macro"`, `labels=` the model's classes).
//! Undefined when some class has no rows, or all of them.
use super::{Better, Metric};
use crate::Scores;

pub(super) const METRIC: Metric = Metric {
    name: "roc_auc",
    about: "chance that a row of the class scores above a row that is not of it",
    better: Better::Higher,
    range: (0.0, 1.0),
    compute,
};

fn compute(scores: &Scores<'_>) -> f64 {
    let classes = scores.ranked_classes();
    let sum: f64 = classes.iter().map(|&class| area(scores, class)).sum();
    crate::average::divide((sum, classes.len() as f64))
}

/// Area by trapezoids over the steps of the ranking: rows of one score share a slanted step, so a tie counts one half.
pub(crate) fn area(scores: &Scores<'_>, class: usize) -> f64 {
    let (mut area, mut hits, mut misses) = (0.0, 0.0, 0.0);
    scores.ranking(class).walk(scores, class, |step| {
        area += (step.misses - misses) * (step.hits + hits) / 2.0;
        (hits, misses) = (step.hits, step.misses);
    });
    crate::average::divide((area, hits * misses))
}
