//! One candidate of a split, weighed class by class, and the best of those that a unit has seen.

use cubecl::prelude::*;

use super::shape::{NONE, Shape};
use super::words::{
    Goodness, Three, Two, add, add_three, mix, n_log2_n, order_goodness, order_two, product, subtract_saturating, times,
};

/// In a rank: missing values go left.
pub const RANK_MISSING_LEFT: u32 = 1 << 16;

/// One side of a candidate: its weight, and the sum over classes of squares (Gini) or of `n log n` (entropy).
#[derive(CubeType)]
pub struct Side {
    sum: RuntimeCell<u32>,
    w0: RuntimeCell<u32>,
    w1: RuntimeCell<u32>,
}

#[cube]
fn side() -> Side {
    Side { sum: RuntimeCell::<u32>::new(0u32), w0: RuntimeCell::<u32>::new(0u32), w1: RuntimeCell::<u32>::new(0u32) }
}

#[cube]
fn part_of(weight: u32, facts: &Array<u32>, shape: &Shape, #[comptime] entropy: bool) -> Two {
    if comptime!(entropy) { n_log2_n(weight, facts, shape.logs_at) } else { product(weight, weight) }
}

#[cube]
fn add_weight(side: &Side, weight: u32, facts: &Array<u32>, shape: &Shape, #[comptime] entropy: bool) {
    let part = part_of(weight, facts, shape, entropy);
    let sum = add(Two { w0: side.w0.read(), w1: side.w1.read() }, part);
    side.sum.store(side.sum.read() + weight);
    side.w0.store(sum.w0);
    side.w1.store(sum.w1);
}

#[cube]
fn parts_of(side: &Side) -> Two {
    Two { w0: side.w0.read(), w1: side.w1.read() }
}

/// A candidate with missing values on the right, and the same with them on the left.
#[derive(CubeType)]
pub struct Candidate {
    left: Side,
    right: Side,
    more_left: Side,
    less_right: Side,
}

/// A candidate of which no class was added yet.
#[cube]
pub fn candidate() -> Candidate {
    Candidate { left: side(), right: side(), more_left: side(), less_right: side() }
}

/// Adds a class: its weight on the left, among the missing values, and in the whole node, before its multiplier.
#[cube]
#[expect(clippy::too_many_arguments, reason = "a class, and how it counts")]
pub fn add_class(
    to: &Candidate,
    left: u32,
    missing: u32,
    all: u32,
    multiplier: u32,
    facts: &Array<u32>,
    shape: &Shape,
    #[comptime] entropy: bool,
) {
    add_weight(&to.left, left * multiplier, facts, shape, entropy);
    add_weight(&to.right, (all - left) * multiplier, facts, shape, entropy);
    add_weight(&to.more_left, (left + missing) * multiplier, facts, shape, entropy);
    add_weight(&to.less_right, (all - left - missing) * multiplier, facts, shape, entropy);
}

/// `N log N - sum of n log n`.
#[cube]
fn information(side: &Side, facts: &Array<u32>, shape: &Shape) -> Two {
    subtract_saturating(n_log2_n(side.sum.read(), facts, shape.logs_at), parts_of(side))
}

#[cube]
fn goodness(left: &Side, right: &Side, facts: &Array<u32>, shape: &Shape, #[comptime] entropy: bool) -> Goodness {
    if comptime!(entropy) {
        // Less information is better: all bits turned over.
        let both = add(information(left, facts, shape), information(right, facts, shape));
        Goodness { num: Three { w0: !both.w0, w1: !both.w1, w2: 0u32 }, den: Two { w0: 1u32, w1: 0u32 } }
    } else {
        let num = add_three(times(parts_of(left), right.sum.read()), times(parts_of(right), left.sum.read()));
        Goodness { num, den: product(left.sum.read(), right.sum.read()) }
    }
}

/// The best candidate so far.
#[derive(CubeType)]
pub struct Best {
    pub num_0: RuntimeCell<u32>,
    pub num_1: RuntimeCell<u32>,
    pub num_2: RuntimeCell<u32>,
    pub den_0: RuntimeCell<u32>,
    pub den_1: RuntimeCell<u32>,
    /// [`NONE`] while there is none.
    pub rank: RuntimeCell<u32>,
    pub feature: RuntimeCell<u32>,
}

/// None yet.
#[cube]
pub fn no_best() -> Best {
    Best {
        num_0: RuntimeCell::<u32>::new(0u32),
        num_1: RuntimeCell::<u32>::new(0u32),
        num_2: RuntimeCell::<u32>::new(0u32),
        den_0: RuntimeCell::<u32>::new(0u32),
        den_1: RuntimeCell::<u32>::new(0u32),
        rank: RuntimeCell::<u32>::new(NONE),
        feature: RuntimeCell::<u32>::new(0u32),
    }
}

/// How good the best is.
#[cube]
pub fn goodness_of(best: &Best) -> Goodness {
    Goodness {
        num: Three { w0: best.num_0.read(), w1: best.num_1.read(), w2: best.num_2.read() },
        den: Two { w0: best.den_0.read(), w1: best.den_1.read() },
    }
}

