use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use trainer_kernels::{
    Bins, Cut, Device, IS_SET, MISSING_LEFT, Step, Steps, Tree, Unavailable, Walked, sum_leaves, sum_leaves_on,
    sum_stages_on,
};

use crate::checkpoint::checkpoints;

/// One in the fixed point of leaves.
pub const ONE: u32 = 1 << 24;

/// Trees whose leaves hold class probabilities in units of 2^-24, so that the sum over trees is exact.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ensemble {
    /// Number of classes.
    pub classes: usize,
    /// The nodes of all trees, each tree breadth first.
    pub nodes: Vec<Node>,
    /// Where each tree's root stands in `nodes`.
    pub roots: Vec<u32>,
    /// Sets of levels that go left, one bit a level.
    pub sets: Vec<[u64; 4]>,
    /// The leaves' probabilities, `leaves x classes`, each leaf adding up to [`ONE`].
    pub values: Vec<u32>,
}

/// Gives, for a feature, the columns that are tried in its place, one call for each.
pub type ColumnChanges<'a> = dyn Fn(usize, &mut dyn FnMut(&[f32])) + Sync + 'a;

/// A node of a tree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Node {
    /// What prediction needs.
    pub step: Step,
    /// Weighted decrease of impurity by its split, as a part of the tree's weight; 0 for a leaf.
    pub decrease: f64,
    /// The weight of the training samples that passed it, as a part of the tree's weight.
    pub cover: f64,
}

/// How a node splits, in the words of the data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Split {
    /// It does not.
    Leaf,
    /// Numbers up to the threshold go left.
    Number(f32),
    /// The levels of this set go left.
    Category([u64; 4]),
}

impl Ensemble {
    /// An ensemble without trees.
    pub fn new(classes: usize) -> Self {
        Self { classes, ..Self::default() }
    }

    /// Adds a tree that was grown in `bins`.
    pub fn push(&mut self, tree: &Tree, bins: &[Bins]) {
        let first = self.nodes.len() as u32;
        self.roots.push(first);
        let root_weight: u64 = tree.weights[..self.classes].iter().sum();
        for (i, node) in tree.nodes.iter().enumerate() {
            let weights = &tree.weights[i * self.classes..][..self.classes];
            let cover = weights.iter().sum::<u64>() as f64 / root_weight.max(1) as f64;
            let step = if node.left == 0 {
                self.leaf(first + i as u32, weights)
            } else {
                self.split(first + node.left, node, &bins[node.feature as usize])
            };
            self.nodes.push(Node { step, decrease: node.decrease, cover });
        }
    }

    fn leaf(&mut self, own: u32, weights: &[u64]) -> Step {
        let value = self.values.len() as u32;
        self.values.extend(shares(weights));
        // Whatever the value, left: back to itself.
        Step { threshold: f32::INFINITY, left: own, feature: MISSING_LEFT, value }
    }

    fn split(&mut self, left: u32, node: &trainer_kernels::Node, bins: &Bins) -> Step {
        let mut feature = node.feature | if node.missing_left { MISSING_LEFT } else { 0 };
        let (threshold, value) = match (node.cut, bins) {
            // Past the last cut: everything but missing values.
            (Cut::UpTo(bin), Bins::Number { cuts }) => (cuts.get(bin as usize).copied().unwrap_or(f32::INFINITY), 0),
            (Cut::UpTo(_), Bins::Category { .. }) => unreachable!("levels are split by sets"),
            (Cut::Set(set), _) => {
                feature |= IS_SET;
                self.sets.push(set);
                (0.0, self.sets.len() as u32 - 1)
            }
        };
        Step { threshold, left, feature, value }
    }

    /// The mean over trees of each row's leaf: rows x classes, each row adding up to 1.
    ///
    /// # Errors
    /// A device that fails.
    pub fn predict(&self, x: ArrayView2<'_, f32>, device: &Device) -> Result<Array2<f32>, Unavailable> {
        let nodes = self.steps();
        let sums = match device {
            Device::Cpu => sum_leaves(x, self.flat(&nodes)),
            Device::Gpu(gpu) => sum_leaves_on(gpu, x, self.flat(&nodes))?,
        };
        Ok(mean(&sums, |_| self.roots.len() as u64))
    }

    /// What [`Self::predict`] would be for the first trees alone, for more and more of them.
    ///
    /// # Errors
    /// A device that fails.
    pub fn predict_staged(
        &self,
        x: ArrayView2<'_, f32>,
        device: &Device,
        each: &mut dyn FnMut(u32, &Array2<f32>),
    ) -> Result<(), Unavailable> {
        let nodes = self.steps();
        let stages = checkpoints(self.roots.len() as u32);
        let mut tell = |trees: u32, sums: &Array2<u64>| each(trees, &mean(sums, |_| trees.into()));
        match device {
            Device::Cpu => {
                let mut sums = Array2::zeros((x.nrows(), self.classes));
                let mut begin = 0;
                for end in stages {
                    let steps = Steps { roots: &self.roots[begin..end as usize], ..self.flat(&nodes) };
                    sums += &sum_leaves(x, steps);
                    tell(end, &sums);
                    begin = end as usize;
                }
            }
            Device::Gpu(gpu) => {
                let stages: Vec<usize> = stages.into_iter().map(|trees| trees as usize).collect();
                sum_stages_on(gpu, x, self.flat(&nodes), &stages, &mut |trees, sums| tell(trees as u32, sums))?;
            }
        }
        Ok(())
    }

