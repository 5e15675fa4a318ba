//! One tree of boosting, from the words of its rows.
//!
//! Depth-wise, all nodes of a level are split before the next level, and of a limited number of leaves the first nodes of a
//! level get them. Leaf-wise, the split that gains most is made first. Either way a tree is a function of the words, the
//! rules and the seed: threads decide only who computes what.

use rayon::prelude::*;

use super::gradient::unpack;
use super::histogram::Histogram;
use super::newton::{Bounds, Sums, answer, gain_number, shrunk};
use super::split::{Chosen, Rules, best_split};
use crate::bootstrap::{Entry, row_of};
use crate::permutation::{Permutation, mix};
use crate::philox::{Purpose, philox};
use crate::records::Records;
use crate::tally::View;
use crate::tree::{Node, Tree, partition};

/// Which node is split next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Those of the upper levels.
    Depthwise,
    /// That whose split gains most.
    Lossguide,
}

/// How a tree grows.
#[derive(Clone, Copy)]
pub struct Shape<'a> {
    /// Which node is split next.
    pub policy: Policy,
    /// Most levels of splits.
    pub max_depth: u32,
    /// Most leaves.
    pub max_leaves: u32,
    /// L2, in units of curvature.
    pub lambda: u64,
    /// Least rows of a leaf, at least 1.
    pub min_leaf: u32,
    /// Least curvature of a leaf.
    pub min_curvature: u64,
    /// Features that each node looks at.
    pub max_features: u32,
    /// See [`Rules::monotone`].
    pub monotone: &'a [i8],
    /// Features that may be used together; a feature of no group stands alone. Empty: all may.
    pub groups: &'a [Vec<u32>],
    /// Part of an answer that a leaf keeps, in 2^-24.
    pub rate: u32,
}

/// A grown tree.
#[derive(Debug, Clone, PartialEq)]
pub struct BoostedTree {
    /// Its splits; the weight of a node is its number of rows.
    pub tree: Tree,
    /// What each node answers if it is a leaf, in 2^-24, shrunk.
    pub values: Vec<i32>,
}

/// A tree, and where its rows are.
pub struct Grown {
    pub tree: BoostedTree,
    /// For each leaf its value and its rows.
    pub leaves: Vec<(i32, std::ops::Range<usize>)>,
}

/// What one tree is grown from.
#[derive(Clone, Copy)]
pub struct Growth<'a> {
    pub records: &'a Records,
    pub words: &'a [u64],
    pub shape: Shape<'a>,
    pub seed: u64,
    /// Names the tree among all: round and output.
    pub name: [u32; 2],
}

/// A node of the tree under way.
#[derive(Clone)]
struct Place {
    node: usize,
    from: usize,
    to: usize,
    depth: u32,
    path: u32,
    sums: Sums,
    bounds: Bounds,
    /// Features on the way to it, where these decide which may follow.
    used: Vec<u32>,
}

/// A node with its best split.
struct Ready {
    place: Place,
    chosen: Chosen,
    /// Kept for its children, as long as there is room.
    histogram: Option<Histogram>,
}

/// Histograms of nodes that wait take at most this much together.
const HELD_BYTES: usize = 1 << 29;

