//! Products too wide for the machine's words, compared exactly.

use std::cmp::Ordering;

/// Compares `a * b` with `c * d`.
pub fn compare_products(a: u128, b: u128, c: u128, d: u128) -> Ordering {
    product(a, b).cmp(&product(c, d))
}

/// `a * b` as (high, low).
fn product(a: u128, b: u128) -> (u128, u128) {
    const LOW: u128 = u64::MAX as u128;
    let (a1, a0) = (a >> 64, a & LOW);
    let (b1, b0) = (b >> 64, b & LOW);
    let low = a0 * b0;
    let middle = a1 * b0 + (low >> 64);
    let cross = a0 * b1 + (middle & LOW);
    let high = a1 * b1 + (middle >> 64) + (cross >> 64);
    (high, cross << 64 | low & LOW)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Schoolbook long multiplication over bits: slow, and plainly right.
    fn naive(a: u128, b: u128) -> (u128, u128) {
        let (mut high, mut low) = (0u128, 0u128);
        for bit in (0..128).rev() {
            high = high << 1 | low >> 127;
            low <<= 1;
            if b >> bit & 1 == 1 {
                let (sum, carry) = low.overflowing_add(a);
                low = sum;
                high += u128::from(carry);
            }
        }
        (high, low)
    }

    proptest! {
        #[test]
        fn equals_long_multiplication(a: u128, b: u128) {
            prop_assert_eq!(product(a, b), naive(a, b));
        }

        #[test]
        fn orders_as_numbers_do(a: u64, b: u64, c: u64, d: u64) {
            let (x, y) = (u128::from(a) * u128::from(b), u128::from(c) * u128::from(d));
            prop_assert_eq!(compare_products(a.into(), b.into(), c.into(), d.into()), x.cmp(&y));
        }
    }

    #[test]
    fn the_largest() {
        assert_eq!(product(u128::MAX, u128::MAX), (u128::MAX - 1, 1));
    }
}
