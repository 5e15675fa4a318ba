use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use ndarray::Array2;
use trainer_kernels::{Records, Tree};

use crate::checkpoint::checkpoints;
use crate::ensemble::{mean, shares};
use crate::model::OutOfBag;

/// Most cells (stages x rows x classes) that are kept for the scores by number of trees.
const MOST_CELLS: usize = 1 << 24;

/// For each row, what the trees that did not draw it say: sums of integers, so the order of trees does not matter.
pub struct OutOfBagSums {
    classes: usize,
    /// The trees of each stage: those from the end of the one before it up to its own `end`.
    stages: Vec<Stage>,
}

struct Stage {
    end: u32,
    sums: Vec<AtomicU64>,
    trees: Vec<AtomicU32>,
}

impl OutOfBagSums {
    pub fn new(rows: usize, classes: usize, trees: u32) -> Self {
        let most = (MOST_CELLS / (rows * classes).max(1)).max(1);
        let ends = checkpoints(trees);
        let stage = |&end: &u32| Stage {
            end,
            sums: (0..rows * classes).map(|_| AtomicU64::new(0)).collect(),
            trees: (0..rows).map(|_| AtomicU32::new(0)).collect(),
        };
        Self { classes, stages: ends[ends.len().saturating_sub(most)..].iter().map(stage).collect() }
    }

    /// Adds the answer of the tree of that number for each row that it drew no time.
    pub fn add(&self, number: u32, tree: &Tree, records: &Records, counts: &[u8]) {
        let stage = &self.stages[self.stages.partition_point(|stage| stage.end <= number)];
        let leaves: Vec<Vec<u32>> = tree
            .nodes
            .iter()
            .zip(tree.weights.chunks_exact(self.classes))
            .map(|(node, weights)| if node.left == 0 { shares(weights) } else { vec![] })
            .collect();
        for row in (0..counts.len()).filter(|&row| counts[row] == 0) {
            let leaf = &leaves[tree.leaf_of(records.record(row))];
            for (sum, &share) in stage.sums[row * self.classes..].iter().zip(leaf) {
                sum.fetch_add(share.into(), Ordering::Relaxed);
            }
            stage.trees[row].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// For the first trees of each stage: the mean of each row that some of them did not draw. The last is of all trees.
    pub fn finish(self) -> Vec<OutOfBag> {
        let rows = self.stages[0].trees.len();
        let (mut sums, mut trees) = (vec![0u64; rows * self.classes], vec![0u32; rows]);
        let until = |stage: Stage| {
            sums.iter_mut().zip(&stage.sums).for_each(|(sum, more)| *sum += more.load(Ordering::Relaxed));
            trees.iter_mut().zip(&stage.trees).for_each(|(count, more)| *count += more.load(Ordering::Relaxed));
            let rows: Vec<u32> = (0..trees.len() as u32).filter(|&row| trees[row as usize] > 0).collect();
            let cells = rows.iter().flat_map(|&row| &sums[row as usize * self.classes..][..self.classes]).copied();
            let known = Array2::from_shape_vec((rows.len(), self.classes), cells.collect()).expect("rows x classes");
            let proba = mean(&known, |i| trees[rows[i] as usize].into());
            OutOfBag { trees: stage.end, rows, proba }
        };
        self.stages.into_iter().map(until).collect()
    }
}
