//! Rows for tests: owned, and random ones with ties, absent classes and weights of zero.

use ndarray::Array2;
use proptest::prelude::*;
use trainer_data::Label;

use crate::{Average, Averaging, Scores};

/// What [`Scores`] borrows.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    pub y: Vec<u32>,
    pub proba: Array2<f32>,
    pub predicted: Vec<u32>,
    pub weight: Option<Vec<f32>>,
    pub classes: Vec<Label>,
    pub average: Average,
}

impl Rows {
    pub fn scores(&self) -> Scores<'_> {
        let averaging = Averaging::new(self.average, None, &self.classes).unwrap();
        let scores = Scores::new(&self.y, self.proba.view(), &self.predicted, &self.classes, averaging);
        scores.weighted(self.weight.as_deref())
    }

    /// Two classes, from the probability of the second; decided at one half.
    pub fn binary(y: &[u32], positive: &[f32]) -> Self {
        let proba = Array2::from_shape_fn((y.len(), 2), |(row, class)| match class {
            1 => positive[row],
            _ => 1.0 - positive[row],
        });
        let predicted = positive.iter().map(|&p| u32::from(p >= 0.5)).collect();
        let classes = vec![Label::Integer(0), Label::Integer(1)];
        Self { y: y.to_vec(), proba, predicted, weight: None, classes, average: Average::Macro }
    }

    pub fn weight(&self, row: usize) -> f64 {
        self.weight.as_ref().map_or(1.0, |weight| f64::from(weight[row]))
    }

    /// Weight of the rows for which `test` holds.
    pub fn count(&self, test: impl Fn(usize) -> bool) -> f64 {
        (0..self.y.len()).filter(|&row| test(row)).map(|row| self.weight(row)).sum()
    }

    /// Classes that occur, with weight, among labels or predictions.
    pub fn occurring(&self) -> Vec<u32> {
        let occurs = |&class: &u32| self.count(|row| self.y[row] == class || self.predicted[row] == class) > 0.0;
        (0..self.classes.len() as u32).filter(occurs).collect()
    }

    /// The average of a ratio of each class (numerator, denominator), after scikit-learn's description.
    pub fn averaged(&self, ratio: impl Fn(u32) -> (f64, f64)) -> f64 {
        let parts: Vec<(f64, f64)> = self.occurring().into_iter().map(&ratio).collect();
        let support: Vec<f64> = self.occurring().iter().map(|&class| self.count(|row| self.y[row] == class)).collect();
        let filled: Vec<f64> = parts.iter().map(|&(a, b)| if b > 0.0 { a / b } else { 0.0 }).collect();
        let total = |values: &[f64]| values.iter().sum::<f64>();
        let none_defined = parts.iter().zip(&support).all(|(part, support)| part.1 == 0.0 || *support == 0.0);
        match self.average {
            Average::Binary => ratio(1).0 / ratio(1).1,
            Average::Micro => parts.iter().map(|p| p.0).sum::<f64>() / parts.iter().map(|p| p.1).sum::<f64>(),
            Average::Macro => total(&filled) / filled.len() as f64,
            Average::Weighted if none_defined => f64::NAN,
            Average::Weighted => filled.iter().zip(&support).map(|(a, b)| a * b).sum::<f64>() / total(&support),
        }
    }
}

/// Random rows of two to four classes; probabilities are multiples of 1/16 (before they are scaled to sum to 1), so
/// that ties are many.
pub(crate) fn rows() -> impl Strategy<Value = Rows> {
    (2usize..=4, 0usize..60).prop_flat_map(|(classes, rows)| {
        let class = 0..classes as u32;
        let averages: usize = if classes == 2 { 4 } else { 3 };
        (
            prop::collection::vec(class.clone(), rows),
            prop::collection::vec(class, rows),
            prop::collection::vec(1u8..=16, rows * classes),
            prop::option::of(prop::collection::vec(prop_oneof![Just(0.0f32), Just(1.0), 0.125f32..4.0], rows)),
            0..averages,
        )
            .prop_map(move |(y, predicted, cells, weight, average)| {
                let mut proba = Array2::from_shape_vec((rows, classes), cells).unwrap().mapv(f32::from);
                proba.rows_mut().into_iter().for_each(|mut row| row /= row.sum());
                let average = [Average::Macro, Average::Weighted, Average::Micro, Average::Binary][average];
                let classes = (0..classes as i64).map(Label::Integer).collect();
                Rows { y, proba, predicted, weight, classes, average }
            })
    })
}

/// Whether two numbers agree to rounding, or are both undefined.
pub(crate) fn same(a: f64, b: f64) -> bool {
    (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * (1.0 + b.abs())
}
