//! The best split of each pair of open node and feature, exactly and with the tie rule of [`crate::scan`]: one cube a pair,
//! one unit a candidate.
//!
//! | argument | shape | type | unit |
//! |---|---|---|---|
//! | `sums` | pairs x slots x width | u32 | histograms, see [`super::descend`] |
//! | `lists` | see [`super::shape`] | u32 | the open nodes |
//! | `nodes` | nodes x words | u32 | see [`super::shape::node_words`] |
//! | `facts` | trees x classes, features, 2^16 | u32 | multipliers of each tree; bins and [`IS_CATEGORY`] of each feature; table of logarithms, for entropy |
//! | `out` | pairs x ([`OUT_WORDS`] + classes) | u32 | rank or [`NONE`], samples on the left, where missing values go and [`OUT_IS_SET`], the cut (8), feature, goodness (5); weight of each class on the left |
//! | `tallies` | see [`super::shape`] | u32 | open nodes are read; histograms that do not add up to their node are told |

use cubecl::prelude::*;

use super::descend::Part;
use super::offer::{
    Place, RANK_MISSING_LEFT, Samples, add_class, candidate, goodness_at, is_before, level_rank, no_best, offer,
    reduce, shelf,
};
use super::random::{feature_at, level_key};
use super::shape::{BROKEN, IS_CATEGORY, NONE, RAN, Shape, level_at, load_for_all, open_at, weights_of};

/// Words of a result, before the weights of the left side.
pub const OUT_WORDS: u32 = 17;
/// Beside where missing values go: the cut is a set of levels.
pub const OUT_IS_SET: u32 = 2;
/// In a result: where its feature stands.
pub const OUT_FEATURE: u32 = 11;
/// Where its goodness begins.
pub const OUT_GOODNESS: u32 = 12;

/// What the units of a cube know of each slot.
#[derive(CubeType)]
struct Slots {
    counts: SharedMemory<u32>,
    order: SharedMemory<u32>,
    parts: SharedMemory<u32>,
    wholes: SharedMemory<u32>,
    ranks: SharedMemory<u32>,
}

#[cube]
fn place_at(slots: &Slots, level: u32) -> Place {
    let l = level as usize;
    Place { part: slots.parts[l], sum: slots.wholes[l], rank: slots.ranks[l], level }
}

/// Running sums over the units of two columns at once.
#[cube]
fn scan(a: &mut SharedMemory<u32>, b: &mut SharedMemory<u32>) {
    let here = UNIT_POS as usize;
    let mut step = 1u32;
    while step < CUBE_DIM {
        let mut more_a = 0u32;
        let mut more_b = 0u32;
        if UNIT_POS >= step {
            more_a = a[(UNIT_POS - step) as usize];
            more_b = b[(UNIT_POS - step) as usize];
        }
        sync_cube();
        a[here] += more_a;
        b[here] += more_b;
        sync_cube();
        step *= 2u32;
    }
}

/// Running sums of counters `v` and `v + 1` over the first places of the order.
#[cube]
fn scan_counters(
    sums: &Array<u32>,
    slots: &Slots,
    a: &mut SharedMemory<u32>,
    b: &mut SharedMemory<u32>,
    shape: &Shape,
    first: u32,
    places: u32,
    v: u32,
) {
    let here = UNIT_POS as usize;
    let mut x = 0u32;
    let mut y = 0u32;
    if UNIT_POS < places {
        let at = first + slots.order[here] * shape.width + v;
        x = sums[at as usize];
        if v + 1u32 < shape.width {
            y = sums[(at + 1u32) as usize];
        }
    }
    a[here] = x;
    b[here] = y;
    sync_cube();
    scan(a, b);
}

