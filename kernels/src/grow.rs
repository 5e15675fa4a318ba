//! Forests, grown in integers: the host driver, tree by tree and, inside a large tree, side by side.
//!
//! A forest is a function of the records, the rules and the seed alone. Threads decide only who computes what.

use std::ops::ControlFlow;

use rayon::prelude::*;

use crate::bootstrap::{Entry, draw_counts, draws_of, entries, renumber, row_of};
use crate::frontier::grow_best_first;
use crate::impurity::{Criterion, Decrease};
use crate::permutation::{Permutation, mix};
use crate::philox::{Purpose, philox};
use crate::records::{Bins, Records};
use crate::scan::{Chosen, NodeRows, Rules, Scratch, best_split};
use crate::tally::{AHEAD, Counts, Pair, Tally, View, Weights, prefetch};
use crate::tree::{Node, Tree, partition};

/// How the samples of a tree weigh.
#[derive(Clone)]
pub enum Weighing<'a> {
    /// All one.
    Even,
    /// By class: from the number of samples of each class that a tree drew, the integer weight of a sample of each.
    Classes(&'a (dyn Fn(&[u64]) -> Vec<u32> + Sync)),
    /// Every row has its own integer weight.
    Rows(&'a [u32]),
}

/// What is grown.
#[derive(Clone)]
pub struct Forest<'a> {
    /// The binned rows.
    pub records: &'a Records,
    /// Number of classes.
    pub classes: usize,
    /// Number of trees.
    pub trees: u32,
    /// See [`crate::philox`].
    pub seed: u64,
    /// What a split improves.
    pub criterion: Criterion,
    /// Most levels of splits.
    pub max_depth: u32,
    /// Least samples of a node that is split.
    pub min_split: u64,
    /// Least samples of a leaf, at least 1.
    pub min_leaf: u64,
    /// Least decrease of impurity, in 2^-32 of the tree's weight.
    pub min_decrease: u64,
    /// Features looked at for a split.
    pub max_features: u32,
    /// Most leaves, grown best split first.
    pub max_leaves: Option<u32>,
    /// Rows each tree draws with replacement; `None` = every row once.
    pub draws: Option<u64>,
    /// How rows weigh. The weights of a tree's samples add up to less than [`crate::MAX_WEIGHT`].
    pub weighing: Weighing<'a>,
}

/// Called with each tree as it is done: its number, the tree, and how often it drew each row.
pub type OnTree<'a> = dyn Fn(u32, &Tree, &[u8]) -> ControlFlow<()> + Sync + 'a;

/// Grows the forest; `None` when `on_tree` broke it off.
///
/// Memory besides the records: for each tree under way one byte and twice four bytes a row.
pub fn grow(forest: &Forest<'_>, on_tree: &OnTree<'_>) -> Option<Vec<Tree>> {
    (0..forest.trees)
        .into_par_iter()
        .map(|tree| {
            let counts = draw_counts(forest.seed, tree, forest.records.rows(), forest.draws);
            let grown = grow_tree(forest, tree, &counts);
            match on_tree(tree, &grown, &counts) {
                ControlFlow::Continue(()) => Some(grown),
                ControlFlow::Break(()) => None,
            }
        })
        .collect()
}

fn grow_tree(forest: &Forest<'_>, tree: u32, counts: &[u8]) -> Tree {
    let classes = forest.classes;
    let multipliers = match forest.weighing {
        Weighing::Rows(weights) => return Grower::new(forest, tree, Weights { classes }, &[], weights).tree(counts),
        Weighing::Even => vec![],
        Weighing::Classes(multipliers) => {
            let mut drawn = vec![0; classes];
            for (row, &count) in counts.iter().enumerate() {
                drawn[forest.records.class(row) as usize] += u64::from(count);
            }
            multipliers(&drawn)
        }
    };
    if classes == 2 {
        Grower::new(forest, tree, Pair, &multipliers, &[]).tree(counts)
    } else {
        Grower::new(forest, tree, Counts { classes }, &multipliers, &[]).tree(counts)
    }
}

