//! The rows of a small node in a cube's own memory, and what its units ask of them.

use cubecl::prelude::*;

use crate::gpu::offer::{Best, Place, Samples, add_class, candidate, is_before, level_rank, offer};
use crate::gpu::random::level_key;
use crate::gpu::shape::{IS_CATEGORY, NONE, Shape, byte_of, draws_of, row_of, weights_of};

/// The rows of a small node, as a cube keeps them.
#[derive(CubeType)]
pub struct Rows {
    pub entries: SharedMemory<u32>,
    /// Weight, draws included.
    pub hefts: SharedMemory<u32>,
    pub classes: SharedMemory<u32>,
    /// Bin by the feature that is looked at; 255 = missing.
    pub bins: SharedMemory<u32>,
    /// Where the bin stands in the order of candidates; [`NONE`] = missing.
    pub keys: SharedMemory<u32>,
    /// Of a category: share of the row's level.
    pub parts: SharedMemory<u32>,
    pub wholes: SharedMemory<u32>,
}

/// The node that a unit's row is in.
#[derive(CubeType, Clone, Copy)]
pub struct Segment {
    pub first: u32,
    pub len: u32,
    pub id: u32,
    /// Number of its tree.
    pub number: u32,
    /// Where the multipliers of its tree begin.
    pub multipliers: u32,
    pub path: u32,
}

/// Where the level of a unit's row stands.
#[cube]
fn place_of(rows: &Rows, key: u32, feature: u32, at: u32) -> Place {
    let level = rows.bins[at as usize];
    let rank = level_rank(key, feature, level);
    Place { part: rows.parts[at as usize], sum: rows.wholes[at as usize], rank, level }
}

/// Share of a level: weight of the class that orders, and of all classes.
#[derive(CubeType)]
struct Share {
    part: RuntimeCell<u32>,
    whole: RuntimeCell<u32>,
    class: RuntimeCell<u32>,
}

/// The node's own share, and the class that orders: of two classes the second; of more, the heaviest, and of equally heavy
/// ones the first.
#[cube]
fn own_share(nodes: &Array<u32>, facts: &Array<u32>, shape: &Shape, of: Segment) -> Share {
    let share = Share {
        part: RuntimeCell::<u32>::new(0u32),
        whole: RuntimeCell::<u32>::new(0u32),
        class: RuntimeCell::<u32>::new(0u32),
    };
    let weights = weights_of(shape, of.id);
    for c in 0..shape.classes {
        let weight = nodes[(weights + c) as usize] * facts[(of.multipliers + c) as usize];
        share.whole.store(share.whole.read() + weight);
        if weight > share.part.read() || (shape.classes == 2u32 && c == 1u32) {
            share.part.store(weight);
            share.class.store(c);
        }
    }
    share.whole.store(max(share.whole.read(), 1u32));
    share
}

/// Sets the bins and keys of all rows by a feature, each unit by that of its own node ([`NONE`]: the unit rests).
#[cube]
#[expect(clippy::too_many_arguments, reason = "a row, and how it is looked at")]
pub fn set_keys(
    rows: &mut Rows,
    records: &Array<u32>,
    nodes: &Array<u32>,
    facts: &Array<u32>,
    shape: &Shape,
    of: Segment,
    feature: u32,
    #[comptime] categories: bool,
) {
    let here = UNIT_POS as usize;
    let mut bin = 255u32;
    if feature != NONE {
        bin = byte_of(records, row_of(rows.entries[here]) * shape.stride, feature);
    }
    rows.bins[here] = bin;
    rows.keys[here] = select(bin == 255u32, NONE, bin);
    sync_cube();
    if comptime!(categories) {
        let mut is_category = false;
        if feature != NONE {
            is_category = (facts[(shape.bins_at + feature) as usize] & IS_CATEGORY) != 0u32;
        }
        if is_category && bin != 255u32 {
            let own = own_share(nodes, facts, shape, of);
            let mut samples = 0u32;
            let mut part = 0u32;
            let mut whole = 0u32;
            for j in of.first..of.first + of.len {
                if rows.bins[j as usize] == bin {
                    let class = rows.classes[j as usize];
                    let weight = rows.hefts[j as usize] * facts[(of.multipliers + class) as usize];
                    samples += draws_of(rows.entries[j as usize]);
                    whole += weight;
                    if class == own.class.read() {
                        part += weight;
                    }
                }
            }
            let has_own = samples >= shape.min_level;
            rows.parts[here] = select(has_own, part, own.part.read());
            rows.wholes[here] = select(has_own, max(whole, 1u32), own.whole.read());
        }
        sync_cube();
        let mut key = rows.keys[here];
        if is_category && bin != 255u32 {
            let level_key = level_key(shape, of.number, of.path);
            let own = place_of(rows, level_key, feature, UNIT_POS);
            key = 0u32;
            for j in of.first..of.first + of.len {
                if rows.bins[j as usize] != 255u32 && is_before(place_of(rows, level_key, feature, j), own) {
                    key += 1u32;
                }
            }
        }
        sync_cube();
        rows.keys[here] = key;
        sync_cube();
    }
}

