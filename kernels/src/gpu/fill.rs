//! Words that are set, and words that are copied.

use cubecl::prelude::*;

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

/// Copies `count` words to place `at` of `out`.
#[cube(launch)]
pub fn paste(from: &Array<u32>, out: &mut Array<u32>, count: u32, at: u32) {
    let step = CUBE_COUNT as u32 * CUBE_DIM;
    let mut i = ABSOLUTE_POS as u32;
    while i < count {
        out[(at + i) as usize] = from[i as usize];
        i += step;
    }
}
