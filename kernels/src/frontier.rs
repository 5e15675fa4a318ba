//! Trees with a limit on their leaves: the split that lowers impurity most is made first.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::bootstrap::Entry;
use crate::grow::Grower;
use crate::growth::Open;
use crate::impurity::Decrease;
use crate::scan::Chosen;
use crate::tally::{Tally, View};
use crate::tree::{Node, Tree};

/// A split that could be made.
pub struct Ready {
    /// The node.
    pub at: Open,
    /// Its split.
    pub chosen: Chosen,
    /// What the split is worth.
    pub decrease: Decrease,
}

impl Ord for Ready {
    /// The larger decrease first; of equal ones, the node that was made first.
    fn cmp(&self, other: &Self) -> Ordering {
        self.decrease.compare(&other.decrease).then(other.at.node.cmp(&self.at.node))
    }
}

impl PartialOrd for Ready {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ready {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ready {}

/// Grows a tree of at most `leaves` leaves.
pub fn grow_best_first<T: Tally + 'static>(
    grower: &Grower<'_, T>,
    view: View<'_>,
    rows: &mut [Entry],
    spare: &mut [Entry],
    root: Open,
    weights: &[u64],
    leaves: u32,
) -> Tree {
    let mut tree = Tree { nodes: vec![Node::LEAF], weights: weights.to_vec() };
    let mut ready = BinaryHeap::new();
    let mut made = 1;
    let mut ask = vec![root];
    loop {
        for at in ask.drain(..) {
            let node_rows = &rows[at.rows.0 as usize..at.rows.1 as usize];
            if let Some((chosen, decrease)) = grower.choose(view, node_rows, &at, &tree) {
                ready.push(Ready { at, chosen, decrease });
            }
        }
        if made >= leaves {
            return tree;
        }
        let Some(Ready { at, chosen, decrease }) = ready.pop() else { return tree };
        ask.extend(grower.split(view, &mut tree, rows, spare, &at, &chosen, decrease));
        made += 1;
    }
}
