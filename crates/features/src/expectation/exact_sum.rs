//! Sums of floats without rounding: the same for any order of the numbers, and for any way of cutting them into blocks.

use std::iter::repeat_n;

/// Whole multiples of the least float (2^-1074), in base 2^32. Digits may be beyond the base, and of either sign, until
/// they are carried.
#[derive(Debug, Clone, PartialEq)]
pub struct ExactSum {
    digits: Box<[i64; DIGITS]>,
    /// Additions since the last carry; a digit grows by less than 2^32 with each.
    additions: u32,
    /// Infinities: what they add up to, or `NaN`.
    infinite: f64,
}

/// 2098 bits of floats, and 64 for how many there are.
const DIGITS: usize = 68;
const CARRY_AFTER: u32 = 1 << 30;
const LEAST: i64 = -1074;

impl Default for ExactSum {
    fn default() -> Self {
        Self { digits: Box::new([0; DIGITS]), additions: 0, infinite: 0.0 }
    }
}

impl ExactSum {
    /// Adds a number; `NaN` makes the sum one.
    pub fn add(&mut self, x: f64) {
        if !x.is_finite() {
            self.infinite += x;
            return;
        }
        let bits = x.to_bits();
        let (exponent, fraction) = (((bits >> 52) & 0x7ff) as usize, bits & ((1 << 52) - 1));
        // As a multiple of 2^-1074: denormals are that already.
        let (mantissa, shift) = if exponent == 0 { (fraction, 0) } else { (fraction | (1 << 52), exponent - 1) };
        let wide = u128::from(mantissa) << (shift % 32);
        let at = shift / 32;
        let sign = if x < 0.0 { -1 } else { 1 };
        for (place, digit) in self.digits[at..at + 3].iter_mut().enumerate() {
            *digit += sign * i64::from((wide >> (32 * place)) as u32);
        }
        self.additions += 1;
        if self.additions >= CARRY_AFTER {
            self.carry();
        }
    }

    /// Adds the square of a number: both halves of it, of which the second is what rounding loses.
    pub fn add_square(&mut self, x: f64) {
        let square = x * x;
        self.add(square);
        if square.is_finite() {
            self.add(x.mul_add(x, -square));
        }
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &Self) {
        if other.additions > 0 {
            self.carry();
            let mut other = other.clone();
            other.carry();
            self.digits.iter_mut().zip(other.digits.iter()).for_each(|(a, b)| *a += b);
            self.additions += 2;
        }
        self.infinite += other.infinite;
    }

    /// Brings every digit but the last below the base.
    fn carry(&mut self) {
        let mut carried = 0;
        for digit in &mut self.digits[..DIGITS - 1] {
            let value = *digit + carried;
            carried = value >> 32;
            *digit = value & 0xffff_ffff;
        }
        self.digits[DIGITS - 1] += carried;
        self.additions = 1;
    }

    /// The sum, rounded once.
    pub fn value(&self) -> f64 {
        if self.infinite != 0.0 {
            return self.infinite;
        }
        self.whole().scaled(LEAST)
    }

    fn whole(&self) -> Whole {
        let mut carried = self.clone();
        carried.carry();
        let negative = carried.digits[DIGITS - 1] < 0;
        if negative {
            carried.digits.iter_mut().for_each(|digit| *digit = -*digit);
            carried.carry();
        }
        let last = carried.digits[DIGITS - 1];
        let low = carried.digits[..DIGITS - 1].iter().map(|&digit| digit as u32);
        Whole { negative, digits: low.chain([last as u32, (last >> 32) as u32]).collect() }
    }
}

/// The variance of a sample (divided by one less than their number) from the sums of numbers and of their squares, as if
/// nothing was rounded on the way: n times the one less the other squared does not cancel.
pub fn sample_variance(count: u64, sum: &ExactSum, squares: &ExactSum) -> f64 {
    if sum.infinite != 0.0 || squares.infinite != 0.0 || count < 2 {
        return f64::NAN;
    }
    let (sum, squares) = (sum.whole(), squares.whole());
    // The square of the sum is a multiple of 2^-2148: the squares are brought to that.
    let squares =
        squares.times(&Whole::of(count)).times(&Whole::of(1 << (-LEAST % 32))).shifted((-LEAST / 32) as usize);
    let numerator = squares.less(&sum.times(&sum));
    numerator.scaled(2 * LEAST) / count as f64 / (count - 1) as f64
}

