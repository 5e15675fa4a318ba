//! The gradient and the curvature of the log loss at each row's margins, as integers in one word.
//!
//! | in a word | bits | unit | of one row |
//! |---|---|---|---|
//! | gradient | 37..64, signed | 2^-15 | -2^15 to 2^15 |
//! | curvature | 11..37 | 2^-16 | 0 to 2^15 - 1 |
//! | rows | 0..11 | 1 | 1 |
//!
//! So words add up without one part reaching into the next for [`TILE_ROWS`] rows. What a part loses by its unit is rounded
//! up or down at random, by a number that depends on seed, round, class and row alone: sums of many rows are right on
//! average, however small each gradient is.

use rayon::prelude::*;

use super::fixed::{SHARE_BITS, SHARE_ONE, share, shares};
use crate::philox::{Purpose, philox};

/// Bits behind the point of a gradient.
pub const GRADIENT_BITS: u32 = 15;
/// Bits behind the point of a curvature.
pub const CURVATURE_BITS: u32 = 16;
/// The weight of the heaviest row.
pub const WEIGHT_ONE: u32 = 1 << 16;
/// Words of so many rows add up without overflow.
pub const TILE_ROWS: usize = 2047;

const GRADIENT_AT: u32 = 37;
const CURVATURE_AT: u32 = 11;
const MAX_CURVATURE: i64 = (1 << 15) - 1;

/// Puts the parts of one row together.
#[inline(always)]
pub fn pack(gradient: i64, curvature: i64) -> u64 {
    ((gradient as u64) << GRADIENT_AT).wrapping_add((curvature as u64) << CURVATURE_AT) + 1
}

/// The parts of a sum of words: gradient, curvature, rows.
#[inline(always)]
pub fn unpack(word: u64) -> (i64, u64, u32) {
    let curvature = word >> CURVATURE_AT & ((1 << (GRADIENT_AT - CURVATURE_AT)) - 1);
    (word as i64 >> GRADIENT_AT, curvature, (word & ((1 << CURVATURE_AT) - 1)) as u32)
}

/// One row's word for an output of so many: `share` is what the model gives it, `is_class` whether it is right to; `random`
/// rounds. Of more than two classes, which share one sum, the curvature is the diagonal's times `K / (K - 1)` (Friedman,
/// "Greedy function approximation", 2001, algorithm 6).
#[inline(always)]
fn word(share: i64, is_class: bool, weight: u32, random: u32, outputs: i64) -> u64 {
    let weigh = |exact: i64| if weight == WEIGHT_ONE { exact } else { (exact * i64::from(weight)) >> 16 };
    let gradient = weigh(share - if is_class { SHARE_ONE } else { 0 });
    let curvature = (share * (SHARE_ONE - share)) >> SHARE_BITS;
    let curvature = weigh(if outputs > 1 { curvature * outputs / (outputs - 1) } else { curvature });
    let drop = |exact: i64, bits: u32, random: u32| (exact + i64::from(random & ((1 << bits) - 1))) >> bits;
    let gradient = drop(gradient, SHARE_BITS - GRADIENT_BITS, random);
    let curvature = drop(curvature, SHARE_BITS - CURVATURE_BITS, random >> 16);
    pack(gradient, curvature.min(MAX_CURVATURE))
}

/// What gradients are made from.
#[derive(Clone, Copy)]
pub struct Loss<'a> {
    /// The class of each row.
    pub classes: &'a [u8],
    /// The weight of each row, in parts of [`WEIGHT_ONE`]; empty where all are one.
    pub weights: &'a [u32],
    /// See [`crate::philox`].
    pub seed: u64,
}

/// Rows whose words one task makes; a multiple of the rows that one draw serves.
const BLOCK_ROWS: usize = 4096;
/// A draw is four words of 32 bits.
const ROWS_A_DRAW: usize = 4;

