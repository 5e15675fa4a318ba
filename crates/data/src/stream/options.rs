use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CsvOptions, Kind};

/// The format of files that are read as a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// Delimited text: `.csv`, `.tsv`, and these with `.gz` or `.zst`.
    Csv,
    /// Apache Parquet: `.parquet`, `.pq`.
    Parquet,
    /// One JSON object a line: `.jsonl`, `.ndjson`, and these with `.gz` or `.zst`.
    JsonLines,
}

/// What becomes of rows that are not well formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Malformed {
    /// The first one is an error with its place.
    #[default]
    Error,
    /// They are left out, and counted by what is wrong with them.
    Drop,
    /// They are left out and counted, and kept as they were in a file of their own.
    Quarantine,
}

/// The type of a column of a text file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// `true` and `false`.
    Boolean,
    /// Whole numbers of 64 bits.
    Integer,
    /// 64-bit floating point.
    Float,
    /// Text, whatever it looks like.
    Text,
    /// `YYYY-MM-DD`.
    Date,
    /// A date with a time of day; with a zone where the first rows have one.
    Timestamp,
}

impl ColumnType {
    /// What the cells are.
    pub fn kind(self) -> Kind {
        match self {
            Self::Boolean => Kind::Boolean,
            Self::Integer => Kind::Integer,
            Self::Float => Kind::Float,
            Self::Text => Kind::Text,
            Self::Date => Kind::Date,
            Self::Timestamp => Kind::Timestamp,
        }
    }
}

/// Columns of numbers whose other cells become null and are counted, instead of making the column text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lenient {
    /// None.
    #[default]
    Nothing,
    /// Every column whose type is not declared and of whose first values at least 95 % are numbers. Digits that start
    /// with a zero or a plus are not: they may be codes.
    Numeric,
    /// These.
    Columns(Vec<String>),
}

/// How files are read as a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ScanOptions {
    /// The format of every file; `None` = by each file's extension.
    pub format: Option<FileFormat>,
    /// How CSV files are written.
    pub csv: CsvOptions,
    /// The columns to read, in this order; `None` = all.
    pub columns: Option<Vec<String>>,
    /// What becomes of rows that are not well formed.
    pub malformed: Malformed,
    /// Types of columns of text files. Those of the others follow from their cells.
    pub types: BTreeMap<String, ColumnType>,
    /// Which columns of text files are numbers whatever some of their cells are.
    pub lenient: Lenient,
}
