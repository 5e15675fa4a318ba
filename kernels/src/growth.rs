//! What decides how a tree grows, wherever its rows are summed.

use crate::grow::{Forest, Weighing};
use crate::impurity::Decrease;
use crate::permutation::{Permutation, mix};
use crate::philox::{Purpose, philox};
use crate::records::Bins;
use crate::scan::Chosen;
use crate::tree::{Node, Tree};

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

impl Open {
    /// Its two children, of which the left one has the rows up to `middle`.
    pub fn children(&self, node: &Node, middle: u32, chosen: &Chosen) -> [Self; 2] {
        let child = |side: u32, rows, count| Self {
            node: node.left + side,
            rows,
            depth: self.depth + 1,
            path: mix(self.path.wrapping_mul(2).wrapping_add(side)),
            count,
        };
        let (from, to) = self.rows;
        [child(0, (from, middle), chosen.left_count), child(1, (middle, to), self.count - chosen.left_count)]
    }
}

/// The integer weight of a sample of each class, by what the tree drew; none where classes weigh the same.
pub fn multipliers(forest: &Forest<'_>, counts: &[u8]) -> Vec<u32> {
    if !matches!(forest.weighing, Weighing::Classes(_)) {
        return vec![];
    }
    let mut drawn = vec![0; forest.classes];
    for (row, &count) in counts.iter().enumerate() {
        drawn[forest.records.class(row) as usize] += u64::from(count);
    }
    multipliers_of(forest, &drawn)
}

/// The same from the samples of each class that the tree drew.
pub fn multipliers_of(forest: &Forest<'_>, drawn: &[u64]) -> Vec<u32> {
    if let Weighing::Classes(multipliers) = forest.weighing { multipliers(drawn) } else { vec![] }
}

/// The rules and random numbers of one tree.
pub struct Growth<'a> {
    /// What is grown.
    pub forest: &'a Forest<'a>,
    /// Integer weight of each class.
    pub multipliers: Vec<u64>,
    tree: u32,
    /// The tree's weight.
    root_weight: u64,
    has_levels: bool,
}

impl<'a> Growth<'a> {
    /// Of the tree of that number; see [`multipliers`].
    pub fn new(forest: &'a Forest<'a>, tree: u32, multipliers: &[u32]) -> Self {
        let multipliers = (0..forest.classes).map(|class| multipliers.get(class).map_or(1, |&by| by.into())).collect();
        let has_levels = forest.records.bins().iter().any(|bins| matches!(bins, Bins::Category { .. }));
        Self { forest, multipliers, tree, root_weight: 0, has_levels }
    }

    /// Takes note of the root's weight of each class.
    pub fn set_root(&mut self, weights: &[u64]) {
        self.root_weight = weights.iter().zip(&self.multipliers).map(|(weight, by)| weight * by).sum();
    }

    /// The weight of each class at a node, before the multipliers.
    pub fn weights_of<'t>(&self, tree: &'t Tree, node: u32) -> &'t [u64] {
        &tree.weights[node as usize * self.forest.classes..][..self.forest.classes]
    }

    /// Whether a node is looked at at all.
    pub fn may_split(&self, at: &Open, weights: &[u64]) -> bool {
        let forest = self.forest;
        let is_pure = weights.iter().filter(|&&weight| weight > 0).count() < 2;
        at.depth < forest.max_depth && at.count >= forest.min_split && at.count >= 2 * forest.min_leaf && !is_pure
    }

    /// The order in which a node looks at features.
    pub fn order(&self, path: u32) -> Permutation {
        Permutation::new(self.forest.records.bins().len() as u32, self.random(path, Purpose::Features))
    }

    /// Names a node's random order of levels.
    pub fn level_key(&self, path: u32) -> u32 {
        if self.has_levels { self.random(path, Purpose::Levels)[0] } else { 0 }
    }

    fn random(&self, path: u32, purpose: Purpose) -> [u32; 4] {
        philox(self.forest.seed, 0, self.tree, path, purpose)
    }

    /// By how much a split of a node lowers impurity, where that is enough.
    pub fn decrease(&self, chosen: &Chosen, weights: &[u64]) -> Option<Decrease> {
        let scale = |side: &mut dyn Iterator<Item = u64>| -> Vec<u64> {
            side.zip(&self.multipliers).map(|(weight, by)| weight * by).collect()
        };
        let left = scale(&mut chosen.left.iter().copied());
        let right = scale(&mut weights.iter().zip(&chosen.left).map(|(all, left)| all - left));
        let decrease = Decrease::of(self.forest.criterion, &left, &right);
        decrease.reaches(self.forest.min_decrease, self.root_weight).then_some(decrease)
    }

    /// Writes a split into the tree, with its two children as leaves.
    pub fn record(&self, tree: &mut Tree, at: &Open, chosen: &Chosen, decrease: Decrease) -> Node {
        let node = Node {
            left: tree.nodes.len() as u32,
            feature: chosen.feature,
            cut: chosen.cut,
            missing_left: chosen.missing_left,
            decrease: decrease.share(self.root_weight),
        };
        let weights = self.weights_of(tree, at.node);
        let right_weights: Vec<u64> = weights.iter().zip(&chosen.left).map(|(all, left)| all - left).collect();
        tree.nodes[at.node as usize] = node;
        tree.nodes.extend([Node::LEAF; 2]);
        tree.weights.extend_from_slice(&chosen.left);
        tree.weights.extend_from_slice(&right_weights);
        node
    }

    /// The tree as it is handed out: breadth first, with the multipliers applied.
    pub fn finish(&self, tree: &Tree) -> Tree {
        let mut tree = tree.breadth_first(self.forest.classes);
        for weights in tree.weights.chunks_exact_mut(self.forest.classes) {
            weights.iter_mut().zip(&self.multipliers).for_each(|(weight, by)| *weight *= by);
        }
        tree
    }
}
