use std::marker::PhantomData;

use prost::encoding::encoded_len_varint;

use crate::attribute::{Integers, Texts, floats, integer, integers, tensor, text, texts};
use crate::graph::{Graph, ML, Value};
use crate::operator::Number;

/// Trees whose leaves add to targets, as `TreeEnsembleRegressor` takes them: the sum over trees is one row of `targets`
/// 32-bit numbers for each row of the matrix.
///
/// A tree's root is its node 0, and is added first. A node is reached over the false branch of one node at most, and over
/// the true branches of any number: onnxruntime keeps the false branch beside the node, and the true one as an address.
#[derive(Debug)]
pub struct Trees<T> {
    targets: usize,
    modes: Texts,
    tree_of: Integers,
    ids: Integers,
    features: Integers,
    thresholds: Vec<u8>,
    when_true: Integers,
    when_false: Integers,
    missing_true: Integers,
    weights: Weights,
    element: PhantomData<T>,
}

#[derive(Debug, Default)]
struct Weights {
    tree_of: Integers,
    nodes: Integers,
    targets: Integers,
    values: Vec<u8>,
}

/// A node that asks whether `x[feature] <= threshold`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Branch<T> {
    /// Column of the matrix.
    pub feature: usize,
    /// What the number is compared with.
    pub threshold: T,
    /// The node to go to where it is not above.
    pub when_true: usize,
    /// The node to go to where it is.
    pub when_false: usize,
    /// Where missing numbers go: to `when_true`, or with those that are above.
    pub missing_true: bool,
}

impl<T: Number + Default> Trees<T> {
    /// No trees yet.
    pub fn new(targets: usize) -> Self {
        Self {
            targets,
            modes: Texts::default(),
            tree_of: Integers::default(),
            ids: Integers::default(),
            features: Integers::default(),
            thresholds: vec![],
            when_true: Integers::default(),
            when_false: Integers::default(),
            missing_true: Integers::default(),
            weights: Weights::default(),
            element: PhantomData,
        }
    }

    /// Adds a node that asks.
    pub fn branch(&mut self, tree: usize, id: usize, branch: Branch<T>) {
        self.node("BRANCH_LEQ", tree, id, branch);
    }

    /// Adds a leaf, with what it adds to each target; at least one.
    pub fn leaf(&mut self, tree: usize, id: usize, adds: impl IntoIterator<Item = (usize, T)>) {
        let nothing = Branch { feature: 0, threshold: T::default(), when_true: 0, when_false: 0, missing_true: false };
        self.node("LEAF", tree, id, nothing);
        for (target, value) in adds {
            self.weights.tree_of.push(tree as i64);
            self.weights.nodes.push(id as i64);
            self.weights.targets.push(target as i64);
            value.put(&mut self.weights.values);
        }
    }

    fn node(&mut self, mode: &str, tree: usize, id: usize, branch: Branch<T>) {
        let Branch { feature, threshold, when_true, when_false, missing_true } = branch;
        self.modes.push(mode);
        self.tree_of.push(tree as i64);
        self.ids.push(id as i64);
        self.features.push(feature as i64);
        threshold.put(&mut self.thresholds);
        self.when_true.push(when_true as i64);
        self.when_false.push(when_false as i64);
        self.missing_true.push(missing_true.into());
    }

    /// Each list is given up where it is copied.
    fn attributes(self, numbers: impl FnOnce(Vec<u8>, Vec<u8>) -> [Vec<u8>; 2]) -> Vec<Vec<u8>> {
        let integers = |name: &str, values: Integers| integers(name, &values);
        let texts = |name: &str, values: Texts| texts(name, &values);
        let mut attributes = vec![
            integer("n_targets", self.targets as i64),
            text("aggregate_function", "SUM"),
            text("post_transform", "NONE"),
            texts("nodes_modes", self.modes),
            integers("nodes_treeids", self.tree_of),
            integers("nodes_nodeids", self.ids),
            integers("nodes_featureids", self.features),
            integers("nodes_truenodeids", self.when_true),
            integers("nodes_falsenodeids", self.when_false),
            integers("nodes_missing_value_tracks_true", self.missing_true),
            integers("target_treeids", self.weights.tree_of),
            integers("target_nodeids", self.weights.nodes),
            integers("target_ids", self.weights.targets),
        ];
        attributes.extend(numbers(self.thresholds, self.weights.values));
        attributes
    }
}

/// The fewest bytes that a tree of so many nodes takes in a file; `tree` is its number.
pub fn least_bytes(tree: usize, nodes: usize) -> u64 {
    let (nodes, leaves) = (nodes as u64, (nodes as u64).div_ceil(2));
    let of_tree = encoded_len_varint(tree as u64) as u64;
    // Its mode and its text's key and length; feature and direction of missing numbers; the threshold.
    let node = 2 + 2 + 4 + of_tree;
    let (leaf, branch) = ("LEAF".len() as u64, "BRANCH_LEQ".len() as u64);
    // Tree, node, target and number of one weight; no children.
    let weight = of_tree + 1 + 1 + 4 + 2;
    // Each node but the root is the child of one.
    nodes * node + leaves * (leaf + weight) + (nodes - leaves.min(nodes)) * branch + 2 * lengths(nodes) - nodes.min(1)
}

