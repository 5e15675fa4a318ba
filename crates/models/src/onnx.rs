//! A model as part of an ONNX graph: the matrix in, `label` and `probabilities` out.
//!
//! The probabilities are those of [`Model::predict`], bit for bit. A leaf holds shares in units of 2^-24; each is split into
//! its upper and its lower 12 bits, which are two targets of the trees: 32-bit floats hold the sum of 4096 of either as it
//! is, in whatever order a runtime adds them. The rest is done in 64 bits.
//!
//! `TreeEnsembleClassifier` is not used: for two classes its labels and probabilities differ between runtimes. Splits by
//! sets of levels are chains of `BRANCH_LEQ`: see [`runs`].

use trainer_data::{FeatureKind, Label};
use trainer_kernels::{IS_SET, MISSING_LEFT};
use trainer_onnx::{Axis, Branch, Element, Graph, Trees, Value};

use crate::ensemble::{ONE, Split};
use crate::model::{Decision, Form};
use crate::{Ensemble, Model};

/// Sums of so many numbers of up to 2^12 are exact in 32-bit floats.
const MAX_TREES: usize = 4096;
/// Bits of a share's lower half.
const LOW_BITS: u32 = 12;
/// The most levels that a set can tell apart.
const MAX_LEVELS: usize = 256;

/// The names of a model's outputs, which have underscores added where an input has them already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnnxOutputs {
    /// The class decided on, in the type of the target: `[N]`.
    pub label: String,
    /// The probability of each class: `[N, classes]`.
    pub probabilities: String,
}

impl Model {
    /// Adds the model to a graph that has its matrix, and makes its answers outputs.
    pub fn to_onnx(&self, graph: &mut Graph, matrix: &Value<f32>) -> OnnxOutputs {
        let probabilities = match &self.form {
            Form::Trees(trees) => mean(trees, &self.levels(), graph, matrix),
        };
        let class = self.class(graph, &probabilities);
        let label = self.label(graph, &class);
        let shape = [Axis::Rows, Axis::Length(self.classes.len())];
        OnnxOutputs { label, probabilities: graph.output(&probabilities, "probabilities", &shape) }
    }

    /// How many levels each feature has; none for numbers.
    fn levels(&self) -> Vec<usize> {
        let levels = |kind: &FeatureKind| if let FeatureKind::Category { levels } = kind { levels.len() } else { 0 };
        self.features.iter().map(|feature| levels(&feature.kind)).collect()
    }

    /// The place of the class decided on, as [`Model::decide`] has it.
    fn class(&self, graph: &mut Graph, probabilities: &Value<f32>) -> Value<i64> {
        match self.decision {
            Some(Decision { positive, threshold }) if self.classes.len() == 2 => {
                let column = graph.scalar(positive as i64);
                let probability = graph.gather(probabilities, &column, 1);
                let threshold = graph.scalar(threshold as f32);
                let yes = graph.less_or_equal(&threshold, &probability);
                let no = graph.scalar(1 - positive as i64);
                graph.choose(&yes, &column, &no)
            }
            _ => graph.arg_max(probabilities),
        }
    }

    /// Classes in the type of the target.
    fn label(&self, graph: &mut Graph, class: &Value<i64>) -> String {
        let booleans = || self.classes.iter().map(|label| if let Label::Bool(it) = label { Some(*it) } else { None });
        let integers =
            || self.classes.iter().map(|label| if let Label::Integer(it) = label { Some(*it) } else { None });
        if let Some(labels) = booleans().collect::<Option<Vec<bool>>>() {
            return label_of(graph, &labels, class);
        }
        if let Some(labels) = integers().collect::<Option<Vec<i64>>>() {
            return label_of(graph, &labels, class);
        }
        let labels: Vec<String> = self.classes.iter().map(ToString::to_string).collect();
        label_of(graph, &labels, class)
    }
}

fn label_of<T: Element>(graph: &mut Graph, labels: &[T], class: &Value<i64>) -> String {
    let labels = graph.constant(&[labels.len()], labels);
    let label = graph.gather(&labels, class, 0);
    graph.output(&label, "label", &[Axis::Rows])
}

/// The mean over trees of each row's leaf: rows x classes.
fn mean(ensemble: &Ensemble, levels: &[usize], graph: &mut Graph, matrix: &Value<f32>) -> Value<f32> {
    let classes = ensemble.classes;
    let ends = ensemble.roots.iter().skip(1).copied().chain([ensemble.nodes.len() as u32]);
    let spans: Vec<(u32, u32)> = ensemble.roots.iter().copied().zip(ends).collect();
    let mut sum: Option<Value<f64>> = None;
    for spans in spans.chunks(MAX_TREES) {
        let mut trees = Trees::new(2 * classes);
        for (number, &(root, end)) in spans.iter().enumerate() {
            Planted { ensemble, levels, root, end, number }.add_to(&mut trees);
        }
        let sums = graph.trees(matrix, trees);
        let sums = graph.cast(&sums);
        sum = Some(match sum {
            Some(before) => graph.add(&before, &sums),
            None => sums,
        });
    }
    let sums = sum.expect("a model has a tree");
    // The upper halves are the first targets, the lower halves the others.
    let mut half = |first: usize| {
        let columns: Vec<i64> = (first..first + classes).map(|column| column as i64).collect();
        let columns = graph.constant(&[classes], &columns);
        graph.gather(&sums, &columns, 1)
    };
    let (high, low) = (half(0), half(classes));
    let unit = graph.scalar(f64::from(1 << LOW_BITS));
    let high = graph.mul(&high, &unit);
    let shares = graph.add(&high, &low);
    let one = graph.scalar((spans.len() as u64 * u64::from(ONE)) as f64);
    let mean = graph.div(&shares, &one);
    graph.cast(&mean)
}

