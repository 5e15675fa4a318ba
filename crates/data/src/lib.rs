//! Tables in and out, and the feature matrix that learners take.

mod agreement;
mod calendar;
mod column;
mod csv;
mod error;
mod file;
mod guard;
mod input;
mod label;
mod levels;
mod matrix;
mod narrow;
mod needs;
mod options;
mod parquet;
mod plain;
mod scan;
mod signature;
mod sink;
mod source;
pub mod split;
mod stream;
mod table;
mod table_file;
mod target;
mod union;
mod warning;
mod write;

pub use agreement::{check_agreement, dull_columns};
pub use column::{Column, Kind};
pub use error::{DataError, Fault};
pub use input::{Input, InputFile};
pub use label::Label;
pub use levels::Levels;
pub use matrix::{Dataset, Feature, FeatureKind, Matrix};
pub use narrow::Narrowed;
pub use needs::{Categories, Needs};
pub use options::{CsvOptions, Encoding, Format, ReadOptions};
pub use scan::{Batches, MemoryScan, Scan, ScanError};
pub use sink::{Compression, FolderParts, Sink, SinkOptions, WrittenFile, sink, sink_in, write_bytes, write_bytes_in};
pub use source::{Source, read, read_bytes, read_local, read_whole};
pub use stream::{
    ColumnType, Dropped, FileFormat, FileScan, Lenient, LookedFile, Malformed, MalformedRow, Quarantine, ScanOptions,
    ScanReport, ScanShare, ScannedFile, TypeChanged, Unparsable,
};
pub use table::{Place, Table};
pub use table_file::TableFile;
pub use target::{Target, alike_classes, target, target_of_classes};
pub use warning::Warning;
pub use write::{parquet_bytes, write, write_csv, write_parquet};
