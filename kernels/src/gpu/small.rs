//! Grows everything below the nodes of few samples: one cube a node, one unit a row, all nodes of a subtree's level side by
//! side. A unit knows the rows of its own node by their places `first..first + len`, and looks at the candidate that ends
//! at its own row's bin.
//!
//! | argument | shape | type | unit |
//! |---|---|---|---|
//! | `records` | rows x `stride` | u32 | four bins a word, the class in the last byte |
//! | `weights` | rows, or one | u32 | weight of each row; not read unless `weighted` |
//! | `rows` | 2 x entries | u32 | row and draws, see [`crate::bootstrap`] |
//! | `lists` | see [`super::shape`] | u32 | the small nodes |
//! | `facts` | see [`super::candidate`] | u32 | |
//! | `nodes` | nodes x words | u32 | see [`super::shape::node_words`]; written |
//! | `tallies` | see [`super::shape`] | u32 | small nodes, and the rows of each |

use cubecl::prelude::*;

use self::rows::{Rows, Segment, count_samples, cut_word, look_at, may_split, set_keys};
use super::offer::{Best, RANK_MISSING_LEFT, Shelf, no_best, reduce, shelf};
use super::random::{feature_at, path_of};
use super::shape::{
    BROKEN, MISSING_LEFT, NODES, NONE, OPEN_HEAD, OVERFLOW, RAN, RANGE_ALL, RANGE_RIGHT, SMALL, SMALL_WORDS, Shape,
    cursor_of, draws_of, load_for_all, node_words, row_of, weights_of,
};

mod rows;

/// Units of a cube, and most rows of a small node.
pub const UNITS: u32 = 256;

