//! The forest as its definition reads, slow and plain, and the fast one held against it.

use std::collections::BTreeSet;

use ndarray::{Array2, ShapeBuilder};
use proptest::prelude::*;

use crate::bootstrap::draw_counts;
use crate::cuts::MISSING;
use crate::grow::{Forest, Weighing, grow};
use crate::impurity::{Criterion, Decrease, Score};
use crate::permutation::{Permutation, mix};
use crate::philox::{Purpose, philox};
use crate::records::{Bins, Records};
use crate::scan::{Cut, MIN_LEVEL_SAMPLES};
use crate::tree::{Node, Tree};

/// One row of one tree: its bins, class, draws and weight.
type Row<'a> = (&'a [u8], usize, u64, u64);

struct Candidate {
    score: Score,
    rank: (u32, bool, usize),
    node: Node,
    decrease: Decrease,
}

/// Weight of each class and number of samples.
fn sums(rows: &[Row<'_>], classes: usize) -> (Vec<u64>, u64) {
    let mut weights = vec![0; classes];
    rows.iter().for_each(|row| weights[row.1] += row.2 * row.3);
    (weights, rows.iter().map(|row| row.2).sum())
}

/// Every candidate of one feature, in the order of the tie rule.
fn candidates(forest: &Forest<'_>, rows: &[Row<'_>], feature: u32, level_key: u32) -> Vec<Candidate> {
    let bin = |row: &Row<'_>| row.0[feature as usize];
    let is_category = matches!(forest.records.bins()[feature as usize], Bins::Category { .. });
    let present: BTreeSet<u8> = rows.iter().map(bin).filter(|&bin| bin != MISSING).collect();
    let mut order: Vec<u8> = present.into_iter().collect();
    let all = sums(rows, forest.classes).0;
    let class = if all.len() == 2 { 1 } else { (0..all.len()).rev().max_by_key(|&class| all[class]).unwrap() };
    let levels = forest.records.bins()[feature as usize].len() as u8;
    // Share of the class as a fraction, then the random rank.
    let place = |level: u8| {
        let of_level: Vec<Row<'_>> = rows.iter().copied().filter(|row| bin(row) == level).collect();
        let (own, count) = sums(&of_level, all.len());
        let of = if count >= MIN_LEVEL_SAMPLES { &own } else { &all };
        let rank = mix(level_key ^ mix(feature << 8 | u32::from(level)));
        ((of[class], of.iter().sum::<u64>().max(1)), rank, level)
    };
    let before = |a: u8, b: u8| {
        let ((a_part, a_sum), a_rank, _) = place(a);
        let ((b_part, b_sum), b_rank, _) = place(b);
        let cross = |x: u64, y: u64| u128::from(x) * u128::from(y);
        cross(a_part, b_sum).cmp(&cross(b_part, a_sum)).then(a_rank.cmp(&b_rank)).then(a.cmp(&b))
    };
    if is_category {
        order.sort_by(|&a, &b| before(a, b));
    }
    let mut found = Vec::new();
    for missing_left in [false, true] {
        for length in 1..=order.len() {
            let left_bins = &order[..length];
            let is_left =
                |row: &&Row<'_>| if bin(row) == MISSING { missing_left } else { left_bins.contains(&bin(row)) };
            let (left, right): (Vec<Row<'_>>, Vec<Row<'_>>) = rows.iter().partition(is_left);
            if missing_left && !rows.iter().any(|row| bin(row) == MISSING) {
                continue;
            }
            let ((left, left_count), (right, right_count)) =
                (sums(&left, forest.classes), sums(&right, forest.classes));
            let weighs = |side: &[u64]| side.iter().sum::<u64>() > 0;
            if left_count < forest.min_leaf || right_count < forest.min_leaf || !weighs(&left) || !weighs(&right) {
                continue;
            }
            let cut = if is_category {
                let mut bits = [0; 4];
                let last = left_bins[length - 1];
                let inside = (0..levels).filter(|&level| before(level, last).is_le());
                inside.for_each(|level| bits[level as usize / 64] |= 1 << (level % 64));
                Cut::Set(bits)
            } else {
                let last = u32::from(order[length - 1]);
                Cut::UpTo(order.get(length).map_or(254, |&next| ((last + u32::from(next) - 1) / 2) as u8))
            };
            let unseen = !rows.iter().any(|row| bin(row) == MISSING);
            let to = if unseen { 2 * left_count >= left_count + right_count } else { missing_left };
            found.push(Candidate {
                score: Score::of(forest.criterion, &left, &right),
                rank: (feature, missing_left, length),
                node: Node { left: 0, feature, cut, missing_left: to, decrease: 0.0 },
                decrease: Decrease::of(forest.criterion, &left, &right),
            });
        }
    }
    found
}

