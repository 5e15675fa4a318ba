//! The few arrow types that columns hold, and how others become them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::{DataType, Float32Type, Float64Type};

use crate::{DataError, Fault, Kind};

/// The array as one of the types that a column holds.
pub(crate) fn plain(array: ArrayRef) -> Option<(Kind, ArrayRef)> {
    use DataType as T;
    let cast = |array: &ArrayRef, to: T| arrow::compute::cast(array, &to).ok();
    Some(match array.data_type() {
        T::Null => (Kind::Null, array),
        T::Boolean => (Kind::Boolean, array),
        T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::UInt8 | T::UInt16 | T::UInt32 | T::UInt64 => {
            (Kind::Integer, array)
        }
        T::Float16 => (Kind::Float, without_nan(cast(&array, T::Float32)?)),
        T::Float32 | T::Float64 => (Kind::Float, without_nan(array)),
        T::Decimal32(..) | T::Decimal64(..) | T::Decimal128(..) | T::Decimal256(..) => {
            (Kind::Float, cast(&array, T::Float64)?)
        }
        T::LargeUtf8 => (Kind::Text, array),
        T::Utf8 | T::Utf8View => (Kind::Text, cast(&array, T::LargeUtf8)?),
        T::Date32 => (Kind::Date, array),
        T::Date64 => (Kind::Date, cast(&array, T::Date32)?),
        T::Timestamp(..) => (Kind::Timestamp, array),
        T::Dictionary(_, values) => return plain(cast(&array, values.as_ref().clone())?),
        T::RunEndEncoded(_, values) => return plain(cast(&array, values.data_type().clone())?),
        _ => return None,
    })
}

/// The error for a column of any other type.
pub(crate) fn unsupported(name: &str, found: &DataType) -> DataError {
    let fault =
        Fault::new("unsupported_type", format!("expected one number, text, date or boolean a cell, found {found}"));
    DataError::malformed(
        fault.column(name).hint("leave the column out with data.ignore, or store it as text or numbers"),
    )
}

/// `NaN` cells become nulls: there is one way to be missing.
fn without_nan(array: ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Float32 => nan_as_null::<Float32Type>(&array, |value| value.is_nan()),
        _ => nan_as_null::<Float64Type>(&array, |value| value.is_nan()),
    }
    .unwrap_or(array)
}

fn nan_as_null<T: ArrowPrimitiveType>(array: &ArrayRef, is_nan: impl Fn(T::Native) -> bool) -> Option<ArrayRef> {
    let typed: &PrimitiveArray<T> = array.as_primitive();
    let values = typed.values();
    if !values.iter().any(|&value| is_nan(value)) {
        return None;
    }
    let numbers = NullBuffer::new(BooleanBuffer::collect_bool(values.len(), |row| !is_nan(values[row])));
    let nulls = NullBuffer::union(Some(&numbers), typed.nulls());
    Some(Arc::new(PrimitiveArray::<T>::new(values.clone(), nulls)))
}
