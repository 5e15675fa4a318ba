//! Harmonic mean of precision and recall: scikit-learn's `f1_score`, averaged as [`Averaging`](crate::Averaging)
//! says. Undefined (scikit-learn: 0 with a warning) when `average: binary` and the positive class neither occurs nor is
//! predicted.
use super::{Better, Metric};
use crate::Scores;

pub(super) const METRIC: Metric = Metric {
    name: "f1_score",
    about: "harmonic mean of precision and recall, averaged over classes",
    better: Better::Higher,
    range: (0.0, 1.0),
    compute,
};

fn compute(scores: &Scores<'_>) -> f64 {
    let confusion = scores.confusion();
    scores.averaging().of(confusion, |class| confusion.f_score(class, 1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::{Rows, rows, same};

    fn naive(rows: &Rows) -> f64 {
        let hits = |class| rows.count(|row| rows.y[row] == class && rows.predicted[row] == class);
        let (actual, predicted) =
            (|class| rows.count(|row| rows.y[row] == class), |class| rows.count(|row| rows.predicted[row] == class));
        rows.averaged(|class| (2.0 * hits(class), actual(class) + predicted(class)))
    }

    proptest! {
        #[test]
        fn it_is_the_naive_number(rows in rows()) {
            let (fast, slow) = (compute(&rows.scores()), naive(&rows));
            prop_assert!(same(fast, slow), "{fast} for {slow}");
        }
    }
}
