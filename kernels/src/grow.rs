//! Forests, grown in integers: the host driver, tree by tree and, inside a large tree, side by side.
//!
//! A forest is a function of the records, the rules and the seed alone. Threads decide only who computes what.

use std::ops::ControlFlow;

use rayon::prelude::*;

use crate::bootstrap::{Drawn, Entry, draw_counts, draws_of, entries, renumber, row_of};
use crate::frontier::grow_best_first;
use crate::growth::{Growth, Open, multipliers};
use crate::impurity::{Criterion, Decrease};
use crate::records::Records;
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
pub type OnTree<'a> = dyn Fn(u32, &Tree, &Drawn<'_>) -> ControlFlow<()> + Sync + 'a;

/// Grows the forest; `None` when `on_tree` broke it off.
///
/// Memory besides the records: for each tree under way one byte and twice four bytes a row.
pub fn grow(forest: &Forest<'_>, on_tree: &OnTree<'_>) -> Option<Vec<Tree>> {
    (0..forest.trees)
        .into_par_iter()
        .map(|tree| {
            let counts = draw_counts(forest.seed, tree, forest.records.rows(), forest.draws);
            let grown = grow_tree(forest, tree, &counts);
            match on_tree(tree, &grown, &Drawn::counted(&counts)) {
                ControlFlow::Continue(()) => Some(grown),
                ControlFlow::Break(()) => None,
            }
        })
        .collect()
}

fn grow_tree(forest: &Forest<'_>, tree: u32, counts: &[u8]) -> Tree {
    let classes = forest.classes;
    if let Weighing::Rows(weights) = forest.weighing {
        return Grower::new(forest, tree, Weights { classes }, &[], weights).tree(counts);
    }
    let multipliers = multipliers(forest, counts);
    if classes == 2 {
        Grower::new(forest, tree, Pair, &multipliers, &[]).tree(counts)
    } else {
        Grower::new(forest, tree, Counts { classes }, &multipliers, &[]).tree(counts)
    }
}

/// Nodes of at least this many rows on both sides are grown by two threads.
const PARALLEL_ROWS: usize = 1 << 15;
/// A node whose records take at most this many bytes gets its own copy of them, which then stays in the second-level cache.
const LOCAL_BYTES: usize = 1 << 18;
/// No recursion deeper than this: further down, one thread goes on with a list.
const PARALLEL_DEPTH: u32 = 64;

/// Grows one tree.
pub struct Grower<'a, T: Tally> {
    growth: Growth<'a>,
    tally: T,
    weights: &'a [u32],
}

impl<'a, T: Tally + 'static> Grower<'a, T> {
    fn new(forest: &'a Forest<'a>, tree: u32, tally: T, multipliers: &[u32], weights: &'a [u32]) -> Self {
        Self { growth: Growth::new(forest, tree, multipliers), tally, weights }
    }

    fn tree(mut self, counts: &[u8]) -> Tree {
        let records = self.growth.forest.records;
        let view = View { bytes: records.bytes(), stride: records.stride(), weights: self.weights };
        let mut rows = entries(counts);
        let mut spare = vec![0; rows.len()];
        let (weights, count) = self.sums(view, &rows);
        let root = Open { node: 0, rows: (0, rows.len() as u32), depth: 0, path: 1, count };
        self.growth.set_root(&weights);
        let tree = match self.growth.forest.max_leaves {
            Some(leaves) => grow_best_first(&self, view, &mut rows, &mut spare, root, &weights, leaves),
            None => {
                let local = records.bytes().len() <= LOCAL_BYTES;
                self.subtree(view, local, &mut rows, &mut spare, root, &weights)
            }
        };
        self.growth.finish(&tree)
    }

    fn sums(&self, view: View<'_>, rows: &[Entry]) -> (Vec<u64>, u64) {
        let mut weights = vec![0; self.growth.forest.classes];
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
        let classes = self.growth.forest.classes;
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
        let classes = self.growth.forest.classes;
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
        let growth = &self.growth;
        let weights = growth.weights_of(tree, at.node);
        if !growth.may_split(at, weights) {
            return None;
        }
        let level_key = growth.level_key(at.path);
        let chosen = self.search(NodeRows { view, rows, weights, count: at.count, level_key }, at.path)?;
        let decrease = growth.decrease(&chosen, weights)?;
        Some((chosen, decrease))
    }

    /// Looks at `max_features` features in the node's own random order, and at further ones until one can split it.
    fn search(&self, node: NodeRows<'_>, path: u32) -> Option<Chosen> {
        let forest = self.growth.forest;
        let bins = forest.records.bins();
        let multipliers = &self.growth.multipliers;
        let rules = Rules { criterion: forest.criterion, min_leaf: forest.min_leaf, multipliers, bins };
        let all = bins.len() as u32;
        let order = self.growth.order(path);
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
        let node = self.growth.record(tree, at, chosen, decrease);
        let (from, to) = (at.rows.0 as usize, at.rows.1 as usize);
        let middle = from + partition(&node, view, &mut rows[from..to], &mut spare[from..to]);
        at.children(&node, middle as u32, chosen)
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
