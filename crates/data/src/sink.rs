//! Batches to files: a file appears under its name when it is whole, or not at all.

mod aside;
mod csv;
mod hash;
mod output;
mod parquet;
mod partition;
mod parts;
mod upload;

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::csv::CsvFile;
use self::hash::Hashed;
use self::output::{Output, Target};
use self::parquet::ParquetFile;
use self::partition::Partitions;
pub use self::parts::FolderParts;
use crate::{DataError, Fault, FileFormat, source};

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
    /// Columns whose values become folders (`country=US/part-0.parquet`), and are in the files no more. The path is then
    /// a folder.
    pub partition_by: Vec<String>,
}

impl Default for SinkOptions {
    fn default() -> Self {
        Self { format: None, compression: Compression::default(), row_group_rows: 1 << 20, partition_by: Vec::new() }
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

/// One file that is being written.
trait FileWriter: Send {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), DataError>;

    /// Writes what is left; the file has its name only when what comes back is finished.
    fn end(self: Box<Self>) -> Result<Written, DataError>;
}

/// A file whose bytes are written, and that has no name yet.
struct Written {
    output: Output,
    file: WrittenFile,
}

impl Written {
    fn of(hashed: Hashed<Output>, rows: u64) -> Self {
        let (output, bytes, sha256) = hashed.finish();
        let path = output.name();
        Self { output, file: WrittenFile { path, rows, bytes, sha256 } }
    }

    fn finish(self) -> Result<WrittenFile, DataError> {
        self.output.finish()?;
        Ok(self.file)
    }
}

/// A path that is one file.
struct OneFile(Box<dyn FileWriter>);

impl Sink for OneFile {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), DataError> {
        self.0.write(batch)
    }

    fn finish(self: Box<Self>) -> Result<Vec<WrittenFile>, DataError> {
        Ok(vec![self.0.end()?.finish()?])
    }
}

/// Opens a local path or `s3://` URL to be written: Parquet or CSV, by its extension or by what the options say; with
/// `partition_by` a folder of them.
///
/// The same rows give the same bytes, however they are cut into batches. A local file is written beside its name,
/// synced and renamed; an object is sent in parts and appears when they are complete.
///
/// # Errors
/// `Options` (`output_format`); `Unwritable`; with `partition_by` also `Mismatch` (`missing_column`).
pub fn sink(path: &str, schema: &SchemaRef, options: &SinkOptions) -> Result<Box<dyn Sink>, DataError> {
    sink_in(path, schema, options, source::environment())
}

/// Opens as [`sink`], with these variables for the environment that says how S3 is reached.
///
/// # Errors
/// As [`sink`].
pub fn sink_in(
    path: &str,
    schema: &SchemaRef,
    options: &SinkOptions,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Box<dyn Sink>, DataError> {
    let (target, within) = Target::of(path, environment.into_iter().collect())?;
    if !options.partition_by.is_empty() {
        return Ok(Box::new(Partitions::new(target, &within, schema, options)?));
    }
    Ok(Box::new(OneFile(file_writer(target.create(&within)?, format(path, options)?, schema, options)?)))
}

/// Writes a small file, local or on S3, whole or not at all.
///
/// # Errors
/// `Options`, `Unwritable`.
pub fn write_bytes(path: &str, bytes: &[u8]) -> Result<(), DataError> {
    write_bytes_in(path, bytes, source::environment())
}

/// Writes as [`write_bytes`], with these variables for the environment that says how S3 is reached.
///
/// # Errors
/// As [`write_bytes`].
pub fn write_bytes_in(
    path: &str,
    bytes: &[u8],
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(), DataError> {
    let (target, within) = Target::of(path, environment.into_iter().collect())?;
    let mut output = target.create(&within)?;
    output.write_all(bytes).map_err(|error| output::failed(path, error))?;
    output.finish()
}

fn file_writer(
    file: Output,
    format: FileFormat,
    schema: &SchemaRef,
    options: &SinkOptions,
) -> Result<Box<dyn FileWriter>, DataError> {
    match format {
        FileFormat::Parquet => Ok(Box::new(ParquetFile::new(file, schema, options)?)),
        FileFormat::Csv => Ok(Box::new(CsvFile::new(file, schema)?)),
        FileFormat::JsonLines => Err(unknown(&file.name())),
    }
}

fn format(path: &str, options: &SinkOptions) -> Result<FileFormat, DataError> {
    let (extension, packing) = crate::file::extension(path);
    match (options.format, extension.as_str(), packing) {
        (Some(FileFormat::JsonLines), ..) => Err(unknown(path)),
        (Some(format), ..) => Ok(format),
        (None, "parquet" | "pq", crate::file::Packing::None) => Ok(FileFormat::Parquet),
        (None, "csv", crate::file::Packing::None) => Ok(FileFormat::Csv),
        _ => Err(unknown(path)),
    }
}

fn unknown(path: &str) -> DataError {
    DataError::options(Fault::new("output_format", "expected a name that ends in .parquet or .csv").file(path))
}
