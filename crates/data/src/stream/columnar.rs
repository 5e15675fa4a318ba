//! One Parquet file: its columns are decoded in parallel, some rows at a time.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::PageIndexPolicy;
use ::parquet::file::reader::{ChunkReader, Length};
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Schema};
use bytes::Bytes;
use rayon::prelude::*;

use crate::guard::guarded;
use crate::source::object::{Answer, Object};
use crate::source::{Found, Location, folder};
use crate::{DataError, Fault};

/// Rows that are decoded at a time, and so of a batch.
const BATCH_ROWS: usize = 1 << 16;

/// The bytes of a Parquet file, read where they are asked for.
#[derive(Debug, Clone)]
pub(super) enum Bytestore {
    File(Arc<File>, u64),
    /// Asked for range by range: for footers.
    Object(Arc<Object>, u64),
    /// Ranges that were fetched, by where they start: the columns of a row group.
    Fetched(Arc<Vec<(u64, Bytes)>>, u64),
}

impl Bytestore {
    pub(super) fn open(found: &Found) -> Result<Self, DataError> {
        match &found.at {
            Location::File(path) => Ok(Self::File(Arc::new(folder::open(path)?), found.bytes)),
            Location::Object(object) => Ok(Self::Object(object.clone(), found.bytes)),
        }
    }

    fn read_at(&self, start: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            // At a place, not at the file's cursor: columns are read in parallel.
            #[cfg(unix)]
            Self::File(file, _) => std::os::unix::fs::FileExt::read_at(file.as_ref(), buffer, start),
            #[cfg(windows)]
            Self::File(file, _) => std::os::windows::fs::FileExt::seek_read(file.as_ref(), buffer, start),
            Self::Object(object, length) => {
                let bytes = object.range(start..length.to_owned().min(start + buffer.len() as u64));
                let bytes = bytes.wait().map_err(io::Error::other)?;
                buffer[..bytes.len()].copy_from_slice(&bytes);
                Ok(bytes.len())
            }
            Self::Fetched(ranges, _) => {
                let held = |(from, bytes): &&(u64, Bytes)| (*from..from + bytes.len() as u64).contains(&start);
                let Some((from, bytes)) = ranges.iter().find(held) else { return Ok(0) };
                let bytes = &bytes[(start - from) as usize..];
                let count = bytes.len().min(buffer.len());
                buffer[..count].copy_from_slice(&bytes[..count]);
                Ok(count)
            }
        }
    }
}

impl Length for Bytestore {
    fn len(&self) -> u64 {
        match self {
            Self::File(_, length) | Self::Object(_, length) | Self::Fetched(_, length) => *length,
        }
    }
}

/// Reads on from a place.
pub(super) struct From {
    store: Bytestore,
    at: u64,
}

impl Read for From {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.store.read_at(self.at, buffer)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl ChunkReader for Bytestore {
    type T = io::BufReader<From>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(io::BufReader::new(From { store: self.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let mut bytes = vec![0; length];
        From { store: self.clone(), at: start }.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// The footer of a Parquet file.
#[derive(Debug, Clone)]
pub(super) struct Footer {
    pub(super) metadata: ArrowReaderMetadata,
    pub(super) rows: u64,
}

impl Footer {
    /// # Errors
    /// `Malformed` (`damaged_parquet`, `not_what_its_name_says`).
    pub(super) fn read(found: &Found) -> Result<Self, DataError> {
        let store = Bytestore::open(found)?;
        check_ends(&store, &found.name)?;
        let damaged = |error| damaged(error, &found.name);
        // Parquet's own types decide, not those that an arrow writer left beside them: one reading for every writer.
        let options =
            ArrowReaderOptions::new().with_skip_arrow_metadata(true).with_page_index_policy(PageIndexPolicy::Skip);
        let metadata = guarded(|| ArrowReaderMetadata::load(&store, options.clone()))
            .unwrap_or_else(|panic| Err(ParquetError::General(panic)))
            .map_err(damaged)?;
        let fields: Vec<_> = metadata
            .schema()
            .fields()
            .iter()
            .map(|field| match field.data_type() {
                DataType::Utf8 | DataType::LargeUtf8 => {
                    Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View))
                }
                _ => field.clone(),
            })
            .collect();
        let options = options.with_schema(Arc::new(Schema::new(fields)));
        let metadata = ArrowReaderMetadata::try_new(metadata.metadata().clone(), options).map_err(damaged)?;
        let rows = metadata.metadata().file_metadata().num_rows();
        let rows = u64::try_from(rows).map_err(|_| damaged(ParquetError::General(format!("{rows} rows"))))?;
        Ok(Self { metadata, rows })
    }
}

fn check_ends(store: &Bytestore, file: &str) -> Result<(), DataError> {
    let length = store.len();
    let read = |start: u64, length: u64| {
        store.get_bytes(start, length as usize).map_err(|error| {
            DataError::unreadable(Fault::new("unreadable", format!("cannot be read: {error}")).file(file))
        })
    };
    let mut ends = read(0, length.min(512))?.to_vec();
    if length > 512 {
        ends.extend_from_slice(&read(length - 8, 8)?);
    }
    crate::signature::check_parquet(&ends, file)
}

/// A Parquet file that is being read.
#[derive(Debug)]
pub(super) struct Columnar {
    store: Bytestore,
    footer: Footer,
    file: String,
    positions: Vec<usize>,
    group: usize,
    readers: Vec<Column>,
    left: usize,
    /// The next row group's columns, on their way.
    ahead: Option<Ahead>,
}

/// Ranges of an object that were asked for: where each starts.
struct Ahead(Vec<(u64, Answer<Result<Bytes, DataError>>)>);

impl std::fmt::Debug for Ahead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ahead of {} ranges", self.0.len())
    }
}

/// One column of the row group that is being read.
struct Column(ParquetRecordBatchReader);

impl std::fmt::Debug for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Column")
    }
}

