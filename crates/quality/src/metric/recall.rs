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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::{Rows, rows, same};

    fn naive(rows: &Rows) -> f64 {
        let hits = |class| rows.count(|row| rows.y[row] == class && rows.predicted[row] == class);
        rows.averaged(|class| (hits(class), rows.count(|row| rows.y[row] == class)))
    }

    proptest! {
        #[test]
        fn it_is_the_naive_number(rows in rows()) {
            let (fast, slow) = (compute(&rows.scores()), naive(&rows));
            prop_assert!(same(fast, slow), "{fast} for {slow}");
        }
    }
}