fn best(forest: &Forest<'_>, tree: u32, rows: &[Row<'_>], path: u32) -> Option<Candidate> {
    let all = forest.records.bins().len() as u32;
    let order = Permutation::new(all, philox(forest.seed, 0, tree, path, Purpose::Features));
    let level_key = philox(forest.seed, 0, tree, path, Purpose::Levels)[0];
    let features: Vec<u32> = (0..all).map(|k| order.at(k)).collect();
    let (first, further) = features.split_at(forest.max_features.min(all) as usize);
    std::iter::once(first).chain(further.chunks(1)).find_map(|features| {
        features.iter().flat_map(|&feature| candidates(forest, rows, feature, level_key)).reduce(|best, next| {
            let order = next.score.compare(&best.score);
            if order.is_gt() || order.is_eq() && next.rank < best.rank { next } else { best }
        })
    })
}

/// A tree, level by level.
fn reference_tree(forest: &Forest<'_>, tree: u32, weight_of: &dyn Fn(usize) -> u64) -> Tree {
    let counts = draw_counts(forest.seed, tree, forest.records.rows(), forest.draws);
    let rows: Vec<Row<'_>> = (0..counts.len())
        .filter(|&row| counts[row] > 0)
        .map(|row| (forest.records.record(row), forest.records.class(row) as usize, counts[row].into(), weight_of(row)))
        .collect();
    let root_weight: u64 = sums(&rows, forest.classes).0.iter().sum();
    let mut grown = Tree::default();
    let mut level = vec![(rows, 1u32)];
    let mut depth = 0;
    let mut after = 1;
    while !level.is_empty() {
        let mut next = Vec::new();
        for (rows, path) in level {
            let (weights, count) = sums(&rows, forest.classes);
            let may_split = depth < forest.max_depth
                && count >= forest.min_split
                && count >= 2 * forest.min_leaf
                && weights.iter().filter(|&&weight| weight > 0).count() > 1;
            grown.weights.extend(weights);
            let chosen = may_split.then(|| best(forest, tree, &rows, path)).flatten();
            match chosen.filter(|it| it.decrease.reaches(forest.min_decrease, root_weight)) {
                None => grown.nodes.push(Node::LEAF),
                Some(Candidate { node, decrease, .. }) => {
                    grown.nodes.push(Node { left: after, decrease: decrease.share(root_weight), ..node });
                    after += 2;
                    let (left, right): (Vec<Row<'_>>, Vec<Row<'_>>) =
                        rows.iter().partition(|row| node.takes_left(row.0));
                    for (side, rows) in [(0, left), (1, right)] {
                        next.push((rows, mix(path.wrapping_mul(2).wrapping_add(side))));
                    }
                }
            }
        }
        level = next;
        depth += 1;
    }
    grown
}

/// Rows with few distinct values, many ties, missing cells and categories, over a rule that can be learned.
pub fn data(rows: usize, classes: usize, noise: u32, seed: u64) -> (Array2<f32>, Vec<Option<u32>>, Vec<u32>) {
    let kinds = vec![None, None, None, Some(7), Some(90), None];
    let at = |i: usize, j: usize| philox(seed, i as u32, j as u32, 0, Purpose::BinSample);
    let mut cells = Vec::new();
    for (j, kind) in kinds.iter().enumerate() {
        for i in 0..rows {
            let [a, b, ..] = at(i, j);
            let value = match (j, kind) {
                (_, Some(levels)) => (a % levels) as f32,
                (0, _) => (a % 3) as f32,
                (1, _) => (a % 1000) as f32 / 7.0 - 50.0,
                (5, _) => 4.0,
                _ => ((a % 40) * (a % 40)) as f32,
            };
            cells.push(if b % 11 == 0 && j != 1 { f32::NAN } else { value });
        }
    }
    let x = Array2::from_shape_vec((rows, kinds.len()).f(), cells).unwrap();
    let y = (0..rows)
        .map(|i| {
            let signal = x[[i, 0]].max(0.0) as u32 + u32::from(x[[i, 1]] > 10.0) + u32::from(x[[i, 3]] == 2.0);
            (signal + if at(i, 99)[0] % 100 < noise { at(i, 99)[1] } else { 0 }) % classes as u32
        })
        .collect();
    (x, kinds, y)
}