impl Columnar {
    pub(super) fn open(found: &Found, footer: &Footer, positions: Vec<usize>) -> Result<Self, DataError> {
        Ok(Self {
            store: Bytestore::open(found)?,
            footer: footer.clone(),
            file: found.name.clone(),
            positions,
            group: 0,
            readers: Vec::new(),
            left: 0,
            ahead: None,
        })
    }

    /// Compressed bytes of the row groups begun so far.
    pub(super) fn bytes(&self) -> u64 {
        let groups = &self.footer.metadata.metadata().row_groups()[..self.group];
        groups.iter().map(|group| group.compressed_size().max(0) as u64).sum()
    }

    /// Where the row group's bytes are read: those of an object are fetched first, and those of the next one asked for.
    fn group_store(&mut self) -> Result<Bytestore, DataError> {
        let Bytestore::Object(object, length) = &self.store else { return Ok(self.store.clone()) };
        let (object, length) = (object.clone(), *length);
        let asked = self.ahead.take().unwrap_or_else(|| self.ask(&object, self.group));
        self.ahead = Some(self.ask(&object, self.group + 1));
        let wait = |(start, answer): (u64, Answer<_>)| Ok((start, answer.wait()?));
        let ranges = asked.0.into_iter().map(wait).collect::<Result<Vec<_>, DataError>>()?;
        Ok(Bytestore::Fetched(Arc::new(ranges), length))
    }

    fn ask(&self, object: &Object, group: usize) -> Ahead {
        let metadata = self.footer.metadata.metadata();
        let schema = metadata.file_metadata().schema_descr();
        let columns = metadata.row_groups().get(group).map_or(&[][..], |group| group.columns());
        let wanted = columns.iter().enumerate().filter(|(leaf, _)| {
            let root = schema.get_column_root_idx(*leaf);
            self.positions.contains(&root)
        });
        let asked = wanted.map(|(_, column)| {
            let (start, length) = column.byte_range();
            (start, object.range(start..start + length))
        });
        Ahead(asked.collect())
    }

    /// The next rows: their number, and the columns asked for; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<(usize, Vec<ArrayRef>)>, DataError> {
        while self.left == 0 {
            let groups = self.footer.metadata.metadata().row_groups();
            let Some(group) = groups.get(self.group) else { return Ok(None) };
            self.left = usize::try_from(group.num_rows())
                .map_err(|_| damaged(ParquetError::General(format!("{} rows", group.num_rows())), &self.file))?;
            let store = &self.group_store()?;
            let (metadata, group, file) = (&self.footer.metadata, self.group, &self.file);
            let readers = self.positions.par_iter().map(|&position| reader(store, metadata, group, position, file));
            self.readers = readers.collect::<Result<_, _>>()?;
            self.group += 1;
        }
        let rows = self.left.min(BATCH_ROWS);
        let names = self.footer.metadata.schema().fields();
        let (file, positions) = (&self.file, &self.positions);
        let columns = self.readers.par_iter_mut().zip(positions.par_iter()).map(|(reader, &position)| {
            let in_column = |error| damaged(error, file).map(|fault| fault.column(names[position].name()));
            let batch = guarded(|| reader.0.next())
                .unwrap_or_else(|panic| Some(Err(arrow::error::ArrowError::ParquetError(panic))));
            match batch {
                Some(Ok(batch)) if batch.num_rows() == rows => Ok(batch.column(0).clone()),
                Some(Err(error)) => Err(in_column(ParquetError::ArrowError(error.to_string()))),
                other => {
                    let found = other.and_then(Result::ok).map_or(0, |batch| batch.num_rows());
                    Err(in_column(ParquetError::EOF(format!("expected {rows} rows, found {found}"))))
                }
            }
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        self.left -= rows;
        Ok(Some((rows, columns)))
    }
}

fn reader(
    store: &Bytestore,
    metadata: &ArrowReaderMetadata,
    group: usize,
    position: usize,
    file: &str,
) -> Result<Column, DataError> {
    let build = || {
        ParquetRecordBatchReaderBuilder::new_with_metadata(store.clone(), metadata.clone())
            .with_projection(ProjectionMask::roots(metadata.parquet_schema(), [position]))
            .with_row_groups(vec![group])
            .with_batch_size(BATCH_ROWS)
            .build()
    };
    let built = guarded(build).unwrap_or_else(|panic| Err(ParquetError::General(panic)));
    built.map(Column).map_err(|error| damaged(error, file))
}

fn damaged(error: ParquetError, file: &str) -> DataError {
    let message = format!("expected a whole Parquet file, found it damaged or cut: {error}");
    DataError::malformed(Fault::new("damaged_parquet", message).file(file))
}
