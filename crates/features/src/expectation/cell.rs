//! A cell as pandas would hold it: its type, and what it looks like in a result.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainer_data::{Column, Kind};

/// The type that pandas gives a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PandasType {
    Boolean,
    /// Booleans with missing cells: a column of Python objects.
    BooleanObject,
    Integer,
    /// Numbers; whole numbers with missing cells are of this type too.
    Float,
    Text,
    /// A column of Python dates.
    DateObject,
    Timestamp,
}

impl PandasType {
    pub fn of(kind: Kind, missing: bool) -> Self {
        match kind {
            Kind::Boolean if missing => Self::BooleanObject,
            Kind::Boolean => Self::Boolean,
            Kind::Integer if !missing => Self::Integer,
            Kind::Integer | Kind::Float | Kind::Null => Self::Float,
            Kind::Text => Self::Text,
            Kind::Date => Self::DateObject,
            Kind::Timestamp => Self::Timestamp,
        }
    }
}

/// A cell that is kept to be shown, or to be compared with later ones. How it is written depends on the whole column
/// ([`PandasType`]), which is known at the end only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Cell {
    Missing,
    Boolean(bool),
    Whole(i64),
    Number(#[serde(with = "super::carried::bits")] f64),
    Text(String),
}

impl Cell {
    /// The cell of a row.
    pub fn of(column: &Column, row: usize) -> Self {
        if column.is_null(row) {
            return Self::Missing;
        }
        match column.kind() {
            Kind::Null => Self::Missing,
            Kind::Boolean => Self::Boolean(number(column, row) != 0.0),
            Kind::Integer => text(column, row).parse().map_or_else(|_| Self::Number(number(column, row)), Self::Whole),
            Kind::Float => Self::Number(number(column, row)),
            Kind::Text | Kind::Date | Kind::Timestamp => Self::Text(text(column, row)),
        }
    }

    /// In JSON, as pandas' value would be written.
    pub fn json(&self, pandas: PandasType) -> Value {
        match self {
            Self::Missing => Value::Null,
            Self::Boolean(flag) => Value::Bool(*flag),
            Self::Whole(value) if pandas == PandasType::Integer => (*value).into(),
            Self::Whole(value) => (*value as f64).into(),
            Self::Number(value) => (*value).into(),
            Self::Text(text) => text.as_str().into(),
        }
    }

    /// The number that it is; booleans are 0 and 1.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Missing | Self::Text(_) => None,
            Self::Boolean(flag) => Some(f64::from(u8::from(*flag))),
            Self::Whole(value) => Some(*value as f64),
            Self::Number(value) => Some(*value),
        }
    }

    /// Missing first, then numbers by value, then text by code point.
    pub fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (a, b) => {
                let rank = |cell: &Self| (matches!(cell, Self::Text(_)), cell.number().unwrap_or(f64::NEG_INFINITY));
                let (a, b) = (rank(a), rank(b));
                a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
            }
        }
    }
}

fn text(column: &Column, row: usize) -> String {
    column.text(row).map_or_else(String::new, std::borrow::Cow::into_owned)
}

fn number(column: &Column, row: usize) -> f64 {
    let mut cell = [f64::NAN];
    column.read_numbers(row..row + 1, &mut cell);
    cell[0]
}

/// A cell as `str()` of pandas' value writes it. Whole numbers of a column with missing cells (`gappy`) are floats.
pub fn python_text(column: &Column, row: usize, gappy: bool) -> String {
    match column.kind() {
        Kind::Boolean => if number(column, row) != 0.0 { "True" } else { "False" }.into(),
        Kind::Float => python_float(number(column, row)),
        Kind::Integer if gappy => python_float(number(column, row)),
        _ => text(column, row),
    }
}

/// A number as Python's `repr` writes it: the shortest digits, with an exponent below 1e-4 and from 1e16.
pub fn python_float(value: f64) -> String {
    if value != 0.0 && !(1e-4..1e16).contains(&value.abs()) && value.is_finite() {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').expect("scientific form");
        let (sign, size) = exponent.strip_prefix('-').map_or(('+', exponent), |size| ('-', size));
        return format!("{digits}e{sign}{size:0>2}");
    }
    let text = value.to_string();
    if text.contains(['.', 'n', 'i']) { text } else { text + ".0" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        for (value, expected) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (1e10, "10000000000.0"),
            (1e16, "1e+16"),
            (1.5e-7, "1.5e-07"),
            (0.0001, "0.0001"),
            (1e300, "1e+300"),
        ] {
            assert_eq!(python_float(value), expected);
        }
    }

    #[test]
    fn whole_numbers_with_gaps_are_floats() {
        let column = Column::from_integers("a", vec![Some(1), None]);
        let json = |row, missing| Cell::of(&column, row).json(PandasType::of(Kind::Integer, missing));
        assert_eq!(json(0, false).to_string(), "1");
        assert_eq!(json(0, true).to_string(), "1.0");
        assert_eq!(json(1, true), Value::Null);
        assert_eq!((python_text(&column, 0, false), python_text(&column, 0, true)), ("1".into(), "1.0".into()));
    }
}
