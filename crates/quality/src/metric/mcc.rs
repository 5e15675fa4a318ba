//! Matthews correlation coefficient, for any number of classes (Gorodkin 2004, R_K): scikit-learn's
//! `matthews_corrcoef`. Undefined (scikit-learn: 0) when all rows are of one class or are predicted as one.
use super::{Better, Metric};
use crate::Scores;

pub(super) const METRIC: Metric = Metric {
    name: "mcc",
    about: "correlation of predicted and true classes",
    better: Better::Higher,
    range: (-1.0, 1.0),
    compute,
};

fn compute(scores: &Scores<'_>) -> f64 {
    let confusion = scores.confusion();
    let total = confusion.total();
    let classes = || 0..confusion.classes();
    let product = |a: &dyn Fn(usize) -> f64, b: &dyn Fn(usize) -> f64| classes().map(|c| a(c) * b(c)).sum::<f64>();
    let (actual, predicted) = (|c| confusion.actual(c), |c| confusion.predicted(c));
    let single = |of: &dyn Fn(usize) -> f64| classes().filter(|&class| of(class) > 0.0).count() < 2;
    if single(&actual) || single(&predicted) {
        return f64::NAN;
    }
    let covariance = confusion.right() * total - product(&actual, &predicted);
    let spread = (total * total - product(&actual, &actual)) * (total * total - product(&predicted, &predicted));
    covariance / spread.sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::{Rows, rows, same};

    fn naive(rows: &Rows) -> f64 {
        // The correlation of the indicator variables, class by class.
        let share = |test: &dyn Fn(usize) -> bool| rows.count(test) / rows.count(|_| true);
        let covariance = |a: &[u32], b: &[u32]| {
            let one = |class: u32| {
                let both = share(&|row| a[row] == class && b[row] == class);
                both - share(&|row| a[row] == class) * share(&|row| b[row] == class)
            };
            (0..rows.classes.len() as u32).map(one).sum::<f64>()
        };
        let spread = covariance(&rows.y, &rows.y) * covariance(&rows.predicted, &rows.predicted);
        if spread > 1e-12 { covariance(&rows.y, &rows.predicted) / spread.sqrt() } else { f64::NAN }
    }

    proptest! {
        #[test]
        fn it_is_the_naive_number(rows in rows()) {
            let (fast, slow) = (compute(&rows.scores()), naive(&rows));
            prop_assert!(same(fast, slow), "{fast} for {slow}");
        }
    }

    #[test]
    fn it_is_undefined_when_one_class_is_all_there_is() {
        assert!(compute(&Rows::binary(&[0, 1], &[0.1, 0.2]).scores()).is_nan());
        assert!(same(compute(&Rows::binary(&[0, 1], &[0.1, 0.9]).scores()), 1.0));
        assert!(same(compute(&Rows::binary(&[1, 0], &[0.1, 0.9]).scores()), -1.0));
    }
}
