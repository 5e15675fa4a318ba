//! Columns as the 32-bit floats of a matrix, without a 64-bit copy between.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Date32Type, Float32Type, Float64Type};

use crate::column::{fill, instants, integers};
use crate::{Column, DataError, Fault, Kind, Table};

/// What a column loses as 32-bit floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Narrowed {
    /// Whole numbers beyond 2^24 that are not the same number any more.
    pub rounded: u64,
    /// Cells that are infinite, or became so for their size.
    pub infinite: u64,
    /// The first row (from 0) of these.
    pub first_infinite: Option<usize>,
}

impl Column {
    /// Writes one number a cell, `NaN` = missing, as [`Column::numbers`] has them, each rounded to the nearest `f32`.
    /// `None` for text, and then nothing is written.
    ///
    /// # Panics
    /// When `out` is not as long as the column.
    pub fn write_f32(&self, out: &mut [f32]) -> Option<Narrowed> {
        assert_eq!(out.len(), self.len(), "one place a cell");
        let array = self.array().as_ref();
        let nulls = array.nulls();
        if self.kind() == Kind::Text {
            return None;
        }
        let mut rounded = 0;
        if self.kind() == Kind::Null || self.null_count() > 0 {
            out.fill(f32::NAN);
        }
        match array.data_type() {
            DataType::Null => {}
            DataType::Float32 => match nulls {
                None => out.copy_from_slice(array.as_primitive::<Float32Type>().values()),
                Some(_) => fill(array.as_primitive::<Float32Type>().values(), nulls, out, |value| value),
            },
            DataType::Float64 => fill(array.as_primitive::<Float64Type>().values(), nulls, out, |value| value as f32),
            DataType::Date32 => fill(array.as_primitive::<Date32Type>().values(), nulls, out, |value| value as f32),
            DataType::Boolean => {
                let cells = array.as_boolean();
                for row in (0..cells.len()).filter(|&row| !cells.is_null(row)) {
                    out[row] = f32::from(u8::from(cells.value(row)));
                }
            }
            DataType::Timestamp(..) => {
                let (values, per_second) = instants(array).expect("a timestamp");
                fill(values, nulls, out, |value| (value as f64 / per_second as f64) as f32);
            }
            _ => integers!(array, cells => {
                fill(cells.values(), nulls, out, |value| value as f32);
                let same = |row: usize| out[row] as i128 == i128::from(cells.value(row));
                rounded = (0..cells.len()).filter(|&row| !cells.is_null(row) && !same(row)).count() as u64;
            }, else unreachable!("a plain type")),
        }
        let first_infinite = out.iter().position(|value| value.is_infinite());
        let infinite =
            first_infinite.map_or(0, |first| out[first..].iter().filter(|value| value.is_infinite()).count());
        Some(Narrowed { rounded, infinite: infinite as u64, first_infinite })
    }
}

impl Table {
    /// Refuses infinities in a column of floats, which no feature may hold.
    ///
    /// # Errors
    /// `Mismatch` (`missing_column`); `Unusable` (`infinite`) with the place of the first, and how many there are.
    pub fn check_finite(&self, name: &str) -> Result<(), DataError> {
        let column = self.require(name)?;
        let is_infinite: Vec<usize> = match column.array().data_type() {
            DataType::Float32 => infinite(column.array().as_primitive::<Float32Type>().values(), |v| v.is_infinite()),
            DataType::Float64 => infinite(column.array().as_primitive::<Float64Type>().values(), |v| v.is_infinite()),
            _ => return Ok(()),
        };
        let found: Vec<usize> = is_infinite.into_iter().filter(|&row| !column.is_null(row)).collect();
        let Some(&first) = found.first() else { return Ok(()) };
        let text = column.text(first).unwrap_or_default();
        let message = format!("expected finite numbers, found {text} ({} such cells)", found.len());
        let fault = Fault::new("infinite", message).place(&self.place(first)).column(name);
        Err(DataError::unusable(
            fault.hint("mend these cells, make them missing, or leave the column out with data.ignore"),
        ))
    }

