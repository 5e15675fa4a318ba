//! Parquet, its columns encoded in parallel.

use std::io::BufWriter;

use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_writer::{
    ArrowColumnWriter, ArrowRowGroupWriterFactory, ArrowWriterOptions, compute_leaves,
};
use ::parquet::basic::{Compression as Codec, ZstdLevel};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::ColumnPath;
use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use rayon::prelude::*;

use super::hash::Hashed;
use super::output::{Output, failed};
use super::{Compression, FileWriter, SinkOptions, Written};
use crate::DataError;

/// Rows that are encoded at a time: enough that the columns are worth sharing among threads.
const CHUNK_ROWS: usize = 1 << 16;

type Out = BufWriter<Hashed<Output>>;

/// A Parquet file that is being written.
pub(super) struct ParquetFile {
    name: String,
    schema: SchemaRef,
    writer: SerializedFileWriter<Out>,
    factory: ArrowRowGroupWriterFactory,
    /// One a leaf column, of the row group that is being written.
    columns: Vec<ArrowColumnWriter>,
    group_rows: usize,
    groups: usize,
    row_group_rows: usize,
    /// Batches that wait to be encoded, and their rows.
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
    rows: u64,
}

impl ParquetFile {
    pub(super) fn new(file: Output, schema: &SchemaRef, options: &SinkOptions) -> Result<Self, DataError> {
        let name = file.name();
        let codec = match options.compression {
            Compression::None => Codec::UNCOMPRESSED,
            Compression::Snappy => Codec::SNAPPY,
            Compression::Zstd => Codec::ZSTD(ZstdLevel::default()),
        };
        let mut properties = WriterProperties::builder()
            .set_compression(codec)
            // For row groups and not for each page: what readers use to skip, at half the cost.
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_max_row_group_row_count(Some(options.row_group_rows.max(1)));
        // Scaled numbers and hashes: a dictionary of them is built in vain, and costs more than the pages.
        for field in schema.fields().iter().filter(|it| matches!(it.data_type(), DataType::Float32 | DataType::UInt32))
        {
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(field.name().as_str()), false);
        }
        let properties = properties.build();
        // Types as Parquet has them: text is text to every reader, however it lay in memory here.
        let settings = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let out = BufWriter::with_capacity(1 << 20, Hashed::new(file));
        let opened = ArrowWriter::try_new_with_options(out, schema.clone(), settings)
            .and_then(ArrowWriter::into_serialized_writer);
        let (writer, factory) = opened.map_err(|error| lost(&name, error))?;
        Ok(Self {
            name,
            schema: schema.clone(),
            writer,
            factory,
            columns: Vec::new(),
            group_rows: 0,
            groups: 0,
            row_group_rows: options.row_group_rows.max(1),
            waiting: Vec::new(),
            waiting_rows: 0,
            rows: 0,
        })
    }

    /// Encodes what waits, and ends row groups that are full.
    fn encode(&mut self) -> Result<(), ParquetError> {
        if self.waiting_rows == 0 {
            return Ok(());
        }
        if self.columns.is_empty() {
            self.columns = self.factory.create_column_writers(self.groups)?;
        }
        let (waiting, schema) = (&self.waiting, &self.schema);
        let mut left = self.columns.as_mut_slice();
        let mut tasks = Vec::with_capacity(schema.fields().len());
        for (position, field) in schema.fields().iter().enumerate() {
            let (own, rest) = left.split_at_mut(leaf_count(field.data_type()));
            tasks.push((position, own));
            left = rest;
        }
        tasks.into_par_iter().try_for_each(|(position, own)| {
            // Joined: where a page may end depends on how many values come at once.
            let parts: Vec<&dyn Array> = waiting.iter().map(|batch| batch.column(position).as_ref()).collect();
            let leaves = compute_leaves(schema.field(position), &arrow::compute::concat(&parts)?)?;
            own.iter_mut().zip(&leaves).try_for_each(|(column, leaf)| column.write(leaf))
        })?;
        self.group_rows += self.waiting_rows;
        self.waiting.clear();
        self.waiting_rows = 0;
        if self.group_rows == self.row_group_rows { self.end_group() } else { Ok(()) }
    }

    fn end_group(&mut self) -> Result<(), ParquetError> {
        if self.columns.is_empty() {
            return Ok(());
        }
        let columns = std::mem::take(&mut self.columns);
        let chunks = columns.into_par_iter().map(ArrowColumnWriter::close).collect::<Result<Vec<_>, _>>()?;
        let mut group = self.writer.next_row_group()?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut group)?;
        }
        group.close()?;
        self.groups += 1;
        self.group_rows = 0;
        Ok(())
    }

    fn ended(mut self) -> Result<Out, ParquetError> {
        self.encode()?;
        self.end_group()?;
        self.writer.into_inner()
    }
}

impl FileWriter for ParquetFile {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), DataError> {
        let mut from = 0;
        while from < batch.num_rows() {
            // Cut at the same rows whatever the batches are, so that the pages are the same.
            let room = CHUNK_ROWS.min(self.row_group_rows - self.group_rows) - self.waiting_rows;
            let rows = room.min(batch.num_rows() - from);
            self.waiting.push(batch.slice(from, rows));
            self.waiting_rows += rows;
            self.rows += rows as u64;
            from += rows;
            if rows == room {
                self.encode().map_err(|error| lost(&self.name, error))?;
            }
        }
        Ok(())
    }

    fn end(self: Box<Self>) -> Result<Written, DataError> {
        let (name, rows) = (self.name.clone(), self.rows);
        let out = self.ended().map_err(|error| lost(&name, error))?;
        let hashed = out.into_inner().map_err(|error| failed(&name, error.into_error()))?;
        Ok(Written::of(hashed, rows))
    }
}

/// How many columns of Parquet a column becomes: lists, structs and maps are taken apart.
fn leaf_count(kind: &DataType) -> usize {
    match kind {
        DataType::List(field) | DataType::LargeList(field) | DataType::Map(field, _) => leaf_count(field.data_type()),
        DataType::Struct(fields) => fields.iter().map(|field| leaf_count(field.data_type())).sum(),
        _ => 1,
    }
}

fn lost(name: &str, error: ParquetError) -> DataError {
    match error {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(error) => failed(name, *error),
            Err(inner) => failed(name, std::io::Error::other(inner)),
        },
        error => failed(name, std::io::Error::other(error)),
    }
}