/// A tree on its way into a graph.
struct Planted<'a> {
    ensemble: &'a Ensemble,
    levels: &'a [usize],
    root: u32,
    end: u32,
    number: usize,
}

impl Planted<'_> {
    /// Adds its nodes in order; a split by a set takes a node for each run of levels but the last.
    fn add_to(&self, trees: &mut Trees<f32>) {
        let chains: Vec<Vec<Run>> = (self.root..self.end).map(|place| self.chain(place)).collect();
        let mut ids = Vec::with_capacity(chains.len());
        let mut next = 0;
        for chain in &chains {
            ids.push(next);
            next += chain.len().max(1);
        }
        for (place, chain) in (self.root..self.end).zip(&chains) {
            let id = ids[(place - self.root) as usize];
            let step = self.ensemble.nodes[place as usize].step;
            if chain.is_empty() {
                trees.leaf(self.number, id, &self.adds(step.value as usize));
                continue;
            }
            let left = (step.left - self.root) as usize;
            let child = |is_left: bool| ids[if is_left { left } else { left + 1 }];
            let missing_left = step.feature & MISSING_LEFT != 0;
            // A missing value falls from node to node until one sends its own true branch to where it belongs; where none
            // does, the last false branch ends there.
            let catches = chain.iter().position(|run| run.is_left == missing_left);
            for (number, run) in chain.iter().enumerate() {
                let is_last = number + 1 == chain.len();
                let branch = Branch {
                    feature: (step.feature & (IS_SET - 1)) as usize,
                    threshold: run.up_to,
                    when_true: child(run.is_left),
                    when_false: if is_last { child(!run.is_left) } else { id + number + 1 },
                    missing_true: catches == Some(number),
                };
                trees.branch(self.number, id + number, branch);
            }
        }
    }

    /// The questions of a node; none for a leaf.
    fn chain(&self, place: u32) -> Vec<Run> {
        let feature = (self.ensemble.nodes[place as usize].step.feature & (IS_SET - 1)) as usize;
        match self.ensemble.split_at(place) {
            Split::Leaf => vec![],
            // Everything but missing values; a matrix holds nothing greater.
            Split::Number(threshold) => vec![Run { up_to: threshold.min(f32::MAX), is_left: true }],
            Split::Category(set) => runs(&set, self.levels[feature]),
        }
    }

    /// What a leaf adds: zeros are left out, but for one that keeps the leaf.
    fn adds(&self, value: usize) -> Vec<(usize, f64)> {
        let classes = self.ensemble.classes;
        let shares = &self.ensemble.values[value..value + classes];
        let high = shares.iter().enumerate().map(|(class, share)| (class, share >> LOW_BITS));
        let low = shares.iter().enumerate().map(|(class, share)| (classes + class, share & ((1 << LOW_BITS) - 1)));
        let mut adds: Vec<(usize, f64)> =
            high.chain(low).filter(|(_, part)| *part > 0).map(|(target, part)| (target, part.into())).collect();
        if adds.is_empty() {
            adds.push((0, 0.0));
        }
        adds
    }
}

/// Levels next to each other that go the same way: those up to `up_to` that no run before it has.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Run {
    up_to: f32,
    is_left: bool,
}

/// A set of levels as runs, the last left out: what is above all others goes the other way than the one before it.
///
/// `BRANCH_EQ` would need a node for each level, and onnxruntime rewrites chains of those since 1.21.
fn runs(set: &[u64; 4], levels: usize) -> Vec<Run> {
    let is_left = |level: usize| set[level / 64] >> (level % 64) & 1 == 1;
    let levels = levels.clamp(1, MAX_LEVELS);
    let borders = (1..levels).filter(|&level| is_left(level) != is_left(level - 1));
    let runs: Vec<Run> = borders.map(|level| Run { up_to: (level - 1) as f32, is_left: is_left(level - 1) }).collect();
    if runs.is_empty() {
        // All levels go one way, and only missing values may go the other.
        return vec![Run { up_to: f32::MAX, is_left: is_left(0) }];
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn goes_left(chain: &[Run], level: usize) -> bool {
        let found = chain.iter().find(|run| level as f32 <= run.up_to);
        found.map_or_else(|| !chain.last().unwrap().is_left, |run| run.is_left)
    }

    proptest! {
        #[test]
        fn runs_are_the_set(set in proptest::array::uniform4(any::<u64>()), mask in any::<u64>(), levels in 1usize..=255) {
            // Dense, sparse and whole sets.
            let set = set.map(|word| match mask % 4 { 0 => word, 1 => word & word >> 7 & word << 5, 2 => 0, _ => u64::MAX });
            let chain = runs(&set, levels);
            prop_assert!(chain.windows(2).all(|pair| pair[0].up_to < pair[1].up_to && pair[0].is_left != pair[1].is_left));
            for level in 0..levels {
                prop_assert_eq!(goes_left(&chain, level), set[level / 64] >> (level % 64) & 1 == 1);
            }
        }
    }
}
