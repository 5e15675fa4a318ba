//! Brings rows down one level: each row of a split goes to the front or the back of the split's place in the other half of
//! `rows`, and into the histograms of the child that it goes to. One cube a tile of rows, all trees of a batch together.
//!
//! | argument | shape | type | unit |
//! |---|---|---|---|
//! | `records` | rows of the page x `stride` | u32 | four bins a word, the class in the last byte |
//! | `weights` | rows of the page, or one | u32 | weight of each row; not read unless `weighted` |
//! | `rows` | 2 x entries | u32 | row of the page and draws, see [`crate::bootstrap`]; two halves, of which splits name one |
//! | `lists` | see [`super::shape`] | u32 | splits, and tiles of this page |
//! | `tallies` | see [`super::shape`] | u32 | counters of this level are read; rows of each child are counted |
//! | `sums` | pairs x slots x width | u32 | added to; the last slot is that of missing values |
//!
//! Where the histograms of a level do not fit the memory together, the first launch moves the rows, and each further one
//! (`routing` = false) finds a row's side by where it lies. Sums of integers: the order in which units add does not matter,
//! nor does the order of rows.

use cubecl::prelude::*;

use super::random::feature_at;
use super::shape::{
    NONE, RAN, SPLIT_HEAD, SPLIT_SECOND_HALF, SPLIT_STAYS, SPLIT_WANTS_LEFT, Shape, TILES, byte_of, cursor_of,
    draws_of, level_at, load_for_all, row_of, split_at, tile_at,
};

/// Rows of a tile: with 15 draws a row, their counts fit 16 bits.
pub const TILE_ROWS: u32 = 4096;
/// Units of a cube.
pub const UNITS: u32 = 256;
/// Tiles of fewer rows add to the node's histograms at once: clearing and bringing over their own would cost more.
const OWN_ROWS: u32 = 192;
/// Most features that are summed together.
const LISTED: u32 = 64;

/// The part of the pairs of node and feature whose histograms are in memory.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub struct Part {
    /// Its first pair.
    pub first: u32,
    /// Most pairs of a part.
    pub most: u32,
}

/// Features of a node, from..to of those that it looks at; none: from the largest number to zero.
#[derive(CubeType, Clone, Copy)]
struct Features {
    from: u32,
    to: u32,
}

/// Those whose pairs are of this part.
#[cube]
fn of_part(part: &Part, slot: u32, pairs: u32) -> Features {
    let mut from = NONE.runtime();
    let mut to = 0u32;
    if slot != NONE {
        let first = slot * pairs;
        if first < part.first + part.most && first + pairs > part.first {
            from = select(part.first > first, part.first - first, 0u32);
            to = min(pairs, part.first + part.most - first);
        }
    }
    Features { from, to }
}

/// Whether a pair is of this part.
#[cube]
fn holds(part: &Part, pair: u32) -> bool {
    pair >= part.first && pair - part.first < part.most
}

