//! CSV: comma, a header, LF line ends, quotes where needed, missing cells empty.

use std::io::{BufWriter, Write};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use rayon::prelude::*;

use super::hash::Hashed;
use super::output::{Output, failed};
use super::{FileWriter, Written};
use crate::write::write_record;
use crate::{DataError, Table};

/// Rows that one task formats.
const CHUNK_ROWS: usize = 4096;

/// A CSV file that is being written.
pub(super) struct CsvFile {
    name: String,
    out: BufWriter<Hashed<Output>>,
    rows: u64,
}

impl CsvFile {
    pub(super) fn new(file: Output, schema: &SchemaRef) -> Result<Self, DataError> {
        let name = file.name();
        let mut out = BufWriter::with_capacity(1 << 20, Hashed::new(file));
        let names = schema.fields().iter().map(|field| Some(field.name().as_str()));
        write_record(&mut out, names).map_err(|error| failed(&name, error))?;
        Ok(Self { name, out, rows: 0 })
    }
}

impl FileWriter for CsvFile {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), DataError> {
        let starts: Vec<usize> = (0..batch.num_rows()).step_by(CHUNK_ROWS).collect();
        let text = |&from: &usize| {
            let table = Table::from_batch(&batch.slice(from, CHUNK_ROWS.min(batch.num_rows() - from)))?;
            let mut text = Vec::new();
            for row in 0..table.rows() {
                let cells: Vec<_> = table.columns().iter().map(|column| column.text(row)).collect();
                write_record(&mut text, cells.iter().map(|cell| cell.as_deref()))
                    .map_err(|error| failed(&self.name, error))?;
            }
            Ok(text)
        };
        for text in starts.par_iter().map(text).collect::<Result<Vec<_>, DataError>>()? {
            self.out.write_all(&text).map_err(|error| failed(&self.name, error))?;
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    fn end(self: Box<Self>) -> Result<Written, DataError> {
        let hashed = self.out.into_inner().map_err(|error| failed(&self.name, error.into_error()))?;
        Ok(Written::of(hashed, self.rows))
    }
}
