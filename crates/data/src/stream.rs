//! Files as a stream of batches: of any size, in bounded memory.
//!
//! Text is cut at starts of rows into parts of a fixed size, which are read in parallel and delivered in order, so the
//! batches are the same with any number of threads. A part is read in two steps: where its fields stand ([`index`]), and
//! column by column into arrow arrays ([`typed`]).

mod change;
mod columnar;
mod conversion;
mod delimited;
mod fast;
mod file;
mod index;
mod lines;
mod mark;
mod options;
mod packed;
mod reading;
mod report;
mod share;
mod transcoded;
mod typed;
mod typing;
mod window;

use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;

pub use self::change::{MalformedRow, Quarantine, TypeChanged};
use self::file::{FilePlan, Opened};
pub use self::options::{ColumnType, FileFormat, Lenient, Malformed, ScanOptions};
use self::reading::Reading;
use self::report::Pass;
pub use self::report::{Dropped, ScanReport, ScannedFile, Unparsable};
pub use self::share::{LookedFile, ScanShare};
use self::typing::Union;
use crate::{Batches, DataError, Fault, Scan, ScanError, Warning, source};

/// Rows whose cells decide the types of columns at first.
const SAMPLE_ROWS: u64 = 10_000;

/// The rows of files: of one file, of all files of a folder, or of all that match a pattern, one after the other.
///
/// Columns of text files are typed by what is declared and by the first 10,000 well formed rows. A later cell that does
/// not fit ends the batches with [`TypeChanged`]; [`FileScan::widened`] is then the scan with the types that hold every
/// cell. What is read is what [`crate::read_local`] reads, but that text is `Utf8View`.
#[derive(Debug, Clone)]
pub struct FileScan {
    files: Arc<[FilePlan]>,
    options: Arc<ScanOptions>,
    schema: SchemaRef,
    /// Whether all cells were looked at for the types.
    is_exact: bool,
    warnings: Arc<[Warning]>,
    quarantine: Option<Arc<dyn Quarantine>>,
    /// The file and line up to which rows were quarantined.
    kept: Arc<Mutex<(usize, u64)>>,
    pass: Arc<Mutex<Arc<Pass>>>,
}

impl FileScan {
    /// Finds the files of a path (a file, a folder or a pattern), and the types of their columns.
    ///
    /// # Errors
    /// `Options`, `Unreadable`: as [`crate::read_local`]. `Malformed`: a header or footer that cannot be read, and with
    /// [`Malformed::Error`] a row of the first 10,000; `no_rows`. `Mismatch`: types of files that have no wider one
    /// (`files_differ`), columns that are named in the options and not there (`missing_column`).
    pub fn open(path: &str, options: &ScanOptions) -> Result<Self, DataError> {
        Self::open_in(path, options, source::environment())
    }

