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
    scores.ranking(class).walk(scores, |step| {
        area += (step.misses - misses) * (step.hits + hits) / 2.0;
        (hits, misses) = (step.hits, step.misses);
    });
    crate::average::divide((area, hits * misses))
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
            let of = |row: &usize| rows.y[*row] == class as u32;
            let (mut wins, mut pairs) = (0.0, 0.0);
            for a in (0..rows.y.len()).filter(of) {
                for b in (0..rows.y.len()).filter(|row| !of(row)) {
                    let weight = rows.weight(a) * rows.weight(b);
                    let (above, below) = (rows.proba[[a, class]], rows.proba[[b, class]]);
                    pairs += weight;
                    wins += weight
                        * if above > below {
                            1.0
                        } else if above == below {
                            0.5
                        } else {
                            0.0
                        };
                }
            }
            wins / pairs
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

    #[test]
    fn it_is_undefined_without_both_kinds_of_rows() {
        assert!(compute(&Rows::binary(&[1, 1], &[0.1, 0.9]).scores()).is_nan());
        assert!(compute(&Rows::binary(&[], &[]).scores()).is_nan());
    }
}
