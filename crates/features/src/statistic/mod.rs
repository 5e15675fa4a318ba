//! What steps learn from: statistics of columns that are computed batch by batch and merge exactly.
//!
//! A statistic is a function of the cells alone. However the rows are cut, in whatever order they come and whoever merges
//! the parts, the result is the same to the bit.

use serde::{Deserialize, Serialize};

pub(crate) mod levels;
pub(crate) mod moments;
mod natural;
pub(crate) mod sketch;

pub use levels::{Facts, Folds, Numerals, TextLevels};
pub use moments::Moments;
pub use sketch::Sketch;

/// What can be asked of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// Of numbers: count, extremes, mean and variance.
    Moments,
    /// Of numbers: quantiles.
    Quantiles,
    /// Of numbers: the distinct ones, with counts.
    Values,
    /// Of text: the distinct ones, with counts.
    Levels,
    /// Of text: how many cells say a number.
    Numerals,
    /// Of text or numbers: how many rows of each class each level has, by fold.
    Folds {
        /// How many folds.
        folds: u32,
        /// What the folds are drawn from.
        seed: u64,
    },
}

/// Most distinct values that are kept apart.
pub const MOST_LEVELS: usize = 1 << 20;

/// A statistic while its cells come in, and when all have.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Of [`Statistic::Moments`].
    Moments(Moments),
    /// Of [`Statistic::Quantiles`].
    Quantiles(Sketch),
    /// Of [`Statistic::Values`].
    Values(Sketch),
    /// Of [`Statistic::Levels`].
    Levels(TextLevels),
    /// Of [`Statistic::Numerals`].
    Numerals(Numerals),
    /// Of [`Statistic::Folds`].
    Folds(Folds),
}

impl State {
    pub(crate) fn new(statistic: Statistic) -> Self {
        match statistic {
            Statistic::Moments => Self::Moments(Moments::default()),
            Statistic::Quantiles => Self::Quantiles(Sketch::new(sketch::MOST_BUCKETS)),
            Statistic::Values => Self::Values(Sketch::new(MOST_LEVELS)),
            Statistic::Levels => Self::Levels(TextLevels::default()),
            Statistic::Numerals => Self::Numerals(Numerals::default()),
            Statistic::Folds { .. } => Self::Folds(Folds::default()),
        }
    }

    /// Takes numbers of a column, `NaN` = missing.
    pub(crate) fn add(&mut self, numbers: &[f64]) {
        match self {
            Self::Moments(it) => it.add(numbers),
            Self::Quantiles(it) | Self::Values(it) => it.add(numbers),
            Self::Levels(_) | Self::Numerals(_) | Self::Folds(_) => unreachable!("statistics of levels"),
        }
    }

    /// The same as if both had been one.
    ///
    /// # Errors
    /// When they are of different statistics.
    pub(crate) fn merge(&mut self, other: Self) -> Result<(), &'static str> {
        match (self, other) {
            (Self::Moments(a), Self::Moments(b)) => a.merge(b),
            (Self::Quantiles(a), Self::Quantiles(b)) | (Self::Values(a), Self::Values(b)) => a.merge(b),
            (Self::Levels(a), Self::Levels(b)) => a.merge(b),
            (Self::Numerals(a), Self::Numerals(b)) => a.merge(&b),
            (Self::Folds(a), Self::Folds(b)) => a.merge(b),
            _ => return Err("statistics of different kinds"),
        }
        Ok(())
    }

    /// Ready to be asked.
    pub(crate) fn settled(self) -> Self {
        match self {
            Self::Quantiles(it) => Self::Quantiles(it.settled()),
            Self::Values(it) => Self::Values(it.settled()),
            other => other,
        }
    }
}
