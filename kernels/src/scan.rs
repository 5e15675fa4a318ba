//! The best split of a node: every feature's candidates compared exactly, ties broken by a fixed rule.
//!
//! A candidate sends the first bins of an order to the left. The order of a number's bins is their own. A category's
//! levels are ordered by the share of one class (the second of two; of more, the node's heaviest), which for two classes
//! makes the best prefix the best of all subsets (Breiman et al. 1984, theorem 4.5). But of a level with few samples in
//! the node the share is chance, and choosing by it learns the rows by heart: such levels, and those that the node does
//! not have, count as having the node's own share. Equal shares stand in a random order, each node's own.
//! Where the node has missing values, every candidate is tried with them on the right, then on the left, and missing
//! values against all others; where it has none, they go where most samples go.
//!
//! Of equal splits the one with the lower feature wins, then missing values on the right, then the shorter prefix.

use std::cmp::{Ordering, Reverse};

use crate::bootstrap::{Entry, draws_of, row_of};
use crate::cuts::MISSING;
use crate::impurity::{Criterion, NEAR, Score, estimate, is_near};
use crate::pairs::{EXACT_IN_F64, Prefixes};
use crate::permutation::mix;
use crate::records::Bins;
use crate::tally::{BINS, Tally, View, accumulate};

/// The rows of a node, and their sums.
#[derive(Clone, Copy)]
pub struct NodeRows<'a> {
    pub view: View<'a>,
    pub rows: &'a [Entry],
    /// Weight of each class, before `multipliers`.
    pub weights: &'a [u64],
    /// Number of samples.
    pub count: u64,
    /// Names the node's random order of levels.
    pub level_key: u32,
}

/// What holds for all nodes of a tree.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    pub criterion: Criterion,
    /// Least samples of a child.
    pub min_leaf: u64,
    /// Integer weight of each class.
    pub multipliers: &'a [u64],
    pub bins: &'a [Bins],
}

/// Which bins go left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Those up to this one.
    UpTo(u8),
    /// Those whose bit is set.
    Set([u64; 4]),
}

impl Cut {
    /// Whether a bin, not that of missing values, goes left.
    #[inline(always)]
    pub fn takes(&self, bin: u8) -> bool {
        match self {
            Self::UpTo(last) => bin <= *last,
            Self::Set(bits) => bits[bin as usize / 64] >> (bin % 64) & 1 == 1,
        }
    }
}

/// A split of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    pub feature: u32,
    pub cut: Cut,
    pub missing_left: bool,
    /// Weight of each class on the left, before the multipliers.
    pub left: Vec<u64>,
    /// Samples on the left.
    pub left_count: u64,
}

/// A level with fewer samples in a node has no share of its own there (LightGBM's `min_data_per_group`).
pub const MIN_LEVEL_SAMPLES: u64 = 100;

/// Nodes of fewer rows are summed bin by bin instead of in whole histograms.
const FEW_ROWS: usize = 384;

/// Memory of one thread, kept from node to node.
pub struct Scratch<T: Tally> {
    slots: Vec<T::Slot>,
    buffers: Buffers,
}

/// The part of it that does not depend on the layout.
#[derive(Default)]
struct Buffers {
    left: Vec<u64>,
    right: Vec<u64>,
    scaled: Vec<u64>,
    missing: Vec<u64>,
    /// The bins that occur, in the order of the candidates.
    order: Vec<u8>,
    /// Where each level stands.
    places: Vec<LevelPlace>,
    pairs: Vec<u64>,
    prefixes: Prefixes,
    /// For each feature one bit a bin.
    seen: Vec<[u64; 4]>,
}

impl<T: Tally> Scratch<T> {
    pub fn new() -> Self {
        Self { slots: vec![], buffers: Buffers::default() }
    }
}

/// The best candidate so far.
struct Best {
    estimate: f64,
    score: Score,
    /// Feature, then order of the candidate within it: the tie rule.
    rank: (u32, u32),
    chosen: Chosen,
}

/// The best split over the features, or `None` where no candidate leaves enough samples on both sides.
pub fn best_split<T: Tally>(
    tally: T,
    rules: Rules<'_>,
    node: NodeRows<'_>,
    features: &[u32],
    scratch: &mut Scratch<T>,
) -> Option<Chosen> {
    let mut best = None;
    // As many at a time as histograms stay near; candidates are compared by rank, so the parts do not matter.
    for features in features.chunks(AT_ONCE) {
        if node.rows.len() < FEW_ROWS {
            offer_few(tally, rules, node, features, scratch, &mut best);
        } else {
            offer_histograms(tally, rules, node, features, scratch, &mut best);
        }
    }
    best.map(|best| best.chosen)
}