impl Growth<'_> {
    fn view(&self) -> View<'_> {
        View { bytes: self.records.bytes(), stride: self.records.stride(), weights: &[] }
    }

    fn features(&self) -> usize {
        self.records.bins().len()
    }

    fn rules(&self) -> Rules<'_> {
        let Shape { lambda, min_leaf, min_curvature, monotone, .. } = self.shape;
        Rules { bins: self.records.bins(), lambda, min_leaf, min_curvature, monotone }
    }

    /// Grows the tree over these rows, and orders them by leaf.
    pub fn tree(&self, rows: &mut [Entry]) -> Grown {
        let mut spare = vec![0; rows.len()];
        let root = self.root(rows);
        let mut tree = Sketch { tree: Tree { nodes: vec![Node::LEAF], weights: vec![] }, places: vec![root.clone()] };
        let mut waiting = Vec::new();
        if self.may_split(&root) {
            let histogram = Histogram::of(self.view(), rows, self.words, self.features());
            waiting.extend(self.choose(root, histogram, true));
        }
        let mut leaves = 1;
        while leaves < self.shape.max_leaves && !waiting.is_empty() {
            let mut turn = self.next(&mut waiting);
            turn.truncate((self.shape.max_leaves - leaves) as usize);
            leaves += turn.len() as u32;
            let children: Vec<[Place; 2]> = turn.iter().map(|ready| tree.split(ready)).collect();
            let room = HELD_BYTES / Histogram::bytes(self.features()).max(1);
            let turn_of =
                Turn { keeps: waiting.len() + 2 * turn.len() <= room, is_last: leaves >= self.shape.max_leaves };
            let work: Vec<_> = pieces(turn, rows, &mut spare).into_iter().zip(children).collect();
            let done: Vec<_> =
                work.into_par_iter().map(|(piece, children)| self.split(piece, children, turn_of)).collect();
            for (places, ready) in done {
                places.into_iter().for_each(|place| tree.settle(place));
                waiting.extend(ready);
            }
        }
        self.finish(tree)
    }

    fn root(&self, rows: &[Entry]) -> Place {
        let sums = rows.par_iter().map(|&entry| {
            let (gradient, curvature, rows) = unpack(self.words[row_of(entry) as usize]);
            Sums { gradient, curvature, rows }
        });
        let sums = sums.reduce(Sums::default, Sums::plus);
        Place { node: 0, from: 0, to: rows.len(), depth: 0, path: 1, sums, bounds: Bounds::WIDE, used: vec![] }
    }

    fn may_split(&self, place: &Place) -> bool {
        let Shape { max_depth, min_leaf, min_curvature, .. } = self.shape;
        let Sums { rows, curvature, .. } = place.sums;
        place.depth < max_depth && rows / 2 >= min_leaf && curvature / 2 >= min_curvature
    }

    /// The node's best split, if one lowers the loss.
    fn choose(&self, place: Place, histogram: Histogram, keep: bool) -> Option<Ready> {
        let rules = self.rules();
        let best = |features: &[u32]| best_split(rules, &histogram, place.sums, place.bounds, features.iter().copied());
        // Of equal ones the first: that of the lower features.
        let better = |one: Chosen, other: Chosen| if other.gain > one.gain { other } else { one };
        let parts: Vec<_> = self.looked_at(&place).par_chunks(FEATURES_A_TASK).filter_map(best).collect();
        let chosen = parts.into_iter().reduce(better)?;
        Some(Ready { place, chosen, histogram: keep.then_some(histogram) })
    }

    /// The features that a node looks at, in order.
    fn looked_at(&self, place: &Place) -> Vec<u32> {
        let all = self.features() as u32;
        let allowed = self.allowed(&place.used);
        let is_allowed = |feature: &u32| allowed.as_ref().is_none_or(|allowed| allowed.contains(feature));
        if self.shape.max_features >= all {
            return (0..all).filter(is_allowed).collect();
        }
        let order = Permutation::new(all, philox(self.seed, self.name[1], self.name[0], place.path, Purpose::Features));
        let drawn = (0..all).map(|k| order.at(k)).filter(is_allowed).take(self.shape.max_features as usize);
        let mut features: Vec<u32> = drawn.collect();
        features.sort_unstable();
        features
    }

    /// Features that may follow those in use; `None` = all.
    fn allowed(&self, used: &[u32]) -> Option<Vec<u32>> {
        if self.shape.groups.is_empty() || used.is_empty() {
            return None;
        }
        let holds_all = |group: &&Vec<u32>| used.iter().all(|feature| group.contains(feature));
        let joined = self.shape.groups.iter().filter(holds_all).flatten();
        Some(joined.chain(used).copied().collect())
    }

    /// Orders the rows of a node by its split, and looks for its children's splits.
    fn split(&self, piece: Piece<'_>, children: [Place; 2], turn: Turn) -> ([Place; 2], Vec<Ready>) {
        let Piece { ready, node, rows, spare } = piece;
        let middle = partition(&node, self.view(), rows, spare);
        let [mut left, mut right] = children;
        (left.to, right.from) = (left.from + middle, left.from + middle);
        let mut found = Vec::new();
        if !turn.is_last {
            let (left_rows, right_rows) = rows.split_at(middle);
            let histograms = self.histograms(&ready, [(&left, left_rows), (&right, right_rows)]);
            let sides = [left.clone(), right.clone()].into_iter().zip(histograms);
            found.extend(sides.filter_map(|(place, histogram)| self.choose(place, histogram?, turn.keeps)));
        }
        ([left, right], found)
    }

    /// The histograms of those children that may be split: the smaller one's rows are summed, the other is the rest.
    fn histograms(&self, ready: &Ready, children: [(&Place, &[Entry]); 2]) -> [Option<Histogram>; 2] {
        let may = children.map(|(place, _)| self.may_split(place));
        let sum = |side: usize| Histogram::of(self.view(), children[side].1, self.words, self.features());
        let small = usize::from(children[1].1.len() < children[0].1.len());
        let large = 1 - small;
        let mut out = [None, None];
        match &ready.histogram {
            Some(parent) if may[large] => {
                let less = sum(small);
                out[large] = Some(parent.clone().less(&less));
                out[small] = may[small].then_some(less);
            }
            _ => (0..2).filter(|&side| may[side]).for_each(|side| out[side] = Some(sum(side))),
        }
        out
    }

    /// The nodes that are split next, in the order of their places in the tree.
    fn next(&self, waiting: &mut Vec<Ready>) -> Vec<Ready> {
        match self.shape.policy {
            Policy::Depthwise => {
                let mut level = std::mem::take(waiting);
                level.sort_by_key(|ready| ready.place.node);
                level
            }
            Policy::Lossguide => {
                let rank = |ready: &Ready| (ready.chosen.gain, std::cmp::Reverse(ready.place.node));
                let best = (0..waiting.len()).max_by_key(|&i| rank(&waiting[i])).expect("some wait");
                vec![waiting.swap_remove(best)]
            }
        }
    }

    fn finish(&self, sketch: Sketch) -> Grown {
        let Sketch { mut tree, places } = sketch;
        // The second weight tells which place a node was, wherever it comes to stand.
        tree.weights = places.iter().enumerate().flat_map(|(at, place)| [place.sums.rows.into(), at as u64]).collect();
        let ordered = tree.breadth_first(2);
        let numbers: Vec<usize> = ordered.weights.chunks_exact(2).map(|pair| pair[1] as usize).collect();
        let value = |&at: &usize| {
            let place = &places[at];
            shrunk(answer(place.sums, self.shape.lambda, place.bounds), self.shape.rate)
        };
        let values: Vec<i32> = numbers.iter().map(value).collect();
        let leaves = ordered.nodes.iter().zip(&numbers).zip(&values).filter(|((node, _), _)| node.left == 0);
        let leaves = leaves.map(|((_, &at), &value)| (value, places[at].from..places[at].to)).collect();
        let weights = ordered.weights.chunks_exact(2).map(|pair| pair[0]).collect();
        Grown { tree: BoostedTree { tree: Tree { nodes: ordered.nodes, weights }, values }, leaves }
    }
}

