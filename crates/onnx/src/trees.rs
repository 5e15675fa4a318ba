use crate::graph::{Graph, ML, Value, floats, integer, integers, tensor_attribute, text, texts};
use crate::message::AttributeProto;
use crate::operator::Number;

/// Trees whose leaves add to targets, as `TreeEnsembleRegressor` takes them: the sum over trees is one row of `targets`
/// 32-bit numbers for each row of the matrix.
///
/// A tree's root is its node 0, and is added first. A node is reached over the false branch of one node at most, and over
/// the true branches of any number: onnxruntime keeps the false branch beside the node, and the true one as an address.
#[derive(Debug)]
pub struct Trees<T> {
    targets: usize,
    tree_of: Vec<i64>,
    ids: Vec<i64>,
    features: Vec<i64>,
    is_leaf: Vec<bool>,
    thresholds: Vec<T>,
    when_true: Vec<i64>,
    when_false: Vec<i64>,
    missing_true: Vec<i64>,
    weights: Weights,
}

#[derive(Debug, Default)]
struct Weights {
    tree_of: Vec<i64>,
    nodes: Vec<i64>,
    targets: Vec<i64>,
    values: Vec<f64>,
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
            tree_of: vec![],
            ids: vec![],
            features: vec![],
            is_leaf: vec![],
            thresholds: vec![],
            when_true: vec![],
            when_false: vec![],
            missing_true: vec![],
            weights: Weights::default(),
        }
    }

    /// Whether there is no tree.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Adds a node that asks.
    pub fn branch(&mut self, tree: usize, id: usize, branch: Branch<T>) {
        let Branch { feature, threshold, when_true, when_false, missing_true } = branch;
        self.node(tree, id, false);
        self.features.push(feature as i64);
        self.thresholds.push(threshold);
        self.when_true.push(when_true as i64);
        self.when_false.push(when_false as i64);
        self.missing_true.push(missing_true.into());
    }

    /// Adds a leaf, with what it adds to each target; at least one.
    pub fn leaf(&mut self, tree: usize, id: usize, adds: &[(usize, f64)]) {
        self.node(tree, id, true);
        self.features.push(0);
        self.thresholds.push(T::default());
        self.when_true.push(0);
        self.when_false.push(0);
        self.missing_true.push(0);
        for &(target, value) in adds {
            self.weights.tree_of.push(tree as i64);
            self.weights.nodes.push(id as i64);
            self.weights.targets.push(target as i64);
            self.weights.values.push(value);
        }
    }

    fn node(&mut self, tree: usize, id: usize, is_leaf: bool) {
        self.tree_of.push(tree as i64);
        self.ids.push(id as i64);
        self.is_leaf.push(is_leaf);
    }

    fn attributes(self, numbers: impl Fn(Vec<T>, Vec<f64>) -> [AttributeProto; 2]) -> Vec<AttributeProto> {
        let modes = self.is_leaf.iter().map(|&leaf| if leaf { "LEAF" } else { "BRANCH_LEQ" });
        let mut attributes = vec![
            integer("n_targets", self.targets as i64),
            text("aggregate_function", "SUM"),
            text("post_transform", "NONE"),
            texts("nodes_modes", modes),
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

impl Graph {
    /// The sums over trees: rows x targets.
    pub fn trees(&mut self, x: &Value<f32>, trees: Trees<f32>) -> Value<f32> {
        let attributes = trees.attributes(|thresholds, weights| {
            let weights = weights.into_iter().map(|weight| weight as f32).collect();
            [floats("nodes_values", thresholds), floats("target_weights", weights)]
        });
        self.add_node(ML, "TreeEnsembleRegressor", &[x.name()], attributes)
    }

    /// The same with thresholds and cells of 64 bits; the sums have 32.
    pub fn trees_of_doubles(&mut self, x: &Value<f64>, trees: Trees<f64>) -> Value<f32> {
        let attributes = trees.attributes(|thresholds, weights| {
            [
                tensor_attribute("nodes_values_as_tensor", &thresholds),
                tensor_attribute("target_weights_as_tensor", &weights),
            ]
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
            trees.leaf(0, at, &[(0, first as f64)]);
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
    use super::*;

    /// Walks a tree as onnxruntime does.
    fn answer(trees: &Trees<f64>, x: f64) -> f64 {
        let mut at = 0;
        while !trees.is_leaf[at] {
            at = if x <= trees.thresholds[at] { trees.when_true[at] } else { trees.when_false[at] } as usize;
        }
        let place = trees.weights.nodes.iter().position(|&node| node == at as i64).unwrap();
        trees.weights.values[place]
    }

    #[test]
    fn a_search_tree_counts_the_keys_below() {
        for count in 0..20 {
            let keys: Vec<f64> = (0..count).map(|key| f64::from(key) * 2.0).collect();
            let trees = search_tree(&keys);
            for x in -1..45 {
                let x = f64::from(x) / 1.1;
                let below = keys.iter().filter(|&&key| key < x).count();
                assert_eq!(answer(&trees, x), below as f64, "{x} among {keys:?}");
            }
            assert_eq!(answer(&trees, f64::NAN), f64::from(count));
        }
    }
}
