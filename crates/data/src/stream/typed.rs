//! The cells of one column of a stretch of text as an arrow array of the column's type.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BooleanArray, BooleanBufferBuilder, NullArray, PrimitiveArray, StringViewArray,
};
use arrow::buffer::{Buffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType, TimestampNanosecondType,
    UInt64Type,
};

use super::fast::{Days, fraction, instant, integer};
use super::index::Index;
use crate::csv::cell::{Cell, Rules};
use crate::csv::shape::{Shape, ticks};

/// How a column is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Plan {
    pub(super) shape: Shape,
    /// Cells that are no number become null, and are counted.
    pub(super) is_lenient: bool,
    /// Text only because whole numbers were too long or infinite: with a fraction among the cells they are floats.
    pub(super) is_provisional: bool,
}

/// What was odd about the cells of a column, though they were read.
#[derive(Debug, Clone, Default)]
pub(super) struct Oddities {
    /// Cells that stand for a missing value by the usual tokens.
    pub(super) tokens: u64,
    /// Cells that are no number where one was asked for.
    pub(super) unparsable: u64,
    /// Row (among the well formed ones of the stretch) and text of the first unparsable one.
    pub(super) example: Option<(usize, String)>,
}

/// A cell that does not fit the column's type.
#[derive(Debug, Clone)]
pub(super) struct Misfit {
    /// Among the well formed rows of the stretch.
    pub(super) row: usize,
    pub(super) text: Vec<u8>,
    pub(super) cell: Cell,
}

impl Plan {
    pub(super) fn of(shape: Shape) -> Self {
        Self { shape, is_lenient: false, is_provisional: false }
    }
}

/// The arrow type of a shape.
pub(super) fn data_type(shape: Shape) -> DataType {
    match shape {
        Shape::Null => DataType::Null,
        Shape::Boolean => DataType::Boolean,
        Shape::Integer => DataType::Int64,
        Shape::Unsigned => DataType::UInt64,
        Shape::Float => DataType::Float64,
        Shape::Date => DataType::Date32,
        Shape::Instant { nanoseconds, zone } => {
            let unit = if nanoseconds { TimeUnit::Nanosecond } else { TimeUnit::Microsecond };
            DataType::Timestamp(unit, zone.then(|| "UTC".into()))
        }
        Shape::Text => DataType::Utf8View,
    }
}

/// Reads a column's cells.
pub(super) struct Cells<'a> {
    pub(super) text: &'a [u8],
    pub(super) index: &'a Index,
    pub(super) position: usize,
    pub(super) columns: usize,
    pub(super) quote: Option<u8>,
    pub(super) rules: &'a Rules,
}

/// Whether cells have values, kept only from the first that has none.
struct Validity {
    bits: Option<BooleanBufferBuilder>,
    rows: usize,
}

impl Validity {
    fn null(&mut self, row: usize) {
        let bits = self.bits.get_or_insert_with(|| {
            let mut bits = BooleanBufferBuilder::new(self.rows);
            bits.append_n(self.rows, true);
            bits
        });
        bits.set_bit(row, false);
    }

    fn finish(self) -> Option<NullBuffer> {
        self.bits.map(|mut bits| NullBuffer::new(bits.finish()))
    }
}