/// Samples of the candidate of a unit's key.
#[cube]
pub fn count_samples(rows: &Rows, of: Segment, key: u32) -> Samples {
    let mut left = 0u32;
    let mut missing = 0u32;
    let mut all = 0u32;
    for j in of.first..of.first + of.len {
        let draws = draws_of(rows.entries[j as usize]);
        let other = rows.keys[j as usize];
        all += draws;
        missing += select(other == NONE, draws, 0u32);
        left += select(other <= key, draws, 0u32);
    }
    // A missing value's key is above all others.
    Samples { left, missing, all }
}

/// Words of a cut: a number's last bin, or one bit for each level.
#[cube]
#[expect(clippy::too_many_arguments, reason = "a cut, and what it is made of")]
#[expect(clippy::collapsible_if, reason = "one of them is decided when the kernel is compiled")]
pub fn cut_word(
    rows: &Rows,
    nodes: &Array<u32>,
    facts: &Array<u32>,
    shape: &Shape,
    of: Segment,
    feature: u32,
    key: u32,
    word: u32,
    #[comptime] categories: bool,
) -> u32 {
    let about = facts[(shape.bins_at + feature) as usize];
    let bins = about & !IS_CATEGORY;
    let mut found = 0u32;
    let mut as_number = true;
    if comptime!(categories) {
        if (about & IS_CATEGORY) != 0u32 {
            as_number = false;
            let level_key = level_key(shape, of.number, of.path);
            let mut last = 0u32;
            for j in of.first..of.first + of.len {
                if rows.keys[j as usize] == key {
                    last = j;
                }
            }
            let end = place_of(rows, level_key, feature, last);
            let own = own_share(nodes, facts, shape, of);
            for bit in 0..32u32 {
                let level = word * 32u32 + bit;
                if level < bins {
                    let mut part = own.part.read();
                    let mut whole = own.whole.read();
                    for j in of.first..of.first + of.len {
                        if rows.bins[j as usize] == level {
                            part = rows.parts[j as usize];
                            whole = rows.wholes[j as usize];
                        }
                    }
                    let place = Place { part, sum: whole, rank: level_rank(level_key, feature, level), level };
                    if level == end.level || is_before(place, end) {
                        found |= 1u32 << bit;
                    }
                }
            }
        }
    }
    if as_number && word == 0u32 {
        // The middle of the empty bins after it.
        let mut next = bins;
        for j in of.first..of.first + of.len {
            let other = rows.keys[j as usize];
            if other != NONE && other > key {
                next = min(next, other);
            }
        }
        found = select(next < bins, (key + next - 1u32) / 2u32, 254u32);
    }
    found
}

/// Looks at one feature of each unit's node.
#[cube]
#[expect(clippy::too_many_arguments, reason = "a row, and how it is looked at")]
pub fn look_at(
    rows: &mut Rows,
    records: &Array<u32>,
    nodes: &Array<u32>,
    facts: &Array<u32>,
    shape: &Shape,
    of: Segment,
    feature: u32,
    best: &Best,
    #[comptime] categories: bool,
    #[comptime] entropy: bool,
) {
    set_keys(rows, records, nodes, facts, shape, of, feature, categories);
    let key = rows.keys[UNIT_POS as usize];
    if feature != NONE && key != NONE {
        let mine = candidate();
        for c in 0..shape.classes {
            let mut left = 0u32;
            let mut missing = 0u32;
            let mut all = 0u32;
            for j in of.first..of.first + of.len {
                if rows.classes[j as usize] == c {
                    let heft = rows.hefts[j as usize];
                    let other = rows.keys[j as usize];
                    all += heft;
                    missing += select(other == NONE, heft, 0u32);
                    left += select(other <= key, heft, 0u32);
                }
            }
            add_class(&mine, left, missing, all, facts[(of.multipliers + c) as usize], facts, shape, entropy);
        }
        offer(best, &mine, count_samples(rows, of, key), key, feature, facts, shape, entropy);
    }
    sync_cube();
}

/// Whether a node may be split, from its rows.
#[cube]
pub fn may_split(rows: &Rows, shape: &Shape, first: u32, len: u32, depth: u32) -> bool {
    let mut samples = 0u32;
    let mut class = NONE.runtime();
    let mut is_pure = true;
    for j in first..first + len {
        samples += draws_of(rows.entries[j as usize]);
        if rows.hefts[j as usize] > 0u32 {
            let own = rows.classes[j as usize];
            if class != NONE && class != own {
                is_pure = false;
            }
            class = own;
        }
    }
    depth < shape.max_depth && samples >= shape.min_split && samples >= 2u32 * shape.min_leaf && !is_pure
}
