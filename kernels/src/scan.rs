//! The best split of a node: every feature's candidates compared exactly, ties broken by a fixed rule.
//!
//! A candidate sends the first bins of an order to the left. The order of a number's bins is their own; a category's
//! levels are ordered by the share of one class (the second of two; of more, the node's heaviest), which for two classes
//! makes the best prefix the best of all subsets (Breiman et al. 1984, theorem 4.5). Where the node has missing values,
//! every candidate is tried with them on the right, then on the left, and missing values against all others.
//!
//! Of equal splits the one with the lower feature wins, then missing values on the right, then the shorter prefix.

use crate::bootstrap::Entry;
use crate::cuts::MISSING;
use crate::impurity::{Criterion, MAX_WEIGHT, Score, estimate, is_near};
use crate::records::Bins;
use crate::tally::{BINS, Tally, View, accumulate};
use crate::wide::compare_products;

/// The rows of a node, and their sums.
#[derive(Clone, Copy)]
pub struct NodeRows<'a> {
    pub view: View<'a>,
    pub rows: &'a [Entry],
    /// Weight of each class, before `multipliers`.
    pub weights: &'a [u64],
    /// Number of samples.
    pub count: u64,
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

/// Nodes of fewer rows are summed bin by bin instead of in whole histograms.
const FEW_ROWS: usize = 160;

/// Memory of one thread, kept from node to node.
pub struct Scratch<T: Tally> {
    slots: Vec<T::Slot>,
    left: Vec<u64>,
    right: Vec<u64>,
    side: Vec<u64>,
    present: Vec<u8>,
    estimates: Vec<f64>,
}