/// A node that is still to be split.
#[derive(Clone, Copy)]
pub struct Open {
    /// Its place in the tree.
    pub node: u32,
    /// Its rows, from..to.
    pub rows: (u32, u32),
    /// Its level; the root's is 0.
    pub depth: u32,
    /// Names its way from the root: the key of its random features.
    pub path: u32,
    /// Its samples.
    pub count: u64,
}

/// Nodes of at least this many rows on both sides are grown by two threads.
const PARALLEL_ROWS: usize = 1 << 15;
/// A node whose records take at most this many bytes gets its own copy of them, which then stays in the second-level cache.
const LOCAL_BYTES: usize = 1 << 18;
/// No recursion deeper than this: further down, one thread goes on with a list.
const PARALLEL_DEPTH: u32 = 64;

/// Grows one tree.
pub struct Grower<'a, T: Tally> {
    forest: &'a Forest<'a>,
    tree: u32,
    tally: T,
    multipliers: Vec<u64>,
    weights: &'a [u32],
    /// The tree's weight.
    root_weight: u64,
    has_levels: bool,
}

impl<'a, T: Tally + 'static> Grower<'a, T> {
    fn new(forest: &'a Forest<'a>, tree: u32, tally: T, multipliers: &[u32], weights: &'a [u32]) -> Self {
        let multipliers = (0..forest.classes).map(|class| multipliers.get(class).map_or(1, |&by| by.into())).collect();
        let has_levels = forest.records.bins().iter().any(|bins| matches!(bins, Bins::Category { .. }));
        Self { forest, tree, tally, multipliers, weights, root_weight: 0, has_levels }
    }

    fn tree(mut self, counts: &[u8]) -> Tree {
        let records = self.forest.records;
        let view = View { bytes: records.bytes(), stride: records.stride(), weights: self.weights };
        let mut rows = entries(counts);
        let mut spare = vec![0; rows.len()];
        let (weights, count) = self.sums(view, &rows);
        let root = Open { node: 0, rows: (0, rows.len() as u32), depth: 0, path: 1, count };
        self.root_weight = weights.iter().zip(&self.multipliers).map(|(weight, by)| weight * by).sum();
        let tree = match self.forest.max_leaves {
            Some(leaves) => grow_best_first(&self, view, &mut rows, &mut spare, root, &weights, leaves),
            None => {
                let local = records.bytes().len() <= LOCAL_BYTES;
                self.subtree(view, local, &mut rows, &mut spare, root, &weights)
            }
        };
        let mut tree = tree.breadth_first(self.forest.classes);
        for weights in tree.weights.chunks_exact_mut(self.forest.classes) {
            weights.iter_mut().zip(&self.multipliers).for_each(|(weight, by)| *weight *= by);
        }
        tree
    }

    fn sums(&self, view: View<'_>, rows: &[Entry]) -> (Vec<u64>, u64) {
        let mut weights = vec![0; self.forest.classes];
        let mut count = 0;
        for &entry in rows {
            let weight = view.weights.get(row_of(entry) as usize).copied().unwrap_or(1);
            let class = view.record(entry)[view.stride - 1];
            weights[class as usize] += u64::from(draws_of(entry)) * u64::from(weight);
            count += u64::from(draws_of(entry));
        }
        (weights, count)
    }

    /// Grows everything below `root`, depth first. `local`: whether the view is already near.
    fn subtree(
        &self,
        view: View<'_>,
        local: bool,
        rows: &mut [Entry],
        spare: &mut [Entry],
        root: Open,
        weights: &[u64],
    ) -> Tree {
        let classes = self.forest.classes;
        let mut tree = Tree { nodes: vec![Node::LEAF], weights: weights.to_vec() };
        let mut open = vec![Open { node: 0, rows: (0, rows.len() as u32), ..root }];
        while let Some(at) = open.pop() {
            let (from, to) = (at.rows.0 as usize, at.rows.1 as usize);
            if !local && (to - from) * view.stride <= LOCAL_BYTES {
                let weights = tree.weights[at.node as usize * classes..][..classes].to_vec();
                let grown = self.nearby(view, &mut rows[from..to], &mut spare[from..to], at, &weights);
                tree.graft(at.node as usize, &grown, classes);
                continue;
            }
            let Some((chosen, decrease)) = self.choose(view, &rows[from..to], &at, &tree) else { continue };
            let [left, right] = self.split(view, &mut tree, rows, spare, &at, &chosen, decrease);
            let len = |side: &Open| (side.rows.1 - side.rows.0) as usize;
            if len(&left).min(len(&right)) >= PARALLEL_ROWS && at.depth < PARALLEL_DEPTH {
                self.both(view, rows, spare, &mut tree, [left, right]);
            } else {
                open.extend([right, left]);
            }
        }
        tree
    }

    /// Grows both sides of a large node at once.
    fn both(&self, view: View<'_>, rows: &mut [Entry], spare: &mut [Entry], tree: &mut Tree, [left, right]: [Open; 2]) {
        let classes = self.forest.classes;
        let weights = |side: &Open| tree.weights[side.node as usize * classes..][..classes].to_vec();
        let (left_weights, right_weights) = (weights(&left), weights(&right));
        let (from, middle, to) = (left.rows.0 as usize, left.rows.1 as usize, right.rows.1 as usize);
        let (left_rows, right_rows) = rows[from..to].split_at_mut(middle - from);
        let (left_spare, right_spare) = spare[from..to].split_at_mut(middle - from);
        let (left_tree, right_tree) = rayon::join(
            || self.subtree(view, false, left_rows, left_spare, left, &left_weights),
            || self.subtree(view, false, right_rows, right_spare, right, &right_weights),
        );
        tree.graft(left.node as usize, &left_tree, classes);
        tree.graft(right.node as usize, &right_tree, classes);
    }

    /// Grows a subtree from its own copy of the records.
    fn nearby(&self, view: View<'_>, rows: &mut [Entry], spare: &mut [Entry], root: Open, weights: &[u64]) -> Tree {
        let mut bytes = Vec::with_capacity(rows.len() * view.stride);
        let mut row_weights = Vec::with_capacity(if view.weights.is_empty() { 0 } else { rows.len() });
        for i in 0..rows.len() {
            if let Some(&next) = rows.get(i + AHEAD) {
                prefetch(view, next);
            }
            let entry = rows[i];
            bytes.extend_from_slice(view.record(entry));
            if !view.weights.is_empty() {
                row_weights.push(view.weights[row_of(entry) as usize]);
            }
            rows[i] = renumber(entry, i as u32);
        }
        let near = View { bytes: &bytes, stride: view.stride, weights: &row_weights };
        self.subtree(near, true, rows, spare, root, weights)
    }

    /// The split of a node, if it is to be split, with its decrease of impurity.
    pub fn choose(&self, view: View<'_>, rows: &[Entry], at: &Open, tree: &Tree) -> Option<(Chosen, Decrease)> {
        let forest = self.forest;
        let weights = &tree.weights[at.node as usize * forest.classes..][..forest.classes];
        let is_pure = weights.iter().filter(|&&weight| weight > 0).count() < 2;
        if at.depth >= forest.max_depth || at.count < forest.min_split || at.count < 2 * forest.min_leaf || is_pure {
            return None;
        }
        let level_key = if self.has_levels { self.random(at.path, Purpose::Levels)[0] } else { 0 };
        let chosen = self.search(NodeRows { view, rows, weights, count: at.count, level_key }, at.path)?;
        let scale = |side: &mut dyn Iterator<Item = u64>| -> Vec<u64> {
            side.zip(&self.multipliers).map(|(weight, by)| weight * by).collect()
        };
        let left = scale(&mut chosen.left.iter().copied());
        let right = scale(&mut weights.iter().zip(&chosen.left).map(|(all, left)| all - left));
        let decrease = Decrease::of(forest.criterion, &left, &right);
        decrease.reaches(forest.min_decrease, self.root_weight).then_some((chosen, decrease))
    }

    /// The random words of a node.
    fn random(&self, path: u32, purpose: Purpose) -> [u32; 4] {
        philox(self.forest.seed, 0, self.tree, path, purpose)
    }

    /// Looks at `max_features` features in the node's own random order, and at further ones until one can split it.
    fn search(&self, node: NodeRows<'_>, path: u32) -> Option<Chosen> {
        let forest = self.forest;
        let bins = forest.records.bins();
        let rules =
            Rules { criterion: forest.criterion, min_leaf: forest.min_leaf, multipliers: &self.multipliers, bins };
        let all = bins.len() as u32;
        let order = Permutation::new(all, self.random(path, Purpose::Features));
        with_scratch(|scratch: &mut Scratch<T>| {
            let mut looked_at = 0;
            let mut features = Vec::with_capacity(forest.max_features as usize);
            while looked_at < all {
                let take = if looked_at == 0 { forest.max_features.min(all) } else { 1 };
                features.clear();
                features.extend((looked_at..looked_at + take).map(|k| order.at(k)));
                looked_at += take;
                let chosen = best_split(self.tally, rules, node, &features, scratch);
                if chosen.is_some() {
                    return chosen;
                }
            }
            None
        })
    }

    /// Writes the split into the tree, with its two children as leaves, and orders the rows by it.
    #[expect(clippy::too_many_arguments, reason = "a split touches the tree, the rows and the spare space")]
    pub fn split(
        &self,
        view: View<'_>,
        tree: &mut Tree,
        rows: &mut [Entry],
        spare: &mut [Entry],
        at: &Open,
        chosen: &Chosen,
        decrease: Decrease,
    ) -> [Open; 2] {
        let classes = self.forest.classes;
        let left = tree.nodes.len() as u32;
        let node = Node {
            left,
            feature: chosen.feature,
            cut: chosen.cut,
            missing_left: chosen.missing_left,
            decrease: decrease.share(self.root_weight),
        };
        let own = at.node as usize * classes;
        let right_weights: Vec<u64> =
            tree.weights[own..own + classes].iter().zip(&chosen.left).map(|(all, left)| all - left).collect();
        tree.nodes[at.node as usize] = node;
        tree.nodes.extend([Node::LEAF; 2]);
        tree.weights.extend_from_slice(&chosen.left);
        tree.weights.extend_from_slice(&right_weights);
        let (from, to) = (at.rows.0 as usize, at.rows.1 as usize);
        let middle = from + partition(&node, view, &mut rows[from..to], &mut spare[from..to]);
        let child = |side: u32, from: usize, to: usize, count| Open {
            node: left + side,
            rows: (from as u32, to as u32),
            depth: at.depth + 1,
            path: mix(at.path.wrapping_mul(2).wrapping_add(side)),
            count,
        };
        [child(0, from, middle, chosen.left_count), child(1, middle, to, at.count - chosen.left_count)]
    }
}

/// A thread's scratch memory; not held across anything that may hand the thread other work.
fn with_scratch<T: Tally + 'static, R>(work: impl FnOnce(&mut Scratch<T>) -> R) -> R {
    use std::any::Any;
    use std::cell::RefCell;
    thread_local! {
        static SCRATCH: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
    }
    SCRATCH.with_borrow_mut(|any| {
        if any.as_ref().is_none_or(|any| !any.is::<Scratch<T>>()) {
            *any = Some(Box::new(Scratch::<T>::new()));
        }
        work(any.as_mut().and_then(|any| any.downcast_mut()).expect("just made"))
    })
}
