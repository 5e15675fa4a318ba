use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A parameter that is compared with cells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// True or false; as Python has it, equal to one or zero.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// Text, or a date or time as text.
    Text(String),
}

impl Scalar {
    /// The number that it is.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Boolean(value) => Some(f64::from(u8::from(*value))),
            Self::Integer(value) => Some(*value as f64),
            Self::Number(value) => Some(*value),
            Self::Text(_) => None,
        }
    }

    /// The text that it is.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// Lower and upper bound of the kind that a cell was brought to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Range<T> {
    pub min: Option<T>,
    pub max: Option<T>,
    pub strict_min: bool,
    pub strict_max: bool,
}

impl<T> Range<T> {
    /// Whether a value lies within; one that cannot be compared does not.
    pub fn holds(&self, value: &T) -> bool
    where
        T: PartialOrd,
    {
        self.admits(|bound| value.partial_cmp(bound))
    }

    /// Whether a value lies within, by how it compares with a bound.
    pub fn admits(&self, order: impl Fn(&T) -> Option<Ordering>) -> bool {
        let above = self.min.as_ref().is_none_or(|min| match order(min) {
            Some(Ordering::Greater) => true,
            Some(Ordering::Equal) => !self.strict_min,
            _ => false,
        });
        let below = self.max.as_ref().is_none_or(|max| match order(max) {
            Some(Ordering::Less) => true,
            Some(Ordering::Equal) => !self.strict_max,
            _ => false,
        });
        above && below
    }
}

/// Whether bounds make sense: numbers with numbers, text with text, and in order.
pub(super) fn check_bounds(min: Option<&Scalar>, max: Option<&Scalar>) -> Result<(), String> {
    let (Some(min), Some(max)) = (min, max) else { return Ok(()) };
    let ordered = match (min.number(), max.number()) {
        (Some(low), Some(high)) => low <= high,
        (None, None) => min.text() <= max.text(),
        _ => return Err("expected `min_value` and `max_value` of one type, found a number and text".into()),
    };
    if ordered { Ok(()) } else { Err("expected `min_value` at or below `max_value`".into()) }
}

/// As [`check_bounds`], for bounds that must be numbers.
pub(super) fn check_numbers(min: Option<&Scalar>, max: Option<&Scalar>) -> Result<(), String> {
    match min.into_iter().chain(max).find_map(Scalar::text) {
        Some(text) => Err(format!("expected a number, found `{text}`")),
        None => check_bounds(min, max),
    }
}

/// The number that a bound is, where there is one.
pub(super) fn number(bound: &Option<Scalar>) -> Option<f64> {
    bound.as_ref().and_then(Scalar::number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict_bounds_leave_their_ends_out() {
        let range = Range { min: Some(1.0), max: Some(2.0), strict_min: true, strict_max: false };
        assert_eq!([1.0, 1.5, 2.0, f64::NAN].map(|x| range.holds(&x)), [false, true, true, false]);
        let open = Range { min: None, max: Some(2.0), strict_min: false, strict_max: true };
        assert_eq!([-9.0, 2.0].map(|x| open.holds(&x)), [true, false]);
    }

    #[test]
    fn bounds_must_be_of_one_type_and_in_order() {
        let number = Scalar::Integer(3);
        assert!(check_bounds(Some(&number), Some(&Scalar::Number(2.5))).is_err());
        assert!(check_bounds(Some(&number), Some(&Scalar::Text("2026-01-01".into()))).is_err());
        assert!(check_bounds(Some(&number), None).is_ok());
    }
}
