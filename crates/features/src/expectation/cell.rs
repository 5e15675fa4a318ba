//! A column as pandas would hold it: its type name, and what a cell looks like in a result.

use rayon::prelude::*;
use serde_json::Value;
use trainer_data::{Column, Kind};

/// The type that pandas gives a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PandasType {
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
    pub fn of(column: &Column) -> Self {
        let missing = column.null_count() > 0;
        match column.kind() {
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

/// A column with the type that pandas gives it.
#[derive(Clone, Copy)]
pub(super) struct PandasColumn<'t> {
    pub column: &'t Column,
    pub pandas: PandasType,
}

impl<'t> PandasColumn<'t> {
    pub fn of(column: &'t Column) -> Self {
        Self { column, pandas: PandasType::of(column) }
    }

    /// The cell in JSON, as pandas' value would be written.
    pub fn json(&self, row: usize) -> Value {
        if self.column.is_null(row) {
            return Value::Null;
        }
        match self.pandas {
            PandasType::Boolean | PandasType::BooleanObject => Value::Bool(self.number(row) != 0.0),
            PandasType::Integer => self.text(row).parse::<i64>().map_or_else(|_| self.number(row).into(), Value::from),
            PandasType::Float => self.number(row).into(),
            PandasType::Text | PandasType::DateObject | PandasType::Timestamp => self.text(row).into(),
        }
    }

    /// The cell as `str()` of pandas' value writes it.
    pub fn python_text(&self, row: usize) -> String {
        match self.pandas {
            PandasType::Boolean | PandasType::BooleanObject => {
                if self.number(row) != 0.0 { "True" } else { "False" }.into()
            }
            PandasType::Float => python_float(self.number(row)),
            _ => self.text(row),
        }
    }

    fn text(&self, row: usize) -> String {
        self.column.text(row).map_or_else(String::new, |text| text.into_owned())
    }

    fn number(&self, row: usize) -> f64 {
        let mut cell = [f64::NAN];
        self.column.read_numbers(row..row + 1, &mut cell);
        cell[0]
    }

    /// The rows whose text (as `str()` writes it) is as asked; rows without a value are not.
    pub fn rows_where(&self, wanted: impl Fn(&str) -> bool + Sync) -> Vec<u32> {
        let rows = (0..self.column.len() as u32).into_par_iter().filter(|&row| !self.column.is_null(row as usize));
        match self.column.strings() {
            Some(strings) => rows.filter(|&row| wanted(strings.value(row as usize))).collect(),
            None => rows.filter(|&row| wanted(&self.python_text(row as usize))).collect(),
        }
    }

    /// All cells as numbers.
    pub fn numbers(&self) -> Option<Vec<f64>> {
        self.column.numbers()
    }

    /// Whether cells are numbers or booleans.
    pub fn is_numeric(&self) -> bool {
        !matches!(self.pandas, PandasType::Text | PandasType::DateObject | PandasType::Timestamp)
    }

    /// What the column holds, for messages.
    pub fn kind(&self) -> Kind {
        self.column.kind()
    }
}

/// A number as Python's `repr` writes it: the shortest digits, with an exponent below 1e-4 and from 1e16.
fn python_float(value: f64) -> String {
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
        let whole = Column::from_integers("a", vec![Some(1), Some(2)]);
        let gappy = Column::from_integers("a", vec![Some(1), None]);
        assert_eq!(PandasColumn::of(&whole).json(0).to_string(), "1");
        assert_eq!(PandasColumn::of(&gappy).json(0).to_string(), "1.0");
        assert_eq!(PandasColumn::of(&gappy).json(1), Value::Null);
    }
}
