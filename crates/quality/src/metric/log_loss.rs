//! Mean negative natural logarithm of the probability given to the true class: scikit-learn's `log_loss` on `float32`
//! probabilities, which it clips to `eps .. 1 - eps` with the `eps` of that type (2^-23).
use super::{Better, Metric};
use crate::Scores;

pub(super) const METRIC: Metric = Metric {
    name: "log_loss",
    about: "mean negative logarithm of the probability given to the true class",
    better: Better::Lower,
    range: (0.0, f64::INFINITY),
    compute,
};

fn compute(scores: &Scores<'_>) -> f64 {
    let proba = scores.proba();
    let low = f64::from(f32::EPSILON);
    let loss = |row: usize| -f64::from(proba[[row, scores.y()[row] as usize]]).clamp(low, 1.0 - low).ln();
    let losses = scores.log_losses(loss);
    scores.mean(|row| losses[row])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::{Rows, rows, same};

    fn naive(rows: &Rows) -> f64 {
        let clip = |p: f32| f64::from(p).clamp(2f64.powi(-23), 1.0 - 2f64.powi(-23));
        let loss = |row: usize| -clip(rows.proba[[row, rows.y[row] as usize]]).ln();
        (0..rows.y.len()).map(|row| rows.weight(row) * loss(row)).sum::<f64>() / rows.count(|_| true)
    }

    proptest! {
        #[test]
        fn it_is_the_naive_number(rows in rows()) {
            let (fast, slow) = (compute(&rows.scores()), naive(&rows));
            prop_assert!(same(fast, slow), "{fast} for {slow}");
        }
    }

    #[test]
    fn a_certain_error_costs_a_finite_amount() {
        let loss = compute(&Rows::binary(&[1], &[0.0]).scores());
        assert!(same(loss, 23.0 * 2f64.ln()), "{loss}");
    }
}
