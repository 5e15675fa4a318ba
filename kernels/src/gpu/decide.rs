//! Chooses the best of a node's features, splits the node, and opens its children: one cube a node.
//!
//! | argument | shape | type | unit |
//! |---|---|---|---|
//! | `found` | pairs x ([`OUT_WORDS`] + classes) | u32 | what [`super::candidate`] found |
//! | `best` | nodes x ([`OUT_WORDS`] + classes) | u32 | the best of each node so far, where its pairs are looked at in parts |
//! | `lists` | see [`super::shape`] | u32 | open nodes; written: those of the next level, splits, tiles, small nodes |
//! | `nodes` | nodes x words | u32 | written: the split, and the weights of its children |
//! | `tallies` | see [`super::shape`] | u32 | counters of this level are read, those of the next added to |
//!
//! A node whose features cannot split it stays open and looks at further ones, one after the other: the first one that can
//! is taken.

use cubecl::prelude::*;

use super::candidate::{OUT_FEATURE, OUT_GOODNESS, OUT_IS_SET, OUT_WORDS};
use super::descend::{Part, TILE_ROWS};
use super::offer::{no_best, reduce, shelf, take_better};
use super::random::path_of;
use super::shape::{
    MISSING_LEFT, NODES, NONE, OPEN, OPEN_HEAD, OVERFLOW, RAN, RANGE_ALL, RANGE_LEFT, RANGE_RIGHT, SMALL, SMALL_WORDS,
    SPLIT_HEAD, SPLIT_SECOND_HALF, SPLIT_STAYS, SPLIT_WANTS_LEFT, SPLITS, Shape, TILES, cursor_of, level_at,
    load_for_all, node_words, open_at, split_at, tile_at, weights_of,
};
use super::words::{Goodness, Three, Two};

/// Units of a cube.
pub const UNITS: u32 = 32;

/// The goodness of a result.
#[cube]
fn goodness_in(results: &Array<u32>, result: u32) -> Goodness {
    let at = (result + OUT_GOODNESS) as usize;
    Goodness {
        num: Three { w0: results[at], w1: results[at + 1], w2: results[at + 2] },
        den: Two { w0: results[at + 3], w1: results[at + 4] },
    }
}

/// The bounds of an open node's rows on a page.
#[derive(CubeType, Clone, Copy)]
struct Bounds {
    from: u32,
    to: u32,
}

#[cube]
fn bounds_of(lists: &Array<u32>, tallies: &Array<Atomic<u32>>, shape: &Shape, at: u32, page: u32) -> Bounds {
    let from = lists[(at + OPEN_HEAD + 2u32 * page) as usize];
    let to = lists[(at + OPEN_HEAD + 2u32 * page + 1u32) as usize];
    let range = lists[(at + 6u32) as usize];
    let rows = tallies[cursor_of(shape, lists[at as usize], page) as usize].load();
    Bounds { from: select(range == RANGE_RIGHT, to - rows, from), to: select(range == RANGE_LEFT, from + rows, to) }
}

/// What is known of a child before it is opened.
#[derive(CubeType, Clone, Copy)]
struct Child {
    id: u32,
    tree: u32,
    depth: u32,
    path: u32,
    samples: u32,
    looked_at: u32,
    range: u32,
    half: u32,
}

#[cube]
fn write_head(list: &mut Array<u32>, at: u32, child: Child) {
    let at = at as usize;
    list[at] = child.id;
    list[at + 1] = child.tree;
    list[at + 2] = child.depth;
    list[at + 3] = child.path;
    list[at + 4] = child.samples;
    list[at + 5] = child.looked_at;
    list[at + 6] = child.range;
    list[at + 7] = child.half;
}

