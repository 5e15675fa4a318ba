//! Which rows a tree learns from, and how often.

use std::borrow::Cow;

use crate::philox::{Purpose, draws_below};

/// A row of a tree: its number in the low 28 bits, and how often the tree drew it in the high 4.
pub type Entry = u32;
const ROW_BITS: u32 = 28;
/// Rows that an entry can number.
pub const MAX_ROWS: u64 = 1 << ROW_BITS;
/// A row that was drawn more often counts as this often (with n draws of n rows: once in 10^13 rows).
const MAX_DRAWS: u8 = 15;

/// The row that an entry is about.
#[inline(always)]
pub fn row_of(entry: Entry) -> u32 {
    entry & ((1 << ROW_BITS) - 1)
}

/// How often it was drawn.
#[inline(always)]
pub fn draws_of(entry: Entry) -> u32 {
    entry >> ROW_BITS
}

/// The same number of draws of another row.
#[inline(always)]
pub fn renumber(entry: Entry, row: u32) -> Entry {
    entry >> ROW_BITS << ROW_BITS | row
}

/// How often tree `tree` draws each of `rows` rows: `draws` draws with replacement; `None` = every row once.
pub fn draw_counts(seed: u64, tree: u32, rows: usize, draws: Option<u64>) -> Vec<u8> {
    let Some(draws) = draws else { return vec![1; rows] };
    let mut counts = vec![0u8; rows];
    draws_below(seed, tree, Purpose::Bootstrap, draws, rows as u32, |row| {
        let count = &mut counts[row as usize];
        *count = (*count + 1).min(MAX_DRAWS);
    });
    counts
}

/// How often a tree drew each row, for those who ask.
#[derive(Debug)]
pub struct Drawn<'a>(Known<'a>);

#[derive(Debug)]
enum Known<'a> {
    Counts(&'a [u8]),
    Draws { seed: u64, tree: u32, rows: usize, draws: Option<u64> },
}

impl<'a> Drawn<'a> {
    /// As it was counted.
    pub fn counted(counts: &'a [u8]) -> Self {
        Self(Known::Counts(counts))
    }

    /// To be drawn again, as [`draw_counts`] draws.
    pub fn again(seed: u64, tree: u32, rows: usize, draws: Option<u64>) -> Self {
        Self(Known::Draws { seed, tree, rows, draws })
    }

    /// Draws of each row.
    pub fn counts(&self) -> Cow<'a, [u8]> {
        match self.0 {
            Known::Counts(counts) => Cow::Borrowed(counts),
            Known::Draws { seed, tree, rows, draws } => Cow::Owned(draw_counts(seed, tree, rows, draws)),
        }
    }
}

/// The rows with a count, in order.
pub fn entries(counts: &[u8]) -> Vec<Entry> {
    // Written to the next place and kept if the row counts: no branch to mispredict on a third of the rows.
    let mut entries = vec![0; counts.len()];
    let mut len = 0;
    for (row, &count) in counts.iter().enumerate() {
        entries[len] = u32::from(count) << ROW_BITS | row as u32;
        len += usize::from(count > 0);
    }
    entries.truncate(len);
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_add_up_and_leave_a_third_out() {
        let counts = draw_counts(1, 0, 100_000, Some(100_000));
        assert_eq!(counts.iter().map(|&count| u64::from(count)).sum::<u64>(), 100_000);
        let entries = entries(&counts);
        let share = entries.len() as f64 / 100_000.0;
        assert!((share - 0.632).abs() < 0.005, "{share}");
        assert!(entries.windows(2).all(|pair| row_of(pair[0]) < row_of(pair[1])));
        assert!(entries.iter().all(|&entry| draws_of(entry) == u32::from(counts[row_of(entry) as usize])));
    }

    #[test]
    fn without_bootstrap_every_row_counts_once() {
        assert_eq!(entries(&draw_counts(1, 0, 3, None)), [1 << 28, 1 << 28 | 1, 1 << 28 | 2]);
    }
}
