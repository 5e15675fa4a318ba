//! The best split of each pair of node and feature, exactly and with the tie rule of [`crate::scan`]: one cube a pair,
//! one unit a candidate.
//!
//! | argument | shape | type | unit |
//! |---|---|---|---|
//! | `sums` | pairs x slots x width | u32 | histograms, see [`super::histogram`] |
//! | `prefixes` | pairs x slots x width | u32 | written: sums over the first places of each pair's order |
//! | `pairs` | pairs x [`PAIR_WORDS`] | u32 | node, feature, bins and [`IS_CATEGORY`], key of the order of levels |
//! | `nodes` | nodes x ([`NODE_WORDS`] + 2 x classes) | u32 | samples, class that orders levels, its weight, the node's weight; weight of each class; multiplier of each class |
//! | `logs` | 2^16, or one | u32 | table of logarithms; not read unless `entropy` |
//! | `out` | pairs x ([`OUT_WORDS`] + classes) | u32 | rank, [`NONE`] or [`BROKEN`], samples on the left, where missing values go, the cut, [`DONE`]; weight of each class on the left |

use cubecl::prelude::*;

use super::words::{
    Goodness, Three, Two, add, add_three, mix, n_log2_n, order_goodness, order_two, product, subtract_saturating, times,
};

/// Words of a pair in the list.
pub const PAIR_WORDS: usize = 4;
/// Words of a node in the list, before its classes.
pub const NODE_WORDS: usize = 4;
/// Words of a result, before the weights of the left side.
pub const OUT_WORDS: usize = 12;
/// Set beside the number of bins: the feature is a category.
pub const IS_CATEGORY: u32 = 1 << 31;
/// In place of a rank: there is no candidate.
pub const NONE: u32 = u32::MAX;
/// In place of a rank: the histogram does not add up to the node.
pub const BROKEN: u32 = u32::MAX - 1;
/// In the last word before the weights: the kernel ran.
pub const DONE: u32 = 0x5EED_0B0E;
/// In a rank: missing values go left.
pub const RANK_MISSING_LEFT: u32 = 1 << 16;

/// Where a level stands among its feature's levels: by share, then by random rank, then by number.
#[derive(CubeType, Clone, Copy)]
struct Place {
    part: u32,
    sum: u32,
    rank: u32,
    level: u32,
}

/// Whether `a` stands before `b`.
#[cube]
fn is_before(a: Place, b: Place) -> bool {
    let order = order_two(product(a.part, b.sum), product(b.part, a.sum));
    let by_rank = a.rank < b.rank || (a.rank == b.rank && a.level < b.level);
    order == 2u32 || (order == 0u32 && by_rank)
}

/// What a side adds up to.
#[derive(CubeType, Clone, Copy)]
struct Side {
    sum: u32,
    /// Gini: squares of the weights. Entropy: their `n log n`.
    parts: Two,
}

/// `N log N - sum of n log n`.
#[cube]
fn information(side: Side, logs: &Array<u32>) -> Two {
    subtract_saturating(n_log2_n(side.sum, logs), side.parts)
}

#[cube]
fn goodness(left: Side, right: Side, logs: &Array<u32>, #[comptime] entropy: bool) -> Goodness {
    if comptime!(entropy) {
        // Less information is better: all bits turned over.
        let both = add(information(left, logs), information(right, logs));
        Goodness { num: Three { w0: !both.w0, w1: !both.w1, w2: 0u32 }, den: Two { w0: 1u32, w1: 0u32 } }
    } else {
        let num = add_three(times(left.parts, right.sum), times(right.parts, left.sum));
        Goodness { num, den: product(left.sum, right.sum) }
    }
}

#[cube]
fn part_of(weight: u32, logs: &Array<u32>, #[comptime] entropy: bool) -> Two {
    if comptime!(entropy) { n_log2_n(weight, logs) } else { product(weight, weight) }
}

