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
    sample.sort_unstable_by(f32::total_cmp);
    let runs = runs_of(&sample);
    let last_of_bin = if runs.len() <= max_bins as usize {
        (0..runs.len()).collect()
    } else {
        fill_bins(&runs, sample.len() as u64, max_bins)
    };
    last_of_bin.iter().filter(|&&i| i + 1 < runs.len()).map(|&i| between(runs[i].0, runs[i + 1].0)).collect()
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
    if middle >= b || middle < a { a } else { middle }
}

/// Writes the bin of every value into `out[i * stride]`.
pub fn assign_bins(cuts: &[f32], values: &[f32], out: &mut [u8], stride: usize) {
    debug_assert!(cuts.len() < MAX_BINS as usize, "one bin more than cuts, and one for missing values");
    // Padded to a power of two with infinities, the search has no branches and a fixed number of steps.
    let mut padded = [f32::INFINITY; 256];
    padded[..cuts.len()].copy_from_slice(cuts);
    let first_step = cuts.len().next_power_of_two();
    for (i, &value) in values.iter().enumerate() {
        let (mut bin, mut step) = (0, first_step);
        while step > 0 {
            let probe = padded[(bin + step - 1) & 255];
            bin += if value > probe { step } else { 0 };
            step >>= 1;
        }
        out[i * stride] = if value.is_nan() { MISSING } else { bin as u8 };
    }
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
            assign_bins(&cuts, &values, &mut out, 1);
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
