//! A keyed permutation of `0..n` of which each place is computed alone, without memory: a Feistel network over pairs
//! `(left, right)` of numbers below `a` and `b`, `a * b` just above `n`, walked until it falls into the range (Black and
//! Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002).

/// Each round mixes both halves.
const ROUNDS: u32 = 4;

/// A permutation of `0..n`.
#[derive(Debug, Clone, Copy)]
pub struct Permutation {
    n: u32,
    /// Sizes of the two halves.
    a: u32,
    b: u32,
    key: [u32; 4],
}

impl Permutation {
    /// The permutation of `0..n` that `key` names.
    pub fn new(n: u32, key: [u32; 4]) -> Self {
        let a = n.isqrt().max(1);
        Self { n, a, b: n.div_ceil(a).max(1), key }
    }

    /// Sizes of the two halves of the network.
    pub fn halves(&self) -> (u32, u32) {
        (self.a, self.b)
    }

    /// What stands at place `k < n`.
    pub fn at(&self, k: u32) -> u32 {
        debug_assert!(k < self.n, "a place of the permutation");
        let mut value = self.step(k);
        while value >= self.n {
            value = self.step(value);
        }
        value
    }

    fn step(&self, value: u32) -> u32 {
        let (mut left, mut right) = (value / self.b, value % self.b);
        for round in 0..ROUNDS {
            let key =
                |half: u32| self.key[(2 * round + half) as usize % 4].wrapping_add(round.wrapping_mul(0x9E37_79B9));
            left = turn(left, mix(right ^ key(0)), self.a);
            right = turn(right, mix(left ^ key(1)), self.b);
        }
        left * self.b + right
    }
}

/// `value` moved on by a random part of `size`, round the circle.
fn turn(value: u32, random: u32, size: u32) -> u32 {
    let by = ((u64::from(random) * u64::from(size)) >> 32) as u32;
    let moved = value + by;
    if moved >= size { moved - size } else { moved }
}

/// The finalizer of MurmurHash3 (32 bit): every bit of the input moves every bit of the output.
pub fn mix(mut h: u32) -> u32 {
    h ^= h >> 16;
    h = h.wrapping_mul(0x85EB_CA6B);
    h ^= h >> 13;
    h = h.wrapping_mul(0xC2B2_AE35);
    h ^ h >> 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::philox::{Purpose, philox};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_permutation(n in 1u32..2000, seed: u64) {
            let permutation = Permutation::new(n, philox(seed, 0, 0, 0, Purpose::Features));
            let mut seen = vec![false; n as usize];
            for k in 0..n {
                seen[permutation.at(k) as usize] = true;
            }
            prop_assert!(seen.into_iter().all(|it| it));
        }
    }

    /// First places are near uniform: each of 28 values, and each ordered pair, within 6 standard deviations.
    #[test]
    fn first_places_are_uniform() {
        const N: usize = 28;
        const TRIALS: u32 = 400_000;
        let (mut single, mut pair) = (vec![0u32; N], vec![0u32; N * N]);
        for node in 0..TRIALS {
            let permutation = Permutation::new(N as u32, philox(1, 0, 0, node, Purpose::Features));
            let (a, b) = (permutation.at(0) as usize, permutation.at(1) as usize);
            single[a] += 1;
            pair[a * N + b] += 1;
        }
        let near = |count: u32, p: f64| {
            let mean = f64::from(TRIALS) * p;
            (f64::from(count) - mean).abs() < 6.0 * (mean * (1.0 - p)).sqrt()
        };
        assert!(single.iter().all(|&count| near(count, 1.0 / N as f64)), "{single:?}");
        let p = 1.0 / (N * (N - 1)) as f64;
        for a in 0..N {
            for b in 0..N {
                let count = pair[a * N + b];
                assert!(if a == b { count == 0 } else { near(count, p) }, "{a} {b} {count}");
            }
        }
    }
}