impl Cells<'_> {
    /// The array, or the first cell that does not fit.
    pub(super) fn array(&self, plan: Plan, odd: &mut Oddities) -> Result<ArrayRef, Misfit> {
        let tokens_only = !self.rules.has_nulls();
        let mut days = Days::default();
        match plan.shape {
            Shape::Null => {
                self.primitive::<Int64Type>(plan, odd, |_| None, |_, _| None)?;
                Ok(Arc::new(NullArray::new(self.index.rows)))
            }
            Shape::Integer => {
                let fast = |raw: &[u8]| if tokens_only { integer(raw) } else { None };
                let value = |cell, _: &[u8]| if let Cell::Integer(value) = cell { Some(value) } else { None };
                Ok(Arc::new(self.primitive::<Int64Type>(plan, odd, fast, value)?))
            }
            Shape::Unsigned => {
                let value = |cell, _: &[u8]| match cell {
                    Cell::Unsigned(value) => Some(value),
                    Cell::Integer(value) => u64::try_from(value).ok(),
                    _ => None,
                };
                Ok(Arc::new(self.primitive::<UInt64Type>(plan, odd, |_| None, value)?))
            }
            Shape::Float => {
                let decimal = self.rules.decimal();
                let fast = |raw: &[u8]| if tokens_only { fraction(raw, decimal) } else { None };
                let value = |cell, raw: &[u8]| self.float(plan, cell, raw);
                Ok(Arc::new(self.primitive::<Float64Type>(plan, odd, fast, value)?))
            }
            Shape::Date => {
                let fast = |raw: &[u8]| if tokens_only { days.of(raw) } else { None };
                let value = |cell, _: &[u8]| if let Cell::Date(days) = cell { Some(days) } else { None };
                Ok(Arc::new(self.primitive::<Date32Type>(plan, odd, fast, value)?))
            }
            Shape::Instant { nanoseconds, zone } => {
                let per_second = if nanoseconds { 1_000_000_000 } else { 1_000_000 };
                let fast = |raw: &[u8]| if tokens_only && !zone { instant(raw, per_second, &mut days) } else { None };
                let value = |cell, _: &[u8]| if let Cell::Instant(at) = cell { ticks(at, plan.shape) } else { None };
                let zone = zone.then_some("UTC");
                Ok(if nanoseconds {
                    let array = self.primitive::<TimestampNanosecondType>(plan, odd, fast, value)?;
                    Arc::new(array.with_timezone_opt(zone))
                } else {
                    let array = self.primitive::<TimestampMicrosecondType>(plan, odd, fast, value)?;
                    Arc::new(array.with_timezone_opt(zone))
                })
            }
            Shape::Boolean => self.booleans(plan, odd),
            Shape::Text => self.strings(plan),
        }
    }

    /// The cell's inside; `scratch` holds it where doubled quotes are made single.
    #[inline]
    pub(super) fn raw<'s>(&'s self, row: usize, scratch: &'s mut Vec<u8>) -> &'s [u8] {
        let (start, end, is_doubled) = self.index.span(row, self.position, self.columns);
        let raw = &self.text[start..end];
        if !is_doubled {
            return raw;
        }
        let quote = self.quote.expect("doubled quotes are of a dialect with quotes");
        crate::csv::record::single_quotes(raw, quote, scratch);
        scratch
    }

    fn float(&self, plan: Plan, cell: Cell, raw: &[u8]) -> Option<f64> {
        match cell {
            Cell::Float(value) => Some(value),
            // Where cells may be no number at all, one without an end is none either.
            Cell::Infinite(value) if !plan.is_lenient => Some(value),
            Cell::Integer(value) => Some(value as f64),
            Cell::Unsigned(value) => Some(value as f64),
            Cell::Long => Some(self.rules.long(raw)),
            Cell::Zeros if plan.is_lenient => Some(self.rules.long(raw)),
            _ => None,
        }
    }

    /// `Ok(false)`: the cell is null.
    #[cold]
    fn missing(&self, plan: Plan, row: usize, cell: Cell, raw: &[u8], odd: &mut Oddities) -> Result<(), Misfit> {
        match cell {
            Cell::Empty | Cell::Missing => {}
            Cell::Token => odd.tokens += 1,
            _ if plan.is_lenient => {
                odd.unparsable += 1;
                odd.example.get_or_insert_with(|| (row, crate::csv::tally::shown(raw)));
            }
            _ => return Err(Misfit { row, text: raw.to_vec(), cell }),
        }
        Ok(())
    }

    fn validity(&self) -> Validity {
        Validity { bits: None, rows: self.index.rows }
    }

    #[inline]
    fn primitive<T: ArrowPrimitiveType>(
        &self,
        plan: Plan,
        odd: &mut Oddities,
        mut fast: impl FnMut(&[u8]) -> Option<T::Native>,
        value: impl Fn(Cell, &[u8]) -> Option<T::Native>,
    ) -> Result<PrimitiveArray<T>, Misfit> {
        let rows = self.index.rows;
        let mut values: Vec<T::Native> = Vec::with_capacity(rows);
        let mut validity = self.validity();
        let mut scratch = Vec::new();
        for row in 0..rows {
            let raw = self.raw(row, &mut scratch);
            if let Some(value) = fast(raw) {
                values.push(value);
                continue;
            }
            let cell = self.rules.cell(raw);
            match value(cell, raw) {
                Some(value) => values.push(value),
                None => {
                    self.missing(plan, row, cell, raw, odd)?;
                    validity.null(row);
                    values.push(T::Native::default());
                }
            }
        }
        Ok(PrimitiveArray::new(ScalarBuffer::from(values), validity.finish()))
    }

    fn booleans(&self, plan: Plan, odd: &mut Oddities) -> Result<ArrayRef, Misfit> {
        let rows = self.index.rows;
        let mut values = BooleanBufferBuilder::new(rows);
        let mut validity = self.validity();
        let mut scratch = Vec::new();
        for row in 0..rows {
            let raw = self.raw(row, &mut scratch);
            match self.rules.cell(raw) {
                Cell::Boolean(value) => values.append(value),
                cell => {
                    self.missing(plan, row, cell, raw, odd)?;
                    validity.null(row);
                    values.append(false);
                }
            }
        }
        Ok(Arc::new(BooleanArray::new(values.finish(), validity.finish())))
    }

    fn strings(&self, plan: Plan) -> Result<ArrayRef, Misfit> {
        let rows = self.index.rows;
        let mut views: Vec<u128> = Vec::with_capacity(rows);
        let mut long: Vec<u8> = Vec::new();
        let mut validity = self.validity();
        let mut scratch = Vec::new();
        for row in 0..rows {
            let (start, end, is_doubled) = self.index.span(row, self.position, self.columns);
            if !is_doubled
                && (1..=12).contains(&(end - start))
                && !self.rules.has_nulls()
                && !plan.is_provisional
                && let Some(word) = self.text.get(start..start + 16)
            {
                // A short text and the bytes behind it, which are cut off.
                let word = u128::from_le_bytes(word.try_into().expect("sixteen bytes"));
                let length = end - start;
                views.push((word & ((1 << (8 * length)) - 1)) << 32 | length as u128);
                continue;
            }
            let raw = self.raw(row, &mut scratch);
            if raw.is_empty() || self.rules.is_null(raw) {
                validity.null(row);
                views.push(0);
                continue;
            }
            if plan.is_provisional && matches!(self.rules.cell(raw), Cell::Float(_)) {
                return Err(Misfit { row, text: raw.to_vec(), cell: self.rules.cell(raw) });
            }
            views.push(view(raw, &mut long));
        }
        let buffers: Arc<[Buffer]> = if long.is_empty() { [].into() } else { [Buffer::from(long)].into() };
        let array = StringViewArray::try_new(ScalarBuffer::from(views), buffers, validity.finish());
        // Checked as UTF-8 once more: cells are cut at ASCII marks of text that was checked, so this holds.
        Ok(Arc::new(array.expect("views into one buffer of text")))
    }
}

/// A string's view; one of more than twelve bytes is added to the buffer, the first of its array.
fn view(raw: &[u8], long: &mut Vec<u8>) -> u128 {
    let length = raw.len() as u128;
    if raw.len() <= 12 {
        let mut word = [0; 16];
        word[..raw.len()].copy_from_slice(raw);
        return u128::from_le_bytes(word) << 32 | length;
    }
    let prefix = u32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]]);
    let offset = long.len() as u128;
    long.extend_from_slice(raw);
    offset << 96 | u128::from(prefix) << 32 | length
}
