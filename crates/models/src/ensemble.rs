use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use trainer_kernels::boost::{BoostedTree, fixed};
use trainer_kernels::{
    Bins, Cut, Device, IS_SET, MISSING_LEFT, Step, Steps, Tree, Unavailable, Walked, sum_leaves, sum_leaves_on,
    sum_stages_on,
};

use crate::checkpoint::checkpoints;

/// One in the fixed point of leaves.
pub const ONE: u32 = 1 << 24;

/// What is added to a leaf of margins, so that it is stored without a sign.
pub const MARGIN_ZERO: u32 = 1 << 30;

/// What leaves hold, and how their sum becomes probabilities. Either way the sum is of integers, and exact.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// The probability of each class in units of 2^-24; the model is the mean over trees.
    #[default]
    Mean,
    /// A part of one margin in units of 2^-24, above [`MARGIN_ZERO`]. Of two classes there is one margin, the log of the
    /// odds of the second; of more, each class has its own, and tree `t` adds to margin `t` modulo their number. The model
    /// is the logistic function of the margin, or the softmax of them.
    Margins {
        /// Each margin without trees.
        start: Vec<i64>,
    },
}

impl Link {
    /// Whether leaves hold probabilities.
    pub fn is_mean(&self) -> bool {
        *self == Self::Mean
    }
}

/// Trees, and what the sum of their leaves means.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ensemble {
    /// Number of classes.
    pub classes: usize,
    /// What leaves hold.
    pub link: Link,
    /// The nodes of all trees, each tree breadth first.
    pub nodes: Vec<Node>,
    /// Where each tree's root stands in `nodes`.
    pub roots: Vec<u32>,
    /// Sets of levels that go left, one bit a level.
    pub sets: Vec<[u64; 4]>,
    /// What the leaves hold: of probabilities `leaves x classes`, each leaf adding up to [`ONE`]; of margins one each.
    pub values: Vec<u32>,
}

/// Gives, for a feature, the columns that are tried in its place, one call for each.
pub type ColumnChanges<'a> = dyn Fn(usize, &mut dyn FnMut(&[f32])) + Sync + 'a;

