use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::{METRICS, Scores};

/// Named numbers in order; `NaN` = undefined, written as `null`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Values(Vec<(&'static str, f64)>);

/// All metrics of some rows.
pub fn measure(scores: &Scores<'_>) -> Values {
    METRICS.iter().map(|metric| (metric.name, (metric.compute)(scores))).collect()
}

impl Values {
    /// The number of that name: `None` when there is none or it is undefined.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value).filter(|value| !value.is_nan())
    }

    /// Names and numbers, in order; undefined ones are `NaN`.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        self.0.iter().copied()
    }
}

impl FromIterator<(&'static str, f64)> for Values {
    fn from_iter<I: IntoIterator<Item = (&'static str, f64)>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, &defined(value))?;
        }
        map.end()
    }
}

/// `None` for a number that is undefined.
pub(crate) fn defined(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
