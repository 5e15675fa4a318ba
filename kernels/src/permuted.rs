//! The sums of leaves again when one column changes: only rows whose way down a tree asks for that column are walked again.

use ndarray::{Array2, ArrayView2};

use crate::traverse::{ABREAST, Steps, walk, walk_from};

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

    /// The same as if the cells of `feature` were `values`.
    pub fn sums_with(&self, feature: usize, values: &[f32]) -> Array2<u64> {
        let rows = self.sums.nrows();
        let mut cells = self.cells.clone();
        for (row, &value) in values.iter().enumerate() {
            cells[row * self.features + feature] = value;
        }
        let words = self.features.div_ceil(64);
        let mut sums = self.sums.clone();
        let mut again = Vec::with_capacity(rows);
        for (tree, &root) in self.steps.roots.iter().enumerate() {
            let asked = |row: &usize| self.asked[(tree * rows + row) * words + feature / 64] >> (feature % 64) & 1 == 1;
            again.clear();
            again.extend((0..rows).filter(asked));
            for group in again.chunks(ABREAST) {
                // A short group walks its last row several times.
                let at: [usize; ABREAST] = std::array::from_fn(|i| group[i.min(group.len() - 1)] * self.features);
                let leaves = walk(&cells, at, self.steps, root);
                for (&row, leaf) in group.iter().zip(leaves) {
                    subtract(&mut sums, row, self.steps, self.leaves[tree * rows + row]);
                    add(&mut sums, row, self.steps, leaf);
                }
            }
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
