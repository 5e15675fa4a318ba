use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use ndarray::Array2;
use trainer_kernels::{Records, Tree};

use crate::ensemble::{mean, shares};
use crate::model::OutOfBag;

/// For each row, what the trees that did not draw it say: sums of integers, so the order of trees does not matter.
pub struct OutOfBagSums {
    classes: usize,
    sums: Vec<AtomicU64>,
    trees: Vec<AtomicU32>,
}

impl OutOfBagSums {
    pub fn new(rows: usize, classes: usize) -> Self {
        let sums = (0..rows * classes).map(|_| AtomicU64::new(0)).collect();
        Self { classes, sums, trees: (0..rows).map(|_| AtomicU32::new(0)).collect() }
    }

    /// Adds a tree's answer for each row that it drew no time.
    pub fn add(&self, tree: &Tree, records: &Records, counts: &[u8]) {
        let leaves: Vec<Vec<u32>> = tree
            .nodes
            .iter()
            .zip(tree.weights.chunks_exact(self.classes))
            .map(|(node, weights)| if node.left == 0 { shares(weights) } else { vec![] })
            .collect();
        for row in (0..counts.len()).filter(|&row| counts[row] == 0) {
            let leaf = &leaves[tree.leaf_of(records.record(row))];
            for (sum, &share) in self.sums[row * self.classes..].iter().zip(leaf) {
                sum.fetch_add(share.into(), Ordering::Relaxed);
            }
            self.trees[row].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The mean of each row that some tree did not draw.
    pub fn finish(self) -> OutOfBag {
        let trees: Vec<u32> = self.trees.into_iter().map(AtomicU32::into_inner).collect();
        let rows: Vec<u32> = (0..trees.len() as u32).filter(|&row| trees[row as usize] > 0).collect();
        let mut sums = Array2::zeros((rows.len(), self.classes));
        for (mut out, &row) in sums.rows_mut().into_iter().zip(&rows) {
            for (out, sum) in out.iter_mut().zip(&self.sums[row as usize * self.classes..]) {
                *out = sum.load(Ordering::Relaxed);
            }
        }
        let proba = mean(&sums, |i| trees[rows[i] as usize].into());
        OutOfBag { rows, proba }
    }
}