/// The words of all rows: `outputs` runs of as many as there are rows. `margins` are laid out the same way.
pub fn gradients(loss: Loss<'_>, margins: &[i64], round: u32, outputs: usize) -> Vec<u64> {
    let rows = loss.classes.len();
    let mut words = vec![0; outputs * rows];
    let mut parts: Vec<_> = words.chunks_mut(rows.max(1)).map(|part| part.chunks_mut(BLOCK_ROWS)).collect();
    // Block by block all outputs together: they share the rows' sum.
    let blocks: Vec<Vec<&mut [u64]>> =
        (0..rows.div_ceil(BLOCK_ROWS)).map(|_| parts.iter_mut().filter_map(Iterator::next).collect()).collect();
    blocks.into_par_iter().enumerate().for_each(|(block, mut words)| {
        let first = block * BLOCK_ROWS;
        let draw = |row: usize, output: usize| {
            let [tree, node] = [round, output as u32];
            philox(loss.seed, (row / ROWS_A_DRAW) as u32, tree, node, Purpose::Rounding)
        };
        let weight = |row: usize| loss.weights.get(row).copied().unwrap_or(WEIGHT_ONE);
        if let [words] = &mut words[..] {
            for (group, words) in words.chunks_mut(ROWS_A_DRAW).enumerate() {
                let from = first + group * ROWS_A_DRAW;
                let random = draw(from, 0);
                for (i, out) in words.iter_mut().enumerate() {
                    let row = from + i;
                    *out = word(share(margins[row]), loss.classes[row] == 1, weight(row), random[i], 1);
                }
            }
            return;
        }
        let (mut own, mut given) = (vec![0; outputs], vec![0; outputs]);
        for i in 0..words[0].len() {
            let row = first + i;
            own.iter_mut().enumerate().for_each(|(output, own)| *own = margins[output * rows + row]);
            shares(&own, &mut given);
            for (output, words) in words.iter_mut().enumerate() {
                let random = draw(row, output)[row % ROWS_A_DRAW];
                words[i] =
                    word(given[output], usize::from(loss.classes[row]) == output, weight(row), random, outputs as i64);
            }
        }
    });
    words
}

#[cfg(test)]
mod tests {
    use super::super::fixed::margin;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn words_add_up(rows in proptest::collection::vec((-32768i64..=32768, 0i64..=MAX_CURVATURE), 0..3000)) {
            let rows = &rows[..rows.len().min(TILE_ROWS)];
            let sum = rows.iter().fold(0u64, |sum, &(g, h)| sum.wrapping_add(pack(g, h)));
            let expected = rows.iter().fold((0, 0), |sum, &(g, h)| (sum.0 + g, sum.1 + h as u64));
            prop_assert_eq!(unpack(sum), (expected.0, expected.1, rows.len() as u32));
        }
    }

    #[test]
    fn the_largest_sums_fit() {
        for (g, h) in [(-32768, MAX_CURVATURE), (32768, MAX_CURVATURE), (32768, 0)] {
            let sum = (0..TILE_ROWS).fold(0u64, |sum, _| sum.wrapping_add(pack(g, h)));
            assert_eq!(unpack(sum), (g * TILE_ROWS as i64, h as u64 * TILE_ROWS as u64, TILE_ROWS as u32));
        }
    }

    #[test]
    fn rounding_is_right_on_average() {
        // Of rows this sure of themselves, each has a gradient below a unit.
        let rows = 400_000;
        let classes = vec![0u8; rows];
        let margins = vec![margin(-12.0); rows];
        let loss = Loss { classes: &classes, weights: &[], seed: 3 };
        let words = gradients(loss, &margins, 0, 1);
        let sum = words.iter().map(|&word| unpack(word).0).sum::<i64>() as f64 / f64::from(1 << GRADIENT_BITS);
        let expected = rows as f64 / (1.0 + 12f64.exp());
        assert!((sum / expected - 1.0).abs() < 0.05, "{sum} {expected}");
    }

    #[test]
    fn outputs_are_those_of_the_formula() {
        let classes = [0u8, 1, 2, 2, 0];
        let margins: Vec<i64> = (0..15).map(|i| margin(f64::from(i % 7) / 2.0 - 1.0)).collect();
        let weights = [WEIGHT_ONE, WEIGHT_ONE / 2, WEIGHT_ONE, 0, WEIGHT_ONE];
        let words = gradients(Loss { classes: &classes, weights: &weights, seed: 3 }, &margins, 4, 3);
        for row in 0..5 {
            let exps: Vec<f64> = (0..3).map(|k| (margins[k * 5 + row] as f64 / f64::from(1 << 24)).exp()).collect();
            for k in 0..3 {
                let p = exps[k] / exps.iter().sum::<f64>();
                let w = f64::from(weights[row]) / f64::from(WEIGHT_ONE);
                let (g, h, n) = unpack(words[k * 5 + row]);
                let y = f64::from(u8::from(usize::from(classes[row]) == k));
                assert!((g as f64 / 32768.0 - w * (p - y)).abs() < 4e-5, "{row} {k}");
                assert!((h as f64 / 65_536.0 - w * p * (1.0 - p) * 1.5).abs() < 4e-5, "{row} {k}");
                assert_eq!(n, 1);
            }
        }
    }
}