#[cube(launch)]
#[expect(clippy::too_many_arguments, reason = "each buffer of a kernel is an argument")]
pub fn best_candidates(
    sums: &Array<u32>,
    prefixes: &mut Array<u32>,
    pairs: &Array<u32>,
    nodes: &Array<u32>,
    logs: &Array<u32>,
    out: &mut Array<u32>,
    pair_count: u32,
    slots: u32,
    classes: u32,
    min_leaf: u32,
    min_level: u32,
    #[comptime] units: u32,
    #[comptime] weighted: bool,
    #[comptime] entropy: bool,
) {
    let size = comptime!(units as usize);
    let mut counts = SharedMemory::<u32>::new(size);
    let mut parts = SharedMemory::<u32>::new(size);
    let mut wholes = SharedMemory::<u32>::new(size);
    let mut ranks = SharedMemory::<u32>::new(size);
    let mut order = SharedMemory::<u32>::new(size);
    let mut num_0 = SharedMemory::<u32>::new(size);
    let mut num_1 = SharedMemory::<u32>::new(size);
    let mut num_2 = SharedMemory::<u32>::new(size);
    let mut den_0 = SharedMemory::<u32>::new(size);
    let mut den_1 = SharedMemory::<u32>::new(size);
    let mut best = SharedMemory::<u32>::new(size);
    let mut broken = SharedMemory::<u32>::new(1usize);

    let unit = UNIT_POS;
    let here = unit as usize;
    // Cubes past the last pair do its work again: they write what it writes.
    let pair = min(CUBE_POS as u32, pair_count - 1u32);
    let about = pair as usize * PAIR_WORDS;
    let mut width = classes;
    if comptime!(weighted) {
        width += 1u32;
    }
    let node = pairs[about] as usize * (NODE_WORDS + 2usize * classes as usize);
    let feature = pairs[about + 1];
    let bins = pairs[about + 2] & 0x7fff_ffffu32;
    let is_category = pairs[about + 2] >> 31u32 == 1u32;
    let key = pairs[about + 3];
    let node_count = nodes[node];
    let ordering_class = nodes[node + 1];
    let weights = node + NODE_WORDS;
    let multipliers = weights + classes as usize;
    let first = pair * slots * width;

    // Samples of each slot, and where its level stands.
    let mut count = 0u32;
    let mut part = nodes[node + 2];
    let mut whole = max(nodes[node + 3], 1u32);
    if unit < slots {
        let at = (first + unit * width) as usize;
        let mut weight = 0u32;
        for c in 0..classes {
            count += sums[at + c as usize];
            weight += sums[at + c as usize] * nodes[multipliers + c as usize];
        }
        if comptime!(weighted) {
            count = sums[at + classes as usize];
        }
        if count >= min_level {
            part = sums[at + ordering_class as usize] * nodes[multipliers + ordering_class as usize];
            whole = max(weight, 1u32);
        }
    }
    counts[here] = count;
    parts[here] = part;
    wholes[here] = whole;
    ranks[here] = mix(key ^ mix((feature << 8u32) | unit));
    order[here] = unit;
    best[here] = NONE;
    if unit == 0u32 {
        broken[0] = 0u32;
    }
    sync_cube();

    // The order of the candidates: of levels, those that occur, each at the place that those before it leave.
    let mut places = bins;
    if is_category {
        places = 0u32;
        let own = Place { part, sum: whole, rank: ranks[here], level: unit };
        let mut before: u32 = 0u32;
        for level in 0..bins {
            let l = level as usize;
            if counts[l] > 0u32 {
                places += 1u32;
                let other = Place { part: parts[l], sum: wholes[l], rank: ranks[l], level };
                if is_before(other, own) {
                    before += 1u32;
                }
            }
        }
        if unit < bins && count > 0u32 {
            order[before as usize] = unit;
        }
    }
    sync_cube();

    // Sums over the first places, one class a unit.
    let mut c = unit;
    while c < width {
        let mut sum = 0u32;
        for i in 0..places {
            sum += sums[(first + order[i as usize] * width + c) as usize];
            prefixes[(first + i * width + c) as usize] = sum;
        }
        // Rows that got lost on the way would make another tree, and must not pass for one.
        let mut expected = node_count;
        if c < classes {
            expected = nodes[weights + c as usize];
        }
        if sum + sums[(first + (slots - 1u32) * width + c) as usize] != expected {
            broken[0] = 1u32;
        }
        c += units;
    }
    sync_storage();
    sync_cube();

    // One candidate a unit: missing values right, then left.
    let missing = (first + (slots - 1u32) * width) as usize;
    let missing_count = counts[slots as usize - 1];
    if unit < places {
        let prefix = (first + unit * width) as usize;
        let mut left_count = 0u32;
        if comptime!(weighted) {
            left_count = prefixes[prefix + classes as usize];
        } else {
            for c in 0..classes {
                left_count += prefixes[prefix + c as usize];
            }
        }
        // A slot without samples repeats the candidate before it.
        let occurs = counts[order[here] as usize] > 0u32;
        for missing_left in 0..2u32 {
            let samples = left_count + missing_left * missing_count;
            let enough = samples >= min_leaf && node_count >= samples + min_leaf;
            if occurs && enough && (missing_left == 0u32 || missing_count > 0u32) {
                let mut left_sum = 0u32;
                let mut right_sum = 0u32;
                let mut left_0 = 0u32;
                let mut left_1 = 0u32;
                let mut right_0 = 0u32;
                let mut right_1 = 0u32;
                for c in 0..classes {
                    let k = c as usize;
                    let own = prefixes[prefix + k] + missing_left * sums[missing + k];
                    let multiplier = nodes[multipliers + k];
                    let left = own * multiplier;
                    let right = (nodes[weights + k] - own) * multiplier;
                    left_sum += left;
                    right_sum += right;
                    let l = add(Two { w0: left_0, w1: left_1 }, part_of(left, logs, entropy));
                    let r = add(Two { w0: right_0, w1: right_1 }, part_of(right, logs, entropy));
                    left_0 = l.w0;
                    left_1 = l.w1;
                    right_0 = r.w0;
                    right_1 = r.w1;
                }
                if left_sum > 0u32 && right_sum > 0u32 {
                    let left = Side { sum: left_sum, parts: Two { w0: left_0, w1: left_1 } };
                    let right = Side { sum: right_sum, parts: Two { w0: right_0, w1: right_1 } };
                    let found = goodness(left, right, logs, entropy);
                    let mut better = true;
                    if best[here] != NONE {
                        let so_far = Goodness {
                            num: Three { w0: num_0[here], w1: num_1[here], w2: num_2[here] },
                            den: Two { w0: den_0[here], w1: den_1[here] },
                        };
                        better = order_goodness(found, so_far) == 1u32;
                    }
                    if better {
                        num_0[here] = found.num.w0;
                        num_1[here] = found.num.w1;
                        num_2[here] = found.num.w2;
                        den_0[here] = found.den.w0;
                        den_1[here] = found.den.w1;
                        best[here] = missing_left * RANK_MISSING_LEFT + unit;
                    }
                }
            }
        }
    }
    sync_cube();

    // The best of all units; of equal ones the lowest rank.
    let mut step = CUBE_DIM / 2u32;
    while step > 0u32 {
        if unit < step {
            let there = (unit + step) as usize;
            if best[there] != NONE {
                let mut order = 1u32;
                if best[here] != NONE {
                    let a = Goodness {
                        num: Three { w0: num_0[there], w1: num_1[there], w2: num_2[there] },
                        den: Two { w0: den_0[there], w1: den_1[there] },
                    };
                    let b = Goodness {
                        num: Three { w0: num_0[here], w1: num_1[here], w2: num_2[here] },
                        den: Two { w0: den_0[here], w1: den_1[here] },
                    };
                    order = order_goodness(a, b);
                }
                if order == 1u32 || (order == 0u32 && best[there] < best[here]) {
                    num_0[here] = num_0[there];
                    num_1[here] = num_1[there];
                    num_2[here] = num_2[there];
                    den_0[here] = den_0[there];
                    den_1[here] = den_1[there];
                    best[here] = best[there];
                }
            }
        }
        sync_cube();
        step /= 2u32;
    }

    // What it is, in the words of the host.
    let rank = best[0];
    let result = pair as usize * (OUT_WORDS + classes as usize);
    if rank != NONE {
        let missing_left = rank / RANK_MISSING_LEFT;
        let place = rank % RANK_MISSING_LEFT;
        let last = order[place as usize];
        if unit == 0u32 {
            let mut samples = missing_left * missing_count;
            if comptime!(weighted) {
                samples += prefixes[(first + place * width + classes) as usize];
            } else {
                for c in 0..classes {
                    samples += prefixes[(first + place * width + c) as usize];
                }
            }
            out[result + 1] = samples;
            // Missing values that the node has not seen go where most samples go.
            let to_left = select(missing_count > 0u32, missing_left, select(2u32 * samples >= node_count, 1u32, 0u32));
            out[result + 2] = to_left;
        }
        if is_category {
            // The levels up to the last one, those that do not occur too.
            let end = Place {
                part: parts[last as usize],
                sum: wholes[last as usize],
                rank: ranks[last as usize],
                level: last,
            };
            if unit < 8u32 {
                let mut bits = 0u32;
                for bit in 0..32u32 {
                    let level = unit * 32u32 + bit;
                    if level < bins {
                        let l = level as usize;
                        let other = Place { part: parts[l], sum: wholes[l], rank: ranks[l], level };
                        if level == last || is_before(other, end) {
                            bits |= 1u32 << bit;
                        }
                    }
                }
                out[result + 3 + here] = bits;
            }
        } else if unit == 0u32 {
            // The middle of the empty bins after it.
            let mut next = last + 1u32;
            while next < bins && counts[next as usize] == 0u32 {
                next += 1u32;
            }
            out[result + 3] = select(next < bins, (last + next - 1u32) / 2u32, 254u32);
        }
        let mut c = unit;
        while c < classes {
            let at = (first + place * width + c) as usize;
            out[result + OUT_WORDS + c as usize] = prefixes[at] + missing_left * sums[missing + c as usize];
            c += units;
        }
    }
    if unit == 0u32 {
        out[result] = select(broken[0] == 0u32, rank, BROKEN);
        out[result + OUT_WORDS - 1] = DONE;
    }
}
