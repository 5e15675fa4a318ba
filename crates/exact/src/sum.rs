//! Sums of floats without rounding: the same for every order of adding, rounded once when they are read.

use crate::whole::{Whole, carrying};

/// Bits after the point of the smallest product of two floats.
const LOWEST: i32 = -2 * 1074;
/// From there up to the square of the largest float, 2^64 times.
const LIMBS: usize = 68;

/// A sum of finite floats, infinities apart.
///
/// A whole number of 128 bits counts units of a power of two, the smallest seen; numbers of like size, which is what a
/// column has, never leave it. What does not fit is moved to a fixed-point number wide enough for all floats.
#[derive(Debug, Clone, Default)]
pub struct ExactSum {
    mantissa: i128,
    wide: Option<Box<Wide>>,
    exponent: i32,
    /// How often an infinity of either sign was added, as far as it matters.
    above: bool,
    below: bool,
}

impl ExactSum {
    /// Adds a number that is one.
    #[inline]
    pub fn add(&mut self, number: f64) {
        debug_assert!(!number.is_nan(), "a missing number is not added");
        let Some((mantissa, exponent)) = parts(number) else {
            self.above |= number > 0.0;
            self.below |= number < 0.0;
            return;
        };
        self.add_scaled(i128::from(mantissa), exponent);
    }

    /// Adds `mantissa * 2^exponent`.
    #[inline]
    pub fn add_scaled(&mut self, mantissa: i128, exponent: i32) {
        if mantissa == 0 {
            return;
        }
        if self.mantissa == 0 {
            (self.mantissa, self.exponent) = (mantissa, exponent);
            return;
        }
        let up = exponent - self.exponent;
        let sum = if up >= 0 {
            shifted(mantissa, up).and_then(|mantissa| self.mantissa.checked_add(mantissa))
        } else {
            shifted(self.mantissa, -up).and_then(|whole| whole.checked_add(mantissa))
        };
        match sum {
            Some(sum) => {
                self.mantissa = sum;
                self.exponent = self.exponent.min(exponent);
            }
            None => {
                self.widen();
                (self.mantissa, self.exponent) = (mantissa, exponent);
            }
        }
    }

    /// Adds what another has summed.
    pub fn merge(&mut self, other: &Self) {
        self.above |= other.above;
        self.below |= other.below;
        self.add_scaled(other.mantissa, other.exponent);
        if let Some(wide) = &other.wide {
            self.wide.get_or_insert_default().add_wide(wide);
        }
    }

    /// Adds what is no number: the sum is none from then on.
    pub fn spoil(&mut self) {
        (self.above, self.below) = (true, true);
    }

    /// The sum as bytes, to be read by [`ExactSum::read`].
    pub fn write(&self, bytes: &mut Vec<u8>) {
        let flags = [self.above, self.below, self.wide.is_some()];
        bytes.extend(flags.map(u8::from));
        bytes.extend(self.exponent.to_le_bytes());
        bytes.extend(self.mantissa.to_le_bytes());
        bytes.extend(self.wide.iter().flat_map(|wide| wide.0).flat_map(u64::to_le_bytes));
    }

    /// What was written; `None` when the bytes are too few.
    pub fn read(bytes: &mut &[u8]) -> Option<Self> {
        let [above, below, wide] = take::<3>(bytes)?.map(|flag| flag == 1);
        let exponent = i32::from_le_bytes(take(bytes)?);
        let mantissa = i128::from_le_bytes(take(bytes)?);
        let mut sum = Self { mantissa, wide: None, exponent, above, below };
        if wide {
            let limbs = &mut sum.wide.get_or_insert_default().0;
            limbs.iter_mut().try_for_each(|limb| take(bytes).map(|bytes| *limb = u64::from_le_bytes(bytes)))?;
        }
        Some(sum)
    }

    #[cold]
    fn widen(&mut self) {
        self.wide.get_or_insert_default().add(self.mantissa, self.exponent);
    }

    /// The sum as a float: the nearest, and of two the even one.
    pub fn round(&self) -> f64 {
        match (self.above, self.below) {
            (true, true) => f64::NAN,
            (true, false) => f64::INFINITY,
            (false, true) => f64::NEG_INFINITY,
            (false, false) => self.whole().round(),
        }
    }

    /// The sum of integers, each added without an exponent; `None` when it is beyond 128 bits.
    pub fn integer(&self) -> Option<i128> {
        self.wide.is_none().then_some(self.mantissa)
    }

