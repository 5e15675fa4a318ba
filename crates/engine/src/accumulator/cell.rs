//! Cells of many types as few: words that are in the order of the values, or text.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, UInt64Array};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type, UInt64Type};

use crate::EngineError;

/// The few types that accumulators compute in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// `Int64`.
    Signed,
    /// `UInt64`.
    Unsigned,
    /// `Float64`.
    Float,
    /// `LargeUtf8`.
    Text,
}

impl Class {
    /// The class of a type.
    pub fn of(kind: &DataType) -> Option<Self> {
        Some(match kind {
            DataType::Boolean | DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => Self::Signed,
            DataType::UInt64 => Self::Unsigned,
            kind if kind.is_integer() => Self::Signed,
            DataType::Float16 | DataType::Float32 | DataType::Float64 | DataType::Null => Self::Float,
            kind if kind.is_decimal() => Self::Float,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Dictionary(_, value) => return Self::of(value),
            _ => return None,
        })
    }

    /// The type that it computes in.
    pub fn kind(self) -> DataType {
        match self {
            Self::Signed => DataType::Int64,
            Self::Unsigned => DataType::UInt64,
            Self::Float => DataType::Float64,
            Self::Text => DataType::LargeUtf8,
        }
    }

    /// Whether sums of the type mean anything.
    pub fn is_number(kind: &DataType) -> bool {
        kind.is_numeric() || matches!(kind, DataType::Boolean | DataType::Null)
    }
}

/// A column brought to its class; `NaN` is no value.
pub fn classed(array: &ArrayRef) -> Result<ArrayRef, EngineError> {
    let to = |kind: &DataType| cast(array, kind).map_err(EngineError::internal);
    match array.data_type() {
        DataType::Int64 | DataType::UInt64 | DataType::LargeUtf8 => Ok(array.clone()),
        DataType::Float64 => Ok(without_nan(array)),
        DataType::Date32 => {
            let days = array.as_primitive::<arrow::datatypes::Date32Type>().reinterpret_cast::<Int32Type>();
            cast(&days, &DataType::Int64).map_err(EngineError::internal)
        }
        DataType::Dictionary(_, value) => classed(&to(value)?),
        kind => match Class::of(kind).expect("checked when it was planned") {
            Class::Signed => to(&DataType::Int64),
            Class::Unsigned => to(&DataType::UInt64),
            Class::Float => Ok(without_nan(&to(&DataType::Float64)?)),
            Class::Text => to(&DataType::LargeUtf8),
        },
    }
}

fn without_nan(array: &ArrayRef) -> ArrayRef {
    let numbers = array.as_primitive::<Float64Type>();
    if !numbers.values().iter().any(|number| number.is_nan()) {
        return array.clone();
    }
    Arc::new(numbers.iter().map(|number| number.filter(|number| !number.is_nan())).collect::<Float64Array>())
}

/// The cells of a column of a class other than text as words; smaller values have smaller words.
pub fn words(array: &ArrayRef) -> Vec<u64> {
    match array.data_type() {
        DataType::Int64 => array.as_primitive::<Int64Type>().values().iter().map(|&cell| of_signed(cell)).collect(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().values().to_vec(),
        DataType::Float64 => array.as_primitive::<Float64Type>().values().iter().map(|&cell| of_float(cell)).collect(),
        other => unreachable!("a class, and not {other}"),
    }
}

/// The words as cells of a type again.
pub fn of_words(words: &[u64], nulls: NullBuffer, class: Class, kind: &DataType) -> Result<ArrayRef, EngineError> {
    let nulls = Some(nulls);
    let array: ArrayRef = match class {
        Class::Signed => Arc::new(Int64Array::new(words.iter().map(|&word| signed(word)).collect(), nulls)),
        Class::Unsigned => Arc::new(UInt64Array::new(words.iter().copied().collect(), nulls)),
        Class::Float => Arc::new(Float64Array::new(words.iter().map(|&word| float(word)).collect(), nulls)),
        Class::Text => unreachable!("text has no words"),
    };
    unclassed(&array, kind)
}

/// A column of a class as the type that it had.
pub fn unclassed(array: &ArrayRef, kind: &DataType) -> Result<ArrayRef, EngineError> {
    let array = match kind {
        DataType::Date32 => cast(array, &DataType::Int32),
        DataType::Timestamp(unit, _) => {
            // Without its zone first: a cast to one would take the cells for local times.
            cast(array, &DataType::Timestamp(*unit, None)).map(|array| zoned(array, kind))
        }
        _ => Ok(array.clone()),
    };
    array.and_then(|array| cast(&array, kind)).map_err(EngineError::internal)
}

fn zoned(array: ArrayRef, kind: &DataType) -> ArrayRef {
    let data = array.to_data().into_builder().data_type(kind.clone()).build();
    arrow::array::make_array(data.expect("a timestamp of the same unit"))
}

fn of_signed(cell: i64) -> u64 {
    cell as u64 ^ 1 << 63
}

fn signed(word: u64) -> i64 {
    (word ^ 1 << 63) as i64
}

/// Minus zero is zero.
fn of_float(cell: f64) -> u64 {
    let bits = (cell + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits ^ 1 << 63 }
}

fn float(word: u64) -> f64 {
    f64::from_bits(if word >> 63 == 1 { word ^ 1 << 63 } else { !word })
}
