//! What was counted while files were read.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::Warning;

/// What a pass over files found: whole once its last batch was taken, and before that as far as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanReport {
    /// The files, in the order in which they are read.
    pub files: Vec<ScannedFile>,
    /// Well formed rows.
    pub rows: u64,
    /// Rows that were left out, by what is wrong with them.
    pub dropped: Vec<Dropped>,
    /// Cells of number columns that are no number, by column.
    pub unparsable: Vec<Unparsable>,
    /// What else was odd.
    pub warnings: Vec<Warning>,
}

/// A file, and how much of it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScannedFile {
    /// The path or URL, as the user named it.
    pub path: String,
    /// Its length as it lies there.
    pub bytes: u64,
    /// Well formed rows that were read of it.
    pub rows: u64,
    /// Rows of it that were left out.
    pub dropped: u64,
}

/// Rows that were left out for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// `too_few_fields`, `too_many_fields`, `text_after_quote`, `unclosed_quote`, `space_before_quote`,
    /// `repeated_header`, `invalid_utf8`, `nul_byte`, `invalid_json` or `not_an_object`.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// The file of the first.
    pub file: String,
    /// The line at which the first starts, from 1.
    pub line: u64,
}

/// Cells of one column that are no number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unparsable {
    /// The column.
    pub column: String,
    /// How many; cells that stand for a missing value are not among them.
    pub count: u64,
    /// The first, as it stands.
    pub example: String,
    /// Its file.
    pub file: String,
    /// Its row in that file, from 1.
    pub row: u64,
}

impl ScanReport {
    /// Rows that were left out.
    pub fn dropped_rows(&self) -> u64 {
        self.dropped.iter().map(|dropped| dropped.count).sum()
    }

    /// Cells that are no number.
    pub fn unparsable_cells(&self) -> u64 {
        self.unparsable.iter().map(|column| column.count).sum()
    }

    /// Adds what was found of the files that come after.
    pub fn merge(&mut self, later: Self) {
        self.files.extend(later.files);
        self.rows += later.rows;
        for dropped in later.dropped {
            match self.dropped.iter_mut().find(|known| known.reason == dropped.reason) {
                Some(known) => known.count += dropped.count,
                None => self.dropped.push(dropped),
            }
        }
        for cells in later.unparsable {
            match self.unparsable.iter_mut().find(|known| known.column == cells.column) {
                Some(known) => known.count += cells.count,
                None => self.unparsable.push(cells),
            }
        }
        later.warnings.into_iter().for_each(|warning| self.warn(warning));
    }

    pub(super) fn drop_row(&mut self, reason: &str, file: usize, line: u64) {
        self.files[file].dropped += 1;
        match self.dropped.iter_mut().find(|known| known.reason == reason) {
            Some(known) => known.count += 1,
            None => self.dropped.push(Dropped {
                reason: reason.to_owned(),
                count: 1,
                file: self.files[file].path.clone(),
                line,
            }),
        }
    }

    pub(super) fn unparsable(&mut self, column: &str, count: u64, example: Option<(u64, String)>, file: usize) {
        if let Some(known) = self.unparsable.iter_mut().find(|known| known.column == column) {
            known.count += count;
        } else if let Some((row, example)) = example {
            let file = self.files[file].path.clone();
            self.unparsable.push(Unparsable { column: column.to_owned(), count, example, file, row });
        }
    }

    /// Adds to a warning that is known, or adds it.
    pub(super) fn warn(&mut self, warning: Warning) {
        let known = self.warnings.iter_mut().find(|known| known.code == warning.code && known.column == warning.column);
        match known {
            Some(known) => known.count += warning.count,
            None => self.warnings.push(warning),
        }
    }
}

/// One pass over the files, while it goes on.
#[derive(Debug, Default)]
pub(super) struct Pass {
    pub(super) report: Mutex<ScanReport>,
    bytes: AtomicU64,
}

impl Pass {
    pub(super) fn new(report: ScanReport) -> Self {
        Self { report: Mutex::new(report), bytes: AtomicU64::new(0) }
    }

    pub(super) fn read_bytes(&self, count: u64) {
        self.bytes.fetch_add(count, Ordering::Relaxed);
    }

    /// Bytes that were read so far, as they lie in the files.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn report(&self) -> std::sync::MutexGuard<'_, ScanReport> {
        self.report.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
