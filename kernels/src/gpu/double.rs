//! Numbers of 64 bits (IEEE 754 binary64) in two 32-bit words, computed in integers.
//!
//! Shaders have no such numbers, and a device may contract, flush or reorder what is written in those that it has. In
//! integers each operation is rounded once, to the nearest and to even, as the host's is: results are equal to its bits.
//! Not a number is one pattern, [`NAN`]; the host's own may have others. Rounding follows Berkeley SoftFloat 3e
//! (`s_roundPackToF64`, `s_roundPackToF32`).

use cubecl::prelude::*;

use super::words::{Two, add as add_words, carry, product};

/// The high word of infinity.
const INFINITY: u32 = 0x7ff0_0000;
/// The high word of what is no number.
pub const NAN: u32 = 0x7ff8_0000;
/// All bits but the sign.
const SIZE: u32 = 0x7fff_ffff;
const SIGN: u32 = 1 << 31;
/// The bits of a fraction in the high word, and the bit before them.
const FRACTION: u32 = 0x000f_ffff;
const ONE: u32 = 0x0010_0000;
/// What is no number, in 32 bits.
const NAN_32: u32 = 0x7fc0_0000;
const INFINITY_32: u32 = 0x7f80_0000;

#[cube]
pub fn is_nan(x: Two) -> bool {
    let size = x.w1 & SIZE;
    size > INFINITY || (size == INFINITY && x.w0 != 0u32)
}

#[cube]
pub fn is_infinite(x: Two) -> bool {
    (x.w1 & SIZE) == INFINITY && x.w0 == 0u32
}

#[cube]
fn is_zero(x: Two) -> bool {
    ((x.w1 & SIZE) | x.w0) == 0u32
}

#[cube]
pub fn less(a: Two, b: Two) -> bool {
    a.w1 < b.w1 || (a.w1 == b.w1 && a.w0 < b.w0)
}

#[cube]
fn choose(condition: bool, then: Two, or_else: Two) -> Two {
    Two { w0: select(condition, then.w0, or_else.w0), w1: select(condition, then.w1, or_else.w1) }
}

/// An integer in the order of numbers, the same for both zeros.
#[cube]
pub fn key(x: Two) -> Two {
    let w1 = select(is_zero(x), 0u32, x.w1);
    let negative = w1 >= SIGN;
    Two { w0: select(negative, !x.w0, x.w0), w1: select(negative, !w1, w1 | SIGN) }
}

/// `a - b`, for `a >= b`.
#[cube]
fn subtract_words(a: Two, b: Two) -> Two {
    Two { w0: a.w0 - b.w0, w1: a.w1 - b.w1 - select(a.w0 < b.w0, 1u32, 0u32) }
}

/// `x << by`, for `by < 64`.
#[cube]
fn shift_left(x: Two, by: u32) -> Two {
    // No device need know shifts of a whole word.
    let rest = by & 31u32;
    let over = select(rest == 0u32, 0u32, x.w0 >> ((32u32 - rest) & 31u32));
    let low = x.w0 << rest;
    let is_word = by >= 32u32;
    Two { w0: select(is_word, 0u32, low), w1: select(is_word, low, (x.w1 << rest) | over) }
}

/// `x >> by`, for `by < 64`.
#[cube]
fn shift_right(x: Two, by: u32) -> Two {
    let rest = by & 31u32;
    let over = select(rest == 0u32, 0u32, x.w1 << ((32u32 - rest) & 31u32));
    let high = x.w1 >> rest;
    let is_word = by >= 32u32;
    Two { w0: select(is_word, high, (x.w0 >> rest) | over), w1: select(is_word, 0u32, high) }
}

/// `x >> by`, the last bit set where any bit fell off.
#[cube]
fn shift_right_sticky(x: Two, by: u32) -> Two {
    let within = min(by, 63u32);
    let y = shift_right(x, within);
    let back = shift_left(y, within);
    let lost = back.w0 != x.w0 || back.w1 != x.w1;
    Two { w0: y.w0 | select(lost, 1u32, 0u32), w1: y.w1 }
}

