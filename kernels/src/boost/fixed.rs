//! Exponentials and probabilities that are the same bits on every machine: nothing here calls the C library, whose `exp`
//! and `ln` differ between platforms; `f64` is only added, multiplied and divided, which IEEE 754 settles to the last bit.

use std::sync::LazyLock;

/// Bits behind the point of a margin (the log of the odds, or of a share) and of a leaf's value.
pub const MARGIN_BITS: u32 = 24;
/// Bits behind the point of a probability in training.
pub const SHARE_BITS: u32 = 31;
/// One, as a probability in training.
pub const SHARE_ONE: i64 = 1 << SHARE_BITS;

/// Knots of the tables stand this many bits of a margin apart: 2^-8.
const KNOT_BITS: u32 = MARGIN_BITS - 8;
/// Margins further out than this have a probability below half of 2^-31.
const LIMIT: i64 = 24;

/// `e^x`, for `x` up to 700 in size: by the nearest power of two, and the series of what is left.
pub fn exp(x: f64) -> f64 {
    const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let x = x.clamp(-700.0, 700.0);
    let power = (x * std::f64::consts::LOG2_E).round();
    let rest = (x - power * LN2_HIGH) - power * LN2_LOW;
    let mut sum = 1.0;
    for n in (1..=16).rev() {
        sum = 1.0 + sum * rest / f64::from(n);
    }
    sum * f64::from_bits(((power as i64 + 1023) as u64) << 52)
}

/// The natural logarithm of a normal number above zero: by its power of two, and the series of the inverse tangent.
pub fn ln(x: f64) -> f64 {
    const FRACTION: u64 = (1 << 52) - 1;
    let bits = x.max(f64::MIN_POSITIVE).to_bits();
    let mut power = (bits >> 52) as i64 - 1023;
    let mut part = f64::from_bits(bits & FRACTION | 1023 << 52);
    if part > std::f64::consts::SQRT_2 {
        part *= 0.5;
        power += 1;
    }
    let ratio = (part - 1.0) / (part + 1.0);
    let square = ratio * ratio;
    let mut sum = 0.0;
    for n in (0..=14).rev() {
        sum = sum * square + 1.0 / f64::from(2 * n + 1);
    }
    power as f64 * std::f64::consts::LN_2 + 2.0 * ratio * sum
}

/// A number as a margin, rounded to the nearest.
pub fn margin(x: f64) -> i64 {
    (x * f64::from(1 << MARGIN_BITS)).round() as i64
}

/// The number that a margin stands for.
pub fn number(margin: i64) -> f64 {
    margin as f64 / f64::from(1 << MARGIN_BITS)
}

/// The probabilities of the classes for the margins of a row: of two classes one margin, that of the second.
pub fn probabilities(margins: &[i64], out: &mut [f64]) {
    if let [margin] = margins {
        let odds = exp(-number(*margin).abs());
        let (less, more) = (odds / (1.0 + odds), 1.0 / (1.0 + odds));
        out.copy_from_slice(&if *margin < 0 { [more, less] } else { [less, more] });
        return;
    }
    let largest = margins.iter().copied().max().unwrap_or(0);
    for (out, margin) in out.iter_mut().zip(margins) {
        *out = exp(number(margin - largest));
    }
    let sum: f64 = out.iter().sum();
    out.iter_mut().for_each(|out| *out /= sum);
}

/// What is learned from: a table of a falling function of the size of a margin, read between its knots.
struct Table(Vec<u32>);

impl Table {
    fn of(function: impl Fn(f64) -> f64) -> Self {
        let knots = (LIMIT << (MARGIN_BITS - KNOT_BITS)) + 1;
        let knot = |k: i64| (function(number(k << KNOT_BITS)) * SHARE_ONE as f64).round() as u32;
        Self((0..=knots).map(knot).collect())
    }

    #[inline(always)]
    fn at(&self, size: i64) -> i64 {
        let size = size.min(LIMIT << MARGIN_BITS) as u64;
        let knot = (size >> KNOT_BITS) as usize;
        let (from, to) = (i64::from(self.0[knot]), i64::from(self.0[knot + 1]));
        let way = (size & ((1 << KNOT_BITS) - 1)) as i64;
        from + (((to - from) * way) >> KNOT_BITS)
    }
}

static SIGMOID: LazyLock<Table> = LazyLock::new(|| Table::of(|x| 1.0 / (1.0 + exp(x))));
static EXP: LazyLock<Table> = LazyLock::new(|| Table::of(|x| exp(-x)));

/// The share of the second of two classes, in 2^-31; off by less than 2^-21.
#[inline(always)]
pub fn share(margin: i64) -> i64 {
    let less = SIGMOID.at(margin.abs());
    if margin < 0 { less } else { SHARE_ONE - less }
}

/// The shares of more than two classes, in 2^-31, each off by less than 2^-18.
#[inline(always)]
pub fn shares(margins: &[i64], out: &mut [i64]) {
    let largest = margins.iter().copied().max().unwrap_or(0);
    let mut sum = 0;
    for (out, margin) in out.iter_mut().zip(margins) {
        *out = EXP.at(largest - margin);
        sum += *out;
    }
    // The largest has all of 2^31: the sum is never zero.
    out.iter_mut().for_each(|out| *out = (*out << SHARE_BITS) / sum);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exp_and_ln_are_the_textbooks(x in -60.0f64..60.0) {
            prop_assert!((exp(x) / x.exp() - 1.0).abs() < 1e-14);
            prop_assert!((ln(exp(x)) - x).abs() < 1e-13 * x.abs().max(1.0));
        }

        #[test]
        fn tables_are_near_the_functions(a in -30.0f64..30.0, b in -30.0f64..30.0, c in -30.0f64..30.0) {
            let real = 1.0 / (1.0 + (-number(margin(a))).exp());
            prop_assert!((share(margin(a)) as f64 / SHARE_ONE as f64 - real).abs() < 2f64.powi(-21));
            let margins = [margin(a), margin(b), margin(c)];
            let (mut found, mut exact) = ([0; 3], [0.0; 3]);
            shares(&margins, &mut found);
            probabilities(&margins, &mut exact);
            for (found, exact) in found.iter().zip(exact) {
                prop_assert!((*found as f64 / SHARE_ONE as f64 - exact).abs() < 2f64.powi(-18));
            }
            prop_assert!((exact.iter().sum::<f64>() - 1.0).abs() < 1e-15);
        }
    }

    #[test]
    fn the_ends() {
        assert_eq!((share(i64::MIN / 4), share(i64::MAX / 4), share(0)), (0, SHARE_ONE, SHARE_ONE / 2));
        let mut out = [0.0; 2];
        probabilities(&[margin(-900.0)], &mut out);
        assert_eq!(out[0], 1.0);
        assert!((ln(0.5) + std::f64::consts::LN_2).abs() < 1e-16 && ln(1.0) == 0.0);
    }
}