/// Takes a split if it is the better one; of equal ones that of the lower feature, then that of the lower rank.
#[cube]
pub fn take_better(best: &Best, found: Goodness, rank: u32, feature: u32) {
    let mut better = rank != NONE;
    if better && best.rank.read() != NONE {
        let order = order_goodness(found, goodness_of(best));
        let is_first = feature < best.feature.read() || (feature == best.feature.read() && rank < best.rank.read());
        better = order == 1u32 || (order == 0u32 && is_first);
    }
    if better {
        best.num_0.store(found.num.w0);
        best.num_1.store(found.num.w1);
        best.num_2.store(found.num.w2);
        best.den_0.store(found.den.w0);
        best.den_1.store(found.den.w1);
        best.rank.store(rank);
        best.feature.store(feature);
    }
}

/// Where the units of a cube lay down their best.
#[derive(CubeType)]
pub struct Shelf {
    num_0: SharedMemory<u32>,
    num_1: SharedMemory<u32>,
    num_2: SharedMemory<u32>,
    den_0: SharedMemory<u32>,
    den_1: SharedMemory<u32>,
    pub rank: SharedMemory<u32>,
    pub feature: SharedMemory<u32>,
}

/// A place for each unit.
#[cube]
pub fn shelf(#[comptime] units: u32) -> Shelf {
    let size = comptime!(units as usize);
    Shelf {
        num_0: SharedMemory::<u32>::new(size),
        num_1: SharedMemory::<u32>::new(size),
        num_2: SharedMemory::<u32>::new(size),
        den_0: SharedMemory::<u32>::new(size),
        den_1: SharedMemory::<u32>::new(size),
        rank: SharedMemory::<u32>::new(size),
        feature: SharedMemory::<u32>::new(size),
    }
}

#[cube]
fn lay_down(shelf: &mut Shelf, best: &Best) {
    let here = UNIT_POS as usize;
    shelf.num_0[here] = best.num_0.read();
    shelf.num_1[here] = best.num_1.read();
    shelf.num_2[here] = best.num_2.read();
    shelf.den_0[here] = best.den_0.read();
    shelf.den_1[here] = best.den_1.read();
    shelf.rank[here] = best.rank.read();
    shelf.feature[here] = best.feature.read();
}

/// How good what lies at a place is.
#[cube]
pub fn goodness_at(shelf: &Shelf, place: u32) -> Goodness {
    let at = place as usize;
    Goodness {
        num: Three { w0: shelf.num_0[at], w1: shelf.num_1[at], w2: shelf.num_2[at] },
        den: Two { w0: shelf.den_0[at], w1: shelf.den_1[at] },
    }
}

/// Lays the best of `len` units that stand side by side at the place of their first; `local` is a unit's number among
/// them. All units of the cube take part.
#[cube]
pub fn reduce(best: &Best, shelf: &mut Shelf, local: u32, len: u32) {
    lay_down(shelf, best);
    sync_cube();
    let mut step = CUBE_DIM / 2u32;
    while step > 0u32 {
        if local < step && local + step < len {
            let there = UNIT_POS + step;
            let found = goodness_at(shelf, there);
            take_better(best, found, shelf.rank[there as usize], shelf.feature[there as usize]);
            lay_down(shelf, best);
        }
        sync_cube();
        step /= 2u32;
    }
}

/// Samples of a candidate's left side, of the missing values, and of the node.
#[derive(CubeType, Clone, Copy)]
pub struct Samples {
    pub left: u32,
    pub missing: u32,
    pub all: u32,
}

/// Offers the candidate with missing values on the right, and where there are some, with them on the left.
#[cube]
#[expect(clippy::too_many_arguments, reason = "a candidate, and where it stands")]
pub fn offer(
    best: &Best,
    candidate: &Candidate,
    samples: Samples,
    place: u32,
    feature: u32,
    facts: &Array<u32>,
    shape: &Shape,
    #[comptime] entropy: bool,
) {
    let is_enough = samples.left >= shape.min_leaf && samples.all >= samples.left + shape.min_leaf;
    // A side that weighs nothing has no impurity to compare.
    if is_enough && candidate.left.sum.read() > 0u32 && candidate.right.sum.read() > 0u32 {
        let found = goodness(&candidate.left, &candidate.right, facts, shape, entropy);
        take_better(best, found, place, feature);
    }
    let more = samples.left + samples.missing;
    let is_enough = more >= shape.min_leaf && samples.all >= more + shape.min_leaf;
    let is_filled = candidate.more_left.sum.read() > 0u32 && candidate.less_right.sum.read() > 0u32;
    if samples.missing > 0u32 && is_enough && is_filled {
        let found = goodness(&candidate.more_left, &candidate.less_right, facts, shape, entropy);
        take_better(best, found, RANK_MISSING_LEFT + place, feature);
    }
}

/// Where a level stands among its feature's levels: by share, then by random rank, then by number.
#[derive(CubeType, Clone, Copy)]
pub struct Place {
    pub part: u32,
    pub sum: u32,
    pub rank: u32,
    pub level: u32,
}

/// Whether `a` stands before `b`.
#[cube]
pub fn is_before(a: Place, b: Place) -> bool {
    let order = order_two(product(a.part, b.sum), product(b.part, a.sum));
    let by_rank = a.rank < b.rank || (a.rank == b.rank && a.level < b.level);
    order == 2u32 || (order == 0u32 && by_rank)
}

/// The random rank of a level in a node.
#[cube]
pub fn level_rank(key: u32, feature: u32, level: u32) -> u32 {
    mix(key ^ mix((feature << 8u32) | level))
}