#[cube(launch)]
#[expect(clippy::too_many_arguments, reason = "each buffer of a kernel is an argument")]
#[expect(clippy::collapsible_if, reason = "one of them is decided when the kernel is compiled")]
pub fn send_rows(
    records: &Array<u32>,
    weights: &Array<u32>,
    rows: &mut Array<u32>,
    lists: &Array<u32>,
    tallies: &mut Array<Atomic<u32>>,
    sums: &mut Array<Atomic<u32>>,
    shape: Shape,
    part: Part,
    page: u32,
    parity: u32,
    #[comptime] routing: bool,
    #[comptime] weighted: bool,
    #[comptime] packed: bool,
    #[comptime] own_words: u32,
) {
    let own = SharedMemory::<Atomic<u32>>::new(comptime!(own_words as usize));
    let mut listed = SharedMemory::<u32>::new(comptime!(2 * LISTED as usize));
    // Rows that go left and right in one turn of the loop; two of them, so that one can be cleared while the other counts.
    let inside = SharedMemory::<Atomic<u32>>::new(4usize);
    let mut bases = SharedMemory::<u32>::new(4usize);
    let unit = UNIT_POS;
    if unit == 0u32 && CUBE_POS == 0usize {
        tallies[comptime!(RAN as usize)].fetch_add(1u32);
    }
    let mut own_width = shape.width;
    if comptime!(packed) {
        own_width = 1u32;
    }
    let own_each = shape.slots * own_width;
    let each = shape.slots * shape.width;
    // The cube's own histograms are zero between tiles: who brings them over leaves zeros.
    let mut i = unit;
    while i < own_words {
        own[i as usize].store(0u32);
        i += UNITS;
    }
    let count = load_for_all(tallies, level_at(&shape, parity) + TILES + page);
    let mut tile = CUBE_POS as u32;
    while tile < count {
        let t = tile_at(&shape, parity, page, tile) as usize;
        let at = split_at(&shape, parity, lists[t]);
        let head = at as usize;
        let tree = shape.first_tree + lists[head];
        let flags = lists[head + 1];
        let stays = (flags & SPLIT_STAYS) != 0u32;
        let split_feature = lists[head + 2];
        let left_id = lists[head + 11];
        let left_slot = lists[head + 12];
        let right_slot = lists[head + 13];
        let looked_at = lists[head + 16];
        let from = lists[(at + SPLIT_HEAD + 2u32 * page) as usize];
        let to = lists[(at + SPLIT_HEAD + 2u32 * page + 1u32) as usize];
        let begin = from + lists[t + 1] * TILE_ROWS;
        let end = min(to, begin + TILE_ROWS);
        let here = select((flags & SPLIT_SECOND_HALF) != 0u32, shape.half, 0u32);
        let there = shape.half - here;
        let mut read_at = here;
        let mut left_end = to;
        let mut right_begin = to;
        if comptime!(!routing) {
            if !stays {
                read_at = there;
                left_end = from + tallies[cursor_of(&shape, left_id, page) as usize].load();
                right_begin = to - tallies[cursor_of(&shape, left_id + 1u32, page) as usize].load();
            }
        }
        let sides = select(left_slot != NONE, 1u32, 0u32) + select(right_slot != NONE, 1u32, 0u32);
        let fit = own_words / (own_each * max(sides, 1u32));
        let use_own = fit > 0u32 && end - begin >= OWN_ROWS;
        let group = min(select(use_own, fit, LISTED), LISTED);
        // The features of the children that are of this part.
        let left_of = of_part(&part, left_slot, shape.pairs);
        let right_of = of_part(&part, right_slot, shape.pairs);
        let mut done = min(left_of.from, right_of.from);
        let todo = max(left_of.to, right_of.to);
        let mut is_first = true.runtime();
        let mut again = done < todo || routing;
        while again {
            let now = select(done < todo, min(group, todo - done), 0u32);
            if unit < 2u32 * LISTED {
                let side = unit / LISTED;
                let k = unit % LISTED;
                let slot = select(side == 0u32, left_slot, right_slot);
                let mut feature = NONE.runtime();
                if k < now && slot != NONE && holds(&part, slot * shape.pairs + done + k) {
                    let path = lists[(at + 14u32 + side) as usize];
                    feature = feature_at(&shape, tree, path, looked_at + done + k);
                }
                listed[unit as usize] = feature;
            }
            if unit < 4u32 {
                inside[unit as usize].store(0u32);
            }
            sync_cube();
            let mut turn = 0u32;
            let mut first = begin;
            while first < end {
                let i = first + unit;
                let mut mine = i < end;
                let mut entry = 0u32;
                let mut side = 0u32;
                if mine {
                    entry = rows[(read_at + i) as usize];
                }
                let record = row_of(entry) * shape.stride;
                if comptime!(routing) {
                    if mine && !stays {
                        let bin = byte_of(records, record, split_feature);
                        side = 1u32 - ((lists[(at + 3u32 + bin / 32u32) as usize] >> (bin % 32u32)) & 1u32);
                    }
                } else if mine && !stays {
                    side = select(i < left_end, 0u32, 1u32);
                    mine = i < left_end || i >= right_begin;
                }
                if mine && now > 0u32 {
                    let class = records[(record + shape.stride - 1u32) as usize] >> 24u32;
                    let draws = draws_of(entry);
                    let mut weight = draws;
                    if comptime!(weighted) {
                        weight = draws * weights[row_of(entry) as usize];
                    }
                    let group_at = select(sides == 2u32, side, 0u32) * now;
                    let slot = select(side == 0u32, left_slot, right_slot);
                    for k in 0..now {
                        let feature = listed[(side * LISTED + k) as usize];
                        if feature != NONE {
                            let bin = byte_of(records, record, feature);
                            let bin_slot = select(bin == 255u32, shape.slots - 1u32, bin);
                            if use_own {
                                let place = ((group_at + k) * shape.slots + bin_slot) * own_width;
                                if comptime!(packed) {
                                    own[place as usize].fetch_add(draws | ((class * draws) << 16u32));
                                } else {
                                    own[(place + class) as usize].fetch_add(weight);
                                    if comptime!(weighted) {
                                        own[(place + shape.classes) as usize].fetch_add(draws);
                                    }
                                }
                            } else {
                                let pair = slot * shape.pairs + done + k - part.first;
                                let place = (pair * shape.slots + bin_slot) * shape.width;
                                sums[(place + class) as usize].fetch_add(weight);
                                if comptime!(weighted) {
                                    sums[(place + shape.classes) as usize].fetch_add(draws);
                                }
                            }
                        }
                    }
                }
                // All of the record is asked for before anyone waits.
                if comptime!(routing) {
                    if !stays && is_first {
                        let lane = (turn % 2u32) * 2u32;
                        let wanted = mine && ((flags >> side) & SPLIT_WANTS_LEFT) != 0u32;
                        let mut place = 0u32;
                        if wanted {
                            place = inside[(lane + side) as usize].fetch_add(1u32);
                        }
                        sync_cube();
                        if unit < 2u32 {
                            let rows_here = inside[(lane + unit) as usize].load();
                            let cursor = cursor_of(&shape, left_id + unit, page);
                            bases[(lane + unit) as usize] = tallies[cursor as usize].fetch_add(rows_here);
                            inside[(2u32 - lane + unit) as usize].store(0u32);
                        }
                        sync_cube();
                        if wanted {
                            place += bases[(lane + side) as usize];
                            let target = select(side == 0u32, from + place, to - 1u32 - place);
                            rows[(there + target) as usize] = entry;
                        }
                        turn += 1u32;
                    }
                }
                first += UNITS;
            }
            sync_cube();
            if use_own {
                let mut i = unit;
                while i < sides * now * own_each {
                    let sum = own[i as usize].swap(0u32);
                    if sum > 0u32 {
                        let item = i / own_each;
                        let rest = i % own_each;
                        let slot = select(left_slot == NONE || item >= now, right_slot, left_slot);
                        let pair = slot * shape.pairs + done + item % now - part.first;
                        if comptime!(packed) {
                            let place = pair * each + rest * 2u32;
                            sums[place as usize].fetch_add((sum & 0xffffu32) - (sum >> 16u32));
                            sums[(place + 1u32) as usize].fetch_add(sum >> 16u32);
                        } else {
                            sums[(pair * each + rest) as usize].fetch_add(sum);
                        }
                    }
                    i += UNITS;
                }
            }
            sync_cube();
            done += now;
            is_first = false.runtime();
            again = done < todo;
        }
        tile += CUBE_COUNT as u32;
    }
}

/// Sets the histograms of the open nodes to zero, and the counters of the next level.
#[cube(launch)]
pub fn clear_sums(sums: &mut Array<u32>, tallies: &mut Array<Atomic<u32>>, shape: Shape, part: Part, parity: u32) {
    if ABSOLUTE_POS == 0usize {
        tallies[comptime!(RAN as usize)].fetch_add(1u32);
    }
    if part.first == 0u32 && CUBE_POS == 0usize {
        // What is found at this level is counted from zero.
        let mut i = UNIT_POS;
        while i < TILES + shape.pages {
            tallies[(level_at(&shape, 1u32 - parity) + i) as usize].store(0u32);
            i += CUBE_DIM;
        }
    }
    let open = load_for_all(tallies, level_at(&shape, parity));
    let all = open * shape.pairs;
    let pairs = min(select(all > part.first, all - part.first, 0u32), part.most);
    let words = pairs * shape.slots * shape.width;
    let step = CUBE_COUNT as u32 * CUBE_DIM;
    let mut i = ABSOLUTE_POS as u32;
    while i < words {
        sums[i as usize] = 0u32;
        i += step;
    }
}
