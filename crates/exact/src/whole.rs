//! Whole numbers of any length, of which exact sums are made at their end.

use std::cmp::Ordering;

/// A whole number of any length, times a power of two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    negative: bool,
    /// Lowest first, the last one not zero.
    limbs: Vec<u64>,
    exponent: i32,
}

impl Whole {
    /// A whole number times a power of two.
    pub fn new(mantissa: i128, exponent: i32) -> Self {
        let size = mantissa.unsigned_abs();
        Self { negative: mantissa < 0, limbs: vec![size as u64, (size >> 64) as u64], exponent }.trimmed()
    }

    /// From limbs, lowest first.
    pub fn of_limbs(negative: bool, limbs: Vec<u64>, exponent: i32) -> Self {
        Self { negative, limbs, exponent }.trimmed()
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

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        self.limbs.is_empty()
    }

    /// The product.
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

    /// The sum.
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

    /// The difference.
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

/// A sum of limbs, and whether it went over.
pub(crate) fn carrying(left: u64, right: u64, carry: bool) -> (u64, bool) {
    let (sum, over) = left.overflowing_add(right);
    let (sum, over_again) = sum.overflowing_add(u64::from(carry));
    (sum, over | over_again)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
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
}