#[cube]
fn leading_zeros(x: Two) -> u32 {
    let is_low = x.w1 == 0u32;
    u32::leading_zeros(select(is_low, x.w0, x.w1)) + select(is_low, 32u32, 0u32)
}

/// The number of this sign, exponent (one less than it is stored) and significand, which begins at bit 62 and has ten bits
/// to round away.
#[cube]
fn rounded(sign: u32, exponent: i32, significand: Two) -> Two {
    let under = select(exponent < 0i32, u32::cast_from(0i32 - exponent), 0u32);
    let kept = shift_right_sticky(significand, under);
    let stored = u32::cast_from(max(exponent, 0i32));
    let rest = kept.w0 & 0x3ffu32;
    let up = add_words(kept, Two { w0: 0x200u32, w1: 0u32 });
    let is_over = stored > 0x7fdu32 || (stored == 0x7fdu32 && up.w1 >= SIGN);
    let whole = shift_right(up, 10u32);
    // Half-way goes to even.
    let even = Two { w0: whole.w0 & !select(rest == 0x200u32, 1u32, 0u32), w1: whole.w1 };
    let exponent_bits = select((even.w0 | even.w1) == 0u32, 0u32, stored << 20u32);
    let high = sign | (exponent_bits + even.w1);
    Two { w0: select(is_over, 0u32, even.w0), w1: select(is_over, sign | INFINITY, high) }
}

/// `a + b`.
#[cube]
pub fn add(a: Two, b: Two) -> Two {
    let a_size = Two { w0: a.w0, w1: a.w1 & SIZE };
    let b_size = Two { w0: b.w0, w1: b.w1 & SIZE };
    let swap = less(a_size, b_size);
    let x = choose(swap, b, a);
    let y = choose(swap, a, b);
    let x_exponent = (x.w1 & SIZE) >> 20u32;
    let y_exponent = (y.w1 & SIZE) >> 20u32;
    let x_one = select(x_exponent == 0u32, 0u32, ONE);
    let y_one = select(y_exponent == 0u32, 0u32, ONE);
    let x_place = max(x_exponent, 1u32);
    let y_place = max(y_exponent, 1u32);
    // They begin at bit 61: room for a carry, and nine bits below.
    let x_part = shift_left(Two { w0: x.w0, w1: (x.w1 & FRACTION) | x_one }, 9u32);
    let y_whole = shift_left(Two { w0: y.w0, w1: (y.w1 & FRACTION) | y_one }, 9u32);
    let y_part = shift_right_sticky(y_whole, x_place - y_place);
    let sign = x.w1 & SIGN;
    let same = sign == (y.w1 & SIGN);
    let sum = choose(same, add_words(x_part, y_part), subtract_words(x_part, y_part));
    let is_nothing = (sum.w0 | sum.w1) == 0u32;
    let shift = select(is_nothing, 1u32, leading_zeros(sum)) - 1u32;
    let result = rounded(sign, i32::cast_from(x_place) - i32::cast_from(shift), shift_left(sum, shift));
    let zero = Two { w0: 0u32, w1: select(same, sign, 0u32) };
    let finite = choose(is_nothing, zero, result);
    let some = choose(is_infinite(x), x, finite);
    let none = is_nan(a) || is_nan(b) || (is_infinite(x) && is_infinite(y) && !same);
    choose(none, Two { w0: 0u32, w1: NAN }, some)
}

/// A number that is not zero as a significand that begins at bit 52, and its stored exponent, below one for small numbers.
#[derive(CubeType, Clone, Copy)]
struct Parts {
    exponent: i32,
    significand: Two,
}

#[cube]
fn parts(x: Two) -> Parts {
    let stored = (x.w1 & SIZE) >> 20u32;
    let fraction = Two { w0: x.w0, w1: x.w1 & FRACTION };
    let is_small = stored == 0u32;
    let shift = select(is_small, max(leading_zeros(fraction), 11u32) - 11u32, 0u32);
    let small = shift_left(fraction, min(shift, 63u32));
    let significand = choose(is_small, small, Two { w0: x.w0, w1: fraction.w1 | ONE });
    Parts { exponent: select(is_small, 1i32 - i32::cast_from(shift), i32::cast_from(stored)), significand }
}

