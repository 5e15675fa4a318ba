//! Share of rows predicted right: scikit-learn's `accuracy_score`.
use super::{Better, Metric};
use crate::Scores;

pub(super) const METRIC: Metric = Metric {
    name: "accuracy",
    about: "share of rows predicted right",
    better: Better::Higher,
    range: (0.0, 1.0),
    compute,
};

fn compute(scores: &Scores<'_>) -> f64 {
    let confusion = scores.confusion();
    crate::average::divide((confusion.right(), confusion.total()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::{Rows, rows, same};

    fn naive(rows: &Rows) -> f64 {
        rows.count(|row| rows.y[row] == rows.predicted[row]) / rows.count(|_| true)
    }

    proptest! {
        #[test]
        fn it_is_the_naive_number(rows in rows()) {
            let (fast, slow) = (compute(&rows.scores()), naive(&rows));
            prop_assert!(same(fast, slow), "{fast} for {slow}");
        }
    }
}