/// Features whose histograms are in memory together.
const AT_ONCE: usize = 8;

/// The candidates of a small node, bin by bin.
fn offer_few<T: Tally>(
    tally: T,
    rules: Rules<'_>,
    node: NodeRows<'_>,
    features: &[u32],
    scratch: &mut Scratch<T>,
    best: &mut Option<Best>,
) {
    let (width, each) = (tally.width(), BINS * tally.width());
    let Scratch { slots, buffers } = scratch;
    // All zero between nodes: only what was touched is cleared.
    slots.resize((each * features.len()).max(slots.len()), T::Slot::default());
    sum_few(tally, node, features, slots, &mut buffers.seen);
    for (k, &feature) in features.iter().enumerate() {
        let slots = &mut slots[k * each..][..each];
        list(buffers.seen[k], &mut buffers.order);
        Scan { tally, rules, node, feature, slots, best }.few(buffers);
        for bin in buffers.order.iter().copied().chain([MISSING]) {
            slots[bin as usize * width..][..width].fill(T::Slot::default());
        }
    }
}

/// The candidates of a large node, from whole histograms.
fn offer_histograms<T: Tally>(
    tally: T,
    rules: Rules<'_>,
    node: NodeRows<'_>,
    features: &[u32],
    scratch: &mut Scratch<T>,
    best: &mut Option<Best>,
) {
    let each = BINS * tally.width();
    let Scratch { slots, buffers } = scratch;
    slots.resize((each * features.len()).max(slots.len()), T::Slot::default());
    let slots = &mut slots[..each * features.len()];
    accumulate(tally, node.view, node.rows, features, slots);
    for (&feature, slots) in features.iter().zip(slots.chunks_exact(each)) {
        Scan { tally, rules, node, feature, slots, best }.all(buffers);
    }
    slots.fill(T::Slot::default());
}

/// Sums the rows of a small node into one histogram a feature, and notes the bins that occur.
fn sum_few<T: Tally>(tally: T, node: NodeRows<'_>, features: &[u32], slots: &mut [T::Slot], seen: &mut Vec<[u64; 4]>) {
    let (width, view) = (tally.width(), node.view);
    let each = BINS * width;
    seen.clear();
    seen.resize(features.len(), [0; 4]);
    for &entry in node.rows {
        let record = view.record(entry);
        let (class, draws) = (record[view.stride - 1], draws_of(entry));
        let weight = if view.weights.is_empty() { 0 } else { view.weights[row_of(entry) as usize] };
        for ((&feature, seen), slots) in features.iter().zip(seen.iter_mut()).zip(slots.chunks_exact_mut(each)) {
            let bin = record[feature as usize];
            seen[bin as usize / 64] |= 1 << (bin % 64);
            tally.add(&mut slots[bin as usize * width..][..width], class, draws, weight);
        }
    }
}

/// The bins whose bit is set, in order, without that of missing values.
fn list(mut seen: [u64; 4], order: &mut Vec<u8>) {
    seen[3] &= !(1 << 63);
    order.clear();
    for (word, bits) in seen.iter_mut().enumerate() {
        while *bits != 0 {
            order.push((word * 64) as u8 + bits.trailing_zeros() as u8);
            *bits &= *bits - 1;
        }
    }
}

/// The candidates of one feature of one node.
struct Scan<'a, 'b, T: Tally> {
    tally: T,
    rules: Rules<'a>,
    node: NodeRows<'a>,
    feature: u32,
    slots: &'a [T::Slot],
    best: &'b mut Option<Best>,
}

