//! Where a number is cut into bins: at most 255 of them, by how often values occur.
//!
//! A value `x` is in bin `b` when exactly `b` cuts are below it: `cuts[b-1] < x <= cuts[b]`.

/// The most bins that a byte numbers besides [`MISSING`].
pub const MAX_BINS: u32 = 255;
/// The bin of a missing value.
pub const MISSING: u8 = 255;

/// The cuts of a feature, from a sample of its values; `NaN` = missing, and is left out.
///
/// Up to `max_bins` distinct values get a bin each. Of more, a value that fills a bin alone (its share is at least one
/// `max_bins`-th) gets one, and the others share what is left evenly: a column that is 97 % zeros keeps its resolution
/// for the rest. A cut lies half-way between the neighbouring values.
pub fn find_cuts(mut sample: Vec<f32>, max_bins: u32) -> Vec<f32> {
    sample.retain(|value| !value.is_nan());
    sort(&mut sample);
    let runs = runs_of(&sample);
    let last_of_bin = if runs.len() <= max_bins as usize {
        (0..runs.len()).collect()
    } else {
        fill_bins(&runs, sample.len() as u64, max_bins)
    };
    last_of_bin.iter().filter(|&&i| i + 1 < runs.len()).map(|&i| between(runs[i].0, runs[i + 1].0)).collect()
}

/// Sorts by value, without comparisons: three passes over eleven bits each of a key in the order of the numbers.
fn sort(values: &mut [f32]) {
    const BITS: u32 = 11;
    const RADIX: usize = 1 << BITS;
    if values.len() < RADIX {
        return values.sort_unstable_by(f32::total_cmp);
    }
    let mut keys: Vec<u32> = values.iter().map(|&value| key(value)).collect();
    let mut spare = vec![0; keys.len()];
    for shift in [0, BITS, 2 * BITS] {
        let digit = |key: u32| (key >> shift) as usize & (RADIX - 1);
        let mut places = [0usize; RADIX];
        keys.iter().for_each(|&key| places[digit(key)] += 1);
        let mut sum = 0;
        for place in &mut places {
            sum += std::mem::replace(place, sum);
        }
        for &key in &keys {
            spare[places[digit(key)]] = key;
            places[digit(key)] += 1;
        }
        std::mem::swap(&mut keys, &mut spare);
    }
    for (value, key) in values.iter_mut().zip(keys) {
        *value = f32::from_bits(key ^ if key >> 31 == 1 { 1 << 31 } else { u32::MAX });
    }
}

/// Distinct values in order, with how often they occur. `-0.0` and `0.0` are one.
fn runs_of(sorted: &[f32]) -> Vec<(f32, u64)> {
    let mut runs: Vec<(f32, u64)> = Vec::new();
    for &value in sorted {
        match runs.last_mut() {
            Some((last, count)) if *last == value => *count += 1,
            _ => runs.push((value, 1)),
        }
    }
    runs
}

/// The last run of each bin, in order.
fn fill_bins(runs: &[(f32, u64)], total: u64, max_bins: u32) -> Vec<usize> {
    let is_heavy = |run: &(f32, u64)| run.1 * u64::from(max_bins) >= total;
    // The light values share the bins that the heavy ones leave.
    let (mut bins_left, mut rows_left) = (u64::from(max_bins), total);
    for run in runs.iter().filter(|run| is_heavy(run)) {
        bins_left -= 1;
        rows_left -= run.1;
    }
    let mut last_of_bin = Vec::with_capacity(max_bins as usize);
    let mut open = 0;
    for (i, run) in runs.iter().enumerate() {
        if is_heavy(run) {
            // A light bin for which none was left to close it ends with the heavy value.
            rows_left -= open;
            open = 0;
            last_of_bin.push(i);
            continue;
        }
        open += run.1;
        let is_full = open * bins_left >= rows_left || runs.get(i + 1).is_some_and(is_heavy);
        // The last light bin stays open: it takes the rest.
        if is_full && bins_left > 1 {
            rows_left -= open;
            bins_left -= 1;
            open = 0;
            last_of_bin.push(i);
        }
    }
    last_of_bin
}

/// Half-way from `a` to the next value `b`: at least `a`, and below `b`.
fn between(a: f32, b: f32) -> f32 {
    let middle = (f64::from(a) * 0.5 + f64::from(b) * 0.5) as f32;
    (if middle >= b || middle < a { a } else { middle }) + 0.0
}

/// Finds bins: the top bits of a value's key say which cuts can lie around it, mostly none or one.
pub struct BinFinder {
    /// Ends in infinities, so that looking past the last cut needs no check.
    cuts: Vec<f32>,
    /// For each cell of keys, how many cuts lie in cells before it.
    below: Vec<u8>,
    /// The key of the first cut, and by how much keys are shifted to be cells.
    first_key: u32,
    shift: u32,
    /// The most cuts in one cell.
    steps: usize,
}

/// At most this many cells, so that they stay in the first-level cache.
const CELLS_BITS: u32 = 13;

