//! Whole numbers of any size, as far as exact sums need them.

use std::cmp::Ordering;

/// A whole number that is not negative: words from the least to the greatest, the last not zero.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Natural(Vec<u64>);

impl Natural {
    pub fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// How many bits it has.
    fn bits(&self) -> usize {
        self.0.last().map_or(0, |word| self.0.len() * 64 - word.leading_zeros() as usize)
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    /// Adds `value * 2^bit`.
    pub fn add_at(&mut self, value: u128, bit: usize) {
        let (mut word, shift) = (bit / 64, bit % 64);
        let high = if shift == 0 { 0 } else { value >> (128 - shift) };
        let low = value << shift;
        let mut carry = 0u128;
        for part in [low as u64, (low >> 64) as u64, high as u64] {
            if self.0.len() <= word {
                self.0.resize(word + 1, 0);
            }
            carry += u128::from(self.0[word]) + u128::from(part);
            self.0[word] = carry as u64;
            carry >>= 64;
            word += 1;
        }
        while carry > 0 {
            if self.0.len() <= word {
                self.0.push(0);
            }
            carry += u128::from(self.0[word]);
            self.0[word] = carry as u64;
            carry >>= 64;
            word += 1;
        }
        self.trim();
    }

    pub fn add(&mut self, other: &Self) {
        other.0.iter().enumerate().for_each(|(word, &part)| self.add_at(u128::from(part), word * 64));
    }

    /// The difference; `other` is not greater.
    pub fn minus(&self, other: &Self) -> Self {
        let mut borrow = false;
        let words = self.0.iter().enumerate().map(|(i, &word)| {
            let (once, first) = word.overflowing_sub(other.0.get(i).copied().unwrap_or(0));
            let (twice, second) = once.overflowing_sub(u64::from(borrow));
            borrow = first | second;
            twice
        });
        let mut difference = Self(words.collect());
        difference.trim();
        difference
    }

    pub fn times(&self, other: &Self) -> Self {
        let mut product = Self::default();
        for (i, &a) in self.0.iter().enumerate() {
            for (j, &b) in other.0.iter().enumerate() {
                product.add_at(u128::from(a) * u128::from(b), (i + j) * 64);
            }
        }
        product
    }

    /// Divides it; answers what is left.
    fn divide(&mut self, divisor: u64) -> u64 {
        let mut rest = 0u128;
        for word in self.0.iter_mut().rev() {
            rest = rest << 64 | u128::from(*word);
            *word = (rest / u128::from(divisor)) as u64;
            rest %= u128::from(divisor);
        }
        self.trim();
        rest as u64
    }

    fn shifted(&self, bits: usize) -> Self {
        let mut shifted = Self::default();
        self.0.iter().enumerate().for_each(|(word, &part)| shifted.add_at(u128::from(part), word * 64 + bits));
        shifted
    }

    /// The float nearest to `self * 2^exponent / divisors`, of two the even one.
    pub fn quotient(&self, exponent: i32, divisors: &[u64]) -> f64 {
        // Enough bits that what a division leaves only says on which side of the middle it is.
        let spare = 64 * (divisors.len() + 1);
        let mut quotient = self.shifted(spare);
        let mut is_more = false;
        for &divisor in divisors {
            is_more |= quotient.divide(divisor) != 0;
        }
        quotient.rounded(exponent - spare as i32, is_more)
    }

    /// The float nearest to `self * 2^exponent`, or to a little more.
    fn rounded(&self, exponent: i32, is_more: bool) -> f64 {
        let Some(top) = self.bits().checked_sub(1) else { return 0.0 };
        let first = exponent + top as i32;
        if first > 1023 {
            return f64::INFINITY;
        }
        let unit = (first - 52).max(-1074);
        let Some(below) = usize::try_from(unit - exponent).ok() else {
            return self.word_from(0, unit - exponent) as f64 * power(unit);
        };
        let kept = self.word_from(below, 0);
        let half = below > 0 && self.bit(below - 1);
        let rest = is_more || below > 1 && (0..below - 1).any(|bit| self.bit(bit));
        let up = half && (rest || kept & 1 == 1);
        (kept + u64::from(up)) as f64 * power(unit)
    }

    fn bit(&self, bit: usize) -> bool {
        self.0.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }

    /// The bits from this one on, which fit a word; `shift`, at most zero, is a shift to the left.
    fn word_from(&self, bit: usize, shift: i32) -> u64 {
        let word = |place: usize| self.0.get(place).copied().unwrap_or(0);
        let both = u128::from(word(bit / 64)) | u128::from(word(bit / 64 + 1)) << 64;
        ((both >> (bit % 64)) as u64) << shift.unsigned_abs()
    }

    pub fn to_hex(&self) -> String {
        let mut text = String::new();
        for (place, word) in self.0.iter().rev().enumerate() {
            text += &if place == 0 { format!("{word:x}") } else { format!("{word:016x}") };
        }
        if text.is_empty() { "0".into() } else { text }
    }

    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        let words = digits.rchunks(16).map(|part| u64::from_str_radix(std::str::from_utf8(part).ok()?, 16).ok());
        let mut number = Self(words.collect::<Option<_>>()?);
        number.trim();
        Some(number)
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Natural {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

/// `2^exponent`, from the least float on.
fn power(exponent: i32) -> f64 {
    match exponent {
        -1022.. => f64::from_bits(((exponent + 1023) as u64) << 52),
        _ => f64::from_bits(1 << (exponent + 1074)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(value: u128) -> Natural {
        let mut number = Natural::default();
        number.add_at(value, 0);
        number
    }

    proptest! {
        #[test]
        fn numbers_are_those_of_128_bits(a: u64, b: u64, bit in 0usize..60, divisor in 1u64..) {
            let (wide_a, wide_b) = (u128::from(a), u128::from(b));
            prop_assert_eq!(of(wide_a).times(&of(wide_b)), of(wide_a * wide_b));
            let mut sum = of(wide_a);
            sum.add_at(wide_b, bit);
            prop_assert_eq!(&sum, &of(wide_a + (wide_b << bit)));
            prop_assert_eq!(sum.minus(&of(wide_a)), of(wide_b << bit));
            prop_assert_eq!(of(wide_a).cmp(&of(wide_b)), a.cmp(&b));
            let product = wide_a * wide_b;
            let mut quotient = of(product);
            let rest = quotient.divide(divisor);
            prop_assert_eq!((quotient, u128::from(rest)), (of(product / u128::from(divisor)), product % u128::from(divisor)));
            prop_assert_eq!(Natural::from_hex(&of(product).to_hex()), Some(of(product)));
            // Integers are rounded to floats as the language does it.
            prop_assert_eq!(of(product).quotient(0, &[]), product as f64);
        }

        #[test]
        fn a_float_is_itself(x in 0.0..f64::MAX, tiny in 0u64..1 << 53, divisor in 1u64..1 << 50) {
            for x in [x, f64::from_bits(tiny), x * 1e-300] {
                let (mantissa, exponent) = exact::parts(x).expect("a finite number");
                let mantissa = mantissa.unsigned_abs();
                prop_assert_eq!(of(u128::from(mantissa)).quotient(exponent, &[]), x);
                let many = of(u128::from(mantissa)).times(&of(u128::from(divisor)));
                prop_assert_eq!(many.quotient(exponent, &[divisor]), x);
            }
        }
    }
}