#[derive(Debug, Clone)]
pub struct Case {
    pub rows: usize,
    pub classes: usize,
    pub noise: u32,
    pub entropy: bool,
    pub max_depth: u32,
    pub min_leaf: u64,
    pub min_decrease: f64,
    pub max_features: u32,
    pub bootstrap: bool,
    pub weighing: u32,
    pub max_bins: u32,
    pub seed: u64,
}

pub fn cases() -> impl Strategy<Value = Case> {
    let shape = (2usize..700, 2usize..5, 0u32..60, any::<bool>(), 1u32..12, 1u64..6);
    let rules = (prop_oneof![Just(0.0), 0.0..0.02], 1u32..=6, any::<bool>(), 0u32..3, 3u32..=255, any::<u64>());
    (shape, rules).prop_map(|(a, b)| Case {
        rows: a.0,
        classes: a.1,
        noise: a.2,
        entropy: a.3,
        max_depth: a.4,
        min_leaf: a.5,
        min_decrease: b.0,
        max_features: b.1,
        bootstrap: b.2,
        weighing: b.3,
        max_bins: b.4,
        seed: b.5,
    })
}

/// Weights of the classes, where they have some.
const CLASS_WEIGHTS: [u32; 4] = [1, 7, 2, 5];

fn by_class(drawn: &[u64]) -> Vec<u32> {
    CLASS_WEIGHTS[..drawn.len()].to_vec()
}

/// What a case learns from.
pub struct Given {
    pub records: Records,
    row_weights: Vec<u32>,
    /// The class of each row.
    classes: Vec<u32>,
}

impl Case {
    pub fn given(&self) -> Given {
        let (x, kinds, classes) = data(self.rows, self.classes, self.noise, self.seed);
        let records = Records::bin(x.view(), &kinds, &classes, self.max_bins, self.seed);
        Given { records, row_weights: (0..self.rows as u32).map(|row| mix(row) % 5).collect(), classes }
    }

    pub fn forest<'a>(&self, given: &'a Given) -> Forest<'a> {
        Forest {
            trees: 3,
            seed: self.seed,
            criterion: if self.entropy { Criterion::Entropy } else { Criterion::Gini },
            max_depth: self.max_depth,
            min_leaf: self.min_leaf,
            min_decrease: (self.min_decrease * 2f64.powi(32)) as u64,
            max_features: self.max_features,
            draws: self.bootstrap.then_some(self.rows as u64),
            weighing: match self.weighing {
                0 => Weighing::Even,
                1 => Weighing::Classes(&by_class),
                _ => Weighing::Rows(&given.row_weights),
            },
            ..plain(&given.records, self.classes)
        }
    }
}

/// A forest of few trees without limits.
pub fn plain(records: &Records, classes: usize) -> Forest<'_> {
    Forest {
        records,
        classes,
        trees: 2,
        seed: 3,
        criterion: Criterion::Gini,
        max_depth: 30,
        min_split: 2,
        min_leaf: 1,
        min_decrease: 0,
        max_features: records.bins().len() as u32,
        max_leaves: None,
        draws: Some(records.rows() as u64),
        weighing: Weighing::Even,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_fast_forest_is_the_plain_one(case in cases()) {
        let given = case.given();
        let forest = Forest { trees: 2, ..case.forest(&given) };
        let weight_of = |row: usize| match case.weighing {
            0 => 1,
            1 => CLASS_WEIGHTS[given.classes[row] as usize].into(),
            _ => given.row_weights[row].into(),
        };
        let grown = grow(&forest, &|_, _, _| std::ops::ControlFlow::Continue(())).unwrap();
        for (number, tree) in grown.iter().enumerate() {
            prop_assert_eq!(tree, &reference_tree(&forest, number as u32, &weight_of), "tree {}", number);
        }
        // With room for every leaf, best first makes the same splits.
        let unlimited = Forest { max_leaves: Some(u32::MAX), ..forest };
        prop_assert_eq!(&grow(&unlimited, &|_, _, _| std::ops::ControlFlow::Continue(())).unwrap(), &grown);
    }
}

/// Large enough for copies of records and for two threads inside a tree: 1, 2 and 7 threads grow the same.
#[test]
fn threads_do_not_matter() {
    let (x, kinds, y) = data(150_000, 2, 30, 1);
    let records = Records::bin(x.view(), &kinds, &y, 255, 1);
    let forest = Forest { trees: 3, max_depth: 8, max_features: 3, ..plain(&records, 2) };
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| grow(&forest, &|_, _, _| std::ops::ControlFlow::Continue(())).unwrap())
    };
    let one = with(1);
    assert!(one.iter().all(|tree| tree.nodes.len() > 100));
    assert!(one == with(2) && one == with(7));
}
