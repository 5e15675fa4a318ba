//! The same trees, grown as plainly as can be: every candidate of every feature summed from the rows, one after the other.

use super::BoostedTree;
use super::gradient::unpack;
use super::grow::{Policy, Shape};
use super::newton::{Bounds, Sums, answer, gain, gain_number, shrunk};
use crate::cuts::MISSING;
use crate::records::{Bins, Records};
use crate::scan::Cut;
use crate::tree::{Node, Tree};

struct Leaf {
    node: usize,
    rows: Vec<usize>,
    depth: u32,
    bounds: Bounds,
}

struct Found {
    gain: i128,
    node: Node,
    bounds: [Bounds; 2],
}

fn sums(words: &[u64], rows: &[usize]) -> Sums {
    rows.iter().fold(Sums::default(), |sum, &row| {
        let (gradient, curvature, rows) = unpack(words[row]);
        sum.plus(Sums { gradient, curvature, rows })
    })
}

/// The tree over these rows; numbers and no feature sampling, no groups.
pub fn tree(records: &Records, words: &[u64], shape: Shape<'_>, rows: Vec<usize>) -> BoostedTree {
    let mut nodes = vec![Node::LEAF];
    let mut bounds_of = vec![Bounds::WIDE];
    let mut leaves = vec![Leaf { node: 0, rows, depth: 0, bounds: Bounds::WIDE }];
    while leaves.len() < shape.max_leaves as usize {
        let found: Vec<Option<Found>> = leaves.iter().map(|leaf| best(records, words, shape, leaf)).collect();
        let key = |&i: &usize| {
            let found = found[i].as_ref().expect("kept");
            let gain = if shape.policy == Policy::Lossguide { found.gain } else { 0 };
            let level = if shape.policy == Policy::Depthwise { leaves[i].depth } else { 0 };
            (std::cmp::Reverse(level), gain, std::cmp::Reverse(leaves[i].node))
        };
        let Some(next) = (0..leaves.len()).filter(|&i| found[i].is_some()).max_by_key(key) else { break };
        let Found { node, bounds, .. } = found.into_iter().nth(next).flatten().expect("kept");
        let leaf = leaves.swap_remove(next);
        let left = nodes.len();
        nodes[leaf.node] = Node { left: left as u32, ..node };
        nodes.extend([Node::LEAF; 2]);
        bounds_of.extend(bounds);
        let (left_rows, right_rows) = leaf.rows.iter().partition(|&&row| node.takes_left(records.record(row)));
        for (side, rows) in [left_rows, right_rows].into_iter().enumerate() {
            leaves.push(Leaf { node: left + side, rows, depth: leaf.depth + 1, bounds: bounds[side] });
        }
    }
    let mut at: Vec<(Sums, Bounds)> = bounds_of.into_iter().map(|bounds| (Sums::default(), bounds)).collect();
    leaves.iter().for_each(|leaf| at[leaf.node].0 = sums(words, &leaf.rows));
    for i in (0..nodes.len()).rev().filter(|&i| nodes[i].left != 0) {
        let left = nodes[i].left as usize;
        at[i].0 = at[left].0.plus(at[left + 1].0);
    }
    let weights = (0..nodes.len()).flat_map(|i| [u64::from(at[i].0.rows), i as u64]).collect();
    let tree = Tree { nodes, weights }.breadth_first(2);
    let value = |pair: &[u64]| {
        let (sums, bounds) = at[pair[1] as usize];
        shrunk(answer(sums, shape.lambda, bounds), shape.rate)
    };
    let values = tree.weights.chunks_exact(2).map(value).collect();
    let weights = tree.weights.chunks_exact(2).map(|pair| pair[0]).collect();
    BoostedTree { tree: Tree { nodes: tree.nodes, weights }, values }
}

fn best(records: &Records, words: &[u64], shape: Shape<'_>, leaf: &Leaf) -> Option<Found> {
    if leaf.depth >= shape.max_depth {
        return None;
    }
    let node = sums(words, &leaf.rows);
    let own = gain(node, shape.lambda, answer(node, shape.lambda, leaf.bounds));
    let mut best: Option<Found> = None;
    for (feature, bins) in records.bins().iter().enumerate() {
        let bin = |row: usize| records.record(row)[feature];
        let mut here: Vec<u8> = leaf.rows.iter().map(|&row| bin(row)).filter(|&bin| bin != MISSING).collect();
        here.sort_unstable();
        here.dedup();
        let has_missing = leaf.rows.iter().any(|&row| bin(row) == MISSING);
        assert!(matches!(bins, Bins::Number { .. }));
        for missing_left in [false, true] {
            if missing_left && !has_missing {
                continue;
            }
            for (i, &last) in here.iter().enumerate() {
                let goes = |row: usize| if bin(row) == MISSING { missing_left } else { bin(row) <= last };
                let (left, right): (Vec<usize>, Vec<usize>) = leaf.rows.iter().partition(|&&row| goes(row));
                let sides = [sums(words, &left), sums(words, &right)];
                let is_small =
                    |side: &Sums| side.rows == 0 || side.rows < shape.min_leaf || side.curvature < shape.min_curvature;
                if sides.iter().any(is_small) {
                    continue;
                }
                let answers = sides.map(|side| answer(side, shape.lambda, leaf.bounds));
                let direction = shape.monotone.get(feature).copied().unwrap_or(0);
                if i64::from(direction) * (answers[1] - answers[0]) < 0 {
                    continue;
                }
                let both: i128 = (0..2).map(|side| gain(sides[side], shape.lambda, answers[side])).sum();
                if both - own <= best.as_ref().map_or(0, |best| best.gain) {
                    continue;
                }
                let cut =
                    here.get(i + 1).map_or(MISSING - 1, |&next| ((u32::from(last) + u32::from(next) - 1) / 2) as u8);
                let most_left = sides[0].rows > sides[1].rows;
                best = Some(Found {
                    gain: both - own,
                    node: Node {
                        left: 0,
                        feature: feature as u32,
                        cut: Cut::UpTo(cut),
                        missing_left: if has_missing { missing_left } else { most_left },
                        decrease: gain_number(both - own),
                    },
                    bounds: leaf.bounds.of_children(direction, answers[0], answers[1]),
                });
            }
        }
    }
    best
}
