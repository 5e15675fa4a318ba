//! Which rows each tree of a batch learns from, and how often: [`crate::bootstrap`] on a device, draw for draw.
//!
//! | argument | shape | type | unit |
//! |---|---|---|---|
//! | `counts` | trees x words of four rows | u32 | zero; then how often each row was drawn, a byte each |
//! | `records` | rows of the page x `stride` | u32 | four bins a word, the class in the last byte |
//! | `weights` | rows of the page, or one | u32 | weight of each row; not read unless `weighted` |
//! | `rows` | 2 x trees x rows of the page | u32 | written, in the first half: row of the page and draws, in about the order of rows |
//! | `tallies` | see [`super::shape`] | u32 | kernels that ran are counted |
//! | `sums` | trees x (pages + classes + 1) | u32 | zero; then entries of each page, weight of each class, samples |

use cubecl::prelude::*;

use super::random::{philox, scale};
use super::shape::{RAN, Shape};
use crate::philox::Purpose;

/// Units of a cube.
pub const UNITS: u32 = 256;
/// Rows that one cube enters.
pub const TILE_ROWS: u32 = 2048;
/// A row that was drawn more often counts as this often, see [`crate::bootstrap`].
const MAX_DRAWS: u32 = 15;

/// Counts the draws of each tree.
#[cube(launch)]
pub fn draw_rows(
    counts: &mut Array<Atomic<u32>>,
    tallies: &mut Array<Atomic<u32>>,
    shape: Shape,
    trees: u32,
    draws: u32,
    rows: u32,
) {
    if ABSOLUTE_POS == 0usize {
        tallies[comptime!(RAN as usize)].fetch_add(1u32);
    }
    let words = rows.div_ceil(4u32);
    let blocks = draws.div_ceil(2u32);
    let step = CUBE_COUNT as u32 * CUBE_DIM;
    for tree in 0..trees {
        let mut block = ABSOLUTE_POS as u32;
        while block < blocks {
            let random = philox(&shape, block, shape.first_tree + tree, 0u32, comptime!(Purpose::Bootstrap as u32));
            for second in 0..2u32 {
                if block * 2u32 + second < draws {
                    let high = select(second == 0u32, random.w0, random.w2);
                    let low = select(second == 0u32, random.w1, random.w3);
                    let row = scale(high, low, rows);
                    counts[(tree * words + row / 4u32) as usize].fetch_add(1u32 << ((row % 4u32) * 8u32));
                }
            }
            block += step;
        }
    }
}

/// Lists the rows of a page that each tree drew, and sums what they weigh.
#[cube(launch)]
#[expect(clippy::too_many_arguments, reason = "each buffer of a kernel is an argument")]
pub fn enter(
    counts: &Array<u32>,
    records: &Array<u32>,
    weights: &Array<u32>,
    rows: &mut Array<u32>,
    sums: &mut Array<Atomic<u32>>,
    tallies: &mut Array<Atomic<u32>>,
    shape: Shape,
    page: u32,
    first_row: u32,
    page_rows: u32,
    all_rows: u32,
    trees: u32,
    #[comptime] drawn: bool,
    #[comptime] weighted: bool,
) {
    let own = SharedMemory::<Atomic<u32>>::new(257usize);
    let inside = SharedMemory::<Atomic<u32>>::new(1usize);
    let mut base = SharedMemory::<u32>::new(1usize);
    let unit = UNIT_POS;
    if ABSOLUTE_POS == 0usize {
        tallies[comptime!(RAN as usize)].fetch_add(1u32);
    }
    let words = all_rows.div_ceil(4u32);
    let of_tree = page_rows.div_ceil(TILE_ROWS);
    let sums_words = shape.pages + shape.classes + 1u32;
    let mut tile = CUBE_POS as u32;
    while tile < trees * of_tree {
        let tree = tile / of_tree;
        let begin = (tile % of_tree) * TILE_ROWS;
        let end = min(begin + TILE_ROWS, page_rows);
        let sums_at = tree * sums_words;
        let mut c = unit;
        while c <= shape.classes {
            own[c as usize].store(0u32);
            c += UNITS;
        }
        // What each unit sums of its own rows goes to the cube's sums once a tile: all units add to the same few.
        let mut all_draws = 0u32;
        let mut first = begin;
        while first < end {
            if unit == 0u32 {
                inside[0].store(0u32);
            }
            sync_cube();
            let i = first + unit;
            let mut draws = 0u32;
            if i < end {
                draws = 1u32;
                if comptime!(drawn) {
                    let row = first_row + i;
                    let four = counts[(tree * words + row / 4u32) as usize];
                    draws = min((four >> ((row % 4u32) * 8u32)) & 255u32, MAX_DRAWS);
                }
            }
            let mut place = 0u32;
            if draws > 0u32 {
                place = inside[0].fetch_add(1u32);
                let class = records[((i + 1u32) * shape.stride - 1u32) as usize] >> 24u32;
                let mut weight = draws;
                if comptime!(weighted) {
                    weight = draws * weights[i as usize];
                }
                all_draws += draws;
                // Without weights, the first class has what the others leave.
                if weighted || class > 0u32 {
                    own[class as usize].fetch_add(weight);
                }
            }
            sync_cube();
            if unit == 0u32 {
                base[0] = sums[(sums_at + page) as usize].fetch_add(inside[0].load());
            }
            sync_cube();
            if draws > 0u32 {
                rows[(tree * page_rows + base[0] + place) as usize] = i | (draws << 28u32);
            }
            first += UNITS;
        }
        own[shape.classes as usize].fetch_add(all_draws);
        sync_cube();
        if comptime!(!weighted) {
            if unit == 0u32 {
                let mut rest = own[shape.classes as usize].load();
                for c in 1..shape.classes {
                    rest -= own[c as usize].load();
                }
                own[0].store(rest);
            }
            sync_cube();
        }
        let mut c = unit;
        while c <= shape.classes {
            sums[(sums_at + shape.pages + c) as usize].fetch_add(own[c as usize].load());
            c += UNITS;
        }
        sync_cube();
        tile += CUBE_COUNT as u32;
    }
}
