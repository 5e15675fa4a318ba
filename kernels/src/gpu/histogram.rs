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
        let mut i = begin + UNIT_POS;
        while i < end {
            let entry = rows[i as usize];
            let row = entry & 0x0fff_ffffu32;
            let draws = entry >> 28u32;
            let record = (row * stride) as usize;
            let class = records[record + stride as usize - 1] >> 24u32;
            let mut weight = draws;
            if comptime!(weighted) {
                weight = draws * weights[row as usize];
            }
            for k in 0..pairs {
                let pair = first_pair + k;
                let bin = byte_of(records, record, features[pair as usize]);
                let slot = select(bin == 255u32, slots - 1u32, bin);
                let at = (pair * slots + slot) * width;
                out[(at + class) as usize].fetch_add(weight);
                if comptime!(weighted) {
                    out[(at + classes) as usize].fetch_add(draws);
                }
            }
            i += CUBE_DIM;
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
