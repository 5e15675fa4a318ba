use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};

use super::{Accumulator, Input, Rows};
use crate::EngineError;

/// Rows, or cells that are there.
pub struct Count {
    input: Input,
    counts: Vec<i64>,
}

impl Count {
    pub fn new(input: Input) -> Self {
        Self { input, counts: Vec::new() }
    }
}

impl Accumulator for Count {
    fn update(&mut self, rows: &Rows<'_>) -> Result<(), EngineError> {
        self.counts.resize(rows.total, 0);
        let counts = &mut self.counts;
        self.input.each(rows, |_, group| counts[group] += 1);
        Ok(())
    }

    fn finish(mut self: Box<Self>, total: usize) -> Result<ArrayRef, EngineError> {
        self.counts.resize(total, 0);
        Ok(Arc::new(Int64Array::from(self.counts)))
    }

    fn bytes(&self) -> usize {
        self.counts.capacity() * size_of::<i64>()
    }
}
