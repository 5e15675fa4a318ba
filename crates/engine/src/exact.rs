//! Sums of floats without rounding: the same for every order of adding, rounded once when they are read.

use std::cmp::Ordering;

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
        Whole { negative, limbs, exponent: LOWEST }.trimmed()
    }
}

fn carrying(left: u64, right: u64, carry: bool) -> (u64, bool) {
    let (sum, over) = left.overflowing_add(right);
    let (sum, over_again) = sum.overflowing_add(u64::from(carry));
    (sum, over | over_again)
}

/// A whole number of any length, times a power of two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    negative: bool,
    /// Lowest first, the last one not zero.
    limbs: Vec<u64>,
    exponent: i32,
}

impl Whole {
    pub fn new(mantissa: i128, exponent: i32) -> Self {
        let size = mantissa.unsigned_abs();
        Self { negative: mantissa < 0, limbs: vec![size as u64, (size >> 64) as u64], exponent }.trimmed()
    }

    fn trimmed(mut self) -> Self {
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
        let zeros = self.limbs.iter().take_while(|&&limb| limb == 0).count();
        self.limbs.drain(..zeros);
        self.exponent += 64 * zeros as i32;
        if self.limbs.is_empty() {
            (self.negative, self.exponent) = (false, 0);
        }
        self
    }

    pub fn is_zero(&self) -> bool {
        self.limbs.is_empty()
    }

    pub fn times(&self, other: &Self) -> Self {
        let mut limbs = vec![0; self.limbs.len() + other.limbs.len()];
        for (place, &left) in self.limbs.iter().enumerate() {
            let mut carry = 0;
            for (step, &right) in other.limbs.iter().enumerate() {
                let target: &mut u64 = &mut limbs[place + step];
                let product = u128::from(left) * u128::from(right) + u128::from(*target) + carry;
                *target = product as u64;
                carry = product >> 64;
            }
            limbs[place + other.limbs.len()] = carry as u64;
        }
        Self { negative: self.negative != other.negative, limbs, exponent: self.exponent + other.exponent }.trimmed()
    }

    pub fn plus(&self, other: &Self) -> Self {
        if self.is_zero() {
            return other.clone();
        }
        if other.is_zero() {
            return self.clone();
        }
        let exponent = self.exponent.min(other.exponent);
        let (left, right) = (self.limbs_from(exponent), other.limbs_from(exponent));
        if self.negative == other.negative {
            return Self { negative: self.negative, limbs: added(left, &right), exponent }.trimmed();
        }
        let (negative, limbs) = match compared(&left, &right) {
            Ordering::Less => (other.negative, subtracted(right, &left)),
            _ => (self.negative, subtracted(left, &right)),
        };
        Self { negative, limbs, exponent }.trimmed()
    }

    pub fn minus(&self, other: &Self) -> Self {
        self.plus(&Self { negative: !other.negative, ..other.clone() })
    }

    /// The limbs when units are those of a smaller exponent.
    fn limbs_from(&self, exponent: i32) -> Vec<u64> {
        let up = usize::try_from(self.exponent - exponent).expect("a smaller exponent");
        let mut limbs = vec![0; up / 64];
        let bit = up % 64;
        let mut low = 0;
        for &limb in &self.limbs {
            limbs.push(if bit == 0 { limb } else { limb << bit | low >> (64 - bit) });
            low = limb;
        }
        if bit > 0 {
            limbs.push(low >> (64 - bit));
        }
        limbs
    }

    /// The nearest float, and of two the even one.
    pub fn round(&self) -> f64 {
        let Some(last) = self.limbs.last() else { return 0.0 };
        let bits = 64 * self.limbs.len() as i32 - last.leading_zeros() as i32;
        let top = bits - 1 + self.exponent;
        if top > 1023 {
            return self.signed(f64::INFINITY);
        }
        let unit = (top - 52).max(-1074);
        let down = unit - self.exponent;
        let size = if down <= 0 { self.bits_from(0) << -down } else { self.rounded(down as usize) };
        // At most 2^53 units, which is exact; only a number that rounds up to 2^1024 is not, and then it is infinite.
        self.signed(size as f64 * power(unit))
    }

    fn signed(&self, size: f64) -> f64 {
        if self.negative { -size } else { size }
    }

    /// The lowest 64 bits after so many.
    fn bits_from(&self, place: usize) -> u64 {
        let limb = |place: usize| self.limbs.get(place).copied().unwrap_or(0);
        let (at, bit) = (place / 64, place % 64);
        if bit == 0 { limb(at) } else { limb(at) >> bit | limb(at + 1) << (64 - bit) }
    }

    fn rounded(&self, down: usize) -> u64 {
        let size = self.bits_from(down);
        let half = self.bits_from(down - 1) & 1 == 1;
        let rest = (0..down - 1).step_by(64).any(|place| {
            let width = (down - 1 - place).min(64);
            self.bits_from(place) & (u64::MAX >> (64 - width)) != 0
        });
        size + u64::from(half && (rest || size & 1 == 1))
    }
}

/// `2^exponent`, of a float's range.
fn power(exponent: i32) -> f64 {
    f64::from_bits(if exponent >= -1022 { ((exponent + 1023) as u64) << 52 } else { 1 << (exponent + 1074) })
}

fn added(mut left: Vec<u64>, right: &[u64]) -> Vec<u64> {
    left.resize(left.len().max(right.len()) + 1, 0);
    let mut carry = false;
    for (place, target) in left.iter_mut().enumerate() {
        (*target, carry) = carrying(*target, right.get(place).copied().unwrap_or(0), carry);
    }
    left
}

/// `left - right`, of which left is not the smaller.
fn subtracted(mut left: Vec<u64>, right: &[u64]) -> Vec<u64> {
    let mut borrow = false;
    for (place, target) in left.iter_mut().enumerate() {
        let (rest, under) = target.overflowing_sub(right.get(place).copied().unwrap_or(0));
        let (rest, under_again) = rest.overflowing_sub(u64::from(borrow));
        (*target, borrow) = (rest, under | under_again);
    }
    left
}

fn compared(left: &[u64], right: &[u64]) -> Ordering {
    let limb = |limbs: &[u64], place: usize| limbs.get(place).copied().unwrap_or(0);
    let longest = left.len().max(right.len());
    (0..longest)
        .rev()
        .map(|place| limb(left, place).cmp(&limb(right, place)))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
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

        #[test]
        fn products_of_wholes_are_those_of_integers(a in any::<i64>(), b in any::<i64>(), c in -(1i128 << 100)..1 << 100) {
            let whole = |number: i128| Whole::new(number, 0);
            let product = whole(a.into()).times(&whole(b.into()));
            prop_assert_eq!(&product.minus(&whole(i128::from(a) * i128::from(b))), &whole(0));
            let sum = i128::from(a) * i128::from(b) / 4 + c;
            let parts = whole(i128::from(a) * i128::from(b) / 4).plus(&whole(c));
            prop_assert_eq!(parts.round(), sum as f64);
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