    /// Whether an infinity was added.
    pub fn is_finite(&self) -> bool {
        !self.above && !self.below
    }

    /// The sum, infinities apart, as a number to compute with.
    pub fn whole(&self) -> Whole {
        let Some(wide) = &self.wide else { return Whole::new(self.mantissa, self.exponent) };
        let mut wide = wide.clone();
        wide.add(self.mantissa, self.exponent);
        wide.whole()
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        if self.wide.is_some() { size_of::<Wide>() } else { 0 }
    }
}

/// A sum of squares: each is of twice as many bits, so that its halves are summed apart.
#[derive(Debug, Clone, Default)]
pub struct ExactSquares {
    high: ExactSum,
    low: ExactSum,
}

impl ExactSquares {
    /// Adds the square of `mantissa * 2^exponent`.
    #[inline]
    pub fn add_scaled(&mut self, mantissa: i64, exponent: i32) {
        let square = i128::from(mantissa) * i128::from(mantissa);
        self.high.add_scaled(square >> 53, 2 * exponent + 53);
        self.low.add_scaled(square & ((1 << 53) - 1), 2 * exponent);
    }

    /// Adds what another has summed.
    pub fn merge(&mut self, other: &Self) {
        self.high.merge(&other.high);
        self.low.merge(&other.low);
    }

    /// The sum as bytes, to be read by [`ExactSquares::read`].
    pub fn write(&self, bytes: &mut Vec<u8>) {
        self.high.write(bytes);
        self.low.write(bytes);
    }

    /// What was written; `None` when the bytes are too few.
    pub fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self { high: ExactSum::read(bytes)?, low: ExactSum::read(bytes)? })
    }

    /// The sum.
    pub fn whole(&self) -> Whole {
        self.high.whole().plus(&self.low.whole())
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.high.heap_bytes() + self.low.heap_bytes()
    }
}

/// The next bytes.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

/// A finite float as a whole number times a power of two.
#[inline]
pub fn parts(number: f64) -> Option<(i64, i32)> {
    let bits = number.to_bits();
    let raised = ((bits >> 52) & 0x7ff) as i32;
    if raised == 0x7ff {
        return None;
    }
    let fraction = (bits & ((1 << 52) - 1)) as i64;
    let (size, exponent) = if raised == 0 { (fraction, -1074) } else { (fraction | 1 << 52, raised - 1075) };
    Some((if bits >> 63 == 0 { size } else { -size }, exponent))
}

/// `number * 2^by`, where it fits.
#[inline]
fn shifted(number: i128, by: i32) -> Option<i128> {
    let room = number.unsigned_abs().leading_zeros() as i32 - 1;
    (by < room).then(|| number << by)
}

/// A fixed-point number in two's complement, lowest limb first.
#[derive(Debug, Clone)]
struct Wide([u64; LIMBS]);

impl Default for Wide {
    fn default() -> Self {
        Self([0; LIMBS])
    }
}

impl Wide {
    fn add(&mut self, mantissa: i128, exponent: i32) {
        let place = usize::try_from(exponent - LOWEST).expect("no product of floats is finer");
        let (limb, bit) = (place / 64, place % 64);
        let sign = if mantissa < 0 { u64::MAX } else { 0 };
        let (low, high) = (mantissa as u64, (mantissa >> 64) as u64);
        let joined = |low: u64, high: u64| if bit == 0 { high } else { high << bit | low >> (64 - bit) };
        let shifted = [joined(0, low), joined(low, high), joined(high, sign)];
        let mut carry = false;
        for (step, target) in self.0[limb..].iter_mut().enumerate() {
            let part = shifted.get(step).copied().unwrap_or(sign);
            (*target, carry) = carrying(*target, part, carry);
        }
    }

    fn add_wide(&mut self, other: &Self) {
        let mut carry = false;
        for (target, &part) in self.0.iter_mut().zip(&other.0) {
            (*target, carry) = carrying(*target, part, carry);
        }
    }

