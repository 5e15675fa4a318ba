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
