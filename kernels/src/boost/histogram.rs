//! Sums of gradients, curvatures and rows over the bins of every feature of a node.
//!
//! Rows are added a tile at a time: within a tile each row is one word (see [`super::gradient`]), one addition a feature;
//! after it the words are taken apart and added to sums that no number of rows overflows. Sums are integers: neither tiles
//! nor threads nor the order of rows can be seen in them, and a child's histogram is its parent's less its sibling's.

use rayon::prelude::*;

use super::gradient::{TILE_ROWS, unpack};
use super::newton::Sums;
use crate::bootstrap::{Entry, row_of};
use crate::tally::{AHEAD, BINS, View, prefetch};

/// `features x 256` sums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    gradient: Vec<i64>,
    curvature: Vec<u64>,
    rows: Vec<u32>,
}

/// Sums of the bins of one feature.
#[derive(Clone, Copy)]
pub struct FeatureSums<'a> {
    pub gradient: &'a [i64],
    pub curvature: &'a [u64],
    pub rows: &'a [u32],
}

impl FeatureSums<'_> {
    pub fn of(&self, bin: usize) -> Sums {
        Sums { gradient: self.gradient[bin], curvature: self.curvature[bin], rows: self.rows[bin] }
    }
}

/// A node of more rows is summed by several threads.
const PARALLEL_ROWS: usize = 1 << 14;

impl Histogram {
    fn empty(features: usize) -> Self {
        let slots = features * BINS;
        Self { gradient: vec![0; slots], curvature: vec![0; slots], rows: vec![0; slots] }
    }

    /// What one of so many features takes.
    pub fn bytes(features: usize) -> usize {
        features * BINS * (size_of::<i64>() + size_of::<u64>() + size_of::<u32>())
    }

    /// Of these rows; `words[row]` is what each adds.
    pub fn of(view: View<'_>, rows: &[Entry], words: &[u64], features: usize) -> Self {
        let parts = (rows.len() / PARALLEL_ROWS).clamp(1, rayon::current_num_threads());
        if parts == 1 {
            return Self::alone(view, rows, words, features);
        }
        let share = rows.len().div_ceil(parts);
        let add = |mut one: Self, other: Self| {
            one.add(&other);
            one
        };
        let parts = rows.par_chunks(share).map(|rows| Self::alone(view, rows, words, features));
        parts.reduce_with(add).expect("there is a part")
    }

    fn alone(view: View<'_>, rows: &[Entry], words: &[u64], features: usize) -> Self {
        let mut all = Self::empty(features);
        let mut tile = vec![0u64; features * BINS];
        for rows in rows.chunks(TILE_ROWS) {
            sum_tile(view, rows, words, &mut tile);
            all.take(&mut tile);
        }
        all
    }

    /// Adds what a tile has summed, and clears it.
    fn take(&mut self, tile: &mut [u64]) {
        let sums = self.gradient.iter_mut().zip(&mut self.curvature).zip(&mut self.rows);
        for (word, ((gradient, curvature), rows)) in tile.iter_mut().zip(sums) {
            let (g, h, n) = unpack(*word);
            *gradient += g;
            *curvature += h;
            *rows += n;
            *word = 0;
        }
    }

    fn add(&mut self, other: &Self) {
        self.gradient.iter_mut().zip(&other.gradient).for_each(|(own, other)| *own += other);
        self.curvature.iter_mut().zip(&other.curvature).for_each(|(own, other)| *own += other);
        self.rows.iter_mut().zip(&other.rows).for_each(|(own, other)| *own += other);
    }

    /// What is left without the rows of `part`.
    pub fn less(mut self, part: &Self) -> Self {
        self.gradient.iter_mut().zip(&part.gradient).for_each(|(own, part)| *own -= part);
        self.curvature.iter_mut().zip(&part.curvature).for_each(|(own, part)| *own -= part);
        self.rows.iter_mut().zip(&part.rows).for_each(|(own, part)| *own -= part);
        self
    }

    /// The bins of one feature.
    pub fn feature(&self, feature: usize) -> FeatureSums<'_> {
        let slots = feature * BINS..(feature + 1) * BINS;
        FeatureSums {
            gradient: &self.gradient[slots.clone()],
            curvature: &self.curvature[slots.clone()],
            rows: &self.rows[slots],
        }
    }
}

/// Features that are summed in one pass over a tile: their slots stay in the first-level cache.
const AT_ONCE: usize = 8;

fn sum_tile(view: View<'_>, rows: &[Entry], words: &[u64], slots: &mut [u64]) {
    let features = slots.len() / BINS;
    let mut first = 0;
    while first < features {
        let take = (features - first).min(AT_ONCE);
        let slots = &mut slots[first * BINS..(first + take) * BINS];
        match take {
            1 => sum_features::<1>(view, rows, words, first, slots),
            2 => sum_features::<2>(view, rows, words, first, slots),
            3 => sum_features::<3>(view, rows, words, first, slots),
            4 => sum_features::<4>(view, rows, words, first, slots),
            5 => sum_features::<5>(view, rows, words, first, slots),
            6 => sum_features::<6>(view, rows, words, first, slots),
            7 => sum_features::<7>(view, rows, words, first, slots),
            _ => sum_features::<AT_ONCE>(view, rows, words, first, slots),
        }
        first += take;
    }
}

/// Features `first..first + N`, whose number the compiler knows.
fn sum_features<const N: usize>(view: View<'_>, rows: &[Entry], words: &[u64], first: usize, slots: &mut [u64]) {
    assert!(slots.len() == N * BINS && first + N <= view.stride);
    for (i, &entry) in rows.iter().enumerate() {
        if let Some(&next) = rows.get(i + AHEAD) {
            prefetch(view, next);
        }
        let bins: &[u8; N] = view.record(entry)[first..first + N].try_into().expect("N bins");
        let word = words[row_of(entry) as usize];
        for (k, &bin) in bins.iter().enumerate() {
            // SAFETY: a byte is below `BINS`, so this slot lies in the k-th of the `N` runs that the assertion counted.
            let slot = unsafe { slots.get_unchecked_mut(k * BINS + bin as usize) };
            *slot = slot.wrapping_add(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient::pack;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn equals_adding_row_by_row(seed: u64, features in 1usize..20, rows in 1usize..40_000) {
            let mut state = seed | 1;
            let mut random = || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state
            };
            let stride = 32;
            let bytes: Vec<u8> = (0..rows * stride).map(|_| random() as u8 & 0x87).collect();
            let words: Vec<u64> =
                (0..rows).map(|_| pack((random() % 65_537) as i64 - 32_768, (random() % 32_768) as i64)).collect();
            let view = View { bytes: &bytes, stride, weights: &[] };
            let entries: Vec<Entry> = (0..rows as u32).filter(|_| random() % 3 > 0).collect();
            let found = Histogram::of(view, &entries, &words, features);
            let mut naive = Histogram::empty(features);
            for &row in &entries {
                for feature in 0..features {
                    let slot = feature * BINS + bytes[row as usize * stride + feature] as usize;
                    let (g, h, n) = unpack(words[row as usize]);
                    naive.gradient[slot] += g;
                    naive.curvature[slot] += h;
                    naive.rows[slot] += n;
                }
            }
            prop_assert_eq!(&found, &naive);
            let (left, right): (Vec<Entry>, Vec<Entry>) = entries.iter().partition(|&&row| row % 3 == 0);
            let right = Histogram::of(view, &right, &words, features);
            prop_assert_eq!(found.less(&right), Histogram::of(view, &left, &words, features));
        }
    }
}
