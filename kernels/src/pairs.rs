//! Estimates for two classes, over all prefixes of a feature's bins at once, in a form that compilers vectorize.

use crate::tally::BINS;

/// Products of two counts below this are exact in an `f64`.
pub const EXACT_IN_F64: u64 = 1 << 26;

/// Estimates of the prefixes of a feature's bins; its memory is kept from feature to feature.
#[derive(Default)]
pub struct Prefixes {
    counts: Vec<f64>,
    ones: Vec<f64>,
    estimates: Vec<f64>,
    len: usize,
}

impl Prefixes {
    /// `D^2 / (N_L N_R)` for the prefix that ends at each pair, or -1 where a side has too few samples; returns the
    /// largest. A pair is `samples | (samples of class 1) << 32`; every prefix begins with `start`; `weights` are the
    /// node's samples of both classes.
    pub fn estimate(&mut self, pairs: &[u64], start: u64, weights: &[u64], min_leaf: u64) -> f64 {
        self.len = pairs.len();
        for memory in [&mut self.counts, &mut self.ones, &mut self.estimates] {
            memory.resize(memory.len().max(BINS), 0.0);
        }
        let (counts, ones) = (&mut self.counts[..pairs.len()], &mut self.ones[..pairs.len()]);
        let mut sum = start;
        for ((count, one), pair) in counts.iter_mut().zip(ones.iter_mut()).zip(pairs) {
            sum += pair;
            *count = f64::from(sum as u32);
            *one = f64::from((sum >> 32) as u32);
        }
        let (n, p) = ((weights[0] + weights[1]) as f64, weights[1] as f64);
        let min_leaf = min_leaf as f64;
        let out = &mut self.estimates[..pairs.len()];
        for ((out, &mut left), &mut ones) in out.iter_mut().zip(counts).zip(ones) {
            let right = n - left;
            let d = ones * n - p * left;
            let estimate = d * d / (left * right);
            // The smaller side decides. A side of nothing makes the estimate meaningless, and always has too few.
            *out = if left.min(right) >= min_leaf { estimate } else { -1.0 };
        }
        largest(out)
    }

    /// The estimates, one for each pair.
    pub fn estimates(&self) -> &[f64] {
        &self.estimates[..self.len]
    }
}

/// In several lanes, as the order of a maximum does not matter.
fn largest(values: &[f64]) -> f64 {
    let mut lanes = [-1.0f64; 8];
    let chunks = values.chunks_exact(8);
    let rest = chunks.remainder().iter().copied().fold(-1.0, f64::max);
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = if value > *lane { value } else { *lane };
        }
    }
    lanes.into_iter().fold(rest, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::impurity::{Criterion, estimate};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_one_by_one(
            bins in proptest::collection::vec((0u64..50, 0u64..50), 1..255),
            missing in (0u64..5, 0u64..5),
            min_leaf in 1u64..20,
        ) {
            let pair = |(zeros, ones): (u64, u64)| (zeros + ones) | (ones << 32);
            let weights = bins.iter().fold([missing.0, missing.1], |sum, bin| [sum[0] + bin.0, sum[1] + bin.1]);
            let pairs: Vec<u64> = bins.iter().copied().map(pair).collect();
            let mut prefixes = Prefixes::default();
            let most = prefixes.estimate(&pairs, pair(missing), &weights, min_leaf);
            let mut left = [missing.0, missing.1];
            let mut largest = -1.0f64;
            for (bin, &found) in bins.iter().zip(prefixes.estimates()) {
                left = [left[0] + bin.0, left[1] + bin.1];
                let right = [weights[0] - left[0], weights[1] - left[1]];
                let enough = left[0] + left[1] >= min_leaf && right[0] + right[1] >= min_leaf;
                let expected = if enough { estimate(Criterion::Gini, &left, &right) } else { -1.0 };
                prop_assert!((found - expected).abs() <= 1e-12 * expected.abs(), "{} {}", found, expected);
                largest = largest.max(expected);
            }
            prop_assert!((most - largest).abs() <= 1e-12 * largest.abs());
        }
    }
}
