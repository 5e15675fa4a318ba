//! `n * log2(n)` in fixed point, by integers only: the same on every device.

use std::sync::OnceLock;

/// Fraction bits of [`n_log2_n`].
pub const FRACTION_BITS: u32 = 24;
const TABLE_BITS: u32 = 16;

/// `n * log2(n)`, times 2^24, rounded down from a base-2 logarithm with 24 fraction bits; 0 for n = 0.
///
/// Below 2^16 the logarithm is the table's; above, it is interpolated between two entries of the table's upper half.
/// `n < 2^32`, so the result is below 2^61.
pub fn n_log2_n(n: u64) -> u64 {
    debug_assert!(n >> 32 == 0, "a sum of weights is below 2^32");
    if n < 2 {
        return 0;
    }
    n * log2(n)
}

fn log2(n: u64) -> u64 {
    let table = table();
    let bits = 64 - n.leading_zeros();
    if bits <= TABLE_BITS {
        return u64::from(table[n as usize]);
    }
    let shift = bits - TABLE_BITS;
    let (index, rest) = ((n >> shift) as usize, n & ((1 << shift) - 1));
    let low = u64::from(table[index]);
    let high = table.get(index + 1).map_or(u64::from(TABLE_BITS) << FRACTION_BITS, |&entry| u64::from(entry));
    low + (((high - low) * rest) >> shift) + (u64::from(shift) << FRACTION_BITS)
}

/// log2 of 0..2^16 with 24 fraction bits.
pub fn table() -> &'static [u32] {
    static TABLE: OnceLock<Vec<u32>> = OnceLock::new();
    TABLE.get_or_init(|| (0..1u64 << TABLE_BITS).map(|n| if n < 2 { 0 } else { exact_log2(n) }).collect())
}

/// log2(n) with 24 fraction bits, rounded down, bit by bit: squaring doubles the logarithm, and each time the mantissa
/// passes 2 the next bit is 1.
fn exact_log2(n: u64) -> u32 {
    let whole = 63 - n.leading_zeros();
    // The mantissa in [1, 2), with 62 fraction bits.
    let mut mantissa = u128::from(n) << (62 - whole);
    let mut log = whole;
    for _ in 0..FRACTION_BITS {
        mantissa = (mantissa * mantissa) >> 62;
        log <<= 1;
        if mantissa >> 63 != 0 {
            log |= 1;
            mantissa >>= 1;
        }
    }
    log
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn powers_of_two_are_exact() {
        for bit in 0..32u64 {
            assert_eq!(n_log2_n(1 << bit), (bit << bit) << FRACTION_BITS, "{bit}");
        }
        assert_eq!(n_log2_n(0), 0);
    }

    proptest! {
        /// Table: one unit of the last place. Interpolation: f'' / 8 over a step of 2^-15 adds less than 2^-31.
        #[test]
        fn near_the_real_logarithm(n in 2u64..1 << 32) {
            let real = (n as f64).log2() * f64::from(1 << FRACTION_BITS);
            prop_assert!((log2(n) as f64 - real).abs() <= 2.0, "{} {}", log2(n), real);
        }

        #[test]
        fn never_falls(n in 0u64..(1 << 32) - 1) {
            prop_assert!(n_log2_n(n) <= n_log2_n(n + 1));
        }
    }
}
