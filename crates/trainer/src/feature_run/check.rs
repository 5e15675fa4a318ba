//! Expectations held against rows while they go by.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use trainer_data::{Batches, Scan, ScanError, Table};
use trainer_features::expectation::{Checks, ResultOptions, Suite, ValidationResult};

use crate::exit::Failure;

/// Rows that a suite is held against, the first time that all of them are read. A critical expectation that does not hold
/// ends them with an error.
#[derive(Debug)]
pub struct Checked {
    scan: Arc<dyn Scan>,
    suite: Arc<Suite>,
    options: ResultOptions,
    state: Arc<Mutex<State>>,
}

/// How far the suite has been held against the rows.
enum State {
    Due,
    Running,
    Done(Box<ValidationResult>),
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Due => "due",
            Self::Running => "running",
            Self::Done(_) => "done",
        })
    }
}

impl Checked {
    /// The rows, and the suite that they are held against.
    pub fn new(scan: Arc<dyn Scan>, suite: Suite, options: ResultOptions) -> Self {
        Self { scan, suite: Arc::new(suite), options, state: Arc::new(Mutex::new(State::Due)) }
    }

    /// What was found, once all rows have gone by.
    pub fn result(&self) -> Option<ValidationResult> {
        match &*self.lock() {
            State::Done(result) => Some((**result).clone()),
            State::Due | State::Running => None,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scan for Checked {
    fn schema(&self) -> SchemaRef {
        self.scan.schema()
    }

    fn open(&self, columns: &[usize]) -> Result<Batches, ScanError> {
        {
            let mut state = self.lock();
            if !matches!(*state, State::Due) {
                return self.scan.open(columns);
            }
            *state = State::Running;
        }
        // A table is judged by all of its columns, whoever reads it.
        let all: Vec<usize> = (0..self.schema().fields().len()).collect();
        let started = self.suite.begin(&self.schema(), self.options.clone());
        let checks = started.map_err(|error| Box::new(error) as ScanError)?;
        let batches = self.scan.open(&all)?;
        let (state, columns) = (self.state.clone(), columns.to_vec());
        Ok(Box::new(Checking { batches, checks: Some(checks), state, columns }))
    }

    fn rows(&self) -> Option<u64> {
        self.scan.rows()
    }
}

struct Checking {
    batches: Batches,
    checks: Option<Checks>,
    state: Arc<Mutex<State>>,
    columns: Vec<usize>,
}

impl Checking {
    fn look(&mut self, batch: &RecordBatch) -> Result<RecordBatch, ScanError> {
        if let Some(checks) = &mut self.checks {
            let rows = checks.rows();
            checks.add(&Table::from_batch(batch)?, rows)?;
        }
        Ok(batch.project(&self.columns)?)
    }

    /// The verdict; why nothing comes of these rows, if so.
    fn judge(&mut self) -> Option<ScanError> {
        let result = self.checks.take()?.finish();
        let refused = result.refusal("the rows");
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::Done(Box::new(result));
        refused.map(|message| Box::new(Failure::data(message)) as ScanError)
    }
}

impl Iterator for Checking {
    type Item = Result<RecordBatch, ScanError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.batches.next() {
            Some(Ok(batch)) => Some(self.look(&batch)),
            Some(Err(error)) => Some(Err(error)),
            None => self.judge().map(Err),
        }
    }
}

impl Drop for Checking {
    /// Rows that were not read to their end are judged the next time.
    fn drop(&mut self) {
        if self.checks.is_some() {
            *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::Due;
        }
    }
}