    fn whole(&self) -> Whole {
        let negative = self.0[LIMBS - 1] >> 63 == 1;
        let mut limbs = self.0.to_vec();
        if negative {
            let mut carry = true;
            for limb in &mut limbs {
                (*limb, carry) = (!*limb).overflowing_add(u64::from(carry));
            }
        }
        Whole::of_limbs(negative, limbs, LOWEST)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Shewchuk's sum: partial sums that do not overlap, added up from the largest.
    fn reference(numbers: &[f64]) -> f64 {
        let mut partials: Vec<f64> = Vec::new();
        for &number in numbers {
            let (mut x, mut kept) = (number, 0);
            for at in 0..partials.len() {
                let mut y = partials[at];
                if x.abs() < y.abs() {
                    (x, y) = (y, x);
                }
                let high = x + y;
                let low = y - (high - x);
                if low != 0.0 {
                    partials[kept] = low;
                    kept += 1;
                }
                x = high;
            }
            partials.truncate(kept);
            partials.push(x);
        }
        rounded(&partials)
    }

    /// The sum of numbers that do not overlap, smallest first, with ties as Python's `fsum` settles them.
    fn rounded(partials: &[f64]) -> f64 {
        let Some((&last, mut rest)) = partials.split_last() else { return 0.0 };
        let (mut high, mut low) = (last, 0.0);
        while let Some((&next, fewer)) = rest.split_last() {
            rest = fewer;
            let before = high;
            high = before + next;
            low = next - (high - before);
            if low != 0.0 {
                break;
            }
        }
        let same_sign = rest.last().is_some_and(|&next| (low < 0.0 && next < 0.0) || (low > 0.0 && next > 0.0));
        if same_sign {
            let twice = low * 2.0;
            let further = high + twice;
            if twice == further - high {
                return further;
            }
        }
        high
    }

    fn sum(numbers: &[f64]) -> ExactSum {
        let mut sum = ExactSum::default();
        numbers.iter().for_each(|&number| sum.add(number));
        sum
    }

    fn number() -> impl Strategy<Value = f64> {
        let any = (any::<bool>(), 0..1u64 << 52, 0..2000u64)
            .prop_map(|(sign, fraction, raised)| f64::from_bits(u64::from(sign) << 63 | raised << 52 | fraction));
        prop_oneof![any, -1000.0..1000.0, (-1000i32..1000).prop_map(|cents| f64::from(cents) / 100.0)]
    }

    proptest! {
        #[test]
        fn any_order_and_any_split_is_the_exact_sum(
            numbers in prop::collection::vec(number(), 0..60), cut in 0..60usize, turn in 0..60usize,
        ) {
            let expected = reference(&numbers);
            prop_assert_eq!(sum(&numbers).round(), expected);
            let mut turned = numbers.clone();
            turned.rotate_left(turn.min(numbers.len()));
            let (left, right) = turned.split_at(cut.min(turned.len()));
            let mut written = Vec::new();
            sum(right).write(&mut written);
            let mut merged = sum(left);
            merged.merge(&ExactSum::read(&mut &written[..]).unwrap());
            prop_assert_eq!(merged.round().to_bits(), (expected + 0.0).to_bits());
        }
    }

    #[test]
    fn edges_of_the_range() {
        let tiny = f64::from_bits(1);
        assert_eq!(sum(&[tiny; 3]).round(), 3.0 * tiny);
        assert_eq!(sum(&[f64::MAX, f64::MAX, -f64::MAX, tiny]).round(), f64::MAX);
        assert_eq!(sum(&[f64::MAX, f64::MAX]).round(), f64::INFINITY);
        assert_eq!(sum(&[1e308, 1.0, -1e308]).round(), 1.0);
        assert_eq!(sum(&[f64::INFINITY, 1.0]).round(), f64::INFINITY);
        assert!(sum(&[f64::INFINITY, f64::NEG_INFINITY]).round().is_nan());
        assert_eq!(sum(&[]).round().to_bits(), 0);
        assert_eq!(sum(&[1.0, f64::EPSILON / 2.0]).round(), 1.0, "a tie goes to the even one");
        assert_eq!(sum(&[1.0, f64::EPSILON / 2.0, tiny]).round(), 1.0 + f64::EPSILON);
    }

    #[test]
    fn squares_are_exact() {
        let mut squares = ExactSquares::default();
        for number in [1e8 + 0.1, -3.0, 1e-160] {
            let (mantissa, exponent) = parts(number).unwrap();
            squares.add_scaled(mantissa, exponent);
        }
        let one = |number: f64| sum(&[number]).whole();
        let square = |number: f64| one(number).times(&one(number));
        assert_eq!(squares.whole().minus(&square(1e8 + 0.1)).minus(&square(3.0)).minus(&square(1e-160)), one(0.0));
    }
}