/// A node of a tree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Node {
    /// What prediction needs.
    pub step: Step,
    /// What its split is worth, 0 for a leaf: the weighted decrease of impurity as a part of the tree's weight; of boosting,
    /// the decrease of twice the loss.
    pub decrease: f64,
    /// The weight of the training samples that passed it (of boosting, their number), as a part of the tree's.
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
        let classes = self.classes;
        self.plant(tree, bins, classes, shares);
    }

    /// Adds a tree whose leaves are parts of a margin.
    pub fn push_boosted(&mut self, boosted: &BoostedTree, bins: &[Bins]) {
        let mut values = boosted.tree.nodes.iter().zip(&boosted.values).filter(|(node, _)| node.left == 0);
        self.plant(&boosted.tree, bins, 1, |_| {
            let (_, value) = values.next().expect("as many values as nodes");
            vec![MARGIN_ZERO.wrapping_add_signed(*value)]
        });
    }

    /// Adds a tree with so many weights a node; `held` tells what each leaf holds, in their order.
    fn plant(&mut self, tree: &Tree, bins: &[Bins], width: usize, mut held: impl FnMut(&[u64]) -> Vec<u32>) {
        let first = self.nodes.len() as u32;
        self.roots.push(first);
        let root_weight: u64 = tree.weights[..width].iter().sum();
        for (i, node) in tree.nodes.iter().enumerate() {
            let weights = &tree.weights[i * width..][..width];
            let cover = weights.iter().sum::<u64>() as f64 / root_weight.max(1) as f64;
            let step = if node.left == 0 {
                self.leaf(first + i as u32, held(weights))
            } else {
                self.split(first + node.left, node, &bins[node.feature as usize])
            };
            self.nodes.push(Node { step, decrease: node.decrease, cover });
        }
    }

    fn leaf(&mut self, own: u32, held: Vec<u32>) -> Step {
        let value = self.values.len() as u32;
        self.values.extend(held);
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

    /// The probability of each class: rows x classes, each row adding up to 1.
    ///
    /// # Errors
    /// A device that fails.
    pub fn predict(&self, x: ArrayView2<'_, f32>, device: &Device) -> Result<Array2<f32>, Unavailable> {
        let nodes = self.steps();
        let sums: Result<Vec<_>, _> =
            self.shoots().iter().map(|roots| sum_on(device, x, self.flat(&nodes, roots))).collect();
        Ok(self.answers(&sums?.iter().collect::<Vec<_>>(), self.rounds()))
    }

    /// What [`Self::predict`] would be for the first rounds alone, for more and more of them.
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
        let stages = checkpoints(self.rounds());
        let shoots = self.shoots();
        if let (Device::Gpu(gpu), Link::Mean) = (device, &self.link) {
            let stages: Vec<usize> = stages.into_iter().map(|trees| trees as usize).collect();
            let mut tell = |trees: usize, sums: &Array2<u64>| each(trees as u32, &self.answers(&[sums], trees as u32));
            sum_stages_on(gpu, x, self.flat(&nodes, &self.roots), &stages, &mut tell)?;
            return Ok(());
        }
        let mut sums: Vec<Array2<u64>> = shoots.iter().map(|_| Array2::zeros((x.nrows(), self.width()))).collect();
        let mut begin = 0;
        for end in stages {
            for (sums, roots) in sums.iter_mut().zip(&shoots) {
                *sums += &sum_on(device, x, self.flat(&nodes, &roots[begin..end as usize]))?;
            }
            each(end, &self.answers(&sums.iter().collect::<Vec<_>>(), end));
            begin = end as usize;
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
        let shoots = self.shoots();
        let walked: Vec<Walked<'_>> = shoots.iter().map(|roots| Walked::new(x, self.flat(&nodes, roots))).collect();
        let scored = |sums: &[&Array2<u64>]| score(&self.answers(sums, self.rounds()));
        let changed = (0..x.ncols()).into_par_iter().map(|feature| {
            let mut scores = Vec::new();
            let changing: Vec<_> = walked.iter().map(|walked| walked.changing(feature)).collect();
            change(feature, &mut |values| {
                let sums: Vec<_> = changing.iter().map(|changing| changing.sums(values)).collect();
                scores.push(scored(&sums.iter().collect::<Vec<_>>()));
            });
            scores
        });
        (scored(&walked.iter().map(Walked::sums).collect::<Vec<_>>()), changed.collect())
    }

    /// How many margins there are; one where the leaves hold probabilities.
    pub fn outputs(&self) -> usize {
        match &self.link {
            Link::Mean => 1,
            Link::Margins { start } => start.len(),
        }
    }

    /// How many numbers a leaf holds.
    pub fn width(&self) -> usize {
        if self.link.is_mean() { self.classes } else { 1 }
    }

    /// How often a tree was added for each output.
    pub fn rounds(&self) -> u32 {
        (self.roots.len() / self.outputs().max(1)) as u32
    }

    /// The roots of the trees that add to each output.
    fn shoots(&self) -> Vec<Vec<u32>> {
        let outputs = self.outputs();
        (0..outputs).map(|output| self.roots.iter().skip(output).step_by(outputs).copied().collect()).collect()
    }

    /// Sums of leaves over so many rounds, one table an output, as probabilities.
    fn answers(&self, sums: &[&Array2<u64>], rounds: u32) -> Array2<f32> {
        let Link::Margins { start } = &self.link else { return mean(sums[0], |_| rounds.into()) };
        let rows = sums[0].nrows();
        let mut out = Array2::zeros((rows, self.classes));
        let zero = i64::from(rounds) * i64::from(MARGIN_ZERO);
        let (mut margins, mut exact) = (vec![0; start.len()], vec![0.0; self.classes]);
        for row in 0..rows {
            for ((margin, sums), start) in margins.iter_mut().zip(sums).zip(start) {
                *margin = start + sums[[row, 0]] as i64 - zero;
            }
            fixed::probabilities(&margins, &mut exact);
            out.row_mut(row).iter_mut().zip(&exact).for_each(|(out, &exact)| *out = exact as f32);
        }
        out
    }

    fn steps(&self) -> Vec<Step> {
        self.nodes.iter().map(|node| node.step).collect()
    }

    fn flat<'a>(&'a self, nodes: &'a [Step], roots: &'a [u32]) -> Steps<'a> {
        Steps { nodes, roots, sets: &self.sets, values: &self.values, classes: self.width() }
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
    /// that split at all, made to add up to 1 again. Of boosting, whose later trees matter less, the gains of all trees
    /// together (XGBoost's `total_gain`), made to add up to 1.
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
            if self.link.is_mean() {
                normalize(&mut tree);
            }
            all.iter_mut().zip(tree).for_each(|(sum, part)| *sum += part);
        }
        normalize(&mut all);
        all
    }
}

fn sum_on(device: &Device, x: ArrayView2<'_, f32>, steps: Steps<'_>) -> Result<Array2<u64>, Unavailable> {
    match device {
        Device::Cpu => Ok(sum_leaves(x, steps)),
        Device::Gpu(gpu) => sum_leaves_on(gpu, x, steps),
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