/// `a * b`.
#[cube]
pub fn multiply(a: Two, b: Two) -> Two {
    let sign = (a.w1 ^ b.w1) & SIGN;
    let a_parts = parts(a);
    let b_parts = parts(b);
    let x = shift_left(a_parts.significand, 10u32);
    let y = shift_left(b_parts.significand, 11u32);
    let low = product(x.w0, y.w0);
    let left = product(x.w0, y.w1);
    let right = product(x.w1, y.w0);
    let part = low.w1 + left.w0;
    let middle = part + right.w0;
    let over = carry(part, low.w1) + carry(middle, part);
    let inner = add_words(Two { w0: left.w1, w1: 0u32 }, Two { w0: right.w1, w1: 0u32 });
    let top = add_words(product(x.w1, y.w1), add_words(inner, Two { w0: over, w1: 0u32 }));
    let sticky = select((low.w0 | middle) == 0u32, 0u32, 1u32);
    // Begins at bit 61 or 62.
    let is_short = top.w1 < 0x4000_0000u32;
    let shift = select(is_short, 1u32, 0u32);
    // The bit that comes in from below is part of what is only looked at as a whole.
    let significand = shift_left(Two { w0: top.w0 | sticky, w1: top.w1 }, shift);
    let exponent = a_parts.exponent + b_parts.exponent - 0x3ffi32 - i32::cast_from(shift);
    let result = rounded(sign, exponent, significand);
    let any_zero = is_zero(a) || is_zero(b);
    let any_infinite = is_infinite(a) || is_infinite(b);
    let finite = choose(any_zero, Two { w0: 0u32, w1: sign }, result);
    let some = choose(any_infinite, Two { w0: 0u32, w1: sign | INFINITY }, finite);
    let none = is_nan(a) || is_nan(b) || (any_zero && any_infinite);
    choose(none, Two { w0: 0u32, w1: NAN }, some)
}

/// `a / b`, for `b` that is not zero.
#[cube]
pub fn divide(a: Two, b: Two) -> Two {
    let sign = (a.w1 ^ b.w1) & SIGN;
    let a_parts = parts(a);
    let b_parts = parts(b);
    let divisor = b_parts.significand;
    let is_short = less(a_parts.significand, divisor);
    let shift = select(is_short, 1u32, 0u32);
    // From here on the quotient is at least one and below two: one bit of it a step.
    let first = shift_left(a_parts.significand, shift);
    let mut rest_0 = first.w0;
    let mut rest_1 = first.w1;
    let mut quotient_0 = 0u32;
    let mut quotient_1 = 0u32;
    for _ in 0u32..55u32 {
        let rest = Two { w0: rest_0, w1: rest_1 };
        let fits = !less(rest, divisor);
        let left = subtract_words(rest, choose(fits, divisor, Two { w0: 0u32, w1: 0u32 }));
        let next = shift_left(left, 1u32);
        let twice = shift_left(Two { w0: quotient_0, w1: quotient_1 }, 1u32);
        rest_0 = next.w0;
        rest_1 = next.w1;
        quotient_0 = twice.w0 | select(fits, 1u32, 0u32);
        quotient_1 = twice.w1;
    }
    let whole = shift_left(Two { w0: quotient_0, w1: quotient_1 }, 8u32);
    let sticky = select((rest_0 | rest_1) == 0u32, 0u32, 1u32);
    let exponent = a_parts.exponent - b_parts.exponent + 0x3fei32 - i32::cast_from(shift);
    let result = rounded(sign, exponent, Two { w0: whole.w0 | sticky, w1: whole.w1 });
    let finite = choose(is_zero(a) || is_infinite(b), Two { w0: 0u32, w1: sign }, result);
    let some = choose(is_infinite(a), Two { w0: 0u32, w1: sign | INFINITY }, finite);
    let none = is_nan(a) || is_nan(b) || (is_infinite(a) && is_infinite(b));
    choose(none, Two { w0: 0u32, w1: NAN }, some)
}

