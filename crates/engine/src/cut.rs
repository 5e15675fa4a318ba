use std::collections::VecDeque;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{BatchCoalescer, take_record_batch};
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
    rows: usize,
    /// Whether the batches before the next one may be slices of a larger one.
    sliced: bool,
    ready: VecDeque<Result<RecordBatch, ScanError>>,
    ended: bool,
}

impl<I: Iterator<Item = Result<RecordBatch, ScanError>>> Cut<I> {
    pub fn new(batches: I, schema: SchemaRef, rows: usize) -> Self {
        let coalescer = BatchCoalescer::new(schema, rows);
        Self { batches, coalescer, rows, sliced: false, ready: VecDeque::new(), ended: false }
    }

    fn fill(&mut self) {
        let before = self.sliced;
        match self.batches.next() {
            Some(Ok(batch)) => {
                self.sliced = batch.num_rows() > self.rows;
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
            let batch = if before || self.sliced { copied(&batch) } else { Ok(batch) };
            self.ready.insert(place, batch);
            place += 1;
        }
    }

    fn end_with(&mut self, error: ScanError) {
        self.ended = true;
        self.ready.push_back(Err(error));
    }
}

/// The same rows in memory of their own.
fn copied(batch: &RecordBatch) -> Result<RecordBatch, ScanError> {
    let rows = UInt32Array::from_iter_values(0..batch.num_rows() as u32);
    take_record_batch(batch, &rows).map_err(|error| Box::new(EngineError::internal(error)) as ScanError)
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, LargeStringArray};

    use super::*;

    #[test]
    fn pieces_have_memory_of_their_own() {
        let texts = LargeStringArray::from_iter_values((0..1000).map(|row| format!("text {row:020}")));
        let batch = RecordBatch::try_from_iter([("t", Arc::new(texts) as ArrayRef)]).unwrap();
        let whole = batch.get_array_memory_size();
        let pieces: Vec<RecordBatch> =
            Cut::new([Ok(batch.clone())].into_iter(), batch.schema(), 30).map(Result::unwrap).collect();
        assert_eq!(
            pieces.iter().map(RecordBatch::num_rows).collect::<Vec<_>>()[..],
            [[30; 33].as_slice(), &[10]].concat()
        );
        assert!(pieces.iter().all(|piece| piece.get_array_memory_size() < whole / 10));
        assert_eq!(arrow::compute::concat_batches(&batch.schema(), &pieces).unwrap(), batch);
    }
}
