//! One file of a scan: what it is, what columns it has, and how they become those of the scan.

use std::io::Read;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};

use super::columnar::Footer;
use super::conversion::supported;
use super::delimited::Delimited;
use super::lines::JsonLines;
use super::options::{FileFormat, ScanOptions};
use super::packed::unpacked;
use super::report::Pass;
use super::transcoded::Transcoded;
use super::typed::Plan;
use super::typing::{FileColumn, shape};
use super::window::Window;
use crate::csv::tally::Tally;
use crate::file::{Packing, extension};
use crate::source::Found;
use crate::{DataError, Fault, Warning};

/// How a file is read.
#[derive(Debug, Clone)]
pub(super) enum Form {
    Csv(Packing),
    JsonLines(Packing),
    Parquet(Arc<Footer>),
}

/// A file that was looked into.
pub(super) struct Opened {
    pub(super) found: Found,
    pub(super) form: Form,
    pub(super) columns: Vec<FileColumn>,
    /// Rows that were looked at: all, in Parquet.
    pub(super) rows: u64,
    /// Rows among them that are not well formed.
    pub(super) malformed: u64,
}

/// A file of a scan.
#[derive(Debug, Clone)]
pub(super) struct FilePlan {
    pub(super) found: Found,
    pub(super) form: Form,
    /// By column of the scan: which one of the file it is.
    pub(super) columns: Vec<Option<FileColumnPlan>>,
    pub(super) known_rows: Option<u64>,
}

/// A column of a file.
#[derive(Debug, Clone)]
pub(super) struct FileColumnPlan {
    pub(super) position: usize,
    pub(super) plan: Plan,
    pub(super) tally: Option<Tally>,
}

impl Opened {
    /// Looks into a file: its names, and its types by at least so many rows. A text file of which no rows are wanted is
    /// taken to have the types of those before, unless it has a column that they lack.
    pub(super) fn open(
        found: Found,
        options: &ScanOptions,
        before: &[Self],
        least_rows: u64,
    ) -> Result<Self, DataError> {
        if found.bytes == 0 {
            let fault = Fault::new("empty_file", "expected data, found an empty file");
            return Err(DataError::malformed(fault.file(found.name.as_str())));
        }
        match form(&found, options)? {
            Form::Parquet(footer) => Self::columnar(found, footer, options),
            form @ Form::JsonLines(_) => Self::lines(found, form, options, least_rows.max(1)),
            form => Self::delimited(found, form, options, before, least_rows),
        }
    }

    pub(super) fn columnar(found: Found, footer: Arc<Footer>, options: &ScanOptions) -> Result<Self, DataError> {
        let wanted = |name: &String| options.columns.as_ref().is_none_or(|columns| columns.contains(name));
        let columns = footer.metadata.schema().fields().iter().map(|field| {
            let data_type =
                // A column that is not asked for may be of a type that is not supported.
                if wanted(field.name()) { supported(field.name(), field.data_type(), &found.name)? } else { DataType::Null };
            Ok(FileColumn { name: field.name().clone(), data_type, is_digits: false, plan: None, tally: None })
        });
        let columns = columns.collect::<Result<Vec<_>, DataError>>()?;
        if columns.is_empty() {
            let fault = Fault::new("no_columns", "expected at least one column, found none");
            return Err(DataError::malformed(fault.file(found.name.as_str())));
        }
        let rows = footer.rows;
        Ok(Self { found, form: Form::Parquet(footer), columns, rows, malformed: 0 })
    }

    fn lines(found: Found, form: Form, options: &ScanOptions, least_rows: u64) -> Result<Self, DataError> {
        let keys = open_lines(&found, &form, options, None)?.keys(least_rows)?;
        let typed = keys.names.iter().zip(keys.tallies).map(|(name, tally)| FileColumn::of_tally(name, tally, options));
        Ok(Self { columns: typed.collect(), found, form, rows: keys.rows, malformed: keys.bad })
    }

    fn delimited(
        found: Found,
        form: Form,
        options: &ScanOptions,
        before: &[Self],
        least_rows: u64,
    ) -> Result<Self, DataError> {
        let mut text = open_text(&found, &form, options, None)?;
        let names = text.header.names.clone();
        let is_known = |name: &String| before.iter().any(|file| file.columns.iter().any(|column| column.name == *name));
        let least_rows = if names.iter().all(is_known) { least_rows } else { least_rows.max(super::SAMPLE_ROWS) };
        if least_rows == 0 {
            let untyped = |name: &String| FileColumn {
                name: name.clone(),
                data_type: DataType::Null,
                is_digits: false,
                plan: None,
                tally: None,
            };
            return Ok(Self { columns: names.iter().map(untyped).collect(), found, form, rows: 0, malformed: 0 });
        }
        let (tallies, rows, malformed) = text.tallies(least_rows)?;
        let typed = names.iter().zip(tallies).map(|(name, tally)| FileColumn::of_tally(name, tally, options));
        Ok(Self { columns: typed.collect(), found, form, rows, malformed })
    }

