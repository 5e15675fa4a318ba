use serde::Serialize;

use crate::Scores;

/// Weighted counts of rows: true class by predicted class.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Confusion {
    /// `cells[actual][predicted]`.
    cells: Vec<Vec<f64>>,
}

impl Confusion {
    pub(crate) fn new(scores: &Scores<'_>) -> Self {
        let classes = scores.classes().len();
        let mut flat = vec![0.0; classes * classes];
        for (row, (&actual, &predicted)) in scores.y().iter().zip(scores.predicted()).enumerate() {
            flat[actual as usize * classes + predicted as usize] += scores.weight_of(row);
        }
        Self { cells: flat.chunks(classes.max(1)).map(<[f64]>::to_vec).collect() }
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.cells.len()
    }

    /// The counts, `[actual][predicted]`.
    pub fn cells(&self) -> &[Vec<f64>] {
        &self.cells
    }

    /// Weight of the rows of `class` that were found.
    pub fn hits(&self, class: usize) -> f64 {
        self.cells[class][class]
    }

    /// Weight of the rows that are of `class`.
    pub fn actual(&self, class: usize) -> f64 {
        self.cells[class].iter().sum()
    }

    /// Weight of the rows that were predicted as `class`.
    pub fn predicted(&self, class: usize) -> f64 {
        self.cells.iter().map(|row| row[class]).sum()
    }

    /// Weight of all rows.
    pub fn total(&self) -> f64 {
        self.cells.iter().flatten().sum()
    }

    /// Weight of all rows that were predicted right.
    pub fn right(&self) -> f64 {
        (0..self.classes()).map(|class| self.hits(class)).sum()
    }

    /// Whether some row is of `class` or was predicted so.
    pub fn occurs(&self, class: usize) -> bool {
        self.actual(class) > 0.0 || self.predicted(class) > 0.0
    }

    /// Numerator and denominator of the share of what was predicted as `class` that is so.
    pub(crate) fn precision(&self, class: usize) -> (f64, f64) {
        (self.hits(class), self.predicted(class))
    }

    /// Numerator and denominator of the share of `class` that was found.
    pub(crate) fn recall(&self, class: usize) -> (f64, f64) {
        (self.hits(class), self.actual(class))
    }

    /// Numerator and denominator of the F-beta score of `class`: recall counts `beta` times as much as precision.
    pub(crate) fn f_score(&self, class: usize, beta: f64) -> (f64, f64) {
        let beta2 = beta * beta;
        ((1.0 + beta2) * self.hits(class), beta2 * self.actual(class) + self.predicted(class))
    }
}
