//! The point-in-time join: for each label the feature row that was the newest at the label's time, and never a later one.
//!
//! The rule is that of SQL stores. For each label, **one** row comes out. Among the feature rows with equal keys and
//! `t - ttl <= time <= t` (both ends inclusive) the one with the greatest time is taken, then with the greatest created
//! time, then the last in the order of the rows. A null in that row stays null; without such a row all features are null.
//! A key that is null in any column equals nothing, and neither has a feature row without a time one to be taken at.
//!
//! Two ways come to the same rows:
//!
//! - [`join`] keeps the labels in memory and reads the features twice, in any order and with all threads: once for keys and
//!   times to find each label's row, once to fetch the cells of the rows found. Memory is bounded by the labels.
//! - [`PointInTime`] is one pass over labels and features together, sorted by key and time, that holds a single row: for
//!   engines that sort, and for labels that do not fit in memory: [`United`] makes such rows of both.

mod gather;
mod index;
mod join;
mod key;
mod moment;
#[cfg(test)]
mod naive;
mod stream;
#[cfg(test)]
mod tests;
mod united;

use std::time::Duration;

pub use index::Found;
pub use join::{FeatureSide, Joined, LabelSide, Told, join};
pub use moment::{Moment, moments};
pub use stream::{Layout, PointInTime};
pub use united::{FeatureRows, LabelRows, Matched, United};

/// Which feature rows a label may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rule {
    /// How old a feature row may be, the very age included; none: any age.
    pub ttl: Option<Duration>,
    /// Whether a row that was created after the label's time is not seen: late corrections let no label look ahead.
    pub created_cutoff: bool,
}

impl Rule {
    /// Whether a row of that time is young enough at `t`; that it is not later is known.
    pub(crate) fn is_young(&self, time: Moment, t: Moment) -> bool {
        self.ttl.is_none_or(|ttl| time >= t - ttl.as_nanos() as Moment)
    }

    /// From when on a feature row is seen; none: never.
    pub(crate) fn visible(&self, time: Moment, created: Moment) -> Option<Moment> {
        match (time, created) {
            (moment::NEVER, _) => None,
            (_, moment::NEVER) if self.created_cutoff => None,
            (time, created) if self.created_cutoff => Some(time.max(created)),
            (time, _) => Some(time),
        }
    }
}
