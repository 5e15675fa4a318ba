//! The random numbers of [`crate::philox`] and [`crate::Permutation`] on a device.

use cubecl::prelude::*;

use super::shape::{NONE, Shape};
use super::words::mix;
use crate::philox::Purpose;

/// Four random words.
#[derive(CubeType, Clone, Copy)]
pub struct Random {
    pub w0: u32,
    pub w1: u32,
    pub w2: u32,
    pub w3: u32,
}

/// [`crate::philox()`] for the counter `(index, tree, node, purpose)`.
#[cube]
pub fn philox(shape: &Shape, index: u32, tree: u32, node: u32, purpose: u32) -> Random {
    let mut c0 = index;
    let mut c1 = tree;
    let mut c2 = node;
    let mut c3 = purpose;
    let mut k0 = shape.seed_low;
    let mut k1 = shape.seed_high;
    for _ in 0..10u32 {
        let a_high = u32::mul_hi(0xD251_1F53u32, c0);
        let a_low = 0xD251_1F53u32 * c0;
        let b_high = u32::mul_hi(0xCD9E_8D57u32, c2);
        let b_low = 0xCD9E_8D57u32 * c2;
        c0 = b_high ^ c1 ^ k0;
        c1 = b_low;
        c2 = a_high ^ c3 ^ k1;
        c3 = a_low;
        k0 += 0x9E37_79B9u32;
        k1 += 0xBB67_AE85u32;
    }
    Random { w0: c0, w1: c1, w2: c2, w3: c3 }
}

/// The high part of the 64-bit number `high:low` times `below`.
#[cube]
pub fn scale(high: u32, low: u32, below: u32) -> u32 {
    let part = high * below;
    let sum = part + u32::mul_hi(low, below);
    u32::mul_hi(high, below) + select(sum < part, 1u32, 0u32)
}

/// `value` moved on by a random part of `size`, round the circle.
#[cube]
fn turn(value: u32, random: u32, size: u32) -> u32 {
    let moved = value + u32::mul_hi(random, size);
    select(moved >= size, moved - size, moved)
}

/// One pass of the Feistel network.
#[cube]
fn permute(shape: &Shape, key: Random, value: u32) -> u32 {
    let a = shape.half_a;
    let b = shape.half_b;
    let l0 = value / b;
    let r0 = value % b;
    let l1 = turn(l0, mix(r0 ^ key.w0), a);
    let r1 = turn(r0, mix(l1 ^ key.w1), b);
    let l2 = turn(l1, mix(r1 ^ (key.w2 + 0x9E37_79B9u32)), a);
    let r2 = turn(r1, mix(l2 ^ (key.w3 + 0x9E37_79B9u32)), b);
    let l3 = turn(l2, mix(r2 ^ (key.w0 + 0x3C6E_F372u32)), a);
    let r3 = turn(r2, mix(l3 ^ (key.w1 + 0x3C6E_F372u32)), b);
    let l4 = turn(l3, mix(r3 ^ (key.w2 + 0xDAA6_6D2Bu32)), a);
    let r4 = turn(r3, mix(l4 ^ (key.w3 + 0xDAA6_6D2Bu32)), b);
    l4 * b + r4
}

/// The feature that stands at a place of a node's order; [`NONE`] behind the last.
#[cube]
pub fn feature_at(shape: &Shape, tree: u32, path: u32, place: u32) -> u32 {
    let mut found = NONE.runtime();
    if place < shape.features {
        // Where a node looks at all of them, the order decides nothing.
        found = place;
        if shape.pairs < shape.features {
            let key = philox(shape, 0u32, tree, path, comptime!(Purpose::Features as u32));
            found = permute(shape, key, place);
            while found >= shape.features {
                found = permute(shape, key, found);
            }
        }
    }
    found
}

/// Names a node's random order of levels.
#[cube]
pub fn level_key(shape: &Shape, tree: u32, path: u32) -> u32 {
    philox(shape, 0u32, tree, path, comptime!(Purpose::Levels as u32)).w0
}

/// The key of a child's path: 0 = left, 1 = right.
#[cube]
pub fn path_of(path: u32, side: u32) -> u32 {
    mix(path * 2u32 + side)
}