    /// What predictions become when one column changes: `score` is called with the rows' probabilities as they are, and
    /// `change(feature)` gives the columns to try, each scored too.
    pub fn predict_changed(
        &self,
        x: ArrayView2<'_, f32>,
        change: &ColumnChanges<'_>,
        score: &(dyn Fn(&Array2<f32>) -> f64 + Sync),
    ) -> (f64, Vec<Vec<f64>>) {
        let nodes = self.steps();
        let walked = Walked::new(x, self.flat(&nodes));
        let scored = |sums: &Array2<u64>| score(&mean(sums, |_| self.roots.len() as u64));
        let changed = (0..x.ncols()).into_par_iter().map(|feature| {
            let mut scores = Vec::new();
            let changing = walked.changing(feature);
            change(feature, &mut |values| scores.push(scored(&changing.sums(values))));
            scores
        });
        (scored(walked.sums()), changed.collect())
    }

    fn steps(&self) -> Vec<Step> {
        self.nodes.iter().map(|node| node.step).collect()
    }

    fn flat<'a>(&'a self, nodes: &'a [Step]) -> Steps<'a> {
        Steps { nodes, roots: &self.roots, sets: &self.sets, values: &self.values, classes: self.classes }
    }

    /// How the node at `place` splits.
    pub fn split_at(&self, place: u32) -> Split {
        let step = &self.nodes[place as usize].step;
        if step.left == place {
            Split::Leaf
        } else if step.feature & IS_SET != 0 {
            Split::Category(self.sets[step.value as usize])
        } else {
            Split::Number(step.threshold)
        }
    }

    /// scikit-learn's `feature_importances_`: per tree the decreases by feature, made to add up to 1; the mean over trees
    /// that split at all, made to add up to 1 again.
    pub fn importances(&self, features: usize) -> Vec<f64> {
        let mut all = vec![0.0; features];
        let ends = self.roots.iter().skip(1).copied().chain([self.nodes.len() as u32]);
        for (&root, end) in self.roots.iter().zip(ends) {
            let mut tree = vec![0.0; features];
            for place in root..end {
                let node = &self.nodes[place as usize];
                if node.step.left != place {
                    tree[(node.step.feature & (IS_SET - 1)) as usize] += node.decrease;
                }
            }
            normalize(&mut tree);
            all.iter_mut().zip(tree).for_each(|(sum, part)| *sum += part);
        }
        normalize(&mut all);
        all
    }
}

fn normalize(parts: &mut [f64]) {
    let sum: f64 = parts.iter().sum();
    if sum > 0.0 {
        parts.iter_mut().for_each(|part| *part /= sum);
    }
}

/// Sums of leaves as probabilities: divided by the number of trees that each row's sum is over.
pub fn mean(sums: &Array2<u64>, trees: impl Fn(usize) -> u64) -> Array2<f32> {
    let mut out = Array2::zeros(sums.dim());
    for (i, (sums, mut out)) in sums.rows().into_iter().zip(out.rows_mut()).enumerate() {
        let one = (trees(i) * u64::from(ONE)) as f64;
        for (&sum, out) in sums.iter().zip(&mut out) {
            *out = (sum as f64 / one) as f32;
        }
    }
    out
}

/// Weights as parts of their sum in units of 2^-24 that add up to exactly one: rounded down, and what is missing given to
/// those that lost most; of equal losses, to the first.
pub fn shares(weights: &[u64]) -> Vec<u32> {
    let sum: u64 = weights.iter().sum();
    if sum == 0 {
        // Only rows of weight zero: nothing is known.
        return shares(&vec![1; weights.len()]);
    }
    let scaled = |weight: u64| u128::from(weight) * u128::from(ONE);
    let mut parts: Vec<u32> = weights.iter().map(|&weight| (scaled(weight) / u128::from(sum)) as u32).collect();
    let missing = ONE - parts.iter().sum::<u32>();
    let mut by_loss: Vec<usize> = (0..weights.len()).collect();
    by_loss.sort_by_key(|&i| std::cmp::Reverse(scaled(weights[i]) % u128::from(sum)));
    for &i in by_loss.iter().take(missing as usize) {
        parts[i] += 1;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn shares_add_up_and_are_near(weights in proptest::collection::vec(0u64..1 << 31, 2..40)) {
            prop_assume!(weights.iter().sum::<u64>() > 0);
            let parts = shares(&weights);
            prop_assert_eq!(parts.iter().sum::<u32>(), ONE);
            let sum = weights.iter().sum::<u64>() as f64;
            for (&part, &weight) in parts.iter().zip(&weights) {
                prop_assert!((f64::from(part) - weight as f64 / sum * f64::from(ONE)).abs() < 1.0);
            }
        }
    }
}
