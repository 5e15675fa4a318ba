use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use trainer_data::{Batches, Scan, ScanError};

use crate::EngineError;

/// A scan with one more column, its last: the number of the row, from 0.
#[derive(Debug)]
pub struct Numbered {
    input: Arc<dyn Scan>,
    schema: SchemaRef,
}

impl Numbered {
    pub fn new(input: Arc<dyn Scan>, name: &str) -> Self {
        let mut fields: Vec<_> = input.schema().fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(name, DataType::UInt64, false)));
        Self { input, schema: Arc::new(Schema::new(fields)) }
    }
}

impl Scan for Numbered {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn open(&self, columns: &[usize]) -> Result<Batches, ScanError> {
        let number = self.schema.fields().len() - 1;
        let taken: Vec<usize> = columns.iter().copied().filter(|&column| column != number).collect();
        let schema = Arc::new(self.schema.project(columns)?);
        let columns = columns.to_vec();
        let mut rows = 0;
        Ok(Box::new(self.input.open(&taken)?.map(move |batch| {
            let batch = batch?;
            let numbers: ArrayRef = Arc::new(UInt64Array::from_iter_values(rows..rows + batch.num_rows() as u64));
            rows += batch.num_rows() as u64;
            let mut others = batch.columns().iter();
            let arrays = columns.iter().map(|&column| match column {
                column if column == number => numbers.clone(),
                _ => others.next().expect("a column each").clone(),
            });
            rows_of(schema.clone(), arrays.collect(), batch.num_rows())
        })))
    }

    fn rows(&self) -> Option<u64> {
        self.input.rows()
    }
}

/// A batch, of which there may be no columns.
pub fn rows_of(schema: SchemaRef, arrays: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch, ScanError> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, arrays, &options)
        .map_err(|error| Box::new(EngineError::internal(error)) as ScanError)
}
