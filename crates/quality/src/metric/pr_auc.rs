//! Average precision: scikit-learn's `average_precision_score`, the sum over thresholds of the recall gained times the
//! precision there (no interpolation). Two classes: of the positive class. More: one-vs-rest, plain mean over all
//! classes of the model. Undefined when such a class has no rows (scikit-learn: 0 with a warning).
use super::{Better, Metric};
use crate::Scores;

pub(super) const METRIC: Metric = Metric {
    name: "pr_auc",
    about: "average precision: mean precision over the recall gained at each threshold",
    better: Better::Higher,
    range: (0.0, 1.0),
    compute,
};

fn compute(scores: &Scores<'_>) -> f64 {
    let classes = scores.ranked_classes();
    let sum: f64 = classes.iter().map(|&class| average_precision(scores, class)).sum();
    crate::average::divide((sum, classes.len() as f64))
}

/// The sum for one class against the rest.
pub(crate) fn average_precision(scores: &Scores<'_>, class: usize) -> f64 {
    let (mut sum, mut hits) = (0.0, 0.0);
    scores.ranking(class).walk(scores, class, |step| {
        sum += (step.hits - hits) * step.hits / (step.hits + step.misses);
        hits = step.hits;
    });
    crate::average::divide((sum, hits))
}
