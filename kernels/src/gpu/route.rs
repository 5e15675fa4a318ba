//! Orders the rows of split nodes by their splits: those that go left first.
//!
//! | argument | shape | type | unit |
//! |---|---|---|---|
//! | `records` | rows x `stride` | u32 | four bins a word |
//! | `rows` | entries | u32 | row and draws |
//! | `splits` | splits x [`SPLIT_WORDS`] | u32 | first tile, rows from, rows to, feature, one bit for each bin that goes left |
//! | `cursors` | splits x 2 | u32 | zero; then the rows that went left, and right |
//! | `out` | entries | u32 | where the rows of the splits are written |
//!
//! The order inside a side is not the host's. It decides nothing: what is made of rows are sums of integers.

use cubecl::prelude::*;

use super::histogram::{byte_of, node_of_tile};

/// Words of a split in the list.
pub const SPLIT_WORDS: usize = 12;
/// Rows of a cube: one a unit.
pub const ROUTE_ROWS: u32 = 256;

#[cube(launch)]
#[expect(clippy::too_many_arguments, reason = "each buffer of a kernel is an argument")]
pub fn route(
    records: &Array<u32>,
    rows: &Array<u32>,
    splits: &Array<u32>,
    cursors: &mut Array<Atomic<u32>>,
    out: &mut Array<u32>,
    split_count: u32,
    tile_count: u32,
    stride: u32,
) {
    // Places inside the tile first, so that two additions to the cursors serve all its rows.
    let inside = SharedMemory::<Atomic<u32>>::new(2usize);
    let mut bases = SharedMemory::<u32>::new(2usize);
    let tile = CUBE_POS as u32;
    if UNIT_POS < 2u32 {
        inside[UNIT_POS as usize].store(0u32);
    }
    sync_cube();
    let split = node_of_tile(splits, split_count, min(tile, tile_count - 1u32), SPLIT_WORDS);
    let at = split as usize * SPLIT_WORDS;
    let from = splits[at + 1];
    let to = splits[at + 2];
    let i = from + (tile - splits[at]) * ROUTE_ROWS + UNIT_POS;
    let mine = tile < tile_count && i < to;
    let mut entry = 0u32;
    let mut side = 0u32;
    let mut place = 0u32;
    if mine {
        entry = rows[i as usize];
        let record = ((entry & 0x0fff_ffffu32) * stride) as usize;
        let bin = byte_of(records, record, splits[at + 3]);
        let bits = splits[at + 4 + (bin / 32u32) as usize];
        side = 1u32 - ((bits >> (bin % 32u32)) & 1u32);
        place = inside[side as usize].fetch_add(1u32);
    }
    sync_cube();
    if UNIT_POS < 2u32 {
        let count = inside[UNIT_POS as usize].load();
        bases[UNIT_POS as usize] = cursors[(split * 2u32 + UNIT_POS) as usize].fetch_add(count);
    }
    sync_cube();
    if mine {
        place += bases[side as usize];
        let target = select(side == 0u32, from + place, to - 1u32 - place);
        out[target as usize] = entry;
    }
}

/// Brings the rows of the splits back to where they came from.
#[cube(launch)]
pub fn settle(routed: &Array<u32>, splits: &Array<u32>, rows: &mut Array<u32>, split_count: u32, tile_count: u32) {
    let tile = CUBE_POS as u32;
    if tile < tile_count {
        let at = node_of_tile(splits, split_count, tile, SPLIT_WORDS) as usize * SPLIT_WORDS;
        let i = splits[at + 1] + (tile - splits[at]) * ROUTE_ROWS + UNIT_POS;
        if i < splits[at + 2] {
            rows[i as usize] = routed[i as usize];
        }
    }
}
