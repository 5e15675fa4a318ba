use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt64Type};
use exact::Spread;

use super::{Accumulator, Input, Rows};
use crate::EngineError;

/// Variance or standard deviation, with one degree of freedom less than there are rows.
///
/// From exact sums of `x` and of `x * x`: what cancels out is cancelled out before anything is rounded.
pub struct Moments {
    input: Input,
    root: bool,
    groups: Vec<Spread>,
    wide_bytes: usize,
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