/// The number of these 32 bits.
#[cube]
pub fn from_bits_32(bits: u32) -> Two {
    let sign = bits & SIGN;
    let size = bits & SIZE;
    let stored = size >> 23u32;
    let is_small = stored == 0u32;
    // Small ones begin at a bit below 23: brought there.
    let zeros = u32::leading_zeros(size);
    let shift = select(is_small, max(zeros, 8u32) - 8u32, 0u32);
    let fraction = (size << min(shift, 31u32)) & 0x007f_ffffu32;
    let exponent = select(is_small, 1u32, stored) + 896u32 - shift;
    let high = sign | (exponent << 20u32) | (fraction >> 3u32);
    let finite = Two { w0: fraction << 29u32, w1: high };
    let some = choose(size == 0u32, Two { w0: 0u32, w1: sign }, finite);
    let odd = select(size == INFINITY_32, sign | INFINITY, NAN);
    choose(size >= INFINITY_32, Two { w0: 0u32, w1: odd }, some)
}

/// The bits of the nearest number of 32 bits; infinity where there is none.
#[cube]
pub fn to_bits_32(x: Two) -> u32 {
    let sign = x.w1 & SIGN;
    let stored = (x.w1 & SIZE) >> 20u32;
    let fraction = shift_right_sticky(Two { w0: x.w0, w1: x.w1 & FRACTION }, 22u32);
    // Begins at bit 30, and has seven bits to round away.
    let significand = fraction.w0 | 0x4000_0000u32;
    let exponent = i32::cast_from(stored) - 0x381i32;
    let under = select(exponent < 0i32, u32::cast_from(0i32 - exponent), 0u32);
    let kept = shift_right_sticky(Two { w0: significand, w1: 0u32 }, under);
    let place = u32::cast_from(max(exponent, 0i32));
    let up = kept.w0 + 0x40u32;
    let is_over = place > 0xfdu32 || (place == 0xfdu32 && up >= SIGN);
    let even = (up >> 7u32) & !select((kept.w0 & 0x7fu32) == 0x40u32, 1u32, 0u32);
    let exponent_bits = select(even == 0u32, 0u32, place << 23u32);
    let finite = select(is_over, INFINITY_32, exponent_bits + even);
    select(is_nan(x), NAN_32, sign | select(is_zero(x), 0u32, finite))
}