#[cube(launch)]
#[expect(clippy::too_many_arguments, reason = "each buffer of a kernel is an argument")]
pub fn split_nodes(
    found: &Array<u32>,
    best: &mut Array<u32>,
    lists: &mut Array<u32>,
    nodes: &mut Array<u32>,
    tallies: &mut Array<Atomic<u32>>,
    shape: Shape,
    part: Part,
    parity: u32,
) {
    let mut shelf = shelf(UNITS);
    // Split, left child, slots of both children, whether anything goes on, rank, samples on the left, classes of each side.
    let mut shared = SharedMemory::<u32>::new(8usize);
    let classes_of = SharedMemory::<Atomic<u32>>::new(2usize);
    let mut range = SharedMemory::<u32>::new(4usize);
    let unit = UNIT_POS;
    if unit == 0u32 && CUBE_POS == 0usize {
        tallies[comptime!(RAN as usize)].fetch_add(1u32);
    }
    let now = level_at(&shape, parity);
    let words = OUT_WORDS + shape.classes;
    let count = load_for_all(tallies, now + OPEN);
    // Nodes of which this part holds pairs.
    let mut slot = part.first / shape.pairs + CUBE_POS as u32;
    while slot < count && slot * shape.pairs < part.first + part.most {
        let begin = max(slot * shape.pairs, part.first);
        let end = min((slot + 1u32) * shape.pairs, part.first + part.most);
        let at = open_at(&shape, parity, slot);
        let head = at as usize;
        let looked_at = lists[head + 5];
        // The best of this part and of those before.
        let mine = no_best();
        let mut p = begin + unit;
        while p < end {
            let result = (p - part.first) * words;
            let rank = found[result as usize];
            if looked_at == 0u32 {
                take_better(&mine, goodness_in(found, result), rank, found[(result + OUT_FEATURE) as usize]);
            } else if rank != NONE && mine.rank.read() == NONE {
                // The first one that can: of equally good ones the lower place stands for the feature.
                let none = Goodness { num: Three { w0: 0u32, w1: 0u32, w2: 0u32 }, den: Two { w0: 1u32, w1: 0u32 } };
                take_better(&mine, none, 0u32, p);
            }
            p += UNITS;
        }
        reduce(&mine, &mut shelf, unit, UNITS);
        // Which pair that is.
        let mut p = begin + unit;
        while p < end {
            let result = (p - part.first) * words;
            if found[result as usize] != NONE && shelf.rank[0] != NONE {
                let own = select(looked_at == 0u32, found[(result + OUT_FEATURE) as usize], p);
                if own == shelf.feature[0] {
                    shared[5] = p;
                }
            }
            p += UNITS;
        }
        sync_cube();
        let is_first = begin == slot * shape.pairs;
        let is_last = end == (slot + 1u32) * shape.pairs;
        let so_far = slot * words;
        if unit == 0u32 {
            let known = !is_first && best[so_far as usize] != NONE;
            let fresh = shelf.rank[0] != NONE;
            let mut take = fresh;
            if fresh && known {
                take = false;
                if looked_at == 0u32 {
                    let old = no_best();
                    let of_old = best[(so_far + OUT_FEATURE) as usize];
                    take_better(&old, goodness_in(best, so_far), best[so_far as usize], of_old);
                    let result = (shared[5] - part.first) * words;
                    let of_new = found[(result + OUT_FEATURE) as usize];
                    take_better(&old, goodness_in(found, result), found[result as usize], of_new);
                    take = old.feature.read() == of_new;
                }
            }
            shared[4] = select(take, 1u32, 0u32);
            if !fresh && is_first {
                best[so_far as usize] = NONE;
            }
        }
        sync_cube();
        if shared[4] == 1u32 {
            let result = (shared[5] - part.first) * words;
            let mut i = unit;
            while i < words {
                best[(so_far + i) as usize] = found[(result + i) as usize];
                i += UNITS;
            }
        }
        sync_storage();
        sync_cube();
        if is_last {
            split_one(best, lists, nodes, tallies, &mut shared, &classes_of, &mut range, &shape, parity, so_far, at);
        }
        sync_cube();
        slot += CUBE_COUNT as u32;
    }
}

