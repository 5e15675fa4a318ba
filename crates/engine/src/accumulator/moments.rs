use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt64Type};

use super::{Accumulator, Input, Rows};
use crate::EngineError;
use crate::exact::{ExactSquares, ExactSum, parts};
use crate::whole::Whole;

/// Variance or standard deviation, with one degree of freedom less than there are rows.
///
/// From exact sums of `x` and of `x * x`: what cancels out is cancelled out before anything is rounded.
pub struct Moments {
    input: Input,
    root: bool,
    groups: Vec<Spread>,
    wide_bytes: usize,
}

/// How many numbers there are, their exact sum, and that of their squares.
#[derive(Debug, Default, Clone)]
pub struct Spread {
    pub count: u64,
    pub sum: ExactSum,
    pub squares: ExactSquares,
}

impl Spread {
    pub fn heap_bytes(&self) -> usize {
        self.sum.heap_bytes() + self.squares.heap_bytes()
    }

    /// Adds a number.
    pub fn add(&mut self, number: f64) {
        self.count += 1;
        self.sum.add(number);
        if let Some((mantissa, exponent)) = parts(number) {
            self.squares.add_scaled(mantissa, exponent);
        }
    }

    /// Adds what another has seen.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum.merge(&other.sum);
        self.squares.merge(&other.squares);
    }

    /// What was written: the count, the sum and the squares, one after the other.
    pub fn read(mut bytes: &[u8]) -> Option<Self> {
        let (count, rest) = bytes.split_first_chunk()?;
        bytes = rest;
        let (sum, squares) = (ExactSum::read(&mut bytes)?, ExactSquares::read(&mut bytes)?);
        Some(Self { count: u64::from_le_bytes(*count), sum, squares })
    }

    fn add_integer(&mut self, number: i64) {
        self.count += 1;
        self.sum.add_scaled(number.into(), 0);
        self.squares.add_scaled(number, 0);
    }

    /// `(n * sum(x * x) - sum(x)^2) / (n * (n - freedom))`, where `freedom` is lost; `None` when nothing is left.
    pub fn variance(&self, freedom: u64) -> Option<f64> {
        if self.count <= freedom {
            return None;
        }
        if !self.sum.is_finite() {
            return Some(f64::NAN);
        }
        let sum = self.sum.whole();
        let scaled = Whole::new(self.count.into(), 0).times(&self.squares.whole());
        let pairs = u128::from(self.count) * u128::from(self.count - freedom);
        Some(scaled.minus(&sum.times(&sum)).round() / pairs as f64)
    }
}

impl Moments {
    pub fn new(input: Input, root: bool) -> Self {
        Self { input, root, groups: Vec::new(), wide_bytes: 0 }
    }

    fn add<N: Copy>(&mut self, rows: &Rows<'_>, numbers: &[N], add: impl Fn(&mut Spread, N)) {
        let (groups, wide_bytes) = (&mut self.groups, &mut self.wide_bytes);
        self.input.each(rows, |row, group| {
            let group = &mut groups[group];
            let before = group.heap_bytes();
            add(group, numbers[row]);
            *wide_bytes += group.heap_bytes() - before;
        });
    }
}

impl Accumulator for Moments {
    fn update(&mut self, rows: &Rows<'_>) -> Result<(), EngineError> {
        self.groups.resize_with(rows.total, Spread::default);
        let column = self.input.column(rows);
        match column.data_type() {
            DataType::Float64 => self.add(rows, column.as_primitive::<Float64Type>().values(), Spread::add),
            DataType::UInt64 => {
                let numbers = column.as_primitive::<UInt64Type>().values();
                self.add(rows, numbers, |group, number| match i64::try_from(number) {
                    Ok(number) => group.add_integer(number),
                    Err(_) => group.add(number as f64),
                });
            }
            _ => self.add(rows, column.as_primitive::<Int64Type>().values(), Spread::add_integer),
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, total: usize) -> Result<ArrayRef, EngineError> {
        self.groups.resize_with(total, Spread::default);
        let value = |group: &Spread| group.variance(1).map(|value| if self.root { value.sqrt() } else { value });
        Ok(Arc::new(self.groups.iter().map(value).collect::<Float64Array>()))
    }

    fn bytes(&self) -> usize {
        self.groups.capacity() * size_of::<Spread>() + self.wide_bytes
    }
}
