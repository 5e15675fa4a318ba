use std::fmt;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::{Column, DataError, Table};

/// What can go wrong while batches are read or made: the error of whichever part of the road it was.
pub type ScanError = Box<dyn std::error::Error + Send + Sync>;

/// Batches of rows, in the order of the rows. After an error nothing more comes.
pub type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ScanError>> + Send>;

/// Rows of one schema that can be read again and again, each time the same rows in the same order, without all of them
/// being in memory.
pub trait Scan: fmt::Debug + Send + Sync {
    /// Names and types of the columns.
    fn schema(&self) -> SchemaRef;

    /// Starts reading these columns: by position in the schema, in the order given. Batches may have any number of rows;
    /// how the rows are cut into batches is the same each time.
    ///
    /// # Errors
    /// What stops the reading before its first batch.
    fn open(&self, columns: &[usize]) -> Result<Batches, ScanError>;

    /// How many rows there are, where that is known without reading them.
    fn rows(&self) -> Option<u64> {
        None
    }
}

/// Batches that are in memory.
#[derive(Debug, Clone)]
pub struct MemoryScan {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

impl MemoryScan {
    /// Batches of this schema.
    ///
    /// # Panics
    /// When a batch has another.
    pub fn new(schema: SchemaRef, batches: Vec<RecordBatch>) -> Self {
        assert!(batches.iter().all(|batch| batch.schema() == schema), "batches of one schema");
        Self { schema, batches }
    }
}

impl Scan for MemoryScan {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn open(&self, columns: &[usize]) -> Result<Batches, ScanError> {
        let projected: Result<Vec<_>, _> = self.batches.iter().map(|batch| batch.project(columns)).collect();
        Ok(Box::new(projected?.into_iter().map(Ok)))
    }

    fn rows(&self) -> Option<u64> {
        Some(self.batches.iter().map(|batch| batch.num_rows() as u64).sum())
    }
}

impl Table {
    /// The columns of a batch.
    ///
    /// # Errors
    /// As [`Column::new`] and [`Table::from_columns`].
    pub fn from_batch(batch: &RecordBatch) -> Result<Self, DataError> {
        let schema = batch.schema();
        let named = schema.fields().iter().zip(batch.columns());
        let columns = named.map(|(field, array)| Column::new(field.name(), array.clone())).collect::<Result<_, _>>()?;
        Self::from_columns(columns)
    }

    /// The table as one batch, its columns of the few types that [`Column`] has.
    pub fn to_batch(&self) -> RecordBatch {
        let columns = self.columns().iter().map(|column| (column.name(), column.array().clone(), true));
        RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length")
    }
}
