//! From the nodes that a device grew to the trees that the host hands out.
//!
//! A device splits every node that can be split. Which of these splits are worth enough, and which of them come first where
//! the number of leaves is limited, is decided here, with the same exact integers as by the host's driver.

use std::collections::{BinaryHeap, HashMap};

use super::shape::{MISSING_LEFT, NODE_HEAD};
use crate::frontier::Ready;
use crate::growth::{Growth, Open};
use crate::impurity::Decrease;
use crate::records::Bins;
use crate::scan::{Chosen, Cut};
use crate::tree::{Node, Tree};

/// The nodes of a batch, as the device wrote them.
pub struct Grown<'a> {
    /// See [`super::shape::node_words`].
    pub words: &'a [u32],
    /// Words of a cut.
    pub cut_words: usize,
    /// Number of classes.
    pub classes: usize,
    /// The bins of each feature.
    pub bins: &'a [Bins],
}

impl Grown<'_> {
    fn node(&self, id: u32) -> &[u32] {
        let words = NODE_HEAD as usize + self.cut_words + self.classes;
        &self.words[id as usize * words..][..words]
    }

    /// Weight of each class at a node, before the multipliers.
    fn weights(&self, id: u32) -> Vec<u64> {
        self.node(id)[NODE_HEAD as usize + self.cut_words..].iter().map(|&weight| weight.into()).collect()
    }

    /// The split of a node and its left child, where it has one.
    fn split(&self, id: u32) -> Option<(Chosen, u32)> {
        let node = self.node(id);
        let (left_id, feature) = (node[0], node[1] & !MISSING_LEFT);
        if left_id == 0 {
            return None;
        }
        let cut = match self.bins[feature as usize] {
            Bins::Number { .. } => Cut::UpTo(node[2] as u8),
            Bins::Category { .. } => {
                Cut::Set(std::array::from_fn(|i| u64::from(node[2 + 2 * i]) | u64::from(node[3 + 2 * i]) << 32))
            }
        };
        let missing_left = node[1] & MISSING_LEFT != 0;
        Some((Chosen { feature, cut, missing_left, left: self.weights(left_id), left_count: 0 }, left_id))
    }
}

/// A tree of the batch, from its root's node on.
pub fn assemble(grown: &Grown<'_>, growth: &Growth<'_>, root: u32) -> Tree {
    let mut tree = Tree { nodes: vec![Node::LEAF], weights: grown.weights(root) };
    let mut making = Making { grown, growth, tree: &mut tree, ids: vec![root] };
    match growth.forest.max_leaves {
        None => making.all(),
        Some(most) => making.best_first(most),
    }
    growth.finish(&tree)
}

struct Making<'a, 't> {
    grown: &'a Grown<'a>,
    growth: &'a Growth<'a>,
    tree: &'t mut Tree,
    /// The device's number of each node of the tree.
    ids: Vec<u32>,
}

impl Making<'_, '_> {
    /// Every split that is worth enough.
    fn all(&mut self) {
        let mut at = 0;
        while at < self.tree.nodes.len() as u32 {
            if let Some((chosen, decrease, left_id)) = self.choose(at) {
                self.make(at, &chosen, decrease, left_id);
            }
            at += 1;
        }
    }

    /// The splits that are worth most, until there are as many leaves as there may be.
    fn best_first(&mut self, most: u32) {
        let mut ready = BinaryHeap::new();
        let mut lefts = HashMap::new();
        let mut ask = vec![0];
        for _ in 1..most {
            for at in ask.drain(..) {
                if let Some((chosen, decrease, left_id)) = self.choose(at) {
                    lefts.insert(at, left_id);
                    ready.push(Ready { at: open(at), chosen, decrease });
                }
            }
            let Some(Ready { at, chosen, decrease }) = ready.pop() else { return };
            let left = self.make(at.node, &chosen, decrease, lefts[&at.node]);
            ask.extend([left, left + 1]);
        }
    }

    /// The split of a node of the tree, where it is worth enough.
    fn choose(&self, at: u32) -> Option<(Chosen, Decrease, u32)> {
        let (chosen, left_id) = self.grown.split(self.ids[at as usize])?;
        let decrease = self.growth.decrease(&chosen, self.growth.weights_of(self.tree, at))?;
        Some((chosen, decrease, left_id))
    }

    fn make(&mut self, at: u32, chosen: &Chosen, decrease: Decrease, left_id: u32) -> u32 {
        let left = self.tree.nodes.len() as u32;
        self.growth.record(self.tree, &open(at), chosen, decrease);
        self.ids.extend([left_id, left_id + 1]);
        left
    }
}

/// A node of which only its place in the tree is known.
fn open(node: u32) -> Open {
    Open { node, rows: (0, 0), depth: 0, path: 0, count: 0 }
}
