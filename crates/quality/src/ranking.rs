use ndarray::ArrayView1;
use rayon::slice::ParallelSliceMut;

use crate::Scores;

/// The rows in the order of one class's probability, highest first; rows of one value form one step.
#[derive(Debug)]
pub(crate) struct Ranking {
    places: Vec<Place>,
}

/// One row, with what a walk asks of it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Place {
    row: u32,
    /// 1 when the row is of the class, else 0.
    hit: u8,
    /// Whether the row is the last of its value.
    ends: bool,
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
    pub(crate) fn new(scores: ArrayView1<'_, f32>, y: &[u32], class: usize) -> Self {
        let mut keys: Vec<u64> =
            scores.iter().enumerate().map(|(row, &score)| (u64::from(descending(score)) << 32) | row as u64).collect();
        keys.par_sort_unstable();
        let place = |(i, &key): (usize, &u64)| Place {
            row: key as u32,
            hit: u8::from(y[key as u32 as usize] as usize == class),
            ends: keys.get(i + 1).is_none_or(|next| next >> 32 != key >> 32),
        };
        Self { places: keys.iter().enumerate().map(place).collect() }
    }

    /// Goes down the order; one step for each value that has weight.
    pub(crate) fn walk(&self, scores: &Scores<'_>, mut visit: impl FnMut(Step)) {
        let (mut hits, mut misses, mut seen) = (0.0, 0.0, 0.0);
        for place in &self.places {
            let row = place.row as usize;
            let (weight, hit) = (scores.weight_of(row), f64::from(place.hit));
            // No branch on the truth: it is what nobody can predict.
            hits += weight * hit;
            misses += weight * (1.0 - hit);
            if place.ends && hits + misses > seen {
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
        let ranking = Ranking::new(ndarray::arr1(&[0.5, 1.0, -0.0, 0.5, 0.0]).view(), &[1, 0, 0, 0, 1], 1);
        let places = [(1, 0, true), (0, 1, false), (3, 0, true), (2, 0, false), (4, 1, true)];
        assert_eq!(ranking.places, places.map(|(row, hit, ends)| Place { row, hit, ends }));
        assert!(descending(-1.0) > descending(0.0) && descending(0.25) > descending(0.5));
    }
}
