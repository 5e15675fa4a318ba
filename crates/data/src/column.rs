use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float32Array, Float64Array, Int64Array};
use arrow::array::{LargeStringArray, TimestampMicrosecondArray, UInt32Array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Date32Type, Float32Type, Float64Type, TimeUnit};
use serde::{Deserialize, Serialize};

use crate::plain::{plain, unsupported};
use crate::{DataError, calendar};

/// What the cells of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// True or false.
    Boolean,
    /// Whole numbers of 8 to 64 bits, with or without sign.
    Integer,
    /// Floating point; decimals are read as such.
    Float,
    /// Text.
    Text,
    /// Days.
    Date,
    /// Instants, or dates with a time of day.
    Timestamp,
    /// No cell has a value, and nothing says what they would be.
    Null,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Boolean => "boolean",
            Kind::Integer => "integer",
            Kind::Float => "float",
            Kind::Text => "text",
            Kind::Date => "date",
            Kind::Timestamp => "timestamp",
            Kind::Null => "null",
        })
    }
}

/// A named column of one type. Cheap to clone.
///
/// Inside is one arrow array, brought to one of few types: text is `LargeUtf8`, half floats and decimals are floats,
/// dictionaries are what they hold, and `NaN` is a null as any other.
#[derive(Debug, Clone)]
pub struct Column {
    name: Arc<str>,
    kind: Kind,
    array: ArrayRef,
}

/// Runs an expression on the typed array of an integer column.
macro_rules! integers {
    ($array:expr, $typed:ident => $body:expr, else $other:expr) => {{
        use arrow::datatypes::{
            Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
        };
        match $array.data_type() {
            DataType::Int8 => {
                let $typed = $array.as_primitive::<Int8Type>();
                $body
            }
            DataType::Int16 => {
                let $typed = $array.as_primitive::<Int16Type>();
                $body
            }
            DataType::Int32 => {
                let $typed = $array.as_primitive::<Int32Type>();
                $body
            }
            DataType::Int64 => {
                let $typed = $array.as_primitive::<Int64Type>();
                $body
            }
            DataType::UInt8 => {
                let $typed = $array.as_primitive::<UInt8Type>();
                $body
            }
            DataType::UInt16 => {
                let $typed = $array.as_primitive::<UInt16Type>();
                $body
            }
            DataType::UInt32 => {
                let $typed = $array.as_primitive::<UInt32Type>();
                $body
            }
            DataType::UInt64 => {
                let $typed = $array.as_primitive::<UInt64Type>();
                $body
            }
            _ => $other,
        }
    }};
}
pub(crate) use integers;

/// The values of a timestamp column, whatever their unit, and how many of them make a second.
pub(crate) fn instants(array: &dyn Array) -> Option<(&[i64], i64)> {
    use arrow::datatypes::{
        TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    };
    match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => Some((array.as_primitive::<TimestampSecondType>().values(), 1)),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            Some((array.as_primitive::<TimestampMillisecondType>().values(), 1_000))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Some((array.as_primitive::<TimestampMicrosecondType>().values(), 1_000_000))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            Some((array.as_primitive::<TimestampNanosecondType>().values(), 1_000_000_000))
        }
        _ => None,
    }
}

impl Column {
    /// A column from an arrow array.
    ///
    /// # Errors
    /// `Malformed` (`unsupported_type`) for what is not one value a cell: lists, structs, maps, binary, times of day,
    /// durations and intervals.
    pub fn new(name: impl Into<String>, array: ArrayRef) -> Result<Self, DataError> {
        let name: String = name.into();
        let found = array.data_type().clone();
        let (kind, array) = plain(array).ok_or_else(|| unsupported(&name, &found))?;
        Ok(Self { name: name.into(), kind, array })
    }

    /// A `Float` column.
    pub fn from_numbers(name: impl Into<String>, cells: Vec<Option<f64>>) -> Self {
        Self::of_plain(name, Arc::new(Float64Array::from(cells)))
    }

    /// An `Integer` column.
    pub fn from_integers(name: impl Into<String>, cells: Vec<Option<i64>>) -> Self {
        Self::of_plain(name, Arc::new(Int64Array::from(cells)))
    }

