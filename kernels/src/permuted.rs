//! The sums of leaves again when one column changes: only rows whose way down a tree asks for that column are walked again.

use ndarray::{Array2, ArrayView2};

use crate::traverse::{ABREAST, Steps, first_asking, walk, walk_from};

/// Rows that were walked down all trees once.
pub struct Walked<'a> {
    steps: Steps<'a>,
    features: usize,
    /// Rows x features, row after row.
    cells: Vec<f32>,
    /// Trees x rows.
    leaves: Vec<u32>,
    /// Trees x rows x words: one bit for each feature that the row's way asks for.
    asked: Vec<u64>,
    sums: Array2<u64>,
}

impl<'a> Walked<'a> {
    /// Walks all rows. Memory: 4 bytes and a bit a feature for each row and tree.
    pub fn new(x: ArrayView2<'_, f32>, steps: Steps<'a>) -> Self {
        let (rows, features) = x.dim();
        let cells: Vec<f32> = x.rows().into_iter().flat_map(|row| row.to_vec()).collect();
        let words = features.div_ceil(64);
        let mut walked = Self {
            steps,
            features,
            cells,
            leaves: Vec::with_capacity(steps.roots.len() * rows),
            asked: vec![0; steps.roots.len() * rows * words],
            sums: Array2::zeros((rows, steps.classes)),
        };
        for (tree, &root) in steps.roots.iter().enumerate() {
            for row in 0..rows {
                let asked = &mut walked.asked[(tree * rows + row) * words..][..words];
                let own = &walked.cells[row * features..][..features];
                let leaf = walk_from(own, steps, root, |feature| asked[feature / 64] |= 1 << (feature % 64));
                walked.leaves.push(leaf);
                add(&mut walked.sums, row, steps, leaf);
            }
        }
        walked
    }

    /// The sum over trees of the values of each row's leaves: rows x classes.
    pub fn sums(&self) -> &Array2<u64> {
        &self.sums
    }

    /// What a change of one feature's cells would touch.
    pub fn changing(&self, feature: usize) -> Changing<'_> {
        let rows = self.sums.nrows();
        let words = self.features.div_ceil(64);
        let mut touched = Vec::new();
        let mut ends = Vec::with_capacity(self.steps.roots.len());
        for (tree, &root) in self.steps.roots.iter().enumerate() {
            for row in 0..rows {
                let asked = self.asked[(tree * rows + row) * words + feature / 64];
                if asked >> (feature % 64) & 1 == 1 {
                    let cells = &self.cells[row * self.features..][..self.features];
                    touched.push((row as u32, first_asking(cells, self.steps, root, feature)));
                }
            }
            ends.push(touched.len());
        }
        Changing { walked: self, feature, touched, ends }
    }
}

/// The ways that ask for one feature.
pub struct Changing<'a> {
    walked: &'a Walked<'a>,
    feature: usize,
    /// Tree after tree: the rows whose way asks for the feature, and the node that is the first to ask.
    touched: Vec<(u32, u32)>,
    /// Where each tree's rows end.
    ends: Vec<usize>,
}

impl Changing<'_> {
    /// The sums as if the feature's cells were `values`.
    pub fn sums(&self, values: &[f32]) -> Array2<u64> {
        let Walked { steps, features, leaves, .. } = self.walked;
        let (steps, features) = (*steps, *features);
        if self.touched.is_empty() {
            return self.walked.sums.clone();
        }
        let rows = values.len();
        let mut cells = self.walked.cells.clone();
        for (row, &value) in values.iter().enumerate() {
            cells[row * features + self.feature] = value;
        }
        let mut sums = self.walked.sums.clone();
        let mut start = 0;
        for (tree, &end) in self.ends.iter().enumerate() {
            for group in self.touched[start..end].chunks(ABREAST) {
                // A short group walks its last row several times.
                let of = |i: usize| group[i.min(group.len() - 1)];
                let at = std::array::from_fn(|i| of(i).0 as usize * features);
                let found = walk(&cells, at, steps, std::array::from_fn(|i| of(i).1));
                for (&(row, _), leaf) in group.iter().zip(found) {
                    let before = leaves[tree * rows + row as usize];
                    if before != leaf {
                        subtract(&mut sums, row as usize, steps, before);
                        add(&mut sums, row as usize, steps, leaf);
                    }
                }
            }
            start = end;
        }
        sums
    }
}

fn values_of(steps: Steps<'_>, leaf: u32) -> &[u32] {
    &steps.values[steps.nodes[leaf as usize].value as usize..][..steps.classes]
}

fn add(sums: &mut Array2<u64>, row: usize, steps: Steps<'_>, leaf: u32) {
    sums.row_mut(row).iter_mut().zip(values_of(steps, leaf)).for_each(|(sum, &value)| *sum += u64::from(value));
}

fn subtract(sums: &mut Array2<u64>, row: usize, steps: Steps<'_>, leaf: u32) {
    sums.row_mut(row).iter_mut().zip(values_of(steps, leaf)).for_each(|(sum, &value)| *sum -= u64::from(value));
}
