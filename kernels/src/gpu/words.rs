//! Numbers of several 32-bit words, low word first, and the exact score of a split in them: what `u128` is on the host.
//! Not every device has 64-bit integers, and none needs them for this.

use cubecl::prelude::*;

/// A number below 2^64.
#[derive(CubeType, Clone, Copy)]
pub struct Two {
    pub w0: u32,
    pub w1: u32,
}

/// A number below 2^96.
#[derive(CubeType, Clone, Copy)]
pub struct Three {
    pub w0: u32,
    pub w1: u32,
    pub w2: u32,
}

/// A number below 2^160.
#[derive(CubeType, Clone, Copy)]
pub struct Five {
    pub w0: u32,
    pub w1: u32,
    pub w2: u32,
    pub w3: u32,
    pub w4: u32,
}

/// The exact goodness of a split, `num / den`, as [`crate::impurity::Score`]: a larger one is a better split.
#[derive(CubeType, Clone, Copy)]
pub struct Goodness {
    pub num: Three,
    pub den: Two,
}

/// One where the sum `sum = part + something` went past 2^32.
#[cube]
pub fn carry(sum: u32, part: u32) -> u32 {
    select(sum < part, 1u32, 0u32)
}

#[cube]
pub fn product(a: u32, b: u32) -> Two {
    Two { w0: a * b, w1: u32::mul_hi(a, b) }
}

#[cube]
pub fn add(a: Two, b: Two) -> Two {
    let w0 = a.w0 + b.w0;
    Two { w0, w1: a.w1 + b.w1 + carry(w0, a.w0) }
}

/// `a - b`, or zero where that is below zero.
#[cube]
pub fn subtract_saturating(a: Two, b: Two) -> Two {
    let borrow = select(a.w0 < b.w0, 1u32, 0u32);
    let is_less = a.w1 < b.w1 || (a.w1 == b.w1 && a.w0 < b.w0);
    Two { w0: select(is_less, 0u32, a.w0 - b.w0), w1: select(is_less, 0u32, a.w1 - b.w1 - borrow) }
}

/// `a * b`, for `a * b < 2^96`.
#[cube]
pub fn times(a: Two, b: u32) -> Three {
    let low = product(a.w0, b);
    let high = product(a.w1, b);
    let w1 = low.w1 + high.w0;
    Three { w0: low.w0, w1, w2: high.w1 + carry(w1, low.w1) }
}

/// `a + b`, for `a + b < 2^96`.
#[cube]
pub fn add_three(a: Three, b: Three) -> Three {
    let w0 = a.w0 + b.w0;
    let carry_0 = carry(w0, a.w0);
    let part = a.w1 + b.w1;
    let w1 = part + carry_0;
    Three { w0, w1, w2: a.w2 + b.w2 + carry(part, a.w1) + carry(w1, part) }
}

/// `a * b`.
#[cube]
fn wide_product(a: Three, b: Two) -> Five {
    let low = times(Two { w0: a.w0, w1: a.w1 }, b.w0);
    let low_top = product(a.w2, b.w0);
    let high = times(Two { w0: a.w0, w1: a.w1 }, b.w1);
    let high_top = product(a.w2, b.w1);
    // The first word of `high` stands at place 1.
    let l2 = low.w2 + low_top.w0;
    let l3 = low_top.w1 + carry(l2, low.w2);
    let h2 = high.w2 + high_top.w0;
    let h3 = high_top.w1 + carry(h2, high.w2);
    let w1 = low.w1 + high.w0;
    let carry_1 = carry(w1, low.w1);
    let part_2 = l2 + high.w1;
    let w2 = part_2 + carry_1;
    let carry_2 = carry(part_2, l2) + carry(w2, part_2);
    let part_3 = l3 + h2;
    let w3 = part_3 + carry_2;
    let carry_3 = carry(part_3, l3) + carry(w3, part_3);
    Five { w0: low.w0, w1, w2, w3, w4: h3 + carry_3 }
}

/// 0 = equal, 1 = `a` is the larger, 2 = `b` is.
#[cube]
fn order_words(a: u32, b: u32, below: u32) -> u32 {
    select(a == b, below, select(a > b, 1u32, 2u32))
}

/// 0 = equal, 1 = `a` is the larger, 2 = `b` is.
#[cube]
pub fn order_two(a: Two, b: Two) -> u32 {
    order_words(a.w1, b.w1, order_words(a.w0, b.w0, 0u32))
}

/// 0 = equally good, 1 = `a` is the better, 2 = `b` is.
#[cube]
pub fn order_goodness(a: Goodness, b: Goodness) -> u32 {
    let x = wide_product(a.num, b.den);
    let y = wide_product(b.num, a.den);
    let order_0 = order_words(x.w0, y.w0, 0u32);
    let order_1 = order_words(x.w1, y.w1, order_0);
    let order_2 = order_words(x.w2, y.w2, order_1);
    let order_3 = order_words(x.w3, y.w3, order_2);
    order_words(x.w4, y.w4, order_3)
}

/// [`crate::permutation::mix`].
#[cube]
pub fn mix(value: u32) -> u32 {
    let a = (value ^ (value >> 16u32)) * 0x85EB_CA6Bu32;
    let b = (a ^ (a >> 13u32)) * 0xC2B2_AE35u32;
    b ^ (b >> 16u32)
}

