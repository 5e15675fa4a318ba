//! When to stop: the log loss on rows that no tree learns from.

use rayon::prelude::*;
use trainer_data::Dataset;
use trainer_kernels::Records;
use trainer_kernels::boost::{BoostedTree, fixed};

use super::GradientBoosting;
use super::resolve::real_weights;

/// A row's loss, and its sum, are integers in these parts: the sum is the same in whatever order it is made, and with it
/// the round at which a model ends.
const LOSS_UNIT: f64 = (1u64 << 32) as f64;

/// Watches the loss on rows kept aside.
pub struct Judge<'a> {
    own: &'a GradientBoosting,
    records: Records,
    classes: &'a [u32],
    weights: Vec<f64>,
    /// One run of rows for each output.
    margins: Vec<i64>,
    outputs: usize,
    rounds: usize,
    /// The best round and its loss.
    best: (usize, f64),
}

impl<'a> Judge<'a> {
    /// `binned`: the rows that are learned from, whose bins these rows are cut by.
    pub fn new(
        own: &'a GradientBoosting,
        aside: &'a Dataset,
        class_weights: &[f64],
        binned: &Records,
        start: &[i64],
    ) -> Self {
        let rows = aside.y.len();
        Self {
            own,
            records: binned.bin_alike(aside.matrix.x.view(), &aside.y),
            classes: &aside.y,
            weights: real_weights(aside, class_weights).collect(),
            margins: start.iter().flat_map(|&start| vec![start; rows]).collect(),
            outputs: start.len(),
            rounds: 0,
            best: (0, f64::INFINITY),
        }
    }

    /// Adds a round's trees, and says whether there may be another.
    pub fn goes_on(&mut self, trees: &[BoostedTree]) -> bool {
        let rows = self.classes.len();
        for (tree, margins) in trees.iter().zip(self.margins.chunks_mut(rows)) {
            let add = |(row, margin): (usize, &mut i64)| *margin += i64::from(tree.value_of(self.records.record(row)));
            margins.par_iter_mut().enumerate().for_each(add);
        }
        self.rounds += 1;
        let loss = self.loss();
        if self.rounds == 1 || loss < self.best.1 - self.own.tol {
            self.best = (self.rounds, loss);
        }
        self.rounds - self.best.0 < self.own.n_iter_no_change as usize
    }

    /// The round after which the loss was lowest, from 1.
    pub fn best_round(&self) -> usize {
        self.best.0
    }

    /// The loss after it.
    pub fn best_loss(&self) -> f64 {
        self.best.1
    }

    /// The weighted mean of the log loss.
    fn loss(&self) -> f64 {
        let rows = self.classes.len();
        let one = |row: usize| -> i128 {
            let margins: Vec<i64> = (0..self.outputs).map(|output| self.margins[output * rows + row]).collect();
            let mut shares = vec![0.0; self.outputs.max(2)];
            fixed::probabilities(&margins, &mut shares);
            let loss = -fixed::ln(shares[self.classes[row] as usize]);
            (loss * self.weights[row] * LOSS_UNIT).round() as i128
        };
        let sum: i128 = (0..rows).into_par_iter().map(one).sum();
        // In order: floats.
        let weight: f64 = self.weights.iter().sum();
        sum as f64 / LOSS_UNIT / weight
    }
}