impl<'a, T: Tally> Scan<'a, '_, T> {
    fn slots_of(&self, bin: u8) -> &[T::Slot] {
        let width = self.tally.width();
        &self.slots[bin as usize * width..][..width]
    }

    fn is_category(&self) -> bool {
        matches!(self.rules.bins[self.feature as usize], Bins::Category { .. })
    }

    /// All candidates, over the bins that `buffers.order` lists in their own order.
    fn few(&mut self, buffers: &mut Buffers) {
        if self.is_category() {
            self.order_levels(buffers);
        }
        match self.as_pairs() {
            Some(pairs) => {
                let mut listed = std::mem::take(&mut buffers.pairs);
                listed.clear();
                listed.extend(buffers.order.iter().map(|&bin| pairs[bin as usize]));
                self.offer_pairs(&listed, pairs[MISSING as usize], buffers);
                buffers.pairs = listed;
            }
            None => self.offer_all(buffers),
        }
    }

    /// All candidates of a whole histogram.
    fn all(&mut self, buffers: &mut Buffers) {
        let empty = T::Slot::default();
        let bins = self.rules.bins[self.feature as usize].len() as u8;
        match self.as_pairs() {
            Some(pairs) if !self.is_category() => {
                // Empty bins repeat the candidate before them, and are passed over when it comes to the best.
                buffers.order.clear();
                buffers.order.extend(0..bins);
                self.offer_pairs(&pairs[..bins as usize], pairs[MISSING as usize], buffers);
            }
            _ => {
                buffers.order.clear();
                buffers.order.extend((0..bins).filter(|&bin| self.slots_of(bin).iter().any(|slot| *slot != empty)));
                self.few(buffers);
            }
        }
    }

    /// The histogram as counts of two classes, where estimates may be made from those alone.
    fn as_pairs(&self) -> Option<&'a [u64]> {
        let plain = self.rules.criterion == Criterion::Gini && self.rules.multipliers == [1, 1];
        if plain && self.node.count < EXACT_IN_F64 { self.tally.as_pairs(self.slots) } else { None }
    }

    /// Orders the levels: see the top of this file.
    fn order_levels(&self, buffers: &mut Buffers) {
        let Buffers { order, places, left, .. } = buffers;
        self.place_levels(order, places, left);
        order.sort_unstable_by(|&a, &b| places[a as usize].compare(&places[b as usize]));
    }

    /// Where each level stands in the order, those that do not occur too.
    fn place_levels(&self, order: &[u8], places: &mut Vec<LevelPlace>, sums: &mut Vec<u64>) {
        let (weights, multipliers) = (self.node.weights, self.rules.multipliers);
        let heaviest = || (0..weights.len()).max_by_key(|&c| (weights[c] * multipliers[c], Reverse(c))).unwrap_or(0);
        let class = if weights.len() == 2 { 1 } else { heaviest() };
        // A level that weighs nothing has a share of 0.
        let share = |sums: &[u64]| {
            let sum: u64 = sums.iter().zip(multipliers).map(|(weight, by)| weight * by).sum();
            (sums[class] * multipliers[class], sum.max(1))
        };
        let own = share(weights);
        let levels = self.rules.bins[self.feature as usize].len();
        places.clear();
        places.extend((0..levels).map(|level| LevelPlace::new(own, self.node.level_key, self.feature, level)));
        for &bin in order {
            sums.clear();
            sums.resize(weights.len(), 0);
            if self.tally.read(self.slots_of(bin), sums) >= MIN_LEVEL_SAMPLES {
                places[bin as usize].share = share(sums);
            }
        }
    }

    /// The first levels of the order, and those that do not occur and would stand among them.
    fn set_of(&self, order: &[u8], length: usize, places: &[LevelPlace]) -> Cut {
        let last = &places[order[length - 1] as usize];
        let mut bits = [0; 4];
        for (level, place) in places.iter().enumerate() {
            if place.compare(last).is_le() {
                bits[level / 64] |= 1 << (level % 64);
            }
        }
        Cut::Set(bits)
    }

    /// Every candidate, one by one.
    fn offer_all(&mut self, buffers: &mut Buffers) {
        let classes = self.node.weights.len();
        buffers.missing.clear();
        buffers.missing.resize(classes, 0);
        let missing = self.tally.read(self.slots_of(MISSING), &mut buffers.missing);
        for missing_left in [false, true] {
            if missing_left && missing == 0 {
                break;
            }
            let mut left = std::mem::take(&mut buffers.left);
            left.clear();
            left.resize(classes, 0);
            let mut count = 0;
            if missing_left {
                left.copy_from_slice(&buffers.missing);
                count = missing;
            }
            for length in 1..=buffers.order.len() {
                count += self.tally.read(self.slots_of(buffers.order[length - 1]), &mut left);
                // The whole order on the left leaves the right to the missing values, where there are any.
                if count >= self.rules.min_leaf && self.node.count - count >= self.rules.min_leaf {
                    self.offer(length, count, missing_left, &left, buffers);
                }
            }
            buffers.left = left;
        }
    }

    /// Every candidate of two classes: estimates in vector code, then the few that are near the largest exactly.
    /// `pairs[i]` belongs to bin `order[i]`, and may be zero.
    fn offer_pairs(&mut self, pairs: &[u64], missing: u64, buffers: &mut Buffers) {
        for missing_left in [false, true] {
            if missing_left && missing == 0 {
                break;
            }
            let start = if missing_left { missing } else { 0 };
            let mut prefixes = std::mem::take(&mut buffers.prefixes);
            let largest = prefixes.estimate(pairs, start, self.node.weights, self.rules.min_leaf);
            let beaten = |best: &Best| largest < best.estimate && !is_near(largest, best.estimate);
            if largest >= 0.0 && !self.best.as_ref().is_some_and(beaten) {
                let near = largest - largest * NEAR;
                let mut sum = start;
                for (i, (&pair, &estimate)) in pairs.iter().zip(prefixes.estimates()).enumerate() {
                    sum += pair;
                    if estimate >= near && pair != 0 {
                        let (count, ones) = (sum & 0xffff_ffff, sum >> 32);
                        self.offer(i + 1, count, missing_left, &[count - ones, ones], buffers);
                    }
                }
            }
            buffers.prefixes = prefixes;
        }
    }

    /// Takes the candidate if it is the best yet: the first `length` bins of the order on the left, which hold `count`
    /// samples and weigh `left`, before the multipliers.
    fn offer(&mut self, length: usize, count: u64, missing_left: bool, left: &[u64], buffers: &mut Buffers) {
        let Buffers { right, scaled, order, places, .. } = buffers;
        let multipliers = self.rules.multipliers;
        right.clear();
        right.extend(self.node.weights.iter().zip(left).zip(multipliers).map(|((all, left), by)| (all - left) * by));
        scaled.clear();
        scaled.extend(left.iter().zip(multipliers).map(|(weight, by)| weight * by));
        // A side that weighs nothing has no impurity to compare.
        if scaled.iter().all(|&weight| weight == 0) || right.iter().all(|&weight| weight == 0) {
            return;
        }
        let estimate = estimate(self.rules.criterion, scaled, right);
        if self.best.as_ref().is_some_and(|best| estimate < best.estimate && !is_near(estimate, best.estimate)) {
            return;
        }
        let score = Score::of(self.rules.criterion, scaled, right);
        let rank = (self.feature, u32::from(missing_left) << 16 | length as u32);
        if let Some(best) = self.best {
            let comparison = score.compare(&best.score);
            if comparison.is_lt() || comparison.is_eq() && rank > best.rank {
                return;
            }
        }
        let cut = if self.is_category() { self.set_of(order, length, places) } else { self.middle(order, length) };
        // Missing values that the node has not seen go where most samples go.
        let unseen = self.slots_of(MISSING).iter().all(|slot| *slot == T::Slot::default());
        let missing_left = if unseen { 2 * count >= self.node.count } else { missing_left };
        let chosen = Chosen { feature: self.feature, cut, missing_left, left: left.to_vec(), left_count: count };
        *self.best = Some(Best { estimate, score, rank, chosen });
    }

    /// The middle of the empty bins after the prefix: values that no row of the node has are shared evenly.
    fn middle(&self, order: &[u8], length: usize) -> Cut {
        let empty = T::Slot::default();
        let is_present = |bin: &&u8| self.slots_of(**bin).iter().any(|slot| *slot != empty);
        let last = order[length - 1];
        match order[length..].iter().find(is_present) {
            Some(&next) => Cut::UpTo(((u32::from(last) + u32::from(next) - 1) / 2) as u8),
            None => Cut::UpTo(MISSING - 1),
        }
    }
}

/// Where a level stands in the order of its feature's levels.
struct LevelPlace {
    /// Weight of the class that orders, and of all classes: below 2^31, so that products are below 2^62.
    share: (u64, u64),
    rank: u32,
    level: u32,
}

impl LevelPlace {
    fn new(share: (u64, u64), key: u32, feature: u32, level: u32) -> Self {
        Self { share, rank: mix(key ^ mix(feature << 8 | level)), level }
    }

    fn compare(&self, other: &Self) -> Ordering {
        let ((part, sum), (other_part, other_sum)) = (self.share, other.share);
        (part * other_sum).cmp(&(other_part * sum)).then((self.rank, self.level).cmp(&(other.rank, other.level)))
    }
}