/// Features whose candidates one task looks at.
const FEATURES_A_TASK: usize = 64;

/// What holds for the nodes that are split together.
#[derive(Clone, Copy)]
struct Turn {
    /// Whether children keep their histograms for their own children.
    keeps: bool,
    /// Whether no split follows.
    is_last: bool,
}

/// The tree under way: nodes, and where each stands.
struct Sketch {
    tree: Tree,
    places: Vec<Place>,
}

impl Sketch {
    /// Writes a split, with its children as leaves; these know all but where one ends and the other begins.
    fn split(&mut self, ready: &Ready) -> [Place; 2] {
        let Ready { place, chosen, .. } = ready;
        let left = self.tree.nodes.len();
        self.tree.nodes[place.node] = Node {
            left: left as u32,
            feature: chosen.feature,
            cut: chosen.cut,
            missing_left: chosen.missing_left,
            decrease: gain_number(chosen.gain),
        };
        self.tree.nodes.extend([Node::LEAF; 2]);
        let mut used = place.used.clone();
        if !used.contains(&chosen.feature) {
            used.push(chosen.feature);
        }
        let child = |side: usize, sums: Sums| Place {
            node: left + side,
            depth: place.depth + 1,
            path: mix(place.path.wrapping_mul(2).wrapping_add(side as u32)),
            sums,
            bounds: chosen.bounds[side],
            used: used.clone(),
            ..*place
        };
        let children = [child(0, chosen.left), child(1, chosen.right)];
        self.places.extend(children.clone());
        children
    }

    /// A child that knows its rows.
    fn settle(&mut self, place: Place) {
        let at = place.node;
        self.places[at] = place;
    }
}

/// A node that is split, with its rows.
struct Piece<'a> {
    ready: Ready,
    node: Node,
    rows: &'a mut [Entry],
    spare: &'a mut [Entry],
}

/// The rows of a node, and as much spare space.
type Rows<'a> = (&'a mut [Entry], &'a mut [Entry]);

/// Gives each node of a turn its own rows.
fn pieces<'a>(turn: Vec<Ready>, rows: &'a mut [Entry], spare: &'a mut [Entry]) -> Vec<Piece<'a>> {
    let mut order: Vec<usize> = (0..turn.len()).collect();
    order.sort_by_key(|&i| turn[i].place.from);
    let mut slices: Vec<Option<Rows<'a>>> = turn.iter().map(|_| None).collect();
    let (mut rows, mut spare, mut at) = (rows, spare, 0);
    for i in order {
        let place = &turn[i].place;
        let (_, later) = rows.split_at_mut(place.from - at);
        let (own, later) = later.split_at_mut(place.to - place.from);
        let (_, later_spare) = spare.split_at_mut(place.from - at);
        let (own_spare, later_spare) = later_spare.split_at_mut(place.to - place.from);
        slices[i] = Some((own, own_spare));
        (rows, spare, at) = (later, later_spare, place.to);
    }
    let piece = |(ready, slices): (Ready, Option<Rows<'a>>)| {
        let (rows, spare) = slices.expect("each has its rows");
        let Chosen { feature, cut, missing_left, .. } = ready.chosen;
        Piece { node: Node { left: 1, feature, cut, missing_left, decrease: 0.0 }, ready, rows, spare }
    };
    turn.into_iter().zip(slices).map(piece).collect()
}
