//! What is read of the files, told while it is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::datatypes::SchemaRef;
use indicatif::HumanCount;
use trainer_data::{Batches, FileScan, Scan, ScanError};

use crate::progress::Teller;

/// The rows of files, whose reading is told. They are read once for each step that learns, and once to be written.
#[derive(Debug)]
pub struct Watched {
    files: FileScan,
    teller: Teller,
    passes: AtomicU64,
}

impl Watched {
    /// The rows of these files.
    pub fn of(files: FileScan, teller: Teller) -> Arc<dyn Scan> {
        Arc::new(Self { files, teller, passes: AtomicU64::new(0) })
    }
}

impl Scan for Watched {
    fn schema(&self) -> SchemaRef {
        self.files.schema()
    }

    fn open(&self, columns: &[usize]) -> Result<Batches, ScanError> {
        let pass = self.passes.fetch_add(1, Ordering::AcqRel) + 1;
        let batches = self.files.open(columns)?;
        let (files, teller) = (self.files.clone(), self.teller.clone());
        let again = if pass > 1 { format!(", pass {pass}") } else { String::new() };
        teller.bytes(0, files.progress().1);
        let mut rows = 0;
        let told = batches.inspect(move |batch| {
            rows += batch.as_ref().map_or(0, |batch| batch.num_rows() as u64);
            let (done, of) = files.progress();
            teller.doing(&format!("{} rows{again}", HumanCount(rows)));
            // Nothing read is how a pass starts.
            teller.bytes(done.max(1), of);
        });
        Ok(Box::new(told))
    }

    fn rows(&self) -> Option<u64> {
        self.files.rows()
    }
}
