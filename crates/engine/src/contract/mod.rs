//! What every step promises, tested on small rows against a naive computation of some lines, and on large ones for order,
//! memory, early ends and errors.

mod dedupe;
mod group;
mod join;
mod large;
mod refusal;
mod row_by_row;
mod sql;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, Int64Array, LargeStringArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use trainer_data::{MemoryScan, Scan};

use crate::{Engine, EngineError, Limits, RowStep};

pub fn engine() -> Engine {
    engine_of(2, None)
}

pub fn engine_of(threads: usize, memory_bytes: Option<u64>) -> Engine {
    Engine::open(&Limits { memory_bytes, threads, spill_folder: None }).unwrap()
}

pub fn integers(cells: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(cells.into_iter().collect::<Int64Array>())
}

pub fn numbers(cells: impl IntoIterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(cells.into_iter().collect::<Float64Array>())
}

pub fn texts<S: AsRef<str>>(cells: impl IntoIterator<Item = Option<S>>) -> ArrayRef {
    Arc::new(LargeStringArray::from_iter(cells))
}

/// Columns by name as a scan, in batches of so many rows.
pub fn scan(columns: Vec<(&str, ArrayRef)>, rows: usize) -> Arc<dyn Scan> {
    let named = columns.into_iter().map(|(name, array)| (name, array, true));
    let batch = RecordBatch::try_from_iter_with_nullable(named).unwrap();
    let starts = (0..batch.num_rows()).step_by(rows);
    let pieces = starts.map(|start| batch.slice(start, rows.min(batch.num_rows() - start))).collect();
    Arc::new(MemoryScan::new(batch.schema(), pieces))
}

/// All rows and columns.
pub fn read(scan: &dyn Scan) -> RecordBatch {
    let schema = scan.schema();
    let all: Vec<usize> = (0..schema.fields().len()).collect();
    let batches: Vec<RecordBatch> = scan.open(&all).unwrap().map(Result::unwrap).collect();
    for batch in &batches {
        assert_eq!(batch.schema(), schema, "batches have the schema that was promised");
    }
    concat_batches(&schema, &batches).unwrap()
}

/// Each row as text, `-` for what is missing.
pub fn lines(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::new().with_null("-");
    let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap());
    let columns: Vec<ArrayFormatter<'_>> = columns.collect();
    let line = |row| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|");
    (0..batch.num_rows()).map(line).collect()
}

pub fn step(json: &str) -> RowStep {
    serde_json::from_str(json).unwrap()
}

pub fn apply(engine: &Engine, json: &str, input: &Arc<dyn Scan>) -> Arc<dyn Scan> {
    apply_with(engine, json, input, &[])
}

pub fn apply_with(
    engine: &Engine,
    json: &str,
    input: &Arc<dyn Scan>,
    others: &[(&str, &Arc<dyn Scan>)],
) -> Arc<dyn Scan> {
    try_apply(engine, json, input, others).unwrap()
}

pub fn try_apply(
    engine: &Engine,
    json: &str,
    input: &Arc<dyn Scan>,
    others: &[(&str, &Arc<dyn Scan>)],
) -> Result<Arc<dyn Scan>, EngineError> {
    let others: BTreeMap<String, Arc<dyn Scan>> =
        others.iter().map(|(name, scan)| ((*name).to_owned(), (*scan).clone())).collect();
    Ok(engine.apply(&step(json), input.clone(), &others)?.scan)
}

/// The lines of what a step makes of rows, and that any columns can be read alone.
pub fn made(engine: &Engine, json: &str, input: &Arc<dyn Scan>, others: &[(&str, &Arc<dyn Scan>)]) -> Vec<String> {
    let scan = apply_with(engine, json, input, others);
    let whole = read(&*scan);
    for column in 0..whole.num_columns() {
        let alone: Vec<RecordBatch> = scan.open(&[column]).unwrap().map(Result::unwrap).collect();
        let arrays: Vec<&dyn Array> = alone.iter().map(|batch| batch.column(0).as_ref()).collect();
        if arrays.is_empty() {
            assert_eq!(whole.num_rows(), 0);
        } else {
            assert_eq!(&arrow::compute::concat(&arrays).unwrap(), whole.column(column), "column {column} alone");
        }
    }
    lines(&whole)
}
