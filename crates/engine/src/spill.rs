//! Rows that are put aside on disk, in files that vanish with the last who needs them.

use std::fmt;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::BatchCoalescer;
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use tempfile::TempPath;
use trainer_data::{Batches, Scan, ScanError};

use crate::EngineError;

/// Rows on their way to disk.
pub struct SpillWriter {
    writer: StreamWriter<BufWriter<File>>,
    path: TempPath,
    coalescer: BatchCoalescer,
    schema: SchemaRef,
    rows: u64,
}

impl SpillWriter {
    /// A file in a folder, for batches of that many rows.
    pub fn create(folder: &Path, schema: SchemaRef, rows: usize) -> Result<Self, EngineError> {
        let file = tempfile::Builder::new().prefix("spill").tempfile_in(folder);
        let (file, path) = file.map_err(|error| EngineError::disk("make", error))?.into_parts();
        let writer = StreamWriter::try_new(BufWriter::new(file), &schema);
        let writer = writer.map_err(|error| EngineError::disk("write", error))?;
        Ok(Self { writer, path, coalescer: BatchCoalescer::new(schema.clone(), rows), schema, rows: 0 })
    }

    /// Adds rows.
    pub fn push(&mut self, batch: RecordBatch) -> Result<(), EngineError> {
        self.rows += batch.num_rows() as u64;
        self.coalescer.push_batch(batch).map_err(EngineError::internal)?;
        self.flush()
    }

    fn flush(&mut self) -> Result<(), EngineError> {
        while let Some(batch) = self.coalescer.next_completed_batch() {
            self.writer.write(&batch).map_err(|error| EngineError::disk("write", error))?;
        }
        Ok(())
    }

    /// Ends the file; its rows can be read from then on.
    pub fn finish(mut self) -> Result<Spilled, EngineError> {
        self.coalescer.finish_buffered_batch().map_err(EngineError::internal)?;
        self.flush()?;
        let written = self.writer.into_inner().map_err(|error| EngineError::disk("write", error))?.flush();
        written.map_err(|error| EngineError::disk("write", error))?;
        Ok(Spilled { path: Arc::new(self.path), schema: self.schema, rows: self.rows })
    }
}

/// Rows on disk.
#[derive(Clone)]
pub struct Spilled {
    path: Arc<TempPath>,
    schema: SchemaRef,
    rows: u64,
}

impl fmt::Debug for Spilled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spilled").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Scan for Spilled {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn open(&self, columns: &[usize]) -> Result<Batches, ScanError> {
        let read = |error: &dyn fmt::Display| Box::new(EngineError::disk("read", error));
        let file = File::open(&*self.path).map_err(|error| read(&error))?;
        let reader = StreamReader::try_new(BufReader::new(file), None).map_err(|error| read(&error))?;
        let (columns, kept) = (columns.to_vec(), self.path.clone());
        Ok(Box::new(reader.map(move |batch| {
            // The file stays as long as somebody reads it.
            let _ = &kept;
            batch.and_then(|batch| batch.project(&columns)).map_err(|error| EngineError::disk("read", error).into())
        })))
    }

    fn rows(&self) -> Option<u64> {
        Some(self.rows)
    }
}
