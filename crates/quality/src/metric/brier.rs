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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::{Rows, rows, same};

    fn naive(rows: &Rows) -> f64 {
        let error = |row: usize, class: usize| {
            let truth = if rows.y[row] as usize == class { 1.0 } else { 0.0 };
            (f64::from(rows.proba[[row, class]]) - truth) * (f64::from(rows.proba[[row, class]]) - truth)
        };
        let of_row = |row: usize| match rows.classes.len() {
            2 => error(row, 1),
            classes => (0..classes).map(|class| error(row, class)).sum(),
        };
        (0..rows.y.len()).map(|row| rows.weight(row) * of_row(row)).sum::<f64>() / rows.count(|_| true)
    }

    proptest! {
        #[test]
        fn it_is_the_naive_number(rows in rows()) {
            let (fast, slow) = (compute(&rows.scores()), naive(&rows));
            prop_assert!(same(fast, slow), "{fast} for {slow}");
        }
    }
}
