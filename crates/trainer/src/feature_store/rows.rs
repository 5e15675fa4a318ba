//! The rows of a source, as a scan.

use std::io::Read as _;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use trainer_data::{FileScan, InputFile, MemoryScan, ReadOptions, Scan, ScanOptions, ScannedFile, Table, Warning};
use trainer_features::feast::Source;

use crate::input::read_place;

/// Rows of a batch of a table that is in memory.
const BATCH_ROWS: usize = 1 << 16;
/// Bytes of a file that are hashed at a time.
const BLOCK_BYTES: usize = 1 << 20;

/// Rows of a source that are open.
pub struct Rows {
    /// The rows.
    pub scan: Arc<dyn Scan>,
    /// The files that they are in.
    pub files: Vec<InputFile>,
    /// What was odd.
    pub warnings: Vec<Warning>,
}

impl Rows {
    /// Opens the files of a source, of which `columns` are needed; other columns may be of any type. Local Parquet is read
    /// as it is needed and may be larger than memory; what else there is comes into memory.
    ///
    /// # Errors
    /// Those of reading.
    pub fn open(place: &str, source: &Source, columns: &[&str]) -> anyhow::Result<Self> {
        let streamed = if place.contains("://") { None } else { streamed(place, columns)? };
        streamed.map_or_else(|| in_memory(place, source, columns), Ok)
    }

    /// The position of a column.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.scan.schema().fields().iter().position(|field| field.name() == name)
    }
}

/// Parquet files that stay where they are; none for files of other formats, whose types are known when all is read.
fn streamed(place: &str, columns: &[&str]) -> anyhow::Result<Option<Rows>> {
    let mut wanted: Vec<String> = Vec::new();
    for column in columns {
        if !wanted.iter().any(|known| known == column) {
            wanted.push((*column).to_owned());
        }
    }
    let is_parquet = |path: &str| {
        let path = path.to_ascii_lowercase();
        path.ends_with(".parquet") || path.ends_with(".pq")
    };
    if !is_parquet(place) && !std::path::Path::new(place).is_dir() {
        return Ok(None);
    }
    let scan = FileScan::open(place, &ScanOptions { columns: Some(wanted), ..ScanOptions::default() })?;
    let report = scan.report();
    if !report.files.iter().all(|file| is_parquet(&file.path)) {
        return Ok(None);
    }
    let files = report.files.iter().map(known).collect::<anyhow::Result<_>>()?;
    Ok(Some(Rows { scan: Arc::new(scan), files, warnings: report.warnings }))
}

/// A file with its sum and its number of rows, without its rows.
fn known(file: &ScannedFile) -> anyhow::Result<InputFile> {
    let mut sum = Sha256::new();
    let mut open = fs_err::File::open(&file.path)?;
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let read = open.read(&mut block)?;
        if read == 0 {
            break;
        }
        sum.update(&block[..read]);
    }
    let sha256 = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    // No column is asked for: only the footer is read.
    let options = ScanOptions { columns: Some(Vec::new()), ..ScanOptions::default() };
    let rows = FileScan::open(&file.path, &options)?.rows().unwrap_or_default();
    Ok(InputFile { path: file.path.clone(), bytes: file.bytes, sha256, rows })
}

fn in_memory(place: &str, source: &Source, columns: &[&str]) -> anyhow::Result<Rows> {
    let mut skip: Vec<String> = Vec::new();
    loop {
        let options = ReadOptions { skip: skip.clone(), ..ReadOptions::default() };
        match read_place(place, &options, source.s3_endpoint.as_deref()) {
            Err(error) => {
                let column = unsupported(&error).filter(|column| !columns.contains(&column.as_str()));
                skip.push(column.filter(|column| !skip.contains(column)).ok_or(error)?);
            }
            Ok(mut input) => {
                input.warnings.retain(|warning| {
                    let of_ours = warning.column.as_ref().is_none_or(|column| columns.contains(&column.as_str()));
                    of_ours && warning.code != "absent_column"
                });
                let scan = Arc::new(in_batches(&input.table));
                return Ok(Rows { scan, files: input.files, warnings: input.warnings });
            }
        }
    }
}

/// The column that no table holds.
fn unsupported(error: &anyhow::Error) -> Option<String> {
    let error: &trainer_data::DataError = error.downcast_ref()?;
    (error.code() == "unsupported_type").then(|| error.fault().column.clone())?
}

fn in_batches(table: &Table) -> MemoryScan {
    let whole = table.to_batch();
    let rows = whole.num_rows();
    let batches = (0..rows).step_by(BATCH_ROWS).map(|at| whole.slice(at, BATCH_ROWS.min(rows - at)));
    MemoryScan::new(whole.schema(), batches.collect())
}
