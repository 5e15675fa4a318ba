//! The best split of a node, from its histogram: all candidates of a feature are estimated in floats, and the few near the
//! best are compared exactly.
//!
//! A candidate sends the first bins of an order to the left: a number's bins in their own order, a category's levels by
//! what they would answer alone, drawn to the node's own answer by [`SMOOTHING`]; levels with few rows, whose answer is
//! chance, have the node's. Missing values are tried on the right, then on the left, and against all others; where
//! the node has none, they go where more rows go. Of equal splits the lower feature wins, then missing values on the right,
//! then the shorter prefix.

use super::fixed::MARGIN_BITS;
use super::gradient::{CURVATURE_BITS, GRADIENT_BITS};
use super::histogram::{FeatureSums, Histogram};
use super::newton::{Bounds, Estimator, Sums, answer, gain, gain_number, slack, unit};
use crate::cuts::MISSING;
use crate::records::Bins;
use crate::scan::Cut;

/// What holds for all nodes of a tree.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    pub bins: &'a [Bins],
    /// L2, in units of curvature.
    pub lambda: u64,
    /// Least rows of a leaf.
    pub min_leaf: u32,
    /// Least curvature of a leaf.
    pub min_curvature: u64,
    /// For each feature whether answers may only rise (1) or fall (-1) with it; empty where none is bound.
    pub monotone: &'a [i8],
}

impl Rules<'_> {
    fn direction(&self, feature: usize) -> i8 {
        self.monotone.get(feature).copied().unwrap_or(0)
    }

    /// Whether a side is large enough.
    pub fn allows(&self, side: Sums) -> bool {
        side.rows >= self.min_leaf && side.curvature >= self.min_curvature
    }
}

/// A split of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    pub feature: u32,
    pub cut: Cut,
    pub missing_left: bool,
    pub left: Sums,
    pub right: Sums,
    /// By how much it lowers twice the loss, in 2^-64; above zero.
    pub gain: i128,
    pub bounds: [Bounds; 2],
}

/// Curvature that draws a level to the node's own answer: that of 40 rows of which nothing is known (LightGBM's
/// `cat_smooth`).
const SMOOTHING: u64 = 10 << CURVATURE_BITS;
/// More L2 for splits of many levels, which have many more candidates to choose from (LightGBM's `cat_l2`).
const LEVEL_LAMBDA: u64 = 10 << CURVATURE_BITS;
/// How many levels are few (LightGBM's `max_cat_to_onehot`).
const FEW_LEVELS: usize = 4;
/// A level with fewer rows in a node has the node's own answer (as in scikit-learn's histograms).
const LEVEL_ROWS: u32 = 10;

/// The best split over the features, or `None` where none lowers the loss.
pub fn best_split(
    rules: Rules<'_>,
    histogram: &Histogram,
    node: Sums,
    bounds: Bounds,
    features: impl Iterator<Item = u32>,
) -> Option<Chosen> {
    let own = gain(node, rules.lambda, answer(node, rules.lambda, bounds));
    let mut best: Option<Chosen> = None;
    let mut scratch = Scratch::default();
    for feature in features {
        let sums = histogram.feature(feature as usize);
        Scan { rules, node, bounds, own, feature, sums, best: &mut best }.offer_all(&mut scratch);
    }
    best
}

#[derive(Default)]
struct Scratch {
    order: Vec<u8>,
    gradient: Vec<f64>,
    curvature: Vec<f64>,
    rows: Vec<u32>,
    estimates: Vec<f64>,
}

struct Scan<'a, 'b> {
    rules: Rules<'a>,
    node: Sums,
    bounds: Bounds,
    /// What the node gains unsplit.
    own: i128,
    feature: u32,
    sums: FeatureSums<'a>,
    best: &'b mut Option<Chosen>,
}

impl Scan<'_, '_> {
    fn offer_all(&mut self, scratch: &mut Scratch) {
        let is_category = matches!(self.rules.bins[self.feature as usize], Bins::Category { .. });
        let bins = self.rules.bins[self.feature as usize].len() as usize;
        scratch.order.clear();
        scratch.order.extend((0..bins).filter(|&bin| self.sums.rows[bin] > 0).map(|bin| bin as u8));
        if is_category {
            if bins > FEW_LEVELS {
                self.rules.lambda += LEVEL_LAMBDA;
            }
            self.order_levels(&mut scratch.order);
        }
        let missing = self.sums.of(MISSING as usize);
        for missing_left in [false, true] {
            if missing_left && missing.rows == 0 {
                break;
            }
            let start = if missing_left { missing } else { Sums::default() };
            self.offer_prefixes(start, missing_left, scratch);
        }
    }

    /// By what each level would answer; of equal ones, the lower first.
    fn order_levels(&self, order: &mut [u8]) {
        let node = answer(self.node, 0, Bounds::WIDE);
        let drawn = |level: u8| {
            // A gradient of smoothing rows that answer as the node does.
            let sums = self.sums.of(level as usize);
            if sums.rows < LEVEL_ROWS {
                return node;
            }
            let pull =
                -((i128::from(node) * i128::from(SMOOTHING)) >> (MARGIN_BITS + CURVATURE_BITS - GRADIENT_BITS)) as i64;
            answer(Sums { gradient: sums.gradient + pull, ..sums }, SMOOTHING, Bounds::WIDE)
        };
        order.sort_by_key(|&level| (drawn(level), level));
    }

