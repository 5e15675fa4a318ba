//! All operations of a group on one row.
//!
//! | argument | shape | type | unit |
//! |---|---|---|---|
//! | `cells` | planes x rows | u32 | of each column: codes, bits of 32-bit numbers, or low and then high words of 64-bit numbers |
//! | `code` | operations x [`CODE_WORDS`] | u32 | what is done, and up to four numbers |
//! | `groups` | groups + 1 | u32 | where the operations of each group begin |
//! | `constants` | words | u32 | numbers (low word, high word) and their keys, where `code` says |
//! | `slots` | slots x 2 x rows | u32 | low words, then high words; of any content |
//! | `out` | outputs x rows | u32 | written: bits of 32-bit numbers |
//! | `tally` | 2 + counters | u32 | zero; then cubes that ran, whether a cell is odd, and what the counters counted |

use cubecl::prelude::*;

use super::super::double::{
    add, divide, from_bits_32, from_count, is_infinite, is_nan, key, less, multiply, to_bits_32,
};
use super::super::words::Two;
use super::code::{
    ADD, AFFINE, CLIP, CODE_WORDS, CUT, DIVIDE, FILL, FIND, FLAG, KEEP, READ_CODES, READ_NARROW, READ_WIDE, RECALL,
    WRITE, WRITE_FLAG,
};

/// Rows of a cube: one a unit.
pub const CUBE_ROWS: u32 = 256;
/// Words of `tally` before the counters.
pub const TALLY_WORDS: usize = 2;

/// The constant at a place.
#[cube]
fn constant(constants: &Array<u32>, place: u32) -> Two {
    Two { w0: constants[place as usize], w1: constants[place as usize + 1] }
}

/// How many of `count` ascending keys are below `wanted`, or not above it.
#[cube]
fn keys_below(constants: &Array<u32>, first: u32, count: u32, wanted: Two, #[comptime] or_equal: bool) -> u32 {
    let mut low = 0u32;
    let mut high = count;
    while low < high {
        let middle = (low + high) / 2u32;
        let found = constant(constants, first + 2u32 * middle);
        let mut is_below = less(found, wanted);
        if comptime!(or_equal) {
            is_below = !less(wanted, found);
        }
        if is_below {
            low = middle + 1u32;
        } else {
            high = middle;
        }
    }
    low
}

#[cube]
fn is_same(a: Two, b: Two) -> bool {
    a.w0 == b.w0 && a.w1 == b.w1
}

/// `x` within the bounds; what is no number stays.
#[cube]
fn clamped(x: Two, constants: &Array<u32>, place: u32) -> Two {
    let low = constant(constants, place);
    let high = constant(constants, place + 2u32);
    let k = key(x);
    let is_number = !is_nan(x);
    let below = is_number && less(k, key(low));
    let above = is_number && less(key(high), k);
    let w0 = select(below, low.w0, x.w0);
    let w1 = select(below, low.w1, x.w1);
    Two { w0: select(above, high.w0, w0), w1: select(above, high.w1, w1) }
}

