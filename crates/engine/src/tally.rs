use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use trainer_data::{Batches, Scan, ScanError};

/// How many rows a step took and gave, known once its result has been read to the end.
#[derive(Debug, Default)]
pub struct Tally {
    taken: Arc<AtomicU64>,
    given: Arc<AtomicU64>,
}

impl Tally {
    /// Rows that the step read, the last time that it read all.
    pub fn rows_in(&self) -> u64 {
        self.taken.load(Ordering::Acquire)
    }

    /// Rows of its result, the last time that it was read to the end. Of a join more than `rows_in` says that rows
    /// multiplied.
    pub fn rows_out(&self) -> u64 {
        self.given.load(Ordering::Acquire)
    }

    /// The step's input, counted.
    pub(crate) fn input(&self, scan: Arc<dyn Scan>) -> Arc<dyn Scan> {
        Arc::new(Counted { scan, rows: self.taken.clone() })
    }

    /// The step's result, counted.
    pub(crate) fn output(&self, scan: Arc<dyn Scan>) -> Arc<dyn Scan> {
        Arc::new(Counted { scan, rows: self.given.clone() })
    }
}

#[derive(Debug)]
struct Counted {
    scan: Arc<dyn Scan>,
    rows: Arc<AtomicU64>,
}

impl Scan for Counted {
    fn schema(&self) -> SchemaRef {
        self.scan.schema()
    }

    fn open(&self, columns: &[usize]) -> Result<Batches, ScanError> {
        Ok(Box::new(Counting { batches: self.scan.open(columns)?, seen: 0, rows: self.rows.clone() }))
    }

    fn rows(&self) -> Option<u64> {
        self.scan.rows()
    }
}

struct Counting {
    batches: Batches,
    seen: u64,
    rows: Arc<AtomicU64>,
}

impl Iterator for Counting {
    type Item = Result<RecordBatch, ScanError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.batches.next();
        match &next {
            Some(Ok(batch)) => self.seen += batch.num_rows() as u64,
            Some(Err(_)) => {}
            None => self.rows.store(self.seen, Ordering::Release),
        }
        next
    }
}
