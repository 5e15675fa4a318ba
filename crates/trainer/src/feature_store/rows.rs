//! The rows of a source, as a scan.

use trainer_data::{InputFile, MemoryScan, ReadOptions, Scan as _, Table, Warning};
use trainer_features::feast::Source;

use crate::input::read_place;

/// Rows of a batch of the scan.
const BATCH_ROWS: usize = 1 << 16;

/// Rows of a source that are open.
pub struct Rows {
    /// The rows.
    pub scan: MemoryScan,
    /// The files that they are in.
    pub files: Vec<InputFile>,
    /// What was odd.
    pub warnings: Vec<Warning>,
}

impl Rows {
    /// Reads the files of a source, of which `columns` are needed.
    ///
    /// # Errors
    /// Those of reading. Columns of other types than cells are passed over, unless they are needed.
    pub fn open(place: &str, source: &Source, columns: &[&str]) -> anyhow::Result<Self> {
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
                    let scan = in_batches(&input.table);
                    return Ok(Self { scan, files: input.files, warnings: input.warnings });
                }
            }
        }
    }

    /// The position of a column.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.scan.schema().fields().iter().position(|field| field.name() == name)
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
