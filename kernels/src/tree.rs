//! A grown tree, in bins.

use crate::bootstrap::Entry;
use crate::cuts::MISSING;
use crate::scan::Cut;
use crate::tally::{AHEAD, View, prefetch};

/// A node. Both children of a split stand side by side: the left at `left`, the right behind it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Node {
    /// Place of the left child; 0 = this is a leaf.
    pub left: u32,
    /// The feature that splits it.
    pub feature: u32,
    /// Which of its bins go left.
    pub cut: Cut,
    /// Where missing values go.
    pub missing_left: bool,
    /// Weighted decrease of impurity, as a part of the tree's weight (scikit-learn's).
    pub decrease: f64,
}

impl Node {
    /// A leaf.
    pub const LEAF: Self = Self { left: 0, feature: 0, cut: Cut::UpTo(0), missing_left: false, decrease: 0.0 };

    /// Whether a row with this record goes to the left child.
    #[inline(always)]
    pub fn takes_left(&self, record: &[u8]) -> bool {
        let bin = record[self.feature as usize];
        if bin == MISSING { self.missing_left } else { self.cut.takes(bin) }
    }
}

/// A tree in breadth-first order, the root first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tree {
    /// Its nodes.
    pub nodes: Vec<Node>,
    /// Weight of each class at each node, `nodes x classes`, with the classes' multipliers applied.
    pub weights: Vec<u64>,
}

impl Tree {
    /// The leaf that a record falls into.
    pub fn leaf_of(&self, record: &[u8]) -> usize {
        let mut at = 0;
        loop {
            let node = &self.nodes[at];
            if node.left == 0 {
                return at;
            }
            at = node.left as usize + usize::from(!node.takes_left(record));
        }
    }

    /// The same tree with its nodes in breadth-first order, whatever the order in which they were grown.
    pub fn breadth_first(&self, classes: usize) -> Self {
        let mut tree =
            Self { nodes: Vec::with_capacity(self.nodes.len()), weights: Vec::with_capacity(self.weights.len()) };
        let mut source: Vec<u32> = vec![0];
        let mut next = 0;
        while next < source.len() {
            let old = source[next] as usize;
            let mut node = self.nodes[old];
            if node.left != 0 {
                source.extend([node.left, node.left + 1]);
                node.left = source.len() as u32 - 2;
            }
            tree.nodes.push(node);
            tree.weights.extend_from_slice(&self.weights[old * classes..][..classes]);
            next += 1;
        }
        tree
    }

    /// Puts a subtree in the place of leaf `at`.
    pub fn graft(&mut self, at: usize, subtree: &Self, classes: usize) {
        // The subtree's root takes the leaf's place; its other nodes move up by one less than what is here.
        let shift = self.nodes.len() as u32 - 1;
        let moved = |node: &Node| Node { left: if node.left == 0 { 0 } else { node.left + shift }, ..*node };
        let mut nodes = subtree.nodes.iter().map(moved);
        self.nodes[at] = nodes.next().expect("a subtree has a root");
        self.nodes.extend(nodes);
        self.weights.extend_from_slice(&subtree.weights[classes..]);
    }
}

/// Orders the rows so that those that go left come first, both sides in the order they had; returns how many go left.
pub fn partition(node: &Node, view: View<'_>, rows: &mut [Entry], spare: &mut [Entry]) -> usize {
    match node.cut {
        // With the missing bin, 255, moved in front of bin 0 or left behind the last, one comparison decides.
        Cut::UpTo(last) if node.missing_left => {
            partition_by(node, view, rows, spare, |bin| bin.wrapping_add(1) <= last.saturating_add(1))
        }
        Cut::UpTo(last) => partition_by(node, view, rows, spare, |bin| bin <= last),
        Cut::Set(_) => {
            let takes = |bin| if bin == MISSING { node.missing_left } else { node.cut.takes(bin) };
            partition_by(node, view, rows, spare, takes)
        }
    }
}

#[inline(always)]
fn partition_by(
    node: &Node,
    view: View<'_>,
    rows: &mut [Entry],
    spare: &mut [Entry],
    goes_left: impl Fn(u8) -> bool,
) -> usize {
    let (mut left, mut right) = (0, 0);
    for i in 0..rows.len() {
        if let Some(&next) = rows.get(i + AHEAD) {
            prefetch(view, next);
        }
        let entry = rows[i];
        let is_left = goes_left(view.record(entry)[node.feature as usize]);
        // Written to both ends and kept at one: no branch to mispredict.
        rows[left] = entry;
        spare[right] = entry;
        left += usize::from(is_left);
        right += usize::from(!is_left);
    }
    rows[left..].copy_from_slice(&spare[..right]);
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(left: u32, feature: u32) -> Node {
        Node { left, feature, cut: Cut::UpTo(3), missing_left: true, decrease: 0.5 }
    }

    #[test]
    fn grafting_and_ordering() {
        // Root with a leaf and, grafted, a split.
        let mut tree = Tree { nodes: vec![split(1, 0), Node::LEAF, Node::LEAF], weights: vec![9, 4, 5] };
        let subtree = Tree { nodes: vec![split(1, 1), Node::LEAF, Node::LEAF], weights: vec![4, 1, 3] };
        tree.graft(1, &subtree, 1);
        let tree = tree.breadth_first(1);
        assert_eq!(tree.nodes.iter().map(|node| node.left).collect::<Vec<_>>(), [1, 3, 0, 0, 0]);
        assert_eq!(tree.weights, [9, 4, 5, 1, 3]);
        assert_eq!([[2, 3], [2, 4], [4, 0], [255, 255]].map(|record| tree.leaf_of(&record)), [3, 4, 2, 3]);
    }

    #[test]
    fn partition_is_stable() {
        let bytes: Vec<u8> = [5, 1, 255, 9, 0, 3].iter().flat_map(|&bin| [bin, 0]).collect();
        let view = View { bytes: &bytes, stride: 2, weights: &[] };
        let (mut rows, mut spare) = ((0..6).collect::<Vec<u32>>(), vec![0; 6]);
        assert_eq!(partition(&split(1, 0), view, &mut rows, &mut spare), 4);
        assert_eq!(rows, [1, 2, 4, 5, 0, 3]);
    }
}