    /// Opens as [`FileScan::open`], with these variables for the environment that says how S3 is reached.
    ///
    /// # Errors
    /// As [`FileScan::open`].
    pub fn open_in(
        path: &str,
        options: &ScanOptions,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, DataError> {
        options.csv.check()?;
        Self::of(source::locate(path, environment.into_iter().collect())?, options, false)
    }

    fn of(found: Vec<source::Found>, options: &ScanOptions, is_exact: bool) -> Result<Self, DataError> {
        let least = if is_exact { u64::MAX } else { SAMPLE_ROWS };
        let mut opened: Vec<Opened> = Vec::new();
        let mut rows = 0;
        for found in found {
            let file = Opened::open(found, options, &opened, least.saturating_sub(rows))?;
            rows += file.rows;
            opened.push(file);
        }
        let warnings = opened.iter().flat_map(|file| file.warnings(options)).collect();
        Self::of_opened(opened, warnings, options, is_exact)
    }

    /// The scan of files that were looked into, with what was odd about each.
    fn of_opened(
        opened: Vec<Opened>,
        of_files: Vec<Warning>,
        options: &ScanOptions,
        is_exact: bool,
    ) -> Result<Self, DataError> {
        if opened.iter().all(|file| file.rows == 0) {
            let dropped: u64 = opened.iter().map(|file| file.malformed).sum();
            let but = if dropped > 0 { format!(" ({dropped} that are not well formed)") } else { String::new() };
            let fault = Fault::new("no_rows", format!("expected data rows, found none{but}"));
            return Err(DataError::malformed(fault.file(opened[0].found.name.as_str())));
        }
        let columns: Vec<_> = opened.iter().map(|file| (file.found.name.as_str(), file.columns.as_slice())).collect();
        let union = Union::of(&columns, options)?;
        let mut warnings = union.warnings;
        warnings.extend(of_files);
        let files: Arc<[FilePlan]> = opened.into_iter().map(|file| file.planned(&union.schema)).collect();
        let scan = Self {
            files,
            options: Arc::new(options.clone()),
            schema: union.schema,
            is_exact,
            warnings: warnings.into(),
            quarantine: None,
            kept: Arc::default(),
            pass: Arc::default(),
        };
        *scan.current() = Arc::new(scan.new_pass());
        Ok(scan)
    }

    /// The same scan, its malformed rows given to a keeper as they are met: for [`Malformed::Quarantine`].
    pub fn with_quarantine(self, quarantine: Arc<dyn Quarantine>) -> Self {
        Self { quarantine: Some(quarantine), ..self }
    }

    /// Every `count`-th of the files, beginning with the one at `index`: for several programs that share them. All of them
    /// were looked at for the columns, so that the parts have the same.
    ///
    /// # Errors
    /// `Unreadable` (`no_files`) when no file is left.
    pub fn part(&self, index: u64, count: u64) -> Result<Self, DataError> {
        let files: Arc<[FilePlan]> =
            (0..).zip(self.files.iter()).filter(|(at, _)| at % count == index).map(|(_, file)| file.clone()).collect();
        if files.is_empty() {
            let message = format!("expected a file for part {index} of {count}, found {} in all", self.files.len());
            return Err(DataError::unreadable(
                Fault::new("no_files", message).hint("use as many parts as there are files, or fewer"),
            ));
        }
        let scan = Self { files, kept: Arc::default(), pass: Arc::default(), ..self.clone() };
        *scan.current() = Arc::new(scan.new_pass());
        Ok(scan)
    }

    /// The scan of the same files with types that hold every cell, after [`TypeChanged`]. Reads all files once, so that
    /// it is needed at most once.
    ///
    /// # Errors
    /// As [`FileScan::open`]; `Unreadable` (`changed`) when all cells were looked at before.
    pub fn widened(&self, change: &TypeChanged) -> Result<Self, DataError> {
        if self.is_exact {
            let message =
                format!("expected the cells that were there before, found `{}`: the file changed", change.example);
            let fault = Fault::new("changed", message).file(change.file.as_str()).row(change.row);
            return Err(DataError::unreadable(fault.column(change.column.as_str())));
        }
        let found = self.files.iter().map(|file| file.found.clone()).collect();
        let scan = Self::of(found, &self.options, true)?;
        Ok(Self { quarantine: self.quarantine.clone(), kept: self.kept.clone(), ..scan })
    }

    /// What the pass that was opened last found so far; whole once its batches have ended.
    pub fn report(&self) -> ScanReport {
        let pass = Arc::clone(&self.current());
        pass.report().clone()
    }

    /// Bytes of the files that the pass opened last has read, and how many there are.
    pub fn progress(&self) -> (u64, u64) {
        (self.current().bytes(), self.files.iter().map(|file| file.found.bytes).sum())
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Arc<Pass>> {
        self.pass.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn new_pass(&self) -> Pass {
        let file = |file: &FilePlan| ScannedFile {
            path: file.found.name.clone(),
            bytes: file.found.bytes,
            ..ScannedFile::default()
        };
        let mut report = ScanReport { files: self.files.iter().map(file).collect(), ..ScanReport::default() };
        for warning in self.warnings.iter() {
            report.warn(warning.clone());
        }
        Pass::new(report)
    }
}

impl Scan for FileScan {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn open(&self, columns: &[usize]) -> Result<Batches, ScanError> {
        let pass = Arc::new(self.new_pass());
        *self.current() = pass.clone();
        Ok(Box::new(Reading::new(self.clone(), columns, pass)?))
    }

    fn rows(&self) -> Option<u64> {
        self.files.iter().map(FilePlan::known_rows).sum()
    }
}
