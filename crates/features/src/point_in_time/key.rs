use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::NullBuffer;
use arrow::compute::{cast, nullif};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit};
use arrow::row::{RowConverter, Rows, SortField};
use trainer_data::Fault;

use crate::FeatureError;

/// Turns key columns of two sides into bytes that are equal where the keys are, whatever the width of numbers and texts,
/// and that are in the order of the keys.
#[derive(Debug)]
pub(crate) struct KeyCoder {
    names: Vec<String>,
    types: Vec<DataType>,
    converter: RowConverter,
}

/// Keys of some rows.
pub(crate) struct Keys {
    /// None for a view without entities: all rows have one key.
    rows: Option<Rows>,
    /// Rows with a null in any column.
    nulls: Option<NullBuffer>,
}

impl KeyCoder {
    /// For columns of these names, and their types on either side.
    ///
    /// # Errors
    /// `Data` (`key_type`): types whose values are never equal.
    pub fn new(columns: &[(&str, &DataType, &DataType)]) -> Result<Self, FeatureError> {
        let type_of = |&(name, label, feature): &(&str, &DataType, &DataType)| {
            common(label, feature).ok_or_else(|| {
                let message = format!("expected keys of the labels' type {label}, found {feature}");
                FeatureError::data(Fault::new("key_type", message).column(name))
            })
        };
        let types: Vec<DataType> = columns.iter().map(type_of).collect::<Result<_, _>>()?;
        let converter = RowConverter::new(types.iter().cloned().map(SortField::new).collect())
            .map_err(|error| FeatureError::data(Fault::new("key_type", error.to_string())))?;
        Ok(Self { names: columns.iter().map(|(name, ..)| (*name).to_owned()).collect(), types, converter })
    }

    /// The keys of some rows.
    ///
    /// # Errors
    /// `Data` (`key_type`): a value that the common type does not hold.
    pub fn keys(&self, columns: &[ArrayRef]) -> Result<Keys, FeatureError> {
        let mut nulls = None;
        let mut plain = Vec::with_capacity(columns.len());
        for ((array, to), name) in columns.iter().zip(&self.types).zip(&self.names) {
            let array = as_type(array, to).map_err(|message| {
                FeatureError::data(Fault::new("key_type", format!("expected {to}: {message}")).column(name))
            })?;
            nulls = NullBuffer::union(nulls.as_ref(), array.logical_nulls().as_ref());
            plain.push(array);
        }
        if plain.is_empty() {
            return Ok(Keys { rows: None, nulls });
        }
        let rows = self.converter.convert_columns(&plain);
        let rows = rows.map_err(|error| FeatureError::data(Fault::new("key_type", error.to_string())))?;
        Ok(Keys { rows: Some(rows), nulls })
    }
}

impl Keys {
    /// The key of a row, also where a part of it is null.
    pub fn bytes(&self, row: usize) -> &[u8] {
        self.rows.as_ref().map_or(&[], |rows| rows.row(row).data())
    }

    /// The key of a row; none where a part of it is null.
    pub fn get(&self, row: usize) -> Option<&[u8]> {
        let is_null = self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        (!is_null).then(|| self.bytes(row))
    }

    /// Rows whose key has a null.
    pub fn null_count(&self) -> usize {
        self.nulls.as_ref().map_or(0, NullBuffer::null_count)
    }
}

/// The type in which both sides' values are equal when they mean the same.
fn common(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType as T;
    let (a, b) = (inner(a), inner(b));
    let text = |kind: &T| matches!(kind, T::Utf8 | T::LargeUtf8 | T::Utf8View);
    let day = |kind: &T| matches!(kind, T::Date32 | T::Date64);
    let time = |kind: &T| matches!(kind, T::Timestamp(..));
    Some(match (a, b) {
        (T::Null, other) | (other, T::Null) => {
            return if *other == T::Null { Some(T::Null) } else { common(other, other) };
        }
        (T::UInt64, other) | (other, T::UInt64) if other.is_integer() => T::Decimal128(20, 0),
        (a, b) if a.is_integer() && b.is_integer() => T::Int64,
        (a, b) if a.is_floating() && b.is_floating() => T::Float64,
        // Integers that became floats for their nulls: a fraction equals no integer.
        (a, b) if (a.is_integer() && b.is_floating()) || (a.is_floating() && b.is_integer()) => T::Int64,
        (a, b) if text(a) && text(b) => T::LargeUtf8,
        (a, b) if day(a) && day(b) => T::Date32,
        (a, b) if time(a) && time(b) => T::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        (a, b) if a == b => a.clone(),
        _ => return None,
    })
}

fn inner(kind: &DataType) -> &DataType {
    match kind {
        DataType::Dictionary(_, values) => values,
        other => other,
    }
}

fn as_type(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, String> {
    if array.data_type() == to {
        return Ok(array.clone());
    }
    if inner(array.data_type()).is_floating() && *to == DataType::Int64 {
        return whole(array).map_err(|error| error.to_string());
    }
    let out = cast(array, to).map_err(|error| error.to_string())?;
    // A cast makes nulls of what does not fit.
    match out.logical_null_count() == array.logical_null_count() {
        true => Ok(out),
        false => Err("some values do not fit".to_owned()),
    }
}

/// Floats as integers, null where they are none.
fn whole(array: &ArrayRef) -> Result<ArrayRef, arrow::error::ArrowError> {
    let floats = cast(array, &DataType::Float64)?;
    let integers = cast(&floats, &DataType::Int64)?;
    let differs: BooleanArray = floats
        .as_primitive::<Float64Type>()
        .iter()
        .zip(integers.as_primitive::<Int64Type>())
        .map(|(float, integer)| Some(float != integer.map(|integer| integer as f64)))
        .collect();
    nullif(&integers, &differs)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int32Array, Int64Array, LargeStringArray, StringArray, UInt64Array};

    use super::*;

    fn equal(label: ArrayRef, feature: ArrayRef) -> Vec<bool> {
        let coder = KeyCoder::new(&[("k", label.data_type(), feature.data_type())]).unwrap();
        let rows = label.len();
        let (a, b) = (coder.keys(&[label]).unwrap(), coder.keys(&[feature]).unwrap());
        (0..rows).map(|row| a.get(row).is_some() && a.get(row) == b.get(row)).collect()
    }

    #[test]
    fn keys_of_other_widths_are_equal() {
        assert_eq!(
            equal(Arc::new(Int32Array::from(vec![Some(-1), None])), Arc::new(Int64Array::from(vec![Some(-1), None]))),
            [true, false]
        );
        assert_eq!(
            equal(Arc::new(StringArray::from(vec!["a", "b"])), Arc::new(LargeStringArray::from(vec!["a", "c"]))),
            [true, false]
        );
        let floats = Float64Array::from(vec![Some(7.0), Some(7.5), None, Some(1e300)]);
        assert_eq!(
            equal(Arc::new(floats), Arc::new(Int64Array::from(vec![7, 7, 7, i64::MAX]))),
            [true, false, false, false]
        );
        assert_eq!(
            equal(Arc::new(UInt64Array::from(vec![u64::MAX, 1])), Arc::new(Int64Array::from(vec![-1, 1]))),
            [false, true]
        );
    }

    #[test]
    fn keys_that_are_never_equal_are_refused() {
        let error = KeyCoder::new(&[("user_id", &DataType::Int64, &DataType::Utf8)]).unwrap_err();
        assert_eq!(error.to_string(), "column `user_id`: expected keys of the labels' type Int64, found Utf8");
    }
}
