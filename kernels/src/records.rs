//! The binned training rows, row by row: every bin of a row and its class lie in one or a few cache lines, so that one
//! memory access brings all that a tree asks of the row.

use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::cuts::{BinFinder, MAX_BINS, MISSING, find_cuts};
use crate::philox::{Purpose, draws_below};

/// Rows that the cuts of a feature are made from; more do not move them visibly.
pub const SAMPLE_ROWS: usize = 200_000;
const LINE: usize = 64;
const BLOCK_ROWS: usize = 2048;

/// How the bins of a feature are ordered.
#[derive(Debug, Clone, PartialEq)]
pub enum Bins {
    /// By value, between these cuts.
    Number {
        /// See [`crate::cuts`].
        cuts: Vec<f32>,
    },
    /// Not at all: bin = level code.
    Category {
        /// Number of levels.
        levels: u32,
    },
}

impl Bins {
    /// Number of bins, besides that of missing values.
    pub fn len(&self) -> u32 {
        match self {
            Self::Number { cuts } => cuts.len() as u32 + 1,
            Self::Category { levels } => *levels,
        }
    }

    /// Whether there is no bin at all (a category without levels).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One cache line; gives the records their alignment.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; LINE]);

/// Binned rows. A record is `stride` bytes: a bin per feature, then the class in the last byte.
pub struct Records {
    lines: Vec<Line>,
    stride: usize,
    rows: usize,
    bins: Vec<Bins>,
}

impl Records {
    /// Bins `x` (rows x features, column-major, `NaN` = missing); `levels[j]` is the number of levels of a category,
    /// `None` for a number; `y` is the class of each row, below 256.
    ///
    /// # Panics
    /// When the shapes disagree, `x` is not column-major, or a category has more than 255 levels.
    pub fn bin(x: ArrayView2<'_, f32>, levels: &[Option<u32>], y: &[u32], max_bins: u32, seed: u64) -> Self {
        let (rows, features) = x.dim();
        assert_eq!((levels.len(), y.len()), (features, rows), "one kind per feature, one class per row");
        assert!(levels.iter().flatten().all(|&levels| levels <= MAX_BINS), "at most 255 levels");
        let columns: Vec<&[f32]> = (0..features).map(|j| x.column(j).to_slice().expect("column-major cells")).collect();
        let bins: Vec<Bins> = columns
            .par_iter()
            .zip(levels)
            .enumerate()
            .map(|(j, (column, levels))| match *levels {
                Some(levels) => Bins::Category { levels },
                None => Bins::Number { cuts: find_cuts(sample(column, j as u32, seed), max_bins) },
            })
            .collect();
        let stride = stride_of(features);
        let mut records = Self { lines: vec![Line([0; LINE]); (rows * stride).div_ceil(LINE)], stride, rows, bins };
        records.fill(&columns, y);
        records
    }

    /// Other rows, in the bins of these.
    ///
    /// # Panics
    /// As [`Self::bin`].
    pub fn bin_alike(&self, x: ArrayView2<'_, f32>, y: &[u32]) -> Self {
        let (rows, features) = x.dim();
        assert_eq!((self.bins.len(), y.len()), (features, rows), "the same features, one class per row");
        let columns: Vec<&[f32]> = (0..features).map(|j| x.column(j).to_slice().expect("column-major cells")).collect();
        let (stride, bins) = (self.stride, self.bins.clone());
        let mut records = Self { lines: vec![Line([0; LINE]); (rows * stride).div_ceil(LINE)], stride, rows, bins };
        records.fill(&columns, y);
        records
    }

    fn fill(&mut self, columns: &[&[f32]], y: &[u32]) {
        let (stride, rows) = (self.stride, self.rows);
        let finders: Vec<Option<BinFinder>> = self
            .bins
            .iter()
            .map(|bins| match bins {
                Bins::Number { cuts } => Some(BinFinder::new(cuts)),
                Bins::Category { .. } => None,
            })
            .collect();
        let bytes = as_bytes_mut(&mut self.lines);
        bytes[..rows * stride].par_chunks_mut(BLOCK_ROWS * stride).enumerate().for_each(|(block, records)| {
            let first = block * BLOCK_ROWS;
            let last = first + records.len() / stride;
            for (j, column) in columns.iter().enumerate() {
                match &finders[j] {
                    Some(finder) => finder.assign(&column[first..last], &mut records[j..], stride),
                    None => {
                        for (record, &code) in records.chunks_exact_mut(stride).zip(&column[first..last]) {
                            record[j] = if code.is_nan() { MISSING } else { code as u8 };
                        }
                    }
                }
            }
            for (record, &class) in records.chunks_exact_mut(stride).zip(&y[first..last]) {
                record[stride - 1] = class as u8;
            }
        });
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes from one record to the next.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// The bins of each feature.
    pub fn bins(&self) -> &[Bins] {
        &self.bins
    }

    /// All records, one after the other.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `Line` is 64 plain bytes without padding, and the slice covers the vector's own memory.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.lines.len() * LINE) }
    }

    /// The record of one row.
    pub fn record(&self, row: usize) -> &[u8] {
        &self.bytes()[row * self.stride..][..self.stride]
    }

    /// The class of one row.
    pub fn class(&self, row: usize) -> u8 {
        self.bytes()[(row + 1) * self.stride - 1]
    }
}

fn as_bytes_mut(lines: &mut [Line]) -> &mut [u8] {
    // SAFETY: as in `Records::bytes`; the borrow is exclusive.
    unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * LINE) }
}

/// A power of two up to a line, whole lines above: no small record lies across two lines.
fn stride_of(features: usize) -> usize {
    let bytes = features + 1;
    if bytes <= LINE { bytes.next_power_of_two().max(16) } else { bytes.next_multiple_of(LINE) }
}

/// All values of a short column; of a long one, as many as the sample takes, drawn with replacement.
fn sample(column: &[f32], feature: u32, seed: u64) -> Vec<f32> {
    if column.len() <= SAMPLE_ROWS {
        return column.to_vec();
    }
    let mut values = Vec::with_capacity(SAMPLE_ROWS);
    draws_below(seed, feature, Purpose::BinSample, SAMPLE_ROWS as u64, column.len() as u32, |row| {
        values.push(column[row as usize]);
    });
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, ShapeBuilder};

    #[test]
    fn a_record_holds_bins_and_class() {
        let cells = vec![3.0, 1.0, f32::NAN, 2.0, 0.0, 1.0, 1.0, f32::NAN];
        let x = Array2::from_shape_vec((4, 2).f(), cells).unwrap();
        let records = Records::bin(x.view(), &[None, Some(2)], &[0, 1, 2, 1], 255, 0);
        assert_eq!(records.stride(), 16);
        let rows: Vec<[u8; 3]> =
            (0..4).map(|i| [records.record(i)[0], records.record(i)[1], records.class(i)]).collect();
        assert_eq!(rows, [[2, 0, 0], [0, 1, 1], [255, 1, 2], [1, 255, 1]]);
    }

    #[test]
    fn strides() {
        assert_eq!([1, 15, 16, 31, 32, 63, 64, 127, 784].map(stride_of), [16, 16, 32, 32, 64, 64, 128, 128, 832]);
    }
}
