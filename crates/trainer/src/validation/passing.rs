//! The rows of a file, some at a time.

use arrow::array::RecordBatch;
use indicatif::HumanCount;
use trainer_data::{ColumnType, FileScan, Scan as _, ScanError, ScanOptions, Table, TypeChanged, Warning};

use crate::exit::anyhow_of;
use crate::interrupt;
use crate::progress::{Progress, Stage};

/// Batches that are in memory together, each looked at by a thread of its own.
const AT_A_TIME: usize = 8;

/// Rows that go by as often as they are needed.
pub struct Passing<'p> {
    scan: FileScan,
    progress: &'p Progress,
}

/// Rows that follow one another, and the number of the first, from 0.
pub struct Stretch {
    /// The number of its first row.
    pub first_row: u64,
    /// The rows.
    pub table: Table,
}

impl<'p> Passing<'p> {
    /// Opens a file, a folder or a pattern; `text` are columns that are not to be taken for anything else.
    ///
    /// # Errors
    /// Those of [`FileScan::open`].
    pub fn open(path: &str, text: &[String], progress: &'p Progress) -> anyhow::Result<Self> {
        let mut scan = FileScan::open(path, &ScanOptions::default())?;
        let there = text.iter().filter(|name| scan.schema().index_of(name).is_ok());
        let types = there.map(|name| (name.clone(), ColumnType::Text)).collect::<std::collections::BTreeMap<_, _>>();
        if !types.is_empty() {
            scan = FileScan::open(path, &ScanOptions { types, ..ScanOptions::default() })?;
        }
        Ok(Self { scan, progress })
    }

    /// Does what needs the rows; once more from its start when a column turned out to be of another type than its first
    /// rows.
    ///
    /// # Errors
    /// Those of the work, and of the files.
    pub fn settle<T>(&mut self, mut work: impl FnMut(&Self) -> Result<T, ScanError>) -> anyhow::Result<T> {
        loop {
            match work(self) {
                Ok(done) => return Ok(done),
                Err(error) => match error.downcast::<TypeChanged>() {
                    Ok(change) => self.scan = self.scan.widened(&change)?,
                    Err(error) => return Err(anyhow_of(error)),
                },
            }
        }
    }

    /// A table of no rows with the columns.
    ///
    /// # Errors
    /// Columns of types that are not read.
    pub fn header(&self) -> Result<Table, ScanError> {
        Ok(Table::from_batch(&RecordBatch::new_empty(self.scan.schema()))?)
    }

    /// Shows all rows, some stretches at a time, in their order.
    ///
    /// # Errors
    /// Those of the files, a signal to stop, and what `look` returns.
    pub fn each(&self, mut look: impl FnMut(&[Stretch]) -> Result<(), ScanError>) -> Result<(), ScanError> {
        let columns: Vec<usize> = (0..self.scan.schema().fields().len()).collect();
        let mut batches = self.scan.open(&columns)?;
        self.progress.enter(Stage::Expectations);
        self.progress.bytes(0, self.scan.progress().1);
        let mut rows = 0;
        loop {
            let mut some = Vec::with_capacity(AT_A_TIME);
            for batch in batches.by_ref().take(AT_A_TIME) {
                let table = Table::from_batch(&batch?)?;
                let first_row = rows;
                rows += table.rows() as u64;
                some.push(Stretch { first_row, table });
            }
            interrupt::check()?;
            if some.is_empty() {
                return Ok(());
            }
            look(&some)?;
            let (done, of) = self.scan.progress();
            self.progress.doing(&format!("{} rows", HumanCount(rows)));
            self.progress.bytes(done.max(1), of);
        }
    }

    /// What was odd about the files, once all rows went by.
    pub fn warnings(&self) -> Vec<Warning> {
        self.scan.report().warnings
    }
}