impl BinFinder {
    /// For cuts in order, at most 254 of them.
    pub fn new(cuts: &[f32]) -> Self {
        debug_assert!(cuts.len() < MAX_BINS as usize, "one bin more than cuts, and one for missing values");
        let keys: Vec<u32> = cuts.iter().map(|&cut| key(cut)).collect();
        let (first_key, last_key) = (keys.first().copied().unwrap_or(0), keys.last().copied().unwrap_or(0));
        let shift = (32 - (last_key - first_key).leading_zeros()).saturating_sub(CELLS_BITS);
        let cell = |key: u32| ((key - first_key) >> shift) as usize;
        let mut below = vec![0u8; cell(last_key) + 2];
        keys.iter().for_each(|&key| below[cell(key) + 1] += 1);
        let steps = below.iter().copied().max().unwrap_or(0).into();
        for i in 1..below.len() {
            below[i] += below[i - 1];
        }
        let cuts = cuts.iter().copied().chain(std::iter::repeat_n(f32::INFINITY, steps)).collect();
        Self { cuts, below, first_key, shift, steps }
    }

    /// Writes the bin of every value into `out[i * stride]`.
    pub fn assign(&self, values: &[f32], out: &mut [u8], stride: usize) {
        match self.steps {
            0 => self.assign_in(values, out, stride, |_, _| 0),
            1 => self.assign_in(values, out, stride, |value, cuts| usize::from(value > cuts[0])),
            2 => self.assign_in(values, out, stride, |value, cuts| {
                usize::from(value > cuts[0]) + usize::from(value > cuts[1])
            }),
            3 => self.assign_in(values, out, stride, |value, cuts| {
                usize::from(value > cuts[0]) + usize::from(value > cuts[1]) + usize::from(value > cuts[2])
            }),
            _ => self.assign_in(values, out, stride, |value, cuts| cuts.partition_point(|&cut| value > cut)),
        }
    }

    /// `count(value, cuts)`: how many of the cuts of its cell are below it.
    #[inline(always)]
    fn assign_in(&self, values: &[f32], out: &mut [u8], stride: usize, count: impl Fn(f32, &[f32]) -> usize) {
        let last = self.below.len() - 1;
        for (i, &value) in values.iter().enumerate() {
            let key = key(value);
            let cell = (key.saturating_sub(self.first_key) >> self.shift) as usize;
            let start = usize::from(self.below[cell.min(last)]);
            let bin = start + count(value, &self.cuts[start..start + self.steps]);
            out[i * stride] = if value.is_nan() { MISSING } else { bin as u8 };
        }
    }
}

/// A number that is ordered as the values are (both zeros have the same): negative ones with all bits turned, the others
/// with the sign turned.
fn key(value: f32) -> u32 {
    let bits = (value + 0.0).to_bits();
    bits ^ ((bits as i32 >> 31) as u32 | 1 << 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bin(cuts: &[f32], value: f32) -> u8 {
        if value.is_nan() { MISSING } else { cuts.iter().filter(|&&cut| value > cut).count() as u8 }
    }

    fn values() -> impl Strategy<Value = Vec<f32>> {
        let value = prop_oneof![
            Just(f32::NAN),
            Just(0.0),
            Just(-0.0),
            (-20i8..20).prop_map(f32::from),
            any::<f32>().prop_filter("finite", |x| x.is_finite())
        ];
        proptest::collection::vec(value, 0..600)
    }

    proptest! {
        #[test]
        fn the_search_counts_the_cuts_below(values in values(), max_bins in 2u32..=255) {
            let cuts = find_cuts(values.clone(), max_bins);
            prop_assert!(cuts.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(cuts.len() < max_bins as usize);
            let mut out = vec![0; values.len()];
            BinFinder::new(&cuts).assign(&values, &mut out, 1);
            for (value, found) in values.iter().zip(out) {
                prop_assert_eq!(bin(&cuts, *value), found);
            }
        }

        #[test]
        fn few_values_get_a_bin_each(values in values()) {
            let mut distinct: Vec<f32> = values.iter().copied().filter(|x| !x.is_nan()).map(|x| x + 0.0).collect();
            distinct.sort_unstable_by(f32::total_cmp);
            distinct.dedup();
            prop_assume!(distinct.len() <= 255);
            let cuts = find_cuts(values, 255);
            for (i, value) in distinct.iter().enumerate() {
                prop_assert_eq!(bin(&cuts, *value) as usize, i);
            }
        }
    }

    proptest! {
        #[test]
        fn sorts_as_comparisons_do(values in proptest::collection::vec(any::<f32>(), 2000..2200)) {
            let mut values: Vec<f32> = values.into_iter().filter(|x| !x.is_nan()).map(|x| x + 0.0).collect();
            values.extend([0.0, f32::MIN, f32::MAX, f32::MIN_POSITIVE]);
            let mut expected = values.clone();
            expected.sort_by(f32::total_cmp);
            sort(&mut values);
            let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&values), bits(&expected));
        }
    }

    #[test]
    fn many_values_fill_the_bins_evenly() {
        let cuts = find_cuts((0..100_000).map(|i| i as f32).collect(), 255);
        assert_eq!(cuts.len(), 254);
        let mut counts = vec![0; 255];
        (0..100_000).for_each(|i| counts[bin(&cuts, i as f32) as usize] += 1);
        assert!(counts.iter().all(|&count| (300..=500).contains(&count)), "{counts:?}");
    }

    #[test]
    fn zeros_do_not_eat_the_bins() {
        let sample = (0..100_000).map(|i| if i % 100 < 97 { 0.0 } else { i as f32 }).collect();
        let cuts = find_cuts(sample, 255);
        assert!(cuts.len() > 200, "{} cuts", cuts.len());
        assert_eq!(bin(&cuts, 0.0), 0);
        assert_ne!(bin(&cuts, 97.0), 0);
    }
}
