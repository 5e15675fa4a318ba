//! Rows that are not well formed, kept as they were.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use trainer_data::{DataError, MalformedRow, Quarantine, Sink, SinkOptions, WrittenFile, sink};

/// Rows that wait to be written.
const WAITING: usize = 1_024;

/// A file of rows that were set aside: where each was, what is wrong with it, and its text. There is none where no row
/// was.
pub struct Kept {
    path: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    files: Vec<String>,
    lines: Vec<i64>,
    reasons: Vec<String>,
    rows: Vec<String>,
    sink: Option<Box<dyn Sink>>,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rows kept in {}", self.path)
    }
}

impl Kept {
    /// Keeps rows in a file of this name: CSV or Parquet, by its extension.
    pub fn new(path: &str) -> Self {
        Self { path: path.to_owned(), state: Mutex::default() }
    }

    /// Gives the file its name; none where no row was kept.
    ///
    /// # Errors
    /// Those of [`Sink::finish`].
    pub fn finish(&self) -> Result<Vec<WrittenFile>, DataError> {
        let mut state = self.lock();
        state.write(&self.path)?;
        state.sink.take().map_or_else(|| Ok(Vec::new()), Sink::finish)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Quarantine for Kept {
    fn keep(&self, row: &MalformedRow<'_>) -> Result<(), DataError> {
        let mut state = self.lock();
        state.files.push(row.file.to_owned());
        state.lines.push(row.line as i64);
        state.reasons.push(row.reason.to_owned());
        state.rows.push(String::from_utf8_lossy(row.raw).into_owned());
        if state.rows.len() >= WAITING { state.write(&self.path) } else { Ok(()) }
    }
}

impl State {
    fn write(&mut self, path: &str) -> Result<(), DataError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let text = |cells: &mut Vec<String>| Arc::new(StringArray::from(std::mem::take(cells))) as ArrayRef;
        let lines = Arc::new(Int64Array::from(std::mem::take(&mut self.lines)));
        let columns = vec![text(&mut self.files), lines, text(&mut self.reasons), text(&mut self.rows)];
        let batch = RecordBatch::try_new(schema(), columns).expect("columns of the schema");
        if self.sink.is_none() {
            self.sink = Some(sink(path, &schema(), &SinkOptions::default())?);
        }
        self.sink.as_mut().expect("just opened").write(&batch)
    }
}

fn schema() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    Arc::new(Schema::new(vec![text("file"), Field::new("line", DataType::Int64, false), text("reason"), text("row")]))
}
