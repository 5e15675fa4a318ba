//! What each step of the road takes and gives: rows, time, and the step's name in every error.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use trainer_data::{Batches, Scan, ScanError};

use crate::interrupt;

/// What went by at one place of the road.
#[derive(Debug, Default)]
pub struct Meter {
    rows: AtomicU64,
    nanos: AtomicU64,
}

impl Meter {
    /// Rows that went by, the last time that all did.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Acquire)
    }

    /// Time that was spent up to here, what is before this place included.
    pub fn spent(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Acquire))
    }
}

/// An error, with the step that it happened in.
#[derive(Debug)]
pub struct InStep {
    /// The step.
    pub step: &'static str,
    /// What happened.
    pub error: ScanError,
}

impl fmt::Display for InStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}: {}", self.step, self.error)
    }
}

impl std::error::Error for InStep {}

/// The error as one of that step, unless a step before it is known to be at fault.
pub fn in_step(step: &'static str, error: ScanError) -> ScanError {
    if error.is::<InStep>() { error } else { Box::new(InStep { step, error }) }
}

/// Rows whose passing is measured.
#[derive(Debug)]
pub struct Metered {
    scan: Arc<dyn Scan>,
    meter: Arc<Meter>,
    step: &'static str,
}

impl Metered {
    /// The rows of a step, measured.
    pub fn of(step: &'static str, scan: Arc<dyn Scan>) -> (Arc<dyn Scan>, Arc<Meter>) {
        let meter = Arc::new(Meter::default());
        (Arc::new(Self { scan, meter: meter.clone(), step }), meter)
    }
}

impl Scan for Metered {
    fn schema(&self) -> SchemaRef {
        self.scan.schema()
    }

    fn open(&self, columns: &[usize]) -> Result<Batches, ScanError> {
        let start = Instant::now();
        let batches = self.scan.open(columns).map_err(|error| in_step(self.step, error))?;
        let (meter, step) = (self.meter.clone(), self.step);
        let nanos = start.elapsed().as_nanos() as u64;
        meter.nanos.fetch_add(nanos, Ordering::AcqRel);
        Ok(Box::new(Passing { batches, meter, step, seen: 0 }))
    }

    fn rows(&self) -> Option<u64> {
        self.scan.rows()
    }
}

struct Passing {
    batches: Batches,
    meter: Arc<Meter>,
    step: &'static str,
    seen: u64,
}

impl Iterator for Passing {
    type Item = Result<RecordBatch, ScanError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Err(stopped) = interrupt::check() {
            return Some(Err(Box::new(stopped)));
        }
        let start = Instant::now();
        let next = self.batches.next();
        self.meter.nanos.fetch_add(start.elapsed().as_nanos() as u64, Ordering::AcqRel);
        match &next {
            Some(Ok(batch)) => self.seen += batch.num_rows() as u64,
            Some(Err(_)) => {}
            None => self.meter.rows.store(self.seen, Ordering::Release),
        }
        Some(next?.map_err(|error| in_step(self.step, error)))
    }
}