impl<T: Tally> Scratch<T> {
    pub fn new() -> Self {
        Self { slots: vec![], left: vec![], right: vec![], side: vec![], present: vec![], estimates: vec![0.0; BINS] }
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
    let each = BINS * tally.width();
    let mut best = None;
    if node.rows.len() < FEW_ROWS {
        // Kept all zero between nodes: only what was touched is cleared.
        scratch.slots.resize(each.max(scratch.slots.len()), T::Slot::default());
        for &feature in features {
            let mut slots = std::mem::take(&mut scratch.slots);
            sum_few(tally, node, feature, &mut slots[..each], &mut scratch.present);
            let mut scan = Scan { tally, rules, node, feature, slots: &slots[..each], best: &mut best };
            scan.candidates(scratch);
            let width = tally.width();
            for &bin in &scratch.present {
                slots[bin as usize * width..][..width].fill(T::Slot::default());
            }
            slots[MISSING as usize * width..][..width].fill(T::Slot::default());
            scratch.slots = slots;
        }
    } else {
        let mut slots = std::mem::take(&mut scratch.slots);
        slots.clear();
        slots.resize(each * features.len(), T::Slot::default());
        accumulate(tally, node.view, node.rows, features, &mut slots);
        for (&feature, slots) in features.iter().zip(slots.chunks_exact(each)) {
            let mut scan = Scan { tally, rules, node, feature, slots, best: &mut best };
            if !scan.two_classes(scratch) {
                scan.list_present(&mut scratch.present);
                scan.candidates(scratch);
            }
        }
        slots.clear();
        scratch.slots = slots;
    }
    best.map(|best| best.chosen)
}

/// Sums the rows of a small node for one feature, and lists the bins that occur, in order, without that of missing values.
fn sum_few<T: Tally>(tally: T, node: NodeRows<'_>, feature: u32, slots: &mut [T::Slot], present: &mut Vec<u8>) {
    let width = tally.width();
    let mut seen = [0u64; 4];
    for &entry in node.rows {
        let record = node.view.record(entry);
        let bin = record[feature as usize];
        seen[bin as usize / 64] |= 1 << (bin % 64);
        let weight = node.view.weights.get(crate::bootstrap::row_of(entry) as usize).copied().unwrap_or(0);
        let class = record[node.view.stride - 1];
        tally.add(&mut slots[bin as usize * width..][..width], class, crate::bootstrap::draws_of(entry), weight);
    }
    seen[3] &= !(1 << 63);
    present.clear();
    for (word, bits) in seen.iter_mut().enumerate() {
        while *bits != 0 {
            present.push((word * 64) as u8 + bits.trailing_zeros() as u8);
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

impl<T: Tally> Scan<'_, '_, T> {
    fn slots_of(&self, bin: u8) -> &[T::Slot] {
        let width = self.tally.width();
        &self.slots[bin as usize * width..][..width]
    }

    fn list_present(&self, present: &mut Vec<u8>) {
        let empty = T::Slot::default();
        present.clear();
        present.extend((0..MISSING).filter(|&bin| self.slots_of(bin).iter().any(|slot| *slot != empty)));
    }

    /// Every candidate over the bins in `scratch.present`, which are in order.
    fn candidates(&mut self, scratch: &mut Scratch<T>) {
        let classes = self.node.weights.len();
        let mut present = std::mem::take(&mut scratch.present);
        let is_category = matches!(self.rules.bins[self.feature as usize], Bins::Category { .. });
        if is_category {
            self.order_by_share(&mut present, scratch);
        }
        scratch.side.clear();
        scratch.side.resize(classes, 0);
        let missing = self.tally.read(self.slots_of(MISSING), &mut scratch.side);
        for missing_left in [false, true] {
            if missing_left && missing == 0 {
                break;
            }
            scratch.left.clear();
            scratch.left.resize(classes, 0);
            let mut count = 0;
            if missing_left {
                scratch.left.copy_from_slice(&scratch.side);
                count = missing;
            }
            // The whole order on the left leaves the right to the missing values, where there are any.
            let prefixes = if missing == 0 { present.len().saturating_sub(1) } else { present.len() };
            for length in 1..=prefixes {
                count += self.tally.read(self.slots_of(present[length - 1]), &mut scratch.left);
                if count < self.rules.min_leaf || self.node.count - count < self.rules.min_leaf {
                    continue;
                }
                let order = u32::from(missing_left) << 16 | length as u32;
                let cut =
                    |present: &[u8]| if is_category { set_of(&present[..length]) } else { between(present, length) };
                self.offer(order, count, &present, cut, missing_left, &scratch.left, &mut scratch.right);
            }
        }
        if is_category {
            present.sort_unstable();
        }
        scratch.present = present;
    }

    /// Orders the levels by the share of one class, exactly; equal shares by level.
    fn order_by_share(&self, present: &mut [u8], scratch: &mut Scratch<T>) {
        let weights = self.node.weights;
        let multiplier = self.rules.multipliers;
        let class = if weights.len() == 2 {
            1
        } else {
            let heaviest = (0..weights.len()).max_by_key(|&c| (weights[c] * multiplier[c], std::cmp::Reverse(c)));
            heaviest.unwrap_or(0)
        };
        let mut shares = [(0u64, 0u64); BINS];
        for &bin in present.iter() {
            scratch.side.clear();
            scratch.side.resize(weights.len(), 0);
            self.tally.read(self.slots_of(bin), &mut scratch.side);
            let sum = scratch.side.iter().zip(multiplier).map(|(weight, by)| weight * by).sum();
            shares[bin as usize] = (scratch.side[class] * multiplier[class], sum);
        }
        present.sort_unstable_by(|&a, &b| {
            let ((a_part, a_sum), (b_part, b_sum)) = (shares[a as usize], shares[b as usize]);
            compare_products(a_part.into(), b_sum.into(), b_part.into(), a_sum.into()).then(a.cmp(&b))
        });
    }

    /// Takes the candidate if it is the best yet. `left`: weights of its left side, before the multipliers.
    #[expect(clippy::too_many_arguments, reason = "the parts of one candidate, borrowed from different places")]
    fn offer(
        &mut self,
        order: u32,
        count: u64,
        present: &[u8],
        cut: impl FnOnce(&[u8]) -> Cut,
        missing_left: bool,
        left: &[u64],
        right: &mut Vec<u64>,
    ) {
        let multipliers = self.rules.multipliers;
        right.clear();
        right.extend(self.node.weights.iter().zip(left).zip(multipliers).map(|((all, left), by)| (all - left) * by));
        let unit = multipliers.iter().all(|&by| by == 1);
        let scaled: Vec<u64>;
        let weighted_left = if unit {
            left
        } else {
            scaled = left.iter().zip(multipliers).map(|(weight, by)| weight * by).collect();
            &scaled
        };
        // A side that weighs nothing has no impurity to compare.
        if weighted_left.iter().all(|&weight| weight == 0) || right.iter().all(|&weight| weight == 0) {
            return;
        }
        let estimate = estimate(self.rules.criterion, weighted_left, right);
        if self.best.as_ref().is_some_and(|best| estimate < best.estimate && !is_near(estimate, best.estimate)) {
            return;
        }
        let score = Score::of(self.rules.criterion, weighted_left, right);
        let rank = (self.feature, order);
        if let Some(best) = self.best {
            let comparison = score.compare(&best.score);
            if comparison.is_lt() || comparison.is_eq() && rank > best.rank {
                return;
            }
        }
        let chosen =
            Chosen { feature: self.feature, cut: cut(present), missing_left, left: left.to_vec(), left_count: count };
        *self.best = Some(Best { estimate, score, rank, chosen });
    }

    /// The same for two classes without row weights, over the whole histogram at once: estimates in vector code, then
    /// exact comparisons of the few that are near the largest. False where it does not apply.
    fn two_classes(&mut self, scratch: &mut Scratch<T>) -> bool {
        let Bins::Number { cuts } = &self.rules.bins[self.feature as usize] else { return false };
        let Some(pairs) = self.tally.as_pairs(self.slots) else { return false };
        if self.rules.criterion != Criterion::Gini
            || self.rules.multipliers != [1, 1]
            || pairs[MISSING as usize] != 0
            || self.node.count >= EXACT_IN_F64
        {
            return false;
        }
        let bins = cuts.len() + 1;
        let estimates = &mut scratch.estimates[..bins];
        let largest = estimate_all(&pairs[..bins], self.node.weights, self.rules.min_leaf, estimates);
        if largest < 0.0
            || self.best.as_ref().is_some_and(|best| largest < best.estimate && !is_near(largest, best.estimate))
        {
            return true;
        }
        self.compare_largest(&pairs[..bins], largest, scratch);
        true
    }

    /// Offers the candidates whose estimate is the largest, or near it.
    fn compare_largest(&mut self, pairs: &[u64], largest: f64, scratch: &mut Scratch<T>) {
        let present: Vec<u8> = (0..pairs.len()).filter(|&bin| pairs[bin] != 0).map(|bin| bin as u8).collect();
        let mut sum = 0;
        let mut right = std::mem::take(&mut scratch.right);
        for (i, &bin) in present.iter().enumerate() {
            sum += pairs[bin as usize];
            let estimate = scratch.estimates[bin as usize];
            if estimate == largest || is_near(estimate, largest) {
                let (count, ones) = (sum & 0xffff_ffff, sum >> 32);
                let left = [count - ones, ones];
                let cut = |present: &[u8]| between(present, i + 1);
                self.offer(i as u32 + 1, count, &present, cut, false, &left, &mut right);
            }
        }
        scratch.right = right;
    }
}

/// Products of two counts below this are exact in an `f64`.
const EXACT_IN_F64: u64 = 1 << 26;
const _: () = assert!(EXACT_IN_F64 < MAX_WEIGHT);

/// Writes `D^2 / (N_L N_R)` for the prefix that ends at each bin, or -1 where a side is too small; returns the largest.
fn estimate_all(pairs: &[u64], weights: &[u64], min_leaf: u64, out: &mut [f64]) -> f64 {
    let (n, p) = ((weights[0] + weights[1]) as f64, weights[1] as f64);
    let min_leaf = min_leaf as f64;
    let (mut counts, mut ones) = ([0.0; BINS], [0.0; BINS]);
    let mut sum = 0u64;
    for (i, pair) in pairs.iter().enumerate() {
        sum += pair;
        counts[i] = (sum as u32) as f64;
        ones[i] = ((sum >> 32) as u32) as f64;
    }
    let len = pairs.len();
    for ((out, &left), &ones) in out.iter_mut().zip(&counts[..len]).zip(&ones[..len]) {
        let right = n - left;
        let d = ones * n - p * left;
        let estimate = d * d / (left * right);
        // The smaller side decides; a side of zero makes the estimate meaningless, and is always too small.
        *out = if left.min(right) >= min_leaf { estimate } else { -1.0 };
    }
    // In several lanes, as the order of a maximum does not matter.
    let mut lanes = [-1.0f64; 8];
    let chunks = out.chunks_exact(8);
    let rest = chunks.remainder().iter().copied().fold(-1.0, f64::max);
    for chunk in chunks {
        for (lane, &estimate) in lanes.iter_mut().zip(chunk) {
            *lane = if estimate > *lane { estimate } else { *lane };
        }
    }
    lanes.into_iter().fold(rest, f64::max)
}

/// The middle of the empty bins after the prefix: values that no row of the node has are shared evenly.
fn between(present: &[u8], length: usize) -> Cut {
    let last = present[length - 1];
    match present.get(length) {
        Some(&next) => Cut::UpTo(((u32::from(last) + u32::from(next) - 1) / 2) as u8),
        None => Cut::UpTo(MISSING - 1),
    }
}

fn set_of(levels: &[u8]) -> Cut {
    let mut bits = [0; 4];
    for &level in levels {
        bits[level as usize / 64] |= 1 << (level % 64);
    }
    Cut::Set(bits)
}
