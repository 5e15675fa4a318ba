//! Gradient boosting in integers: the host driver.
//!
//! | | bits behind the point | range |
//! |---|---|---|
//! | margins, leaf values | 24 | a leaf: up to 32; a margin: the sum of its leaves, in 64 bits |
//! | shares in training | 31 | 0 to 1 |
//! | gradients of a row | 15 | -1 to 1, rounded at random |
//! | curvatures of a row | 16 | 0 to 3/8, rounded at random |
//! | sums over a node of at most 2^28 rows | 15, 16 | below 2^43 |
//! | gains | 64 | below 2^107, in 128 bits |
//!
//! A leaf's value is off by at most 2^-25 from the one that its sums ask for, so a margin after 1,000 rounds is off by at
//! most 3.0e-5; nothing else is rounded on the way from leaves to margins.

pub mod fixed;
mod gradient;
mod grow;
mod histogram;
mod newton;
#[cfg(test)]
mod reference;
mod split;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicI64, Ordering};

use rayon::prelude::*;

pub use gradient::{CURVATURE_BITS, WEIGHT_ONE};
pub use grow::{BoostedTree, Policy, Shape};

use crate::bootstrap::{entries, row_of};
use crate::philox::{Purpose, philox};
use crate::records::Records;
use gradient::{Loss, gradients};
use grow::Growth;

/// What is boosted.
#[derive(Clone, Copy)]
pub struct Boosting<'a> {
    /// The binned rows, with their classes.
    pub records: &'a Records,
    /// The class of each row.
    pub classes: &'a [u8],
    /// The weight of each row, in parts of [`WEIGHT_ONE`]; empty where all are one.
    pub weights: &'a [u32],
    /// Trees of a round: one for two classes, else one a class.
    pub outputs: usize,
    /// How its trees grow.
    pub shape: Shape<'a>,
    /// Part of the rows that a round learns from, in 2^-32; `None` = all.
    pub subsample: Option<u32>,
    /// See [`crate::philox`].
    pub seed: u64,
}

impl Boosting<'_> {
    /// Grows the trees of a round, and adds what they answer to `margins`: `outputs` runs of as many as there are rows.
    ///
    /// Memory besides records and margins: for each output 8 bytes a row, for each tree under way twice 4.
    pub fn round(&self, number: u32, margins: &mut [i64]) -> Vec<BoostedTree> {
        let rows = self.records.rows();
        let loss = Loss { classes: self.classes, weights: self.weights, seed: self.seed };
        let words = gradients(loss, margins, number, self.outputs);
        let counts = self.sample(number);
        let drawn = entries(&counts);
        let grown =
            words.par_chunks(rows).zip(margins.par_chunks_mut(rows)).enumerate().map(|(output, (words, margins))| {
                let name = [number, output as u32];
                let growth = Growth { records: self.records, words, shape: self.shape, seed: self.seed, name };
                let mut rows = drawn.clone();
                let grown = growth.tree(&mut rows);
                let places = shared(margins);
                grown.leaves.par_iter().for_each(|(value, range)| {
                    for &entry in &rows[range.clone()] {
                        add(&places[row_of(entry) as usize], *value);
                    }
                });
                if self.subsample.is_some() {
                    let left_out = counts.par_iter().enumerate().filter(|(_, count)| **count == 0);
                    left_out.for_each(|(row, _)| add(&places[row], grown.tree.value_of(self.records.record(row))));
                }
                grown.tree
            });
        grown.collect()
    }

    /// Which rows a round learns from.
    fn sample(&self, number: u32) -> Vec<u8> {
        let rows = self.records.rows();
        let Some(part) = self.subsample else { return vec![1; rows] };
        let draw = |row: usize| philox(self.seed, row as u32 / 4, number, 0, Purpose::Subsample)[row % 4] < part;
        (0..rows).into_par_iter().map(|row| u8::from(draw(row))).collect()
    }
}

/// Margins that several threads add to, each to rows of its own.
fn shared(margins: &mut [i64]) -> &[AtomicI64] {
    // SAFETY: an `AtomicI64` lies in memory as an `i64` does, and the borrow is exclusive as long as the slice lives.
    unsafe { &*(std::ptr::from_mut(margins) as *const [AtomicI64]) }
}

/// No other thread adds to this row: it lies in one leaf.
fn add(margin: &AtomicI64, value: i32) {
    margin.store(margin.load(Ordering::Relaxed) + i64::from(value), Ordering::Relaxed);
}

impl BoostedTree {
    /// What the tree answers to a record, in 2^-24.
    pub fn value_of(&self, record: &[u8]) -> i32 {
        self.values[self.tree.leaf_of(record)]
    }
}