/// [`crate::entropy::n_log2_n`], from the table that [`crate::entropy::table`] gives, which stands at `first`.
#[cube]
pub fn n_log2_n(n: u32, table: &Array<u32>, first: u32) -> Two {
    let bits = 32u32 - u32::leading_zeros(n);
    let shift = select(bits > 16u32, bits - 16u32, 0u32);
    let index = n >> shift;
    let rest = n & ((1u32 << shift) - 1u32);
    let low = table[(first + index) as usize];
    let next = index + 1u32;
    let is_last = next > 65_535u32;
    let high = select(is_last, 16u32 << 24u32, table[(first + select(is_last, 0u32, next)) as usize]);
    let log = low + select(shift > 0u32, ((high - low) * rest) >> shift, 0u32) + (shift << 24u32);
    let whole = product(n, log);
    Two { w0: select(n < 2u32, 0u32, whole.w0), w1: select(n < 2u32, 0u32, whole.w1) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::device::Unavailable;
    use crate::gpu::tests::gpus;
    use crate::gpu::{Gpu, Memory, on_backend};
    use crate::{entropy, wide};

    /// Words of one case: two scores, and what else there is to compute with.
    const CASE: usize = 10;

    #[cube(launch)]
    fn compute(input: &Array<u32>, logs: &Array<u32>, out: &mut Array<u32>, cases: u32) {
        if ABSOLUTE_POS < cases as usize {
            let i = ABSOLUTE_POS * 10usize;
            let a = Goodness {
                num: Three { w0: input[i], w1: input[i + 1], w2: input[i + 2] },
                den: Two { w0: input[i + 3], w1: input[i + 4] },
            };
            let b = Goodness {
                num: Three { w0: input[i + 5], w1: input[i + 6], w2: input[i + 7] },
                den: Two { w0: input[i + 8], w1: input[i + 9] },
            };
            out[i] = order_goodness(a, b);
            let less = subtract_saturating(a.den, b.den);
            out[i + 1] = less.w0;
            out[i + 2] = less.w1;
            let log = n_log2_n(input[i], logs, 0u32);
            out[i + 3] = log.w0;
            out[i + 4] = log.w1;
            // Within 96 bits.
            let more = add_three(times(Two { w0: input[i], w1: input[i + 1] / 4u32 }, input[i + 8]), b.num);
            out[i + 5] = more.w0;
            out[i + 6] = more.w1;
            out[i + 7] = more.w2;
            out[i + 8] = mix(input[i]);
            out[i + 9] = order_two(a.den, b.den);
        }
    }

    fn on_device(gpu: &Gpu, input: &[u32]) -> Result<Vec<u32>, Unavailable> {
        fn run<R: Runtime>(memory: &Memory<'_, R>, input: &[u32]) -> Result<Vec<u32>, Unavailable> {
            let cases = input.len() / CASE;
            let out = memory.zeros(input.len());
            let (input, logs) = (memory.upload(input), memory.upload(entropy::table()));
            let (grid, units) = (memory.grid(cases.div_ceil(64)), CubeDim::new_1d(64));
            compute::launch::<R>(memory.client, grid, units, input.arg(), logs.arg(), out.arg(), cases as u32);
            memory.read(&out)
        }
        on_backend!(gpu, memory => run(&memory, input))
    }

    fn wide_of(words: &[u32]) -> u128 {
        words.iter().rev().fold(0, |sum, &word| sum << 32 | u128::from(word))
    }

    fn words_of(value: u128, count: usize) -> Vec<u32> {
        (0..count).map(|i| (value >> (32 * i)) as u32).collect()
    }

    fn order_of(order: std::cmp::Ordering) -> u32 {
        [2, 0, 1][(order as i8 + 1) as usize]
    }

    fn expected(case: &[u32]) -> Vec<u32> {
        let (a_num, a_den) = (wide_of(&case[..3]), wide_of(&case[3..5]));
        let (b_num, b_den) = (wide_of(&case[5..8]), wide_of(&case[8..]));
        let mut out = vec![order_of(wide::compare_products(a_num, b_den, b_num, a_den))];
        out.extend(words_of(a_den.saturating_sub(b_den), 2));
        out.extend(words_of(entropy::n_log2_n(case[0].into()).into(), 2));
        let more = wide_of(&[case[0], case[1] / 4]) * u128::from(case[8]) + b_num;
        out.extend(words_of(more, 3));
        out.extend([crate::permutation::mix(case[0]), order_of(a_den.cmp(&b_den))]);
        out
    }

    #[test]
    fn equals_the_hosts_wide_integers() {
        let gpus = gpus();
        let word = prop_oneof![Just(0u32), Just(1), Just(u32::MAX), 0u32..70_000, any::<u32>()];
        // Numerators below 2^94: their sums are below 2^96.
        let case = (proptest::collection::vec(word, CASE), any::<bool>()).prop_map(|(mut case, equal)| {
            if equal {
                case.copy_within(..5, 5);
            }
            [2, 7].into_iter().for_each(|top| case[top] >>= 2);
            case
        });
        let config = ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() };
        proptest!(config, |(cases in proptest::collection::vec(case, 400))| {
            let input: Vec<u32> = cases.iter().flatten().copied().collect();
            let expected: Vec<u32> = cases.iter().flat_map(|case| expected(case)).collect();
            for gpu in &gpus {
                prop_assert_eq!(&on_device(gpu, &input).unwrap(), &expected, "{:?}", gpu);
            }
        });
    }
}