#[cube(launch)]
#[expect(clippy::too_many_arguments, reason = "each buffer of a kernel is an argument")]
pub fn grow_small(
    records: &Array<u32>,
    weights: &Array<u32>,
    entries: &Array<u32>,
    lists: &Array<u32>,
    facts: &Array<u32>,
    nodes: &mut Array<u32>,
    tallies: &mut Array<Atomic<u32>>,
    shape: Shape,
    #[comptime] weighted: bool,
    #[comptime] categories: bool,
    #[comptime] entropy: bool,
) {
    let size = comptime!(UNITS as usize);
    let mut rows = Rows {
        entries: SharedMemory::<u32>::new(size),
        hefts: SharedMemory::<u32>::new(size),
        classes: SharedMemory::<u32>::new(size),
        bins: SharedMemory::<u32>::new(size),
        keys: SharedMemory::<u32>::new(size),
        parts: SharedMemory::<u32>::new(comptime!(if categories { size } else { 1 })),
        wholes: SharedMemory::<u32>::new(comptime!(if categories { size } else { 1 })),
    };
    let mut shelf = shelf(UNITS);
    let going = SharedMemory::<Atomic<u32>>::new(1usize);
    let unit = UNIT_POS;
    let here = unit as usize;
    if unit == 0u32 && CUBE_POS == 0usize {
        tallies[comptime!(RAN as usize)].fetch_add(1u32);
    }
    let count = min(load_for_all(tallies, SMALL), shape.most_small);
    let mut counted = SharedMemory::<u32>::new(1usize);
    let mut which = CUBE_POS as u32;
    while which < count {
        let at = (shape.small_at + which * SMALL_WORDS) as usize;
        let mut id = lists[at];
        let tree = lists[at + 1];
        let mut depth = lists[at + 2];
        let mut path = lists[at + 3];
        let range = lists[at + 6];
        let from = lists[at + OPEN_HEAD as usize];
        let to = lists[at + OPEN_HEAD as usize + 1];
        if unit == 0u32 {
            counted[0] = tallies[cursor_of(&shape, id, 0u32) as usize].load();
        }
        sync_cube();
        let mut len = select(range == RANGE_ALL, to - from, counted[0]);
        let begin = lists[at + 7] + select(range == RANGE_RIGHT, to - len, from);
        if len > UNITS {
            // Never: a node has no more rows than samples.
            len = 0u32;
            if unit == 0u32 {
                tallies[comptime!(BROKEN as usize)].store(1u32);
            }
        }
        let mut first = 0u32;
        rows.classes[here] = NONE;
        rows.hefts[here] = 0u32;
        rows.entries[here] = 0u32;
        let mut is_open = unit < len;
        if is_open {
            let entry = entries[(begin + unit) as usize];
            let row = row_of(entry);
            rows.entries[here] = entry;
            rows.classes[here] = records[((row + 1u32) * shape.stride - 1u32) as usize] >> 24u32;
            let mut heft = draws_of(entry);
            if comptime!(weighted) {
                heft *= weights[row as usize];
            }
            rows.hefts[here] = heft;
        }
        sync_cube();
        // Rows that got lost on the way would make another tree, and must not pass for one.
        let mut samples = 0u32;
        for j in 0..len {
            samples += draws_of(rows.entries[j as usize]);
        }
        if unit == 0u32 && samples != lists[at + 4] {
            tallies[comptime!(BROKEN as usize)].store(1u32);
        }
        let mut again = true;
        while again {
            let of =
                Segment { first, len, id, number: shape.first_tree + tree, multipliers: tree * shape.classes, path };
            // As many features as are asked for; then one after the other, until one can split the node.
            let best = no_best();
            let mut k = 0u32;
            let mut upto = shape.pairs;
            let mut more = true;
            while more {
                let known = best_rank(&best, &shelf, first, k);
                while k < upto {
                    let mut feature = NONE.runtime();
                    if is_open && known == NONE {
                        feature = feature_at(&shape, of.number, path, k);
                    }
                    look_at(&mut rows, records, nodes, facts, &shape, of, feature, &best, categories, entropy);
                    k += 1u32;
                }
                reduce(&best, &mut shelf, unit - first, select(is_open, len, 0u32));
                if unit == 0u32 {
                    going[0].store(0u32);
                }
                sync_cube();
                if is_open && shelf.rank[first as usize] == NONE && k < shape.features {
                    going[0].store(1u32);
                }
                sync_cube();
                more = going[0].load() == 1u32;
                upto = k + 1u32;
                sync_cube();
            }
            // The winner of the node.
            let mut rank = NONE.runtime();
            let mut feature = NONE.runtime();
            if is_open {
                rank = shelf.rank[first as usize];
                if rank != NONE {
                    feature = shelf.feature[first as usize];
                }
            }
            set_keys(&mut rows, records, nodes, facts, &shape, of, feature, categories);
            let key = rank % RANK_MISSING_LEFT;
            let samples = count_samples(&rows, of, key);
            let missing_left = rank / RANK_MISSING_LEFT;
            let left_samples = samples.left + missing_left * samples.missing;
            // Missing values that the node has not seen go where most samples go.
            let unseen = select(2u32 * left_samples >= samples.all, 1u32, 0u32);
            let sends_left = select(samples.missing > 0u32, missing_left, unseen);
            if unit == first && rank != NONE {
                let left = tallies[comptime!(NODES as usize)].fetch_add(2u32);
                let fits = left + 2u32 <= shape.most_nodes;
                if !fits {
                    tallies[comptime!(OVERFLOW as usize)].store(1u32);
                }
                shelf.rank[here] = select(fits, left, NONE);
            }
            sync_cube();
            let mut left_id = NONE.runtime();
            if rank != NONE {
                left_id = shelf.rank[first as usize];
            }
            let is_split = left_id != NONE;
            let own_key = rows.keys[here];
            let mut goes_left = own_key <= key;
            if own_key == NONE {
                goes_left = missing_left == 1u32;
            }
            if is_split {
                let node = id * node_words(&shape);
                if unit == first {
                    nodes[node as usize] = left_id;
                    nodes[(node + 1u32) as usize] = feature | (sends_left * MISSING_LEFT);
                }
                let mut word = unit - first;
                while word < shape.cut_words {
                    nodes[(node + 2u32 + word) as usize] =
                        cut_word(&rows, nodes, facts, &shape, of, feature, key, word, categories);
                    word += len;
                }
            }
            sync_cube();
            rows.keys[here] = select(goes_left, 0u32, 1u32);
            sync_cube();
            // Where the row goes, and what its side weighs.
            let mut on_left = 0u32;
            let mut before = 0u32;
            let own_side = rows.keys[here];
            if is_split {
                for j in first..first + len {
                    let side = rows.keys[j as usize];
                    on_left += 1u32 - side;
                    if j < unit && side == own_side {
                        before += 1u32;
                    }
                }
                let mut c = unit - first;
                while c < shape.classes {
                    let mut of_left = 0u32;
                    let mut all = 0u32;
                    for j in first..first + len {
                        if rows.classes[j as usize] == c {
                            let heft = rows.hefts[j as usize];
                            all += heft;
                            of_left += select(rows.keys[j as usize] == 0u32, heft, 0u32);
                        }
                    }
                    nodes[(weights_of(&shape, left_id) + c) as usize] = of_left;
                    nodes[(weights_of(&shape, left_id + 1u32) + c) as usize] = all - of_left;
                    c += len;
                }
            }
            let entry = rows.entries[here];
            let heft = rows.hefts[here];
            let class = rows.classes[here];
            sync_storage();
            sync_cube();
            if is_split {
                let target = (first + select(own_side == 0u32, before, on_left + before)) as usize;
                rows.entries[target] = entry;
                rows.hefts[target] = heft;
                rows.classes[target] = class;
            }
            sync_cube();
            if is_split {
                // The row that stands here now is of this side.
                let side = select(unit < first + on_left, 0u32, 1u32);
                first = select(side == 0u32, first, first + on_left);
                len = select(side == 0u32, on_left, len - on_left);
                id = left_id + side;
                path = path_of(path, side);
                depth += 1u32;
                is_open = may_split(&rows, &shape, first, len, depth);
            } else {
                is_open = false;
            }
            if unit == 0u32 {
                going[0].store(0u32);
            }
            sync_cube();
            if is_open {
                going[0].store(1u32);
            }
            sync_cube();
            again = going[0].load() == 1u32;
            sync_cube();
        }
        which += CUBE_COUNT as u32;
    }
}

/// What a unit's node has found so far: [`NONE`] before the first features are looked at.
#[cube]
fn best_rank(best: &Best, shelf: &Shelf, first: u32, k: u32) -> u32 {
    let mut rank = best.rank.read();
    if k > 0u32 {
        rank = shelf.rank[first as usize];
    }
    rank
}
