//! Batches to files: a file appears under its name when it is whole, or not at all.

mod aside;
mod hash;
mod parquet;

use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::aside::Aside;
use self::parquet::ParquetFile;
use crate::{DataError, Fault, FileFormat};

/// How Parquet pages are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Not at all.
    None,
    /// Fast.
    #[default]
    Snappy,
    /// Smaller, and slower to write.
    Zstd,
}

/// How rows are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkOptions {
    /// The format; `None` = by the path's extension.
    pub format: Option<FileFormat>,
    /// How Parquet pages are compressed.
    pub compression: Compression,
    /// Rows of a row group of Parquet: what readers take as a unit of work.
    pub row_group_rows: usize,
}

impl Default for SinkOptions {
    fn default() -> Self {
        Self { format: None, compression: Compression::default(), row_group_rows: 1 << 20 }
    }
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenFile {
    /// The path or URL.
    pub path: String,
    /// Number of rows.
    pub rows: u64,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// Takes batches of one schema. Dropped before it is finished, it leaves nothing behind.
pub trait Sink: Send {
    /// Adds the rows of a batch, after those before.
    ///
    /// # Errors
    /// `Unwritable`.
    fn write(&mut self, batch: &RecordBatch) -> Result<(), DataError>;

    /// Ends the files and gives them their names.
    ///
    /// # Errors
    /// `Unwritable`: then what was there before is there still.
    fn finish(self: Box<Self>) -> Result<Vec<WrittenFile>, DataError>;
}

/// Opens a path to be written: Parquet or CSV, by its extension or by what the options say.
///
/// The same rows give the same bytes, however they are cut into batches.
///
/// # Errors
/// `Options` (`output_format`); `Unwritable`.
pub fn sink(path: &str, schema: &SchemaRef, options: &SinkOptions) -> Result<Box<dyn Sink>, DataError> {
    let format = format(path, options)?;
    let file = Aside::create(Path::new(path))?;
    match format {
        FileFormat::Parquet => Ok(Box::new(ParquetFile::new(file, schema, options)?)),
        FileFormat::Csv | FileFormat::JsonLines => Err(unknown(path)),
    }
}

fn format(path: &str, options: &SinkOptions) -> Result<FileFormat, DataError> {
    let (extension, packing) = crate::file::extension(path);
    match (options.format, extension.as_str(), packing) {
        (Some(format), ..) => Ok(format),
        (None, "parquet" | "pq", crate::file::Packing::None) => Ok(FileFormat::Parquet),
        (None, "csv", crate::file::Packing::None) => Ok(FileFormat::Csv),
        _ => Err(unknown(path)),
    }
}

fn unknown(path: &str) -> DataError {
    DataError::options(Fault::new("output_format", "expected a name that ends in .parquet or .csv").file(path))
}
