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
    scores.ranking(class).walk(scores, |step| {
        sum += (step.hits - hits) * step.hits / (step.hits + step.misses);
        hits = step.hits;
    });
    crate::average::divide((sum, hits))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::{Rows, rows, same};

    fn naive(rows: &Rows) -> f64 {
        let classes = if rows.classes.len() == 2 { 1..2 } else { 0..rows.classes.len() };
        let count = classes.len() as f64;
        let one = |class: usize| {
            let mut levels: Vec<f32> = rows.proba.column(class).to_vec();
            levels.sort_by(f32::total_cmp);
            levels.dedup();
            let above = |level: f32, of: bool| {
                rows.count(|row| rows.proba[[row, class]] >= level && (!of || rows.y[row] == class as u32))
            };
            let positives = rows.count(|row| rows.y[row] == class as u32);
            let (mut sum, mut recall) = (0.0, 0.0);
            for level in levels.into_iter().rev().filter(|&level| above(level, false) > 0.0) {
                let (hits, all) = (above(level, true), above(level, false));
                sum += (hits / positives - recall) * hits / all;
                recall = hits / positives;
            }
            if positives > 0.0 { sum } else { f64::NAN }
        };
        classes.map(one).sum::<f64>() / count
    }

    proptest! {
        #[test]
        fn it_is_the_naive_number(rows in rows()) {
            let (fast, slow) = (compute(&rows.scores()), naive(&rows));
            prop_assert!(same(fast, slow), "{fast} for {slow}");
        }
    }
}