/// The bytes of the numbers below `count`, one after the other.
fn lengths(count: u64) -> u64 {
    (0..10).map(|more| if more == 0 { count } else { count.saturating_sub(1 << (7 * more)) }).sum()
}

impl Graph {
    /// The sums over trees: rows x targets.
    pub fn trees(&mut self, x: &Value<f32>, trees: Trees<f32>) -> Value<f32> {
        let attributes = trees.attributes(|thresholds, weights| {
            [floats("nodes_values", &thresholds), floats("target_weights", &weights)]
        });
        self.add_node(ML, "TreeEnsembleRegressor", &[x.name()], attributes)
    }

    /// The same with thresholds and cells of 64 bits; the sums have 32.
    pub fn trees_of_doubles(&mut self, x: &Value<f64>, trees: Trees<f64>) -> Value<f32> {
        let attributes = trees.attributes(|thresholds, weights| {
            [tensor::<f64>("nodes_values_as_tensor", thresholds), tensor::<f64>("target_weights_as_tensor", weights)]
        });
        self.add_node(ML, "TreeEnsembleRegressor", &[x.name()], attributes)
    }

    /// How many of the ascending `keys` are below each number (missing ones: as if they were above all), by a search tree:
    /// the memory and time of a comparison with every key would grow with their number.
    pub fn lower_bound(&mut self, x: &Value<f64>, keys: &[f64]) -> Value<i64> {
        let column = self.as_column(x);
        let found = self.trees_of_doubles(&column, search_tree(keys));
        let row = self.as_row(&found);
        self.cast(&row)
    }
}

/// The tree that finds how many keys are below a number.
fn search_tree(keys: &[f64]) -> Trees<f64> {
    let mut trees = Trees::new(1);
    // Nodes in order, root first: each a range of answers, halved until one is left.
    let mut ranges = vec![(0, keys.len())];
    let mut at = 0;
    while let Some(&(first, last)) = ranges.get(at) {
        if first == last {
            trees.leaf(0, at, [(0, first as f64)]);
        } else {
            let middle = (first + last) / 2;
            let (when_true, when_false) = (ranges.len(), ranges.len() + 1);
            ranges.extend([(first, middle), (middle + 1, last)]);
            trees.branch(
                0,
                at,
                Branch { feature: 0, threshold: keys[middle], when_true, when_false, missing_true: false },
            );
        }
        at += 1;
    }
    trees
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::message::AttributeProto;

    /// A tree as a runtime reads it.
    struct Read(Vec<AttributeProto>);

    impl Read {
        fn new(trees: Trees<f64>) -> Self {
            let attributes =
                trees.attributes(|thresholds, weights| [tensor::<f64>("t", thresholds), tensor::<f64>("w", weights)]);
            Self(attributes.iter().map(|bytes| AttributeProto::decode(bytes.as_slice()).unwrap()).collect())
        }

        fn of(&self, name: &str) -> &AttributeProto {
            self.0.iter().find(|attribute| attribute.name == name).unwrap()
        }

        fn number(&self, name: &str, at: usize) -> f64 {
            let bytes = self.of(name).t.as_ref().unwrap().raw_data.as_ref().unwrap();
            f64::from_le_bytes(bytes[8 * at..][..8].try_into().unwrap())
        }

        /// Walks it as onnxruntime does.
        fn answer(&self, x: f64) -> f64 {
            let mut at = 0;
            while self.of("nodes_modes").strings[at] != b"LEAF" {
                let next = if x <= self.number("t", at) { "nodes_truenodeids" } else { "nodes_falsenodeids" };
                at = self.of(next).ints[at] as usize;
            }
            self.number("w", self.of("target_nodeids").ints.iter().position(|&node| node == at as i64).unwrap())
        }
    }

    #[test]
    fn a_search_tree_counts_the_keys_below() {
        for count in 0..20 {
            let keys: Vec<f64> = (0..count).map(|key| f64::from(key) * 2.0).collect();
            let trees = Read::new(search_tree(&keys));
            for x in -1..45 {
                let x = f64::from(x) / 1.1;
                let below = keys.iter().filter(|&&key| key < x).count();
                assert_eq!(trees.answer(x), below as f64, "{x} among {keys:?}");
            }
            assert_eq!(trees.answer(f64::NAN), f64::from(count));
        }
    }

    #[test]
    fn the_fewest_bytes_are_near_the_bytes() {
        for (splits, number) in [(0, 0), (1, 3), (70, 127), (9_000, 128), (70_000, 4_095)] {
            let mut trees = Trees::<f32>::new(4);
            for at in 0..splits {
                let branch = Branch {
                    feature: 3,
                    threshold: 0.5,
                    when_true: 2 * at + 1,
                    when_false: 2 * at + 2,
                    missing_true: true,
                };
                trees.branch(number, at, branch);
            }
            (splits..2 * splits + 1).for_each(|at| trees.leaf(number, at, [(1, 7.0)]));
            let attributes = trees.attributes(|thresholds, weights| [thresholds, weights]);
            let bytes: usize = attributes.iter().map(Vec::len).sum();
            let least = least_bytes(number, 2 * splits + 1);
            assert!(least <= bytes as u64, "{least} of {bytes}");
            // Beside it: names of the attributes, and the node of each weight.
            assert!((bytes as u64 - least) <= 400 + 2 * (splits as u64 + 1), "{least} of {bytes}");
        }
    }
}
