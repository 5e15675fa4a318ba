//! Histograms of many nodes at once: per node, feature and bin, the weight of each class.
//!
//! | argument | shape | type | unit |
//! |---|---|---|---|
//! | `records` | rows x `stride` | u32 | four bins a word, the class in the last byte |
//! | `weights` | rows, or one | u32 | weight of each row; not read unless `weighted` |
//! | `rows` | entries | u32 | row and draws, see [`crate::bootstrap`] |
//! | `nodes` | nodes x [`NODE_WORDS`] | u32 | first tile, rows from, rows to, first pair, pairs |
//! | `features` | pairs | u32 | the feature of each pair of node and feature |
//! | `out` | pairs x slots x width | u32 | added to; the last slot is that of missing values |
//!
//! Sums of integers: the order in which units add does not matter.

use cubecl::prelude::*;

/// Words of a node in the list.
pub const NODE_WORDS: usize = 5;
/// Rows that one cube adds.
pub const TILE_ROWS: u32 = 2048;

/// The node that a tile belongs to: the last one whose first tile is not behind it.
#[cube]
pub fn node_of_tile(nodes: &Array<u32>, count: u32, tile: u32, #[comptime] words: usize) -> u32 {
    let mut low = 0u32;
    let mut high = count;
    while high - low > 1u32 {
        let middle = (low + high) / 2u32;
        if nodes[middle as usize * words] <= tile {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// The byte at `place` of a record.
#[cube]
pub fn byte_of(records: &Array<u32>, first: usize, place: u32) -> u32 {
    (records[first + (place / 4u32) as usize] >> ((place % 4u32) * 8u32)) & 255u32
}

/// Words of a cube's own histograms: 12 KiB, where every device has 16.
const OWN_WORDS: u32 = 3072;
/// Tiles of fewer rows add to the node's histograms at once: clearing and bringing over their own would cost more.
const OWN_ROWS: u32 = 192;

/// Adds one row to the cube's own histograms of some features of its node.
#[cube]
#[expect(clippy::too_many_arguments, reason = "what a row is, and where it goes")]
fn add_row_to_own(
    records: &Array<u32>,
    weights: &Array<u32>,
    features: &Array<u32>,
    entry: u32,
    first_pair: u32,
    pairs: u32,
    stride: u32,
    slots: u32,
    classes: u32,
    out: &mut SharedMemory<Atomic<u32>>,
    #[comptime] weighted: bool,
) {
    let row = entry & 0x0fff_ffffu32;
    let draws = entry >> 28u32;
    let record = (row * stride) as usize;
    let class = records[record + stride as usize - 1] >> 24u32;
    let mut weight = draws;
    let mut width = classes;
    if comptime!(weighted) {
        weight = draws * weights[row as usize];
        width += 1u32;
    }
    for k in 0..pairs {
        let bin = byte_of(records, record, features[(first_pair + k) as usize]);
        let slot = (k * slots + select(bin == 255u32, slots - 1u32, bin)) * width;
        out[(slot + class) as usize].fetch_add(weight);
        if comptime!(weighted) {
            out[(slot + classes) as usize].fetch_add(draws);
        }
    }
}

/// Adds one row to the histograms of all features of its node.
#[cube]
#[expect(clippy::too_many_arguments, reason = "what a row is, and where it goes")]
fn add_row_to_all(
    records: &Array<u32>,
    weights: &Array<u32>,
    features: &Array<u32>,
    entry: u32,
    first_pair: u32,
    pairs: u32,
    stride: u32,
    slots: u32,
    classes: u32,
    out: &mut Array<Atomic<u32>>,
    #[comptime] weighted: bool,
) {
    let row = entry & 0x0fff_ffffu32;
    let draws = entry >> 28u32;
    let record = (row * stride) as usize;
    let class = records[record + stride as usize - 1] >> 24u32;
    let mut weight = draws;
    let mut width = classes;
    if comptime!(weighted) {
        weight = draws * weights[row as usize];
        width += 1u32;
    }
    for k in 0..pairs {
        let bin = byte_of(records, record, features[(first_pair + k) as usize]);
        let slot = ((first_pair + k) * slots + select(bin == 255u32, slots - 1u32, bin)) * width;
        out[(slot + class) as usize].fetch_add(weight);
        if comptime!(weighted) {
            out[(slot + classes) as usize].fetch_add(draws);
        }
    }
}

#[cube(launch)]
#[expect(clippy::too_many_arguments, reason = "each buffer of a kernel is an argument")]
pub fn add_histograms(
    records: &Array<u32>,
    weights: &Array<u32>,
    rows: &Array<u32>,
    nodes: &Array<u32>,
    features: &Array<u32>,
    out: &mut Array<Atomic<u32>>,
    node_count: u32,
    tile_count: u32,
    stride: u32,
    slots: u32,
    classes: u32,
    #[comptime] weighted: bool,
) {
    let mut own = SharedMemory::<Atomic<u32>>::new(comptime!(OWN_WORDS as usize));
    let tile = CUBE_POS as u32;
    if tile < tile_count {
        let node = node_of_tile(nodes, node_count, tile, NODE_WORDS) as usize * NODE_WORDS;
        let begin = nodes[node + 1] + (tile - nodes[node]) * TILE_ROWS;
        let end = min(nodes[node + 2], begin + TILE_ROWS);
        let first_pair = nodes[node + 3];
        let pairs = nodes[node + 4];
        let mut width = classes;
        if comptime!(weighted) {
            width += 1u32;
        }
        let each = slots * width;
        // As many features at a time as the cube's own memory holds.
        let together = OWN_WORDS / each;
        if together > 0u32 && end - begin >= OWN_ROWS {
            let mut done = 0u32;
            while done < pairs {
                let now = min(together, pairs - done);
                let words = now * each;
                let mut i = UNIT_POS;
                while i < words {
                    own[i as usize].store(0u32);
                    i += CUBE_DIM;
                }
                sync_cube();
                let mut i = begin + UNIT_POS;
                while i < end {
                    let entry = rows[i as usize];
                    let pair = first_pair + done;
                    add_row_to_own(
                        records, weights, features, entry, pair, now, stride, slots, classes, &mut own, weighted,
                    );
                    i += CUBE_DIM;
                }
                sync_cube();
                let mut i = UNIT_POS;
                while i < words {
                    let sum = own[i as usize].load();
                    if sum > 0u32 {
                        out[((first_pair + done) * each + i) as usize].fetch_add(sum);
                    }
                    i += CUBE_DIM;
                }
                sync_cube();
                done += now;
            }
        } else {
            let mut i = begin + UNIT_POS;
            while i < end {
                add_row_to_all(
                    records,
                    weights,
                    features,
                    rows[i as usize],
                    first_pair,
                    pairs,
                    stride,
                    slots,
                    classes,
                    out,
                    weighted,
                );
                i += CUBE_DIM;
            }
        }
    }
}

/// Sets all words to zero.
#[cube(launch)]
pub fn clear(out: &mut Array<u32>, count: u32) {
    let step = CUBE_COUNT as u32 * CUBE_DIM;
    let mut i = ABSOLUTE_POS as u32;
    while i < count {
        out[i as usize] = 0u32;
        i += step;
    }
}
