//! How long ago something was.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Transform;
use super::date_parts::unit;
use crate::FeatureError;
use crate::frame::{Frame, Takes};
use crate::learned::Learned;
use crate::program::affine::Affine;
use crate::program::arithmetic::Arithmetic;
use crate::program::date_part::{Unit, days_of};

/// Adds a column: how long before a moment, or before the time of another column, the time of a column was. Negative for
/// times after it; missing where one of the two is. The column itself stays, and is no feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recency {
    /// The column, of dates or times.
    pub column: String,
    /// The moment in UTC: `2025-11-19`, or `2025-11-19T08:30:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// The column of moments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// In what it is counted.
    #[serde(default)]
    pub unit: TimeUnit,
    /// The name of the new column; when left out, `column_recency`.
    #[serde(default, alias = "output", skip_serializing_if = "Option::is_none")]
    pub into: Option<String>,
}

/// In what a length of time is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Days.
    #[default]
    Days,
    /// Hours.
    Hours,
    /// Seconds.
    Seconds,
}

impl TimeUnit {
    fn seconds(self) -> f64 {
        match self {
            Self::Days => 86_400.0,
            Self::Hours => 3_600.0,
            Self::Seconds => 1.0,
        }
    }
}

/// Seconds since 1970 of a date, or of a date with a time of day.
fn moment(text: &str) -> Option<f64> {
    let (date, time) = text.trim().trim_end_matches('Z').split_once(['T', ' ']).unwrap_or((text.trim(), "00:00"));
    let mut date = date.splitn(3, '-').map(|part| part.parse::<u32>().ok());
    let days = days_of(i64::from(date.next()??), date.next()??, date.next()??)?;
    let time: Vec<u32> = time.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let (hour, minute, second) = match time[..] {
        [hour, minute] => (hour, minute, 0),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    (hour < 24 && minute < 60 && second < 60).then(|| days as f64 * 86_400.0 + f64::from(hour * 3600 + minute * 60 + second))
}

fn seconds(unit: Unit) -> f64 {
    match unit {
        Unit::Days => 86_400.0,
        Unit::Seconds => 1.0,
    }
}

impl Transform for Recency {
    fn columns(&self) -> Vec<&str> {
        std::iter::once(&self.column).chain(&self.before).map(String::as_str).collect()
    }

    fn check(&self) -> Result<(), String> {
        match (&self.as_of, &self.before) {
            (Some(_), Some(_)) => Err("expected `as_of` or `before`, found both".into()),
            (None, None) => Err("expected `as_of` or `before`, found none".into()),
            (Some(as_of), None) if moment(as_of).is_none() => {
                Err(format!("expected a date such as `2025-11-19` or `2025-11-19T08:30:00` as `as_of`, found `{as_of}`"))
            }
            _ => Ok(()),
        }
    }

    fn is_beside(&self) -> bool {
        true
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<Learned, FeatureError> {
        let mut learned = Learned::default();
        let named: Vec<String> = self.columns().into_iter().map(str::to_owned).collect();
        if frame.choose("recency", Some(&named), Takes::Numbers)?.is_empty() {
            return Ok(learned);
        }
        let ours = seconds(unit("recency", frame, &self.column)?);
        let into = self.into.clone().unwrap_or_else(|| format!("{}_recency", self.column));
        match (&self.before, self.as_of.as_deref().and_then(moment)) {
            (Some(before), _) => {
                let theirs = seconds(unit("recency", frame, before)?);
                let op = Arithmetic::Elapsed { from: ours, to: theirs, unit: self.unit.seconds() };
                learned.add_beside(op, named.clone(), vec![into]);
            }
            (None, as_of) => {
                let as_of = as_of.expect("it was checked");
                let scale = -ours / self.unit.seconds();
                let op = Affine { center: as_of / ours, scale, ..Affine::clip(None, None) };
                learned.add_beside(op, named.clone(), vec![into]);
            }
        }
        learned.retired.extend(named);
        Ok(learned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read() {
        assert_eq!(moment("1970-01-02"), Some(86_400.0));
        assert_eq!(moment("1970-01-01T01:00:05Z"), Some(3605.0));
        assert_eq!(moment("1970-01-01 00:02"), Some(120.0));
        for text in ["", "1970", "1970-13-01", "1970-02-29", "1970-01-01T24:00", "1970-01-01T1", "now"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