    pub(super) fn warnings(&self, options: &ScanOptions) -> Vec<Warning> {
        self.columns.iter().flat_map(|column| column.warnings(&self.found.name, options)).collect()
    }

    pub(super) fn planned(self, schema: &SchemaRef) -> FilePlan {
        let plan = |name: &String, joined: &DataType| {
            let position = self.columns.iter().position(|column| column.name == *name)?;
            let column = &self.columns[position];
            let plan = column.plan.unwrap_or_else(|| Plan::of(shape(joined)));
            Some(FileColumnPlan { position, plan, tally: column.tally.clone() })
        };
        let columns = schema.fields().iter().map(|field| plan(field.name(), field.data_type())).collect();
        let known_rows = if let Form::Parquet(footer) = &self.form { Some(footer.rows) } else { None };
        FilePlan { found: self.found, form: self.form, columns, known_rows }
    }
}

impl FilePlan {
    /// Number of rows, where the file says it.
    pub(super) fn known_rows(&self) -> Option<u64> {
        self.known_rows
    }
}

/// How a file is to be read, by the options or its name.
pub(super) fn form(found: &Found, options: &ScanOptions) -> Result<Form, DataError> {
    let (extension, packing) = extension(&found.name);
    let format = match (options.format, extension.as_str()) {
        (Some(format), _) => format,
        (None, "csv" | "tsv") => FileFormat::Csv,
        (None, "parquet" | "pq") => FileFormat::Parquet,
        (None, "jsonl" | "ndjson") => FileFormat::JsonLines,
        (None, _) => {
            let message =
                "expected a name that ends in .parquet, .csv, .jsonl or .ndjson, the last three also with .gz or .zst";
            let fault = Fault::new("unknown_format", message).file(found.name.as_str());
            let hint = "set the format to csv, parquet or json_lines, or select files by a pattern";
            return Err(DataError::options(fault.hint(hint)));
        }
    };
    match format {
        FileFormat::Csv => Ok(Form::Csv(packing)),
        FileFormat::JsonLines => Ok(Form::JsonLines(packing)),
        FileFormat::Parquet if packing != Packing::None => {
            let fault = Fault::new("packed_parquet", "expected Parquet as it is, found a name of a packed file");
            Err(DataError::options(fault.file(found.name.as_str()).hint("unpack it: Parquet is compressed inside")))
        }
        FileFormat::Parquet => Ok(Form::Parquet(Arc::new(Footer::read(found)?))),
    }
}

/// Opens a CSV file from its header on; what is read is counted.
pub(super) fn open_text(
    found: &Found,
    form: &Form,
    options: &ScanOptions,
    pass: Option<Arc<Pass>>,
) -> Result<Delimited, DataError> {
    let text = unpacked(source(found, pass)?, form.packing(), &found.name)?;
    let window = Window::new(Transcoded::of(text, options.csv.encoding, &found.name), &found.name);
    Delimited::open(window, &found.name, options)
}

/// Opens a file of JSON lines; what is read is counted.
pub(super) fn open_lines(
    found: &Found,
    form: &Form,
    options: &ScanOptions,
    pass: Option<Arc<Pass>>,
) -> Result<JsonLines, DataError> {
    let text = unpacked(source(found, pass)?, form.packing(), &found.name)?;
    JsonLines::open(Window::new(text, &found.name), &found.name, options.malformed)
}

fn source(found: &Found, pass: Option<Arc<Pass>>) -> Result<Box<dyn Read + Send>, DataError> {
    let source = found.read()?;
    Ok(match pass {
        Some(pass) => Box::new(Counted { source, pass }),
        None => source,
    })
}

impl Form {
    fn packing(&self) -> Packing {
        match self {
            Self::Csv(packing) | Self::JsonLines(packing) => *packing,
            Self::Parquet(_) => Packing::None,
        }
    }
}

/// Counts the bytes that are read.
struct Counted {
    source: Box<dyn Read + Send>,
    pass: Arc<Pass>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.pass.read_bytes(count as u64);
        Ok(count)
    }
}
