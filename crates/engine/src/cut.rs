use std::collections::VecDeque;

use arrow::array::RecordBatch;
use arrow::compute::BatchCoalescer;
use arrow::datatypes::SchemaRef;
use trainer_data::ScanError;

use crate::EngineError;

/// The same rows in batches of a fixed number of rows, each with memory of its own.
///
/// How an operator cuts its rows depends on its memory; how ours leave must not. And a slice counts as large as the batch
/// that it was cut from, so that a few of them would fill any limit.
pub struct Cut<I> {
    batches: I,
    coalescer: BatchCoalescer,
    ready: VecDeque<Result<RecordBatch, ScanError>>,
    ended: bool,
}

impl<I: Iterator<Item = Result<RecordBatch, ScanError>>> Cut<I> {
    pub fn new(batches: I, schema: SchemaRef, rows: usize) -> Self {
        Self { batches, coalescer: BatchCoalescer::new(schema, rows), ready: VecDeque::new(), ended: false }
    }

    fn fill(&mut self) {
        match self.batches.next() {
            Some(Ok(batch)) => {
                if let Err(error) = self.coalescer.push_batch(batch) {
                    self.end_with(Box::new(EngineError::internal(error)));
                }
            }
            Some(Err(error)) => self.end_with(error),
            None => {
                self.ended = true;
                if let Err(error) = self.coalescer.finish_buffered_batch() {
                    self.end_with(Box::new(EngineError::internal(error)));
                }
            }
        }
        // Before the error, if there is one.
        let mut place = 0;
        while let Some(batch) = self.coalescer.next_completed_batch() {
            self.ready.insert(place, Ok(batch));
            place += 1;
        }
    }

    fn end_with(&mut self, error: ScanError) {
        self.ended = true;
        self.ready.push_back(Err(error));
    }
}

impl<I: Iterator<Item = Result<RecordBatch, ScanError>>> Iterator for Cut<I> {
    type Item = Result<RecordBatch, ScanError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() && !self.ended {
            self.fill();
        }
        self.ready.pop_front()
    }
}