#[cube(launch)]
#[expect(clippy::too_many_arguments, reason = "each buffer of a kernel is an argument")]
pub fn run_operations(
    cells: &Array<u32>,
    code: &Array<u32>,
    groups: &Array<u32>,
    constants: &Array<u32>,
    slots: &mut Array<u32>,
    out: &mut Array<u32>,
    tally: &mut Array<Atomic<u32>>,
    rows: u32,
    tiles: u32,
    cubes: u32,
) {
    let cube = CUBE_POS as u32;
    if cube < cubes && UNIT_POS == 0u32 {
        tally[0].fetch_add(1u32);
    }
    let row = (cube % tiles) * CUBE_ROWS + UNIT_POS;
    if cube < cubes && row < rows {
        let group = (cube / tiles) as usize;
        let last = groups[group + 1];
        let mut x0 = 0u32;
        // What is no number: see `NAN`.
        let mut x1 = 0x7ff8_0000u32;
        for at in groups[group]..last {
            let i = at as usize * CODE_WORDS;
            let what = code[i];
            let a = code[i + 1];
            let b = code[i + 2];
            let cell = (a * rows + row) as usize;
            let slot = (2u32 * a * rows + row) as usize;
            let x = Two { w0: x0, w1: x1 };
            if what == READ_NARROW {
                let y = from_bits_32(cells[cell]);
                if is_infinite(y) {
                    tally[1].store(1u32);
                }
                x0 = y.w0;
                x1 = y.w1;
            } else if what == READ_WIDE {
                let y = Two { w0: cells[cell], w1: cells[cell + rows as usize] };
                if is_infinite(y) {
                    tally[1].store(1u32);
                }
                x0 = y.w0;
                x1 = y.w1;
            } else if what == READ_CODES {
                let answer = (b + 3u32 * min(cells[cell], code[i + 4])) as usize;
                x0 = constants[answer];
                x1 = constants[answer + 1];
                if constants[answer + 2] != 0u32 {
                    tally[TALLY_WORDS + code[i + 3] as usize].fetch_add(1u32);
                }
            } else if what == RECALL {
                x0 = slots[slot];
                x1 = slots[slot + rows as usize];
            } else if what == KEEP {
                slots[slot] = x0;
                slots[slot + rows as usize] = x1;
            } else if what == WRITE {
                let bits = to_bits_32(x);
                out[cell] = bits;
                if (bits & 0x7fff_ffffu32) == 0x7f80_0000u32 {
                    tally[1].store(1u32);
                }
            } else if what == WRITE_FLAG {
                out[cell] = select(is_same(key(x), constant(constants, b)), 0x3f80_0000u32, 0u32);
            } else if what == FLAG {
                let high = select(is_same(key(x), constant(constants, b)), 0x3ff0_0000u32, 0u32);
                x0 = 0u32;
                x1 = high;
            } else if what == FILL {
                if is_nan(x) {
                    x0 = constants[b as usize];
                    x1 = constants[b as usize + 1];
                }
            } else if what == AFFINE {
                let apart = add(x, constant(constants, b + 4u32));
                let scaled = multiply(apart, constant(constants, b + 6u32));
                let y = clamped(add(scaled, constant(constants, b + 8u32)), constants, b);
                x0 = y.w0;
                x1 = y.w1;
            } else if what == CLIP {
                let is_zero = ((x1 & 0x7fff_ffffu32) | x0) == 0u32;
                let y = clamped(Two { w0: x0, w1: select(is_zero, 0u32, x1) }, constants, b);
                x0 = y.w0;
                x1 = y.w1;
            } else if what == CUT {
                if !is_nan(x) {
                    let y = from_count(keys_below(constants, b, a, key(x), true));
                    x0 = y.w0;
                    x1 = y.w1;
                }
            } else if what == FIND {
                if is_nan(x) {
                    x0 = constants[b as usize];
                    x1 = constants[b as usize + 1];
                } else {
                    let wanted = key(x);
                    let keys = b + 4u32;
                    let place = keys_below(constants, keys, a, wanted, false);
                    // Behind the last key stands a value, which is not looked at.
                    if place < a && is_same(wanted, constant(constants, keys + 2u32 * place)) {
                        let y = constant(constants, keys + 2u32 * (a + place));
                        x0 = y.w0;
                        x1 = y.w1;
                    } else {
                        x0 = constants[b as usize + 2];
                        x1 = constants[b as usize + 3];
                        tally[TALLY_WORDS + code[i + 3] as usize].fetch_add(1u32);
                    }
                }
            } else if what == ADD {
                let y = add(x, Two { w0: slots[slot], w1: slots[slot + rows as usize] });
                x0 = y.w0;
                x1 = y.w1;
            } else if what == DIVIDE {
                let y = Two { w0: slots[slot], w1: slots[slot + rows as usize] };
                let floor = constant(constants, b);
                let is_low = !is_nan(y) && less(key(y), key(floor));
                let z = divide(x, Two { w0: select(is_low, floor.w0, y.w0), w1: select(is_low, floor.w1, y.w1) });
                x0 = z.w0;
                x1 = z.w1;
            }
        }
    }
}
