use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array};
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt64Type};
use exact::ExactSum;
use trainer_data::Fault;

use super::{Accumulator, Class, Input, Rows};
use crate::EngineError;

/// Sums, or means, of numbers of a class.
pub fn sum(input: Input, class: Class, mean: bool, name: &str) -> Box<dyn Accumulator> {
    match class {
        Class::Float => Box::new(FloatSum { input, mean, groups: Vec::new(), wide_bytes: 0 }),
        _ => Box::new(IntegerSum { input, mean, name: name.to_owned(), groups: Vec::new() }),
    }
}

/// Sums of floats, exact until they are rounded at the end.
struct FloatSum {
    input: Input,
    mean: bool,
    groups: Vec<(ExactSum, u64)>,
    wide_bytes: usize,
}

impl Accumulator for FloatSum {
    fn update(&mut self, rows: &Rows<'_>) -> Result<(), EngineError> {
        self.groups.resize_with(rows.total, Default::default);
        let numbers = self.input.column(rows).as_primitive::<Float64Type>().values();
        let (groups, wide_bytes) = (&mut self.groups, &mut self.wide_bytes);
        self.input.each(rows, |row, group| {
            let (sum, count) = &mut groups[group];
            let before = sum.heap_bytes();
            sum.add(numbers[row]);
            *count += 1;
            *wide_bytes += sum.heap_bytes() - before;
        });
        Ok(())
    }

    fn finish(mut self: Box<Self>, total: usize) -> Result<ArrayRef, EngineError> {
        self.groups.resize_with(total, Default::default);
        let mean = self.mean;
        let value = |(sum, count): &(ExactSum, u64)| {
            let whole = sum.round();
            (*count > 0).then(|| if mean { whole / *count as f64 } else { whole })
        };
        Ok(Arc::new(self.groups.iter().map(value).collect::<Float64Array>()))
    }

    fn bytes(&self) -> usize {
        self.groups.capacity() * size_of::<(ExactSum, u64)>() + self.wide_bytes
    }
}

/// Sums of integers, in 128 bits.
struct IntegerSum {
    input: Input,
    mean: bool,
    name: String,
    groups: Vec<(i128, u64)>,
}

impl IntegerSum {
    fn add<N: Copy + Into<i128>>(&mut self, rows: &Rows<'_>, numbers: &[N]) {
        let groups = &mut self.groups;
        self.input.each(rows, |row, group| {
            groups[group].0 += numbers[row].into();
            groups[group].1 += 1;
        });
    }

    fn too_large(&self, sum: i128) -> EngineError {
        let message = format!("expected a sum of at most {}, found {sum}", i64::MAX);
        let fault = Fault::new("sum_too_large", message).column(&self.name);
        EngineError::data(fault.hint("cast the column to double"))
    }
}

impl Accumulator for IntegerSum {
    fn update(&mut self, rows: &Rows<'_>) -> Result<(), EngineError> {
        self.groups.resize(rows.total, (0, 0));
        let column = self.input.column(rows);
        match column.data_type() {
            DataType::UInt64 => self.add(rows, column.as_primitive::<UInt64Type>().values()),
            _ => self.add(rows, column.as_primitive::<Int64Type>().values()),
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, total: usize) -> Result<ArrayRef, EngineError> {
        self.groups.resize(total, (0, 0));
        if self.mean {
            let mean = |&(sum, count): &(i128, u64)| (count > 0).then(|| sum as f64 / count as f64);
            return Ok(Arc::new(self.groups.iter().map(mean).collect::<Float64Array>()));
        }
        let whole = |&(sum, count): &(i128, u64)| match i64::try_from(sum) {
            Ok(sum) => Ok((count > 0).then_some(sum)),
            Err(_) => Err(self.too_large(sum)),
        };
        Ok(Arc::new(self.groups.iter().map(whole).collect::<Result<Int64Array, _>>()?))
    }

    fn bytes(&self) -> usize {
        self.groups.capacity() * size_of::<(i128, u64)>()
    }
}