#[cube(launch)]
#[expect(clippy::too_many_arguments, reason = "each buffer of a kernel is an argument")]
pub fn best_candidates(
    sums: &Array<u32>,
    lists: &Array<u32>,
    nodes: &Array<u32>,
    facts: &Array<u32>,
    out: &mut Array<u32>,
    tallies: &mut Array<Atomic<u32>>,
    shape: Shape,
    part: Part,
    parity: u32,
    #[comptime] units: u32,
    #[comptime] weighted: bool,
    #[comptime] categories: bool,
    #[comptime] entropy: bool,
) {
    let size = comptime!(units as usize);
    let mut slots = Slots {
        counts: SharedMemory::<u32>::new(size),
        order: SharedMemory::<u32>::new(size),
        parts: SharedMemory::<u32>::new(comptime!(if categories { size } else { 1 })),
        wholes: SharedMemory::<u32>::new(comptime!(if categories { size } else { 1 })),
        ranks: SharedMemory::<u32>::new(comptime!(if categories { size } else { 1 })),
    };
    let mut a = SharedMemory::<u32>::new(size);
    let mut b = SharedMemory::<u32>::new(size);
    let mut shelf = shelf(units);
    // The feature; of a category, the class that orders levels, its weight in the node, and the node's weight.
    let mut head = SharedMemory::<u32>::new(4usize);
    let unit = UNIT_POS;
    let here = unit as usize;
    if unit == 0u32 && CUBE_POS == 0usize {
        tallies[comptime!(RAN as usize)].fetch_add(1u32);
    }
    let all = load_for_all(tallies, level_at(&shape, parity)) * shape.pairs;
    let count = min(select(all > part.first, all - part.first, 0u32), part.most);
    let mut p = CUBE_POS as u32;
    while p < count {
        let pair = part.first + p;
        let node_at = open_at(&shape, parity, pair / shape.pairs) as usize;
        let tree = lists[node_at + 1];
        let path = lists[node_at + 3];
        let node_count = lists[node_at + 4];
        let weights = weights_of(&shape, lists[node_at]);
        let multipliers = tree * shape.classes;
        let number = shape.first_tree + tree;
        if unit == 0u32 {
            head[0] = feature_at(&shape, number, path, lists[node_at + 5] + pair % shape.pairs);
            if comptime!(categories) {
                // Of two classes the second; of more, the heaviest, and of equally heavy ones the first.
                let mut heaviest = 0u32;
                let mut most = 0u32;
                let mut whole = 0u32;
                for c in 0..shape.classes {
                    let weight = nodes[(weights + c) as usize] * facts[(multipliers + c) as usize];
                    whole += weight;
                    if weight > most || (shape.classes == 2u32 && c == 1u32) {
                        most = weight;
                        heaviest = c;
                    }
                }
                head[1] = heaviest;
                head[2] = most;
                head[3] = max(whole, 1u32);
            }
        }
        sync_cube();
        let feature = head[0];
        let result = p * (OUT_WORDS + shape.classes);
        if feature == NONE {
            if unit == 0u32 {
                out[result as usize] = NONE;
            }
        } else {
            let facts_of_bins = facts[(shape.bins_at + feature) as usize];
            let bins = facts_of_bins & !IS_CATEGORY;
            let is_category = (facts_of_bins & IS_CATEGORY) != 0u32;
            let first = p * shape.slots * shape.width;

            // Samples of each slot, and where its level stands.
            let mut samples_here = 0u32;
            let at = first + unit * shape.width;
            if unit < shape.slots {
                if comptime!(weighted) {
                    samples_here = sums[(at + shape.classes) as usize];
                } else {
                    for c in 0..shape.classes {
                        samples_here += sums[(at + c) as usize];
                    }
                }
            }
            slots.counts[here] = samples_here;
            slots.order[here] = unit;
            let mut places = bins;
            if comptime!(categories) {
                slots.parts[here] = head[2];
                slots.wholes[here] = head[3];
                if unit < shape.slots && samples_here >= shape.min_level {
                    let mut weight = 0u32;
                    for c in 0..shape.classes {
                        weight += sums[(at + c) as usize] * facts[(multipliers + c) as usize];
                    }
                    slots.parts[here] = sums[(at + head[1]) as usize] * facts[(multipliers + head[1]) as usize];
                    slots.wholes[here] = max(weight, 1u32);
                }
                slots.ranks[here] = level_rank(level_key(&shape, number, path), feature, unit);
                sync_cube();
                if is_category {
                    // The levels that occur, each at the place that those before it leave.
                    places = 0u32;
                    let own = place_at(&slots, unit);
                    let mut before: u32 = 0u32;
                    for level in 0..bins {
                        if slots.counts[level as usize] > 0u32 {
                            places += 1u32;
                            if is_before(place_at(&slots, level), own) {
                                before += 1u32;
                            }
                        }
                    }
                    if unit < bins && samples_here > 0u32 {
                        slots.order[before as usize] = unit;
                    }
                }
            }
            sync_cube();

            // One candidate a unit, class by class.
            let mine = candidate();
            let mut left_samples = 0u32;
            let mut missing_samples = 0u32;
            let missing = first + (shape.slots - 1u32) * shape.width;
            let mut v = 0u32;
            while v < shape.width {
                scan_counters(sums, &slots, &mut a, &mut b, &shape, first, places, v);
                for side in 0..2u32 {
                    let w = v + side;
                    if w < shape.width {
                        let left = select(side == 0u32, a[here], b[here]);
                        let last = (CUBE_DIM - 1u32) as usize;
                        let whole = select(side == 0u32, a[last], b[last]);
                        let without = sums[(missing + w) as usize];
                        let mut expected = node_count;
                        if w < shape.classes {
                            let of_node = nodes[(weights + w) as usize];
                            expected = of_node;
                            let multiplier = facts[(multipliers + w) as usize];
                            add_class(&mine, left, without, of_node, multiplier, facts, &shape, entropy);
                            if comptime!(!weighted) {
                                left_samples += left;
                                missing_samples += without;
                            }
                        } else {
                            left_samples = left;
                            missing_samples = without;
                        }
                        // Rows that got lost on the way would make another tree, and must not pass for one.
                        if unit == 0u32 && whole + without != expected {
                            tallies[comptime!(BROKEN as usize)].store(1u32);
                        }
                    }
                }
                sync_cube();
                v += 2u32;
            }
            let best = no_best();
            // A slot without samples repeats the candidate before it.
            if unit < places && slots.counts[slots.order[here] as usize] > 0u32 {
                let samples = Samples { left: left_samples, missing: missing_samples, all: node_count };
                offer(&best, &mine, samples, unit, feature, facts, &shape, entropy);
            }
            reduce(&best, &mut shelf, unit, CUBE_DIM);

            // What it is, in the words of the host.
            let rank = shelf.rank[0];
            if rank != NONE {
                let missing_left = rank / RANK_MISSING_LEFT;
                let place = rank % RANK_MISSING_LEFT;
                let last = slots.order[place as usize];
                if unit == place {
                    let samples = left_samples + missing_left * missing_samples;
                    out[(result + 1u32) as usize] = samples;
                    // Missing values that the node has not seen go where most samples go.
                    let unseen = select(2u32 * samples >= node_count, 1u32, 0u32);
                    let kind = select(is_category, OUT_IS_SET, 0u32);
                    out[(result + 2u32) as usize] = select(missing_samples > 0u32, missing_left, unseen) | kind;
                }
                if unit == 0u32 {
                    let found = goodness_at(&shelf, 0u32);
                    let at = (result + OUT_GOODNESS) as usize;
                    out[at] = found.num.w0;
                    out[at + 1] = found.num.w1;
                    out[at + 2] = found.num.w2;
                    out[at + 3] = found.den.w0;
                    out[at + 4] = found.den.w1;
                    out[(result + OUT_FEATURE) as usize] = feature;
                }
                let mut as_number = true;
                if comptime!(categories) {
                    as_number = !is_category;
                    if is_category && unit < 8u32 {
                        // The levels up to the last one, those that do not occur too.
                        let end = place_at(&slots, last);
                        let mut bits = 0u32;
                        for bit in 0..32u32 {
                            let level = unit * 32u32 + bit;
                            if level < bins && (level == last || is_before(place_at(&slots, level), end)) {
                                bits |= 1u32 << bit;
                            }
                        }
                        out[(result + 3u32 + unit) as usize] = bits;
                    }
                }
                if as_number && unit == 0u32 {
                    // The middle of the empty bins after it.
                    let mut next = last + 1u32;
                    while next < bins && slots.counts[next as usize] == 0u32 {
                        next += 1u32;
                    }
                    out[(result + 3u32) as usize] = select(next < bins, (last + next - 1u32) / 2u32, 254u32);
                }
                let mut v = 0u32;
                while v < shape.classes {
                    // With two counters the running sums are those of the candidates still.
                    if shape.width > 2u32 {
                        scan_counters(sums, &slots, &mut a, &mut b, &shape, first, places, v);
                    }
                    if unit < 2u32 && v + unit < shape.classes {
                        let left = select(unit == 0u32, a[place as usize], b[place as usize]);
                        let w = v + unit;
                        out[(result + OUT_WORDS + w) as usize] = left + missing_left * sums[(missing + w) as usize];
                    }
                    sync_cube();
                    v += 2u32;
                }
            }
            if unit == 0u32 {
                out[result as usize] = rank;
            }
        }
        sync_cube();
        p += CUBE_COUNT as u32;
    }
}
