//! Tables in and out, and the feature matrix that learners take.

mod calendar;
mod column;
mod csv;
mod error;
mod file;
mod input;
mod label;
mod levels;
mod matrix;
mod needs;
mod options;
mod parquet;
mod signature;
mod source;
pub mod split;
mod table;
mod target;
mod union;
mod warning;
mod write;

pub use column::{Column, Kind};
pub use error::{DataError, Fault};
pub use input::{Input, InputFile};
pub use label::Label;
pub use levels::Levels;
pub use matrix::{Dataset, Feature, FeatureKind, Matrix};
pub use needs::{Categories, Needs};
pub use options::{CsvOptions, Encoding, Format, ReadOptions};
pub use source::{Source, read, read_bytes, read_local};
pub use table::{Place, Table};
pub use target::{Target, target, target_of_classes};
pub use warning::Warning;
pub use write::{write, write_csv, write_parquet};
