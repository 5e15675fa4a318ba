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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::{Rows, rows, same};

    fn naive(rows: &Rows) -> f64 {
        let hits = |class| rows.count(|row| rows.y[row] == class && rows.predicted[row] == class);
        rows.averaged(|class| (hits(class), rows.count(|row| rows.predicted[row] == class)))
    }

    proptest! {
        #[test]
        fn it_is_the_naive_number(rows in rows()) {
            let (fast, slow) = (compute(&rows.scores()), naive(&rows));
            prop_assert!(same(fast, slow), "{fast} for {slow}");
        }
    }

    #[test]
    fn it_is_undefined_when_the_positive_class_is_never_predicted() {
        let mut rows = Rows::binary(&[0, 1, 1], &[0.1, 0.2, 0.3]);
        assert!(same(compute(&rows.scores()), 1.0 / 6.0), "macro: the class that is never predicted counts 0");
        rows.average = crate::Average::Binary;
        assert!(compute(&rows.scores()).is_nan());
    }
}