    /// A `Boolean` column.
    pub fn from_booleans(name: impl Into<String>, cells: Vec<Option<bool>>) -> Self {
        Self::of_plain(name, Arc::new(BooleanArray::from(cells)))
    }

    /// A `Text` column.
    pub fn from_text<S: AsRef<str>>(name: impl Into<String>, cells: Vec<Option<S>>) -> Self {
        Self::of_plain(name, Arc::new(LargeStringArray::from_iter(cells)))
    }

    /// A `Timestamp` column, from microseconds since 1970 in UTC.
    pub fn from_timestamps(name: impl Into<String>, cells_us: Vec<Option<i64>>) -> Self {
        Self::of_plain(name, Arc::new(TimestampMicrosecondArray::from(cells_us).with_timezone("UTC")))
    }

    /// A `Float` column of 32-bit numbers, none of them missing unless `NaN`.
    pub fn from_f32(name: impl Into<String>, cells: Vec<f32>) -> Self {
        Self::of_plain(name, Arc::new(Float32Array::from(cells)))
    }

    fn of_plain(name: impl Into<String>, array: ArrayRef) -> Self {
        Self::new(name, array).expect("a plain type")
    }

    /// The column's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same cells under another name.
    pub fn renamed(&self, name: impl Into<String>) -> Self {
        Self { name: name.into().into(), ..self.clone() }
    }

    /// What the cells are.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.array.len()
    }

    /// Whether there are no cells.
    pub fn is_empty(&self) -> bool {
        self.array.is_empty()
    }

    /// Number of cells without a value (`NaN` included).
    pub fn null_count(&self) -> usize {
        self.array.logical_null_count()
    }

    /// Whether a cell has no value.
    pub fn is_null(&self, row: usize) -> bool {
        self.kind == Kind::Null || self.array.is_null(row)
    }

    /// The arrow array inside.
    pub fn array(&self) -> &ArrayRef {
        &self.array
    }

    /// One number a cell, `NaN` = missing; `None` for text. Booleans are 0 and 1, dates are days and timestamps seconds
    /// since 1970-01-01. Integers beyond 2^53 are rounded to the nearest number.
    pub fn numbers(&self) -> Option<Vec<f64>> {
        let mut out = vec![f64::NAN; self.len()];
        self.read_numbers(0..self.len(), &mut out).then_some(out)
    }

    /// The numbers of some rows, as [`Column::numbers`] gives them; `false` for text.
    ///
    /// # Panics
    /// When the rows are not those of the column, or not as many as there are places in `out`.
    pub fn read_numbers(&self, rows: Range<usize>, out: &mut [f64]) -> bool {
        assert_eq!(rows.len(), out.len(), "one place a row");
        out.fill(f64::NAN);
        let array = self.array.slice(rows.start, rows.len());
        let array = array.as_ref();
        match self.kind {
            Kind::Text => return false,
            Kind::Null => {}
            Kind::Boolean => write_booleans(array.as_boolean(), out),
            Kind::Timestamp => {
                let (values, per_second) = instants(array).expect("a timestamp");
                // Divided, not multiplied by the inverse: whole seconds stay whole.
                fill(values, array.nulls(), out, |value| value as f64 / per_second as f64);
            }
            Kind::Date => {
                let values = array.as_primitive::<Date32Type>().values();
                fill(values, array.nulls(), out, f64::from);
            }
            Kind::Float => match array.data_type() {
                DataType::Float32 => {
                    let values = array.as_primitive::<Float32Type>().values();
                    fill(values, array.nulls(), out, f64::from);
                }
                _ => {
                    let values = array.as_primitive::<Float64Type>().values();
                    fill(values, array.nulls(), out, |value| value);
                }
            },
            Kind::Integer => integers!(array, typed => {
                fill(typed.values(), array.nulls(), out, |value| value as f64);
            }, else unreachable!("an integer type")),
        }
        true
    }

    /// Canonical text of a cell; `None` = missing.
    ///
    /// Whole floats have no decimals (`1`, not `1.0`), so that an integer column that became float for its nulls keeps
    /// its levels; others are the shortest text that reads back as the same number. Dates and timestamps are ISO 8601.
    pub fn text(&self, row: usize) -> Option<Cow<'_, str>> {
        if self.is_null(row) {
            return None;
        }
        let array = self.array.as_ref();
        Some(match self.kind {
            Kind::Null => return None,
            Kind::Text => Cow::Borrowed(array.as_string::<i64>().value(row)),
            Kind::Boolean => Cow::Borrowed(if array.as_boolean().value(row) { "true" } else { "false" }),
            Kind::Date => {
                let days = array.as_primitive::<Date32Type>().value(row);
                Cow::Owned(calendar::date_text(i64::from(days)))
            }
            Kind::Timestamp => {
                let (values, per_second) = instants(array).expect("a timestamp");
                Cow::Owned(calendar::timestamp_text(values[row], per_second, self.has_zone()))
            }
            Kind::Float => Cow::Owned(match array.data_type() {
                DataType::Float32 => {
                    // From the 32-bit value: 0.1f32 is "0.1", not the digits of the double next to it.
                    let value = array.as_primitive::<Float32Type>().value(row);
                    float_text(f64::from(value.abs()), value)
                }
                _ => {
                    let value = array.as_primitive::<Float64Type>().value(row);
                    float_text(value.abs(), value)
                }
            }),
            Kind::Integer => Cow::Owned(integers!(array, typed => typed.value(row).to_string(), else unreachable!())),
        })
    }

    /// The cells of a text column, or `None` for any other kind.
    pub fn strings(&self) -> Option<&LargeStringArray> {
        self.array.as_string_opt::<i64>()
    }

    /// Whether a timestamp column holds instants in UTC (`false`: dates with a time of day, zone unknown).
    pub fn has_zone(&self) -> bool {
        matches!(self.array.data_type(), DataType::Timestamp(_, Some(_)))
    }

    /// The given cells, in the given order.
    ///
    /// # Panics
    /// When a row is beyond the end.
    pub fn take(&self, rows: &[u32]) -> Self {
        let indices = UInt32Array::from(rows.to_vec());
        let array = arrow::compute::take(&self.array, &indices, None).expect("rows within the column");
        Self { name: self.name.clone(), kind: self.kind, array }
    }
}