/// Writes the split of a node, or keeps it open, and lists what comes of it.
#[cube]
#[expect(clippy::too_many_arguments, reason = "a node, and all that comes of it")]
fn split_one(
    best: &Array<u32>,
    lists: &mut Array<u32>,
    nodes: &mut Array<u32>,
    tallies: &mut Array<Atomic<u32>>,
    shared: &mut SharedMemory<u32>,
    classes_of: &SharedMemory<Atomic<u32>>,
    range: &mut SharedMemory<u32>,
    shape: &Shape,
    parity: u32,
    so_far: u32,
    at: u32,
) {
    let unit = UNIT_POS;
    let head = at as usize;
    let after = level_at(shape, 1u32 - parity);
    let id = lists[head];
    let tree = lists[head + 1];
    let depth = lists[head + 2];
    let path = lists[head + 3];
    let samples = lists[head + 4];
    let looked_at = lists[head + 5];
    let half = lists[head + 7];
    let is_split = best[so_far as usize] != NONE;
    let left_samples = best[(so_far + 1u32) as usize];
    if unit == 0u32 {
        shared[0] = NONE;
        shared[2] = NONE;
        shared[3] = NONE;
        if is_split {
            let left = tallies[comptime!(NODES as usize)].fetch_add(2u32);
            let fits = left + 2u32 <= shape.most_nodes;
            shared[1] = select(fits, left, NONE);
            if !fits {
                tallies[comptime!(OVERFLOW as usize)].store(1u32);
            }
        }
    }
    if unit < 2u32 {
        classes_of[unit as usize].store(0u32);
    }
    sync_cube();
    let left = shared[1];
    if is_split && left != NONE {
        // The node, and the weights of its children.
        let node = id * node_words(shape);
        if unit == 0u32 {
            let missing = (best[(so_far + 2u32) as usize] & 1u32) * MISSING_LEFT;
            nodes[node as usize] = left;
            nodes[(node + 1u32) as usize] = best[(so_far + OUT_FEATURE) as usize] | missing;
        }
        if unit < shape.cut_words {
            nodes[(node + 2u32 + unit) as usize] = best[(so_far + 3u32 + unit) as usize];
        }
        let mut c = unit;
        while c < shape.classes {
            let of_left = best[(so_far + OUT_WORDS + c) as usize];
            let of_right = nodes[(weights_of(shape, id) + c) as usize] - of_left;
            nodes[(weights_of(shape, left) + c) as usize] = of_left;
            nodes[(weights_of(shape, left + 1u32) + c) as usize] = of_right;
            if of_left > 0u32 {
                classes_of[0].fetch_add(1u32);
            }
            if of_right > 0u32 {
                classes_of[1].fetch_add(1u32);
            }
            c += UNITS;
        }
    }
    sync_cube();
    let child_half = select(half == 0u32, shape.half, 0u32);
    let mut flags = select(half == 0u32, 0u32, SPLIT_SECOND_HALF);
    if unit == 0u32 {
        if is_split && left != NONE {
            for side in 0..2u32 {
                let of_child = select(side == 0u32, left_samples, samples - left_samples);
                let is_open = depth + 1u32 < shape.max_depth
                    && of_child >= shape.min_split
                    && of_child >= 2u32 * shape.min_leaf
                    && classes_of[side as usize].load() > 1u32;
                let child = Child {
                    id: left + side,
                    tree,
                    depth: depth + 1u32,
                    path: path_of(path, side),
                    samples: of_child,
                    looked_at: 0u32,
                    range: side,
                    half: child_half,
                };
                if is_open {
                    flags |= SPLIT_WANTS_LEFT << side;
                    if of_child <= shape.small {
                        let slot = tallies[comptime!(SMALL as usize)].fetch_add(1u32);
                        if slot < shape.most_small {
                            let place = shape.small_at + slot * SMALL_WORDS;
                            write_head(lists, place, child);
                            let rows = bounds_of(lists, tallies, shape, at, 0u32);
                            lists[(place + OPEN_HEAD) as usize] = rows.from;
                            lists[(place + OPEN_HEAD + 1u32) as usize] = rows.to;
                        } else {
                            tallies[comptime!(OVERFLOW as usize)].store(1u32);
                        }
                    } else {
                        let slot = tallies[(after + OPEN) as usize].fetch_add(1u32);
                        if slot < shape.most_open {
                            shared[(2u32 + side) as usize] = slot;
                            write_head(lists, open_at(shape, 1u32 - parity, slot), child);
                        } else {
                            tallies[comptime!(OVERFLOW as usize)].store(1u32);
                        }
                    }
                }
            }
        } else if !is_split && looked_at + shape.pairs < shape.features {
            let further = looked_at + shape.pairs;
            flags |= SPLIT_STAYS;
            let slot = tallies[(after + OPEN) as usize].fetch_add(1u32);
            let same = Child { id, tree, depth, path, samples, looked_at: further, range: RANGE_ALL, half };
            if slot < shape.most_open {
                shared[2] = slot;
                write_head(lists, open_at(shape, 1u32 - parity, slot), same);
            } else {
                tallies[comptime!(OVERFLOW as usize)].store(1u32);
            }
        }
        let goes_on = (flags & comptime!(SPLIT_STAYS | SPLIT_WANTS_LEFT | (SPLIT_WANTS_LEFT << 1))) != 0u32;
        if goes_on {
            let split = tallies[(after + SPLITS) as usize].fetch_add(1u32);
            shared[0] = split;
            let place = split_at(shape, 1u32 - parity, split) as usize;
            lists[place + 1] = flags;
            lists[place] = tree;
            lists[place + 2] = best[(so_far + OUT_FEATURE) as usize];
            lists[place + 11] = select(is_split, left, id);
            lists[place + 12] = shared[2];
            lists[place + 13] = shared[3];
            lists[place + 14] = select(is_split, path_of(path, 0u32), path);
            lists[place + 15] = path_of(path, 1u32);
            lists[place + 16] = select(is_split, 0u32, looked_at + shape.pairs);
        }
    }
    sync_cube();
    let split = shared[0];
    if split != NONE {
        if unit < 8u32 && is_split {
            lists[(split_at(shape, 1u32 - parity, split) + 3u32 + unit) as usize] = bits_of(best, so_far, unit);
        }
        for page in 0..shape.pages {
            if unit == 0u32 {
                let rows = bounds_of(lists, tallies, shape, at, page);
                let own = split_at(shape, 1u32 - parity, split) + SPLIT_HEAD + 2u32 * page;
                lists[own as usize] = rows.from;
                lists[(own + 1u32) as usize] = rows.to;
                for side in 0..2u32 {
                    let slot = shared[(2u32 + side) as usize];
                    if slot != NONE {
                        let place = open_at(shape, 1u32 - parity, slot) + OPEN_HEAD + 2u32 * page;
                        lists[place as usize] = rows.from;
                        lists[(place + 1u32) as usize] = rows.to;
                    }
                }
                let count = (rows.to - rows.from).div_ceil(TILE_ROWS);
                range[0] = count;
                range[1] = tallies[(after + TILES + page) as usize].fetch_add(count);
            }
            sync_cube();
            let mut i = unit;
            while i < range[0] {
                let tile = range[1] + i;
                if tile < shape.most_tiles {
                    let place = tile_at(shape, 1u32 - parity, page, tile) as usize;
                    lists[place] = split;
                    lists[place + 1] = i;
                } else {
                    tallies[comptime!(OVERFLOW as usize)].store(1u32);
                }
                i += UNITS;
            }
            sync_cube();
        }
    }
}

/// Word `word` of the bits of the bins that go left, that of missing values too.
#[cube]
fn bits_of(best: &Array<u32>, so_far: u32, word: u32) -> u32 {
    let missing = best[(so_far + 2u32) as usize] & 1u32;
    let cut = best[(so_far + 3u32) as usize];
    // Bins up to the cut: none, some or all of a word.
    let above = cut + 1u32;
    let in_word = select(above > word * 32u32, min(above - word * 32u32, 32u32), 0u32);
    let mut bits = select(in_word == 32u32, 0xffff_ffffu32, (1u32 << (in_word % 32u32)) - 1u32);
    if (best[(so_far + 2u32) as usize] & OUT_IS_SET) != 0u32 {
        bits = best[(so_far + 3u32 + word) as usize];
    }
    if word == 7u32 {
        bits = (bits & 0x7fff_ffffu32) | (missing << 31u32);
    }
    bits
}
