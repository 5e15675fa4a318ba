use ndarray::ArrayView1;
use rayon::slice::ParallelSliceMut;

use crate::Scores;

/// The rows in the order of one class's probability, highest first; rows of one value form one step.
#[derive(Debug)]
pub(crate) struct Ranking {
    rows: Vec<u32>,
    /// Whether the row is the last of its value.
    ends: Vec<bool>,
}

/// What would be found if the class were predicted for every row down to and with `row`'s value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    /// Weight of the rows of the class so far.
    pub hits: f64,
    /// Weight of the other rows so far.
    pub misses: f64,
    /// A row that has the value of this step.
    pub row: usize,
}

impl Ranking {
    pub(crate) fn new(scores: ArrayView1<'_, f32>) -> Self {
        let mut keys: Vec<u64> =
            scores.iter().enumerate().map(|(row, &score)| (u64::from(descending(score)) << 32) | row as u64).collect();
        keys.par_sort_unstable();
        let rows = keys.iter().map(|&key| key as u32).collect();
        let ends = (0..keys.len()).map(|i| keys.get(i + 1).is_none_or(|next| next >> 32 != keys[i] >> 32)).collect();
        Self { rows, ends }
    }

    /// Goes down the order; one step for each value that has weight.
    pub(crate) fn walk(&self, scores: &Scores<'_>, class: usize, mut visit: impl FnMut(Step)) {
        let (y, class) = (scores.y(), class as u32);
        let (mut hits, mut misses, mut seen) = (0.0, 0.0, 0.0);
        for (&row, &end) in self.rows.iter().zip(&self.ends) {
            let row = row as usize;
            let weight = scores.weight_of(row);
            if y[row] == class {
                hits += weight
            } else {
                misses += weight
            }
            if end && hits + misses > seen {
                seen = hits + misses;
                visit(Step { hits, misses, row });
            }
        }
    }
}

/// A number that grows as `score` falls; both zeros are one value.
fn descending(score: f32) -> u32 {
    let bits = (score + 0.0).to_bits();
    let ascending = if bits >> 31 == 1 { !bits } else { bits | (1 << 31) };
    !ascending
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_descending_and_ties_are_one_step() {
        let ranking = Ranking::new(ndarray::arr1(&[0.5, 1.0, -0.0, 0.5, 0.0]).view());
        assert_eq!(ranking.rows, [1, 0, 3, 2, 4]);
        assert_eq!(ranking.ends, [true, false, true, false, true]);
        assert!(descending(-1.0) > descending(0.0) && descending(0.25) > descending(0.5));
    }
}
