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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::{Rows, rows, same};

    fn naive(rows: &Rows) -> f64 {
        let recalls: Vec<f64> = (0..rows.classes.len() as u32)
            .map(|class| {
                let found = rows.count(|row| rows.y[row] == class && rows.predicted[row] == class);
                found / rows.count(|row| rows.y[row] == class)
            })
            .filter(|recall| !recall.is_nan())
            .collect();
        recalls.iter().sum::<f64>() / recalls.len() as f64
    }

    proptest! {
        #[test]
        fn it_is_the_naive_number(rows in rows()) {
            let (fast, slow) = (compute(&rows.scores()), naive(&rows));
            prop_assert!(same(fast, slow), "{fast} for {slow}");
        }
    }
}