impl PartialEq for Column {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.array.as_ref() == other.array.as_ref()
    }
}

/// Shortest text that reads back as the same number, in scientific form where it would be long. `size` is its distance
/// from zero.
fn float_text(size: f64, value: impl fmt::Display + fmt::LowerExp) -> String {
    if size == 0.0 {
        // Minus zero is zero.
        "0".to_owned()
    } else if size.is_finite() && !(1e-5..1e16).contains(&size) {
        format!("{value:e}")
    } else {
        value.to_string()
    }
}

fn write_booleans(array: &BooleanArray, out: &mut [f64]) {
    for (row, cell) in out.iter_mut().enumerate() {
        if !array.is_null(row) {
            *cell = f64::from(u8::from(array.value(row)));
        }
    }
}

/// Writes the values that are there and leaves the other cells as they are.
pub(crate) fn fill<V: Copy, N>(values: &[V], nulls: Option<&NullBuffer>, out: &mut [N], convert: impl Fn(V) -> N) {
    match nulls {
        None => {
            for (cell, &value) in out.iter_mut().zip(values) {
                *cell = convert(value);
            }
        }
        Some(nulls) => {
            for row in nulls.valid_indices() {
                out[row] = convert(values[row]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        Date64Array, Decimal128Array, DictionaryArray, DurationSecondArray, Int8Array, Int32Array, ListArray,
        StringArray, StringViewArray, Time32SecondArray, TimestampMicrosecondArray, UInt64Array,
    };
    use arrow::datatypes::Int32Type;

    use super::*;

    fn of(array: impl Array + 'static) -> Column {
        Column::new("a", Arc::new(array)).unwrap()
    }

    fn texts(column: &Column) -> Vec<Option<String>> {
        (0..column.len()).map(|row| column.text(row).map(Cow::into_owned)).collect()
    }

    #[test]
    fn every_plain_type_has_its_kind_text_and_numbers() {
        let cases = [
            (of(Int8Array::from(vec![Some(-3), None])), Kind::Integer, "-3", -3.0),
            (of(UInt64Array::from(vec![Some(u64::MAX), None])), Kind::Integer, "18446744073709551615", u64::MAX as f64),
            (of(Float32Array::from(vec![Some(0.1), None])), Kind::Float, "0.1", f64::from(0.1f32)),
            (of(Float64Array::from(vec![Some(1.0), Some(f64::NAN)])), Kind::Float, "1", 1.0),
            (of(BooleanArray::from(vec![Some(true), None])), Kind::Boolean, "true", 1.0),
            (of(Date64Array::from(vec![Some(86_400_000), None])), Kind::Date, "1970-01-02", 1.0),
            (
                of(TimestampMicrosecondArray::from(vec![Some(1_500_000), None])),
                Kind::Timestamp,
                "1970-01-01T00:00:01.5",
                1.5,
            ),
        ];
        for (column, kind, text, number) in cases {
            assert_eq!(column.kind(), kind);
            assert_eq!(texts(&column), [Some(text.to_owned()), None], "{kind}");
            let numbers = column.numbers().unwrap();
            assert_eq!(numbers[0], number, "{kind}");
            assert!(numbers[1].is_nan() && column.is_null(1) && column.null_count() == 1, "{kind}");
        }
    }

    #[test]
    fn decimals_dictionaries_and_views_are_what_they_hold() {
        let decimals = Decimal128Array::from(vec![Some(12_345), None]).with_precision_and_scale(10, 2).unwrap();
        assert_eq!((of(decimals.clone()).kind(), of(decimals).numbers().unwrap()[0]), (Kind::Float, 123.45));
        let levels: DictionaryArray<Int32Type> = vec![Some("x"), None, Some("y"), Some("x")].into_iter().collect();
        let expected = Column::from_text("a", vec![Some("x"), None, Some("y"), Some("x")]);
        assert_eq!(of(levels), expected);
        assert_eq!(of(StringArray::from(vec![Some("x"), None, Some("y"), Some("x")])), expected);
        assert_eq!(of(StringViewArray::from(vec![Some("x"), None, Some("y"), Some("x")])), expected);
        let codes: DictionaryArray<Int32Type> =
            DictionaryArray::new(Int32Array::from(vec![1, 0]), Arc::new(Int32Array::from(vec![10, 20])));
        assert_eq!(texts(&of(codes)), [Some("20".to_owned()), Some("10".to_owned())]);
    }

    #[test]
    fn zones_are_told_apart() {
        let instants = TimestampMicrosecondArray::from(vec![0]).with_timezone("Europe/Berlin");
        let column = of(instants);
        assert!(column.has_zone());
        assert_eq!(column.text(0).unwrap(), "1970-01-01T00:00:00Z");
        assert!(!of(TimestampMicrosecondArray::from(vec![0])).has_zone());
    }

    #[test]
    fn what_is_not_one_value_a_cell_is_refused_by_name() {
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)])]);
        let refused: [ArrayRef; 3] =
            [Arc::new(lists), Arc::new(Time32SecondArray::from(vec![1])), Arc::new(DurationSecondArray::from(vec![1]))];
        for array in refused {
            let error = Column::new("basket", array).unwrap_err();
            assert_eq!((error.code(), error.fault().column.as_deref()), ("unsupported_type", Some("basket")));
        }
    }

    #[test]
    fn numbers_as_text_read_back() {
        let numbers = [0.0, -0.0, 1.0, -2.5, 1e15, 1e16, 1e-5, 9.9e-6, 1e300, f64::INFINITY, 0.1 + 0.2];
        let column = Column::from_numbers("a", numbers.iter().copied().map(Some).collect());
        let text: Vec<String> = texts(&column).into_iter().flatten().collect();
        assert_eq!(text[..8], ["0", "0", "1", "-2.5", "1000000000000000", "1e16", "0.00001", "9.9e-6"]);
        assert_eq!(text.iter().map(|text| text.parse().unwrap()).collect::<Vec<f64>>(), numbers);
    }

    #[test]
    fn rows_are_taken_with_their_nulls() {
        let column = Column::from_integers("a", vec![Some(1), None, Some(3)]).take(&[2, 1, 2]);
        assert_eq!(texts(&column), [Some("3".to_owned()), None, Some("3".to_owned())]);
    }
}