    /// The prefixes of the order, with `start` in all of them.
    fn offer_prefixes(&mut self, start: Sums, missing_left: bool, scratch: &mut Scratch) {
        if self.rules.direction(self.feature as usize) != 0 {
            // Which candidates may be is known by their exact answers only.
            return self.offer_each(start, missing_left, scratch, |_| true);
        }
        let largest = self.estimate(start, scratch);
        let room = slack(largest, self.node.curvature, self.rules.lambda);
        let beaten = |best: &Chosen| largest + 2.0 * room < gain_number(best.gain + self.own);
        if largest < gain_number(self.own) - 2.0 * room || self.best.as_ref().is_some_and(beaten) {
            return;
        }
        self.offer_each(start, missing_left, scratch, |estimate| estimate >= largest - 2.0 * room);
    }

    fn offer_each(&mut self, start: Sums, missing_left: bool, scratch: &Scratch, may_win: impl Fn(f64) -> bool) {
        let mut left = start;
        for (i, &bin) in scratch.order.iter().enumerate() {
            left = left.plus(self.sums.of(bin.into()));
            if may_win(scratch.estimates.get(i).copied().unwrap_or(f64::INFINITY)) {
                self.offer(i + 1, left, missing_left, &scratch.order);
            }
        }
    }

    /// Estimates of all prefixes, minus infinity for those that are not allowed; returns the largest.
    fn estimate(&self, start: Sums, scratch: &mut Scratch) -> f64 {
        let Scratch { order, gradient, curvature, rows, estimates } = scratch;
        for memory in [&mut *gradient, &mut *curvature, &mut *estimates] {
            memory.clear();
        }
        rows.clear();
        let mut left = start;
        for &bin in order.iter() {
            left = left.plus(self.sums.of(bin as usize));
            gradient.push(left.gradient as f64 / f64::from(1 << GRADIENT_BITS));
            curvature.push(unit(left.curvature));
            rows.push(left.rows);
        }
        let (all, min_leaf, min_curvature) = (self.node, self.rules.min_leaf, unit(self.rules.min_curvature));
        let all_gradient = all.gradient as f64 / f64::from(1 << GRADIENT_BITS);
        let all_curvature = unit(all.curvature);
        let estimator = Estimator::new(self.rules.lambda, self.bounds);
        estimates.resize(order.len(), f64::NEG_INFINITY);
        let parts = gradient.iter().zip(&*curvature).zip(&*rows);
        for (out, ((&g, &h), &n)) in estimates.iter_mut().zip(parts) {
            let gain = estimator.gain(g, h) + estimator.gain(all_gradient - g, all_curvature - h);
            let enough =
                (n.min(all.rows - n) >= min_leaf) & (h >= min_curvature) & (all_curvature - h >= min_curvature);
            *out = if enough { gain } else { f64::NEG_INFINITY };
        }
        estimates.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// Takes the candidate if it is the best yet.
    fn offer(&mut self, length: usize, left: Sums, missing_left: bool, order: &[u8]) {
        let right = self.node.minus(left);
        if !self.rules.allows(left) || !self.rules.allows(right) || right.rows == 0 {
            return;
        }
        let answers = [left, right].map(|side| answer(side, self.rules.lambda, self.bounds));
        let direction = self.rules.direction(self.feature as usize);
        if i64::from(direction) * (answers[1] - answers[0]) < 0 {
            return;
        }
        let both = gain(left, self.rules.lambda, answers[0]) + gain(right, self.rules.lambda, answers[1]);
        let gain = both - self.own;
        // Candidates come in the order of the tie rule: the first of equal ones stays.
        if gain <= self.best.as_ref().map_or(0, |best| best.gain) {
            return;
        }
        let has_missing = self.sums.rows[MISSING as usize] > 0;
        let most_left = left.rows > right.rows;
        *self.best = Some(Chosen {
            feature: self.feature,
            cut: self.cut(length, order, most_left),
            missing_left: if has_missing { missing_left } else { most_left },
            left,
            right,
            gain,
            bounds: self.bounds.of_children(direction, answers[0], answers[1]),
        });
    }

    /// Values and levels that no row of the node has: half of a gap goes to either side, and levels where more rows go.
    fn cut(&self, length: usize, order: &[u8], most_left: bool) -> Cut {
        let bins = &self.rules.bins[self.feature as usize];
        if let Bins::Number { .. } = bins {
            let last = u32::from(order[length - 1]);
            let middle = |&next: &u8| Cut::UpTo(((last + u32::from(next) - 1) / 2) as u8);
            return order.get(length).map_or(Cut::UpTo(MISSING - 1), middle);
        }
        let mut set = [0; 4];
        let mut add = |level: usize| set[level / 64] |= 1 << (level % 64);
        order[..length].iter().for_each(|&level| add(level.into()));
        if most_left {
            (0..bins.len() as usize).filter(|&level| self.sums.rows[level] == 0).for_each(add);
        }
        Cut::Set(set)
    }
}
