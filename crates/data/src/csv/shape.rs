//! Cells to arrow arrays of one type.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, LargeStringArray, NullArray, PrimitiveArray};
use arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, Date32Type, Float64Type, Int64Type, TimestampMicrosecondType, TimestampNanosecondType,
    UInt64Type,
};

use super::cell::{Cell, Instant, Rules};

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Shape {
    Null,
    Boolean,
    Integer,
    Unsigned,
    Float,
    Date,
    Instant { nanoseconds: bool, zone: bool },
    Text,
}

/// The values of a part of a column, as long as all cells are of its type.
#[derive(Debug)]
pub(crate) struct Cells {
    shape: Shape,
    values: Values,
    /// By row: whether the cell has a value.
    valid: Vec<bool>,
    nulls: usize,
}

#[derive(Debug)]
enum Values {
    None,
    Boolean(Vec<bool>),
    Whole(Vec<i64>),
    Unsigned(Vec<u64>),
    Float(Vec<f64>),
    Day(Vec<i32>),
    Text { ends: Vec<i64>, bytes: Vec<u8> },
}

impl Cells {
    pub(crate) fn new(shape: Shape, rows: usize) -> Self {
        let values = match shape {
            Shape::Null => Values::None,
            Shape::Boolean => Values::Boolean(Vec::with_capacity(rows)),
            Shape::Integer | Shape::Instant { .. } => Values::Whole(Vec::with_capacity(rows)),
            Shape::Unsigned => Values::Unsigned(Vec::with_capacity(rows)),
            Shape::Float => Values::Float(Vec::with_capacity(rows)),
            Shape::Date => Values::Day(Vec::with_capacity(rows)),
            Shape::Text => Values::Text { ends: Vec::with_capacity(rows), bytes: Vec::new() },
        };
        Self { shape, values, valid: Vec::with_capacity(rows), nulls: 0 }
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// Adds a cell; `false` when it is not of this type, and then nothing is added.
    #[inline]
    pub(crate) fn push(&mut self, cell: Cell, raw: &[u8], rules: &Rules) -> bool {
        let missing = match cell {
            Cell::Empty | Cell::Missing => true,
            Cell::Token => self.shape != Shape::Text,
            _ => false,
        };
        match (&mut self.values, cell) {
            (Values::None, _) if missing => {}
            (Values::Text { ends, bytes }, _) => {
                if !missing {
                    bytes.extend_from_slice(raw);
                }
                ends.push(bytes.len() as i64);
            }
            (Values::Float(values), Cell::Float(value) | Cell::Infinite(value)) => values.push(value),
            (Values::Float(values), Cell::Integer(value)) => values.push(value as f64),
            (Values::Float(values), Cell::Unsigned(value)) => values.push(value as f64),
            (Values::Float(values), Cell::Long) => values.push(rules.long(raw)),
            (Values::Float(values), _) if missing => values.push(f64::NAN),
            (Values::Whole(values), Cell::Integer(value)) if self.shape == Shape::Integer => values.push(value),
            (Values::Whole(values), Cell::Instant(instant)) => match ticks(instant, self.shape) {
                Some(value) => values.push(value),
                None => return false,
            },
            (Values::Whole(values), _) if missing => values.push(0),
            (Values::Unsigned(values), Cell::Unsigned(value)) => values.push(value),
            (Values::Unsigned(values), Cell::Integer(value)) if value >= 0 => values.push(value as u64),
            (Values::Unsigned(values), _) if missing => values.push(0),
            (Values::Boolean(values), Cell::Boolean(value)) => values.push(value),
            (Values::Boolean(values), _) if missing => values.push(false),
            (Values::Day(values), Cell::Date(value)) => values.push(value),
            (Values::Day(values), _) if missing => values.push(0),
            _ => return false,
        }
        self.valid.push(!missing);
        self.nulls += usize::from(missing);
        true
    }

    /// The parts, in order and all of one type, as one array.
    pub(crate) fn join(shape: Shape, parts: Vec<Self>) -> ArrayRef {
        debug_assert!(parts.iter().all(|part| part.shape == shape));
        let rows = parts.iter().map(|part| part.valid.len()).sum();
        let nulls = parts.iter().any(|part| part.nulls > 0).then(|| {
            let mut valid = parts.iter().flat_map(|part| part.valid.iter().copied());
            NullBuffer::new(BooleanBuffer::collect_bool(rows, |_| valid.next().expect("a row")))
        });
        let values = parts.into_iter().map(|part| part.values);
        macro_rules! collected {
            ($variant:ident) => {{
                let mut parts = values.map(|part| match part {
                    Values::$variant(values) => values,
                    other => unreachable!("parts of one type, found {other:?}"),
                });
                let mut all = parts.next().unwrap_or_default();
                all.reserve_exact(rows - all.len());
                parts.for_each(|part| all.extend_from_slice(&part));
                all
            }};
        }
        match shape {
            Shape::Null => Arc::new(NullArray::new(rows)),
            Shape::Boolean => Arc::new(BooleanArray::new(collected!(Boolean).into(), nulls)),
            Shape::Integer => primitive::<Int64Type>(collected!(Whole), nulls),
            Shape::Unsigned => primitive::<UInt64Type>(collected!(Unsigned), nulls),
            Shape::Float => primitive::<Float64Type>(collected!(Float), nulls),
            Shape::Date => primitive::<Date32Type>(collected!(Day), nulls),
            Shape::Instant { nanoseconds, zone } => {
                let zone = zone.then_some("UTC");
                let whole = collected!(Whole);
                if nanoseconds {
                    Arc::new(
                        PrimitiveArray::<TimestampNanosecondType>::new(whole.into(), nulls).with_timezone_opt(zone),
                    )
                } else {
                    Arc::new(
                        PrimitiveArray::<TimestampMicrosecondType>::new(whole.into(), nulls).with_timezone_opt(zone),
                    )
                }
            }
            Shape::Text => text(values, rows, nulls),
        }
    }
}

/// The instant in the units of its column; `None` where it is not of the column's type.
pub(crate) fn ticks(instant: Instant, shape: Shape) -> Option<i64> {
    match shape {
        Shape::Instant { nanoseconds, zone } if zone == instant.zone => {
            let (per_second, nanoseconds_each) = if nanoseconds { (1_000_000_000, 1) } else { (1_000_000, 1000) };
            if !instant.nanoseconds.is_multiple_of(nanoseconds_each) {
                return None;
            }
            instant.seconds.checked_mul(per_second)?.checked_add(i64::from(instant.nanoseconds / nanoseconds_each))
        }
        _ => None,
    }
}

fn primitive<T: ArrowPrimitiveType>(values: Vec<T::Native>, nulls: Option<NullBuffer>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(values.into(), nulls))
}

fn text(parts: impl Iterator<Item = Values>, rows: usize, nulls: Option<NullBuffer>) -> ArrayRef {
    let mut offsets: Vec<i64> = Vec::with_capacity(rows + 1);
    offsets.push(0);
    let mut all: Vec<u8> = Vec::new();
    for part in parts {
        let Values::Text { ends, bytes } = part else { unreachable!("parts of one type") };
        let base = all.len() as i64;
        offsets.extend(ends.iter().map(|end| end + base));
        all.extend_from_slice(&bytes);
    }
    // Checked as UTF-8 once more: cells are cut at ASCII marks of text that was checked, so this holds.
    Arc::new(LargeStringArray::new(OffsetBuffer::new(offsets.into()), all.into(), nulls))
}