/// The number of a count.
#[cube]
pub fn from_count(count: u32) -> Two {
    let zeros = u32::leading_zeros(count);
    let significand = shift_left(Two { w0: count, w1: 0u32 }, min(zeros, 31u32) + 21u32);
    let high = ((1054u32 - zeros) << 20u32) | (significand.w1 & FRACTION);
    Two { w0: select(count == 0u32, 0u32, significand.w0), w1: select(count == 0u32, 0u32, high) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::device::Unavailable;
    use crate::gpu::tests::gpus;
    use crate::gpu::{Gpu, Memory, on_backend};

    /// Words of a case's results.
    const RESULTS: usize = 12;

    #[cube(launch)]
    fn compute(input: &Array<u32>, out: &mut Array<u32>, cases: u32) {
        if ABSOLUTE_POS < cases as usize {
            let i = ABSOLUTE_POS * 4usize;
            let o = ABSOLUTE_POS * 12usize;
            let a = Two { w0: input[i], w1: input[i + 1] };
            let b = Two { w0: input[i + 2], w1: input[i + 3] };
            let sum = add(a, b);
            out[o] = sum.w0;
            out[o + 1] = sum.w1;
            let times = multiply(a, b);
            out[o + 2] = times.w0;
            out[o + 3] = times.w1;
            let share = divide(a, b);
            out[o + 4] = share.w0;
            out[o + 5] = share.w1;
            out[o + 6] = to_bits_32(a);
            let wide = from_bits_32(input[i + 1]);
            out[o + 7] = wide.w0;
            out[o + 8] = wide.w1;
            let count = from_count(input[i]);
            out[o + 9] = count.w0;
            out[o + 10] = count.w1;
            out[o + 11] = select(!is_nan(a) && !is_nan(b) && less(key(a), key(b)), 1u32, 0u32);
        }
    }

    fn on_device(gpu: &Gpu, input: &[u32]) -> Result<Vec<u32>, Unavailable> {
        fn run<R: Runtime>(memory: &Memory<'_, R>, input: &[u32]) -> Result<Vec<u32>, Unavailable> {
            let cases = input.len() / 4;
            let out = memory.zeros(cases * RESULTS);
            let input = memory.upload(input);
            let (grid, units) = (memory.grid(cases.div_ceil(64)), CubeDim::new_1d(64));
            compute::launch::<R>(memory.client, grid, units, input.arg(), out.arg(), cases as u32);
            memory.read(&out)
        }
        on_backend!(gpu, memory => run(&memory, input))
    }

    fn words(value: f64) -> [u32; 2] {
        let bits = if value.is_nan() { u64::from(NAN) << 32 } else { value.to_bits() };
        [bits as u32, (bits >> 32) as u32]
    }

    fn expected(a: f64, b: f64) -> Vec<u32> {
        let narrow = a as f32;
        let mut out = [words(a + b), words(a * b), words(a / b)].concat();
        out.push(if narrow.is_nan() { NAN_32 } else { narrow.to_bits() });
        let [low, high] = [a.to_bits() as u32, (a.to_bits() >> 32) as u32];
        out.extend(words(f64::from(f32::from_bits(high))));
        out.extend(words(f64::from(low)));
        out.push(u32::from(a < b));
        out
    }

    /// Numbers at which roundings go wrong: few bits set, neighbours of powers of two, halves of 32-bit numbers, small ones.
    fn number() -> impl Strategy<Value = f64> {
        let odd =
            [0.0, -0.0, 1.0, f64::MAX, f64::MIN_POSITIVE, 5e-324, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -1.5];
        let narrow = any::<u32>().prop_map(|bits| f64::from(f32::from_bits(bits)));
        let near = (0u64..0x7ff, -3i64..4, any::<bool>()).prop_map(|(exponent, off, sign)| {
            f64::from_bits(((exponent << 52) as i64 + off).max(0) as u64 | u64::from(sign) << 63)
        });
        let half = (any::<u32>(), -1i64..2).prop_map(|(bits, off)| {
            let wide = f64::from(f32::from_bits(bits)).to_bits() | 1 << 28;
            f64::from_bits((wide as i64).wrapping_add(off) as u64)
        });
        let close = (900u64..1100, any::<u64>())
            .prop_map(|(e, bits)| f64::from_bits(e << 52 | bits & (1 << 63 | 0xf_ffff_ffff_ffff)));
        let few = (900u64..1100, 0u32..52, 0u32..52).prop_map(|(e, i, j)| f64::from_bits(e << 52 | 1 << i | 1 << j));
        let small =
            (0u32..53, any::<u64>()).prop_map(|(by, bits)| f64::from_bits(bits & (1 << 63 | 0xf_ffff_ffff_ffff >> by)));
        prop_oneof![
            proptest::sample::select(odd.to_vec()),
            any::<u64>().prop_map(f64::from_bits),
            (-50i32..50).prop_map(f64::from),
            narrow,
            near,
            half,
            close,
            few,
            small
        ]
    }

    #[test]
    fn equals_the_hosts_numbers() {
        let gpus = gpus();
        let config = ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() };
        proptest!(config, |(cases in proptest::collection::vec((number(), number()), 2000))| {
            // Zero is no divisor; neighbours of one number and of both signs test what cancels.
            let neighbour = |a: f64, b: f64| f64::from_bits(a.to_bits() ^ ((1 << 63) | (b.to_bits() % 5)));
            let cases: Vec<(f64, f64)> = cases
                .into_iter()
                .enumerate()
                .map(|(i, (a, b))| (a, if i % 5 == 0 { neighbour(a, b) } else { b }))
                .filter(|&(_, b)| b != 0.0)
                .collect();
            let halves = |x: f64| [x.to_bits() as u32, (x.to_bits() >> 32) as u32];
            let input: Vec<u32> = cases.iter().flat_map(|&(a, b)| [halves(a), halves(b)]).flatten().collect();
            for gpu in &gpus {
                let found = on_device(gpu, &input).unwrap();
                for (found, &(a, b)) in found.chunks(RESULTS).zip(&cases) {
                    prop_assert_eq!(found, &expected(a, b)[..], "{:e} and {:e} on {:?}", a, b, gpu);
                }
            }
        });
    }
}
