//! States: learned apart from a run, merged, read again, applied.

use std::sync::Arc;

use trainer_data::{ColumnType, FileScan, Kind, Scan, ScanError, ScanOptions, SinkOptions, Warning, WrittenFile, sink};
use trainer_features::{FeatureState, Fitting};
use trainer_kernels::Device;

use super::How;
use super::build::Build;
use super::road::Road;
use super::store::{self, Places};
use crate::config::FeatureConfig;
use crate::exit::Failure;

/// What was learned, and where it is.
#[derive(Debug)]
pub struct Learned {
    /// The file.
    pub path: String,
    /// Whether nothing is left to learn.
    pub done: bool,
    /// What was odd about the rows.
    pub warnings: Vec<Warning>,
}

/// Reads a state.
///
/// # Errors
/// A file that is not there, or is no state.
pub fn read_state(path: &str) -> anyhow::Result<FeatureState> {
    Ok(crate::state_file::read_state(path)?.0)
}

/// Learns from the rows of a config: all there is, or one pass over a part of the files.
///
/// # Errors
/// What stops the rows, and a config in which nothing is learned, or at several places.
pub fn learn_of(
    config: &FeatureConfig,
    how: &How,
    path: Option<&str>,
    from: Option<&str>,
) -> Result<Learned, ScanError> {
    let places = Places::of(config, how.shard);
    let road = Road::open(config, how, &places)?;
    let path = path.map_or_else(|| places.state(1), str::to_owned);
    if how.shard.is_none() {
        let build: Build = road.build_of_files()?;
        let [state] = build.states.as_slice() else { return Err(not_one(build.states.len())) };
        store::text(&path, &format!("{}\n", state.to_json()))?;
        return Ok(Learned { path, done: true, warnings: state.warnings().to_vec() });
    }
    let (scan, spec) = road.first_columns()?;
    let mut state = match from {
        Some(from) => read_state(from).map_err(|error| Failure::data(format!("{error:#}")))?,
        None => FeatureState::from(Fitting::over(&spec, scan.as_ref())?),
    };
    let partial = state.fitting().partial_of_scan(scan.as_ref(), None)?;
    state.add_partial(partial)?;
    store::text(&path, &format!("{}\n", state.to_json()))?;
    Ok(Learned { path, done: false, warnings: Vec::new() })
}

fn not_one(found: usize) -> ScanError {
    let message = format!("expected steps of columns that learn at one place of `build`, found {found}");
    Box::new(Failure::usage(message))
}

/// Merges the states of all parts of a pass.
///
/// # Errors
/// Files that are not there, are no states, or are of different fits or passes.
pub fn merge_states(parts: &[String], path: &str) -> anyhow::Result<Learned> {
    let mut merged: Option<FeatureState> = None;
    for part in parts {
        let state = read_state(part)?;
        match &mut merged {
            None => merged = Some(state),
            Some(merged) => merged.merge(state)?,
        }
    }
    let state = merged.expect("at least one part").advance()?;
    store::text(path, &format!("{}\n", state.to_json())).map_err(crate::exit::anyhow_of)?;
    Ok(Learned { path: path.to_owned(), done: state.plan().is_some(), warnings: state.warnings().to_vec() })
}

/// Applies a state to the rows of files.
///
/// # Errors
/// A state that has not been learned; rows without its columns, or with others than they were; a place that cannot be
/// written.
pub fn table_of(
    state: &FeatureState,
    input: &str,
    output: &str,
    device: &Device,
) -> Result<(Vec<WrittenFile>, Vec<Warning>), ScanError> {
    let Some(plan) = state.plan() else {
        let hint = "hint: merge the parts of its last pass with `trainer features fit --merge`";
        return Err(Box::new(Failure::data(format!(
            "expected a state that has been learned, found one that has not\n  {hint}"
        ))));
    };
    // What was text is text, though all cells of these rows may look like numbers; and so for the others.
    let types = plan.inputs().iter().filter_map(|input| Some((input.name.clone(), column_type(input.kind)?)));
    let options = ScanOptions { types: types.collect(), ..ScanOptions::default() };
    let files = FileScan::open(input, &ScanOptions { types: known(input, &options)?, ..options })?;
    let scan = Arc::new(Arc::new(plan.clone()).over(Arc::new(files.clone()), device)?);
    let schema = scan.schema();
    let all: Vec<usize> = (0..schema.fields().len()).collect();
    let mut sink = sink(output, &schema, &SinkOptions::default())?;
    for batch in scan.open(&all)? {
        crate::interrupt::check()?;
        sink.write(&batch?)?;
    }
    let written = sink.finish()?;
    let mut warnings = files.report().warnings;
    warnings.extend(scan.warnings());
    Ok((written, warnings))
}

/// The types of those columns that the files have.
fn known(input: &str, options: &ScanOptions) -> Result<super::extract::Types, ScanError> {
    let there = FileScan::open(input, &ScanOptions::default())?.schema();
    Ok(options
        .types
        .iter()
        .filter(|(name, _)| there.index_of(name).is_ok())
        .map(|(name, it)| (name.clone(), *it))
        .collect())
}

fn column_type(kind: Kind) -> Option<ColumnType> {
    Some(match kind {
        Kind::Boolean => ColumnType::Boolean,
        Kind::Integer => ColumnType::Integer,
        Kind::Float => ColumnType::Float,
        Kind::Text => ColumnType::Text,
        Kind::Date => ColumnType::Date,
        Kind::Timestamp => ColumnType::Timestamp,
        Kind::Null => return None,
    })
}
