//! Which rows are trained on and which are held out, the same for ever for one seed.
//!
//! Rows are shuffled by Fisher and Yates over ChaCha8 with bounded draws by rejection: neither depends on the version
//! of a library, the platform, or the number of threads.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Row numbers of two disjoint parts, each ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The rows to train on.
    pub train: Vec<u32>,
    /// The rows held out.
    pub valid: Vec<u32>,
}

/// Holds out a fraction (0 to 1) of the rows of each class.
///
/// The held-out number is `fraction * rows` rounded to the nearest; classes get their share of it, what is left over
/// going to the largest remainders. A class of two rows or more keeps one row in each part, as long as
/// the fraction is neither 0 nor 1.
///
/// # Panics
/// When `y` holds a class that is not below `classes`, or the fraction is not within 0 to 1.
pub fn stratified(y: &[u32], classes: usize, fraction: f64, seed: u64) -> Split {
    assert!((0.0..=1.0).contains(&fraction), "a fraction of the rows");
    let rows_of = shuffled(y, classes, seed);
    let sizes: Vec<usize> = rows_of.iter().map(Vec::len).collect();
    let held_out = shares(&sizes, fraction);
    let mut split = Split { train: Vec::new(), valid: Vec::new() };
    for (rows, held_out) in rows_of.iter().zip(held_out) {
        split.valid.extend_from_slice(&rows[..held_out]);
        split.train.extend_from_slice(&rows[held_out..]);
    }
    split.train.sort_unstable();
    split.valid.sort_unstable();
    split
}

/// The fold of each row, `0..k`: the rows of each class are dealt out in turn, each class starting where the one before
/// it stopped, so that folds differ by one row at most, in all and in each class.
///
/// # Panics
/// When `k` is zero, or `y` holds a class that is not below `classes`.
pub fn folds(y: &[u32], classes: usize, k: u32, seed: u64) -> Vec<u32> {
    assert!(k > 0, "at least one fold");
    let mut fold_of = vec![0; y.len()];
    let mut next = 0;
    for row in shuffled(y, classes, seed).into_iter().flatten() {
        fold_of[row as usize] = next;
        next = (next + 1) % k;
    }
    fold_of
}

/// The rows of each class, in random order.
fn shuffled(y: &[u32], classes: usize, seed: u64) -> Vec<Vec<u32>> {
    let mut rows_of = vec![Vec::new(); classes];
    for (row, &class) in y.iter().enumerate() {
        rows_of[class as usize].push(row as u32);
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    for rows in &mut rows_of {
        for end in (1..rows.len()).rev() {
            let other = below(&mut random, end as u32 + 1) as usize;
            rows.swap(end, other);
        }
    }
    rows_of
}

/// A number in `0..bound`, every one equally likely (Lemire 2019, "Fast random integer generation in an interval").
fn below(random: &mut ChaCha8Rng, bound: u32) -> u32 {
    let threshold = bound.wrapping_neg() % bound;
    loop {
        let product = u64::from(random.next_u32()) * u64::from(bound);
        if product as u32 >= threshold {
            return (product >> 32) as u32;
        }
    }
}

/// How many rows of each class are held out.
fn shares(sizes: &[usize], fraction: f64) -> Vec<usize> {
    let rows: usize = sizes.iter().sum();
    let wanted = (rows as f64 * fraction).round() as usize;
    let mut shares: Vec<usize> = sizes.iter().map(|&size| (size as f64 * fraction).floor() as usize).collect();
    let remainder = |class: usize| sizes[class] as f64 * fraction - (sizes[class] as f64 * fraction).floor();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    // Larger remainders first; equal ones by class.
    order.sort_by(|&a, &b| remainder(b).total_cmp(&remainder(a)).then(a.cmp(&b)));
    let missing = wanted.saturating_sub(shares.iter().sum());
    for &class in order.iter().take(missing) {
        shares[class] = (shares[class] + 1).min(sizes[class]);
    }
    if fraction > 0.0 && fraction < 1.0 {
        for (share, &size) in shares.iter_mut().zip(sizes) {
            if size >= 2 {
                *share = (*share).clamp(1, size - 1);
            } else {
                *share = 0;
            }
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_row_is_in_one_part_and_classes_keep_their_share(
            y in proptest::collection::vec(0u32..4, 1..300), fraction in 0.05f64..0.95, seed: u64,
        ) {
            let split = stratified(&y, 4, fraction, seed);
            let mut all = [split.train.clone(), split.valid.clone()].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..y.len() as u32).collect::<Vec<_>>());
            for class in 0..4 {
                let count = |rows: &[u32]| rows.iter().filter(|&&row| y[row as usize] == class).count();
                let (train, valid) = (count(&split.train), count(&split.valid));
                let size = train + valid;
                prop_assert!(size < 2 || (train > 0 && valid > 0));
                prop_assert!((valid as f64 - size as f64 * fraction).abs() <= 1.0);
            }
        }

        #[test]
        fn folds_are_even_in_all_and_in_each_class(
            y in proptest::collection::vec(0u32..3, 1..200), k in 1u32..8, seed: u64,
        ) {
            let fold_of = folds(&y, 3, k, seed);
            let spread = |class: Option<u32>| {
                let mut counts = vec![0usize; k as usize];
                for (row, &fold) in fold_of.iter().enumerate() {
                    if class.is_none_or(|class| y[row] == class) {
                        counts[fold as usize] += 1;
                    }
                }
                counts.iter().max().unwrap() - counts.iter().min().unwrap()
            };
            prop_assert!(spread(None) <= 1);
            for class in 0..3 {
                prop_assert!(spread(Some(class)) <= 1);
            }
        }
    }

    #[test]
    fn the_split_of_a_seed_never_changes() {
        let y: Vec<u32> = (0..20).map(|row| row % 3).collect();
        assert_eq!(stratified(&y, 3, 0.25, 42).valid, SPLIT_42);
        assert_eq!(folds(&y, 3, 5, 42), FOLDS_42);
        assert_ne!(stratified(&y, 3, 0.25, 43).valid, SPLIT_42);
    }

    const SPLIT_42: [u32; 5] = [1, 11, 15, 18, 19];
    const FOLDS_42: [u32; 20] = [4, 3, 2, 1, 0, 4, 2, 3, 1, 3, 2, 4, 0, 4, 0, 1, 1, 3, 0, 2];

    #[test]
    fn draws_are_even() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut counts = [0u32; 7];
        for _ in 0..70_000 {
            counts[below(&mut random, 7) as usize] += 1;
        }
        // Five standard deviations of a binomial of mean 10,000.
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 463), "{counts:?}");
    }
}