    /// The error for a cell that does not fit 32-bit floats, as [`Narrowed::first_infinite`] tells.
    pub fn beyond_f32(&self, name: &str, row: usize) -> DataError {
        let found =
            self.column(name).and_then(|column| column.text(row).map(|text| text.into_owned())).unwrap_or_default();
        let message = format!("expected numbers within 3.4e38 of zero (32-bit floats), found {found}");
        let fault = Fault::new("beyond_f32", message).place(&self.place(row)).column(name);
        DataError::unusable(fault.hint("clip or scale the column, or leave it out with data.ignore"))
    }
}

fn infinite<V: Copy>(values: &[V], is_infinite: impl Fn(V) -> bool) -> Vec<usize> {
    values.iter().enumerate().filter(|(_, value)| is_infinite(**value)).map(|(row, _)| row).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Date32Array, Float32Array, NullArray, TimestampMillisecondArray, UInt64Array};
    use arrow::compute::cast;

    use super::*;

    fn narrowed(column: &Column) -> (Vec<f32>, Narrowed) {
        let mut out = vec![7.0; column.len()];
        let narrowed = column.write_f32(&mut out).unwrap();
        (out, narrowed)
    }

    #[test]
    fn equals_the_numbers_for_every_type() {
        let array = |array: ArrayRef| Column::new("a", array).unwrap();
        let columns = [
            Column::from_numbers("a", vec![Some(0.1), None, Some(-3e7), Some(f64::NAN)]),
            Column::from_f32("a", vec![0.1, f32::NAN, 2.0]),
            Column::from_integers("a", vec![Some(1 << 40), None, Some(-3)]),
            Column::from_booleans("a", vec![Some(true), None, Some(false)]),
            array(Arc::new(UInt64Array::from(vec![Some(u64::MAX), None]))),
            array(Arc::new(TimestampMillisecondArray::from(vec![Some(1500), None]))),
            array(cast(&Float32Array::from(vec![Some(1.5), None]), &DataType::Float16).unwrap()),
            array(Arc::new(Date32Array::from(vec![Some(3), None]))),
            array(Arc::new(NullArray::new(2))),
        ];
        for column in columns {
            let expected: Vec<u32> =
                column.numbers().unwrap().iter().map(|&number| (number as f32).to_bits()).collect();
            let found: Vec<u32> = narrowed(&column).0.iter().map(|number| number.to_bits()).collect();
            assert_eq!(found, expected, "{column:?}");
        }
        assert_eq!(Column::from_text("a", vec![Some("x")]).write_f32(&mut [0.0]), None);
    }

    #[test]
    fn losses_are_counted() {
        let (_, lost) = narrowed(&Column::from_integers("a", vec![Some(1 << 24), Some((1 << 24) + 1), Some(i64::MAX)]));
        assert_eq!(lost, Narrowed { rounded: 2, infinite: 0, first_infinite: None });
        let (_, lost) = narrowed(&Column::from_numbers("a", vec![Some(1.0), Some(1e39), Some(f64::INFINITY)]));
        assert_eq!(lost, Narrowed { rounded: 0, infinite: 2, first_infinite: Some(1) });
    }

    #[test]
    fn infinities_are_refused_with_their_place() {
        let column = Column::from_numbers("a", vec![Some(1.0), None, Some(f64::NEG_INFINITY), Some(f64::INFINITY)]);
        let table = Table::from_columns(vec![column]).unwrap();
        let error = table.check_finite("a").unwrap_err();
        assert!(
            error.to_string().starts_with("row 3, column `a`: expected finite numbers, found -inf (2 such"),
            "{error}"
        );
        assert!(table.take(&[0, 1]).check_finite("a").is_ok());
        let large = Table::from_columns(vec![Column::from_numbers("a", vec![Some(1e300)])]).unwrap();
        assert!(large.check_finite("a").is_ok());
        assert!(large.beyond_f32("a", 0).to_string().starts_with("row 1, column `a`: expected numbers within 3.4e38"));
    }
}