/// A whole number in base 2^32, the least digit first.
struct Whole {
    negative: bool,
    digits: Vec<u32>,
}

impl Whole {
    fn of(value: u64) -> Self {
        Self { negative: false, digits: vec![value as u32, (value >> 32) as u32] }
    }

    fn times(&self, other: &Self) -> Self {
        let mut digits = vec![0u32; self.digits.len() + other.digits.len()];
        for (i, &a) in self.digits.iter().enumerate() {
            let mut carried = 0;
            for (j, &b) in other.digits.iter().enumerate() {
                let value = u64::from(a) * u64::from(b) + u64::from(digits[i + j]) + carried;
                digits[i + j] = value as u32;
                carried = value >> 32;
            }
            digits[i + other.digits.len()] = carried as u32;
        }
        Self { negative: self.negative != other.negative, digits }
    }

    /// Times the base so many times.
    fn shifted(mut self, places: usize) -> Self {
        self.digits.splice(0..0, repeat_n(0, places));
        self
    }

    /// The difference of two numbers that are not negative, of which the first is the greater; else nothing.
    fn less(mut self, other: &Self) -> Self {
        let mut borrowed = 0i64;
        self.digits.resize(self.digits.len().max(other.digits.len()), 0);
        for (place, digit) in self.digits.iter_mut().enumerate() {
            let value = i64::from(*digit) - i64::from(other.digits.get(place).copied().unwrap_or(0)) + borrowed;
            *digit = value as u32;
            borrowed = value >> 32;
        }
        // Squares below the least float are lost; then no more can be said than that the numbers are alike.
        if borrowed < 0 { Self { negative: false, digits: Vec::new() } } else { self }
    }

    /// Times a power of two, as the nearest float.
    fn scaled(&self, power: i64) -> f64 {
        let Some(last) = self.digits.iter().rposition(|&digit| digit != 0) else { return 0.0 };
        let first = last.saturating_sub(3);
        let top = (first..=last).rev().fold(0u128, |top, place| (top << 32) | u128::from(self.digits[place]));
        // What is below only decides ties.
        let sticky = u128::from(self.digits[..first].iter().any(|&digit| digit != 0));
        let value = (top | sticky) as f64;
        let power = power + 32 * first as i64;
        let half = power / 2;
        let value = value * 2f64.powi(half as i32) * 2f64.powi((power - half) as i32);
        if self.negative { -value } else { value }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn sum(numbers: &[f64]) -> ExactSum {
        let mut sum = ExactSum::default();
        numbers.iter().for_each(|&x| sum.add(x));
        sum
    }

    #[test]
    fn nothing_is_lost() {
        assert_eq!(sum(&[1e300, 1.0, -1e300]).value(), 1.0);
        assert_eq!(sum(&[5e-324, f64::MAX, -f64::MAX]).value(), 5e-324);
        assert_eq!(sum(&[f64::MAX, f64::MAX]).value(), f64::INFINITY);
        assert_eq!(sum(&[]).value(), 0.0);
        assert_eq!(sum(&[0.1; 10]).value(), 1.0);
        assert!(sum(&[f64::INFINITY, f64::NEG_INFINITY]).value().is_nan());
    }

    #[test]
    fn variances_do_not_cancel() {
        let of = |numbers: &[f64]| {
            let mut squares = ExactSum::default();
            numbers.iter().for_each(|&x| squares.add_square(x));
            sample_variance(numbers.len() as u64, &sum(numbers), &squares)
        };
        assert_eq!(of(&[1e15 + 1.0, 1e15 + 2.0, 1e15 + 3.0]), 1.0);
        assert_eq!(of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]), 32.0 / 7.0);
        assert_eq!(of(&[-0.1; 5]), 0.0);
        assert!(of(&[1.0]).is_nan());
    }

    proptest! {
        #[test]
        fn blocks_and_order_do_not_matter(numbers in vec(-1e9..1e9f64, 1..50), cut in 0..50usize) {
            let cut = cut.min(numbers.len());
            let mut cut_up = sum(&numbers[cut..]);
            cut_up.merge(&sum(&numbers[..cut]));
            let mut backwards = numbers.clone();
            backwards.reverse();
            prop_assert_eq!(cut_up.value(), sum(&numbers).value());
            prop_assert_eq!(sum(&backwards).value(), sum(&numbers).value());
            let naive: f64 = numbers.iter().sum();
            prop_assert!((sum(&numbers).value() - naive).abs() <= 1e-4);
        }
    }
}
