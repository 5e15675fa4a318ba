//! A batch of features: extract, validate, build, store, summarize.
//!
//! Rows go through all steps batch by batch. Nothing gets its name until the last one has passed: an expectation that
//! fails at the end leaves the old output where it was.

mod build;
mod check;
pub mod cluster;
mod extract;
mod learning;
mod meter;
mod quarantine;
mod road;
mod shard;
mod store;
mod summary;
mod watch;

use std::time::Instant;

use trainer_data::{ScanError, TypeChanged};
use trainer_engine::Limits;

pub use self::learning::{Learned, learn_of, merge_states, read_state, table_of};
use self::meter::{InStep, in_step};
use self::road::Road;
pub use self::shard::Shard;
use self::store::Places;
use self::summary::{Failed, FileSummary};
pub use self::summary::{StepSummary, Summary};
use crate::config::{FeatureConfig, Loaded};
use crate::exit::{Failure, anyhow_of, exit_of};
use crate::progress::Progress;

/// How a batch is run.
#[derive(Debug, Clone)]
pub struct How {
    /// What the engine may use.
    pub limits: Limits,
    /// Part of the files to do; all without.
    pub shard: Option<Shard>,
}

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    /// What was done, as far as it came.
    pub summary: Summary,
    /// Why it stopped before its end.
    pub error: Option<anyhow::Error>,
}

/// Runs a batch.
pub fn run(loaded: &Loaded<FeatureConfig>, how: &How, progress: &Progress) -> Ended {
    let start = Instant::now();
    let config = &loaded.config;
    let places = Places::of(config, how.shard);
    let project = config.project.name.clone();
    let mut summary = Summary { project, trainer: env!("CARGO_PKG_VERSION"), ..Summary::default() };
    let result = batch(config, how, &places, progress, &mut summary);
    summary.complete = result.is_ok();
    let error = result.err().map(|error| failed(error, &mut summary));
    summarized(&places, summary, error, start)
}

/// Ends a batch with its last step: what was done is written down.
fn summarized(places: &Places, mut summary: Summary, mut error: Option<anyhow::Error>, start: Instant) -> Ended {
    summary.seconds = start.elapsed().as_secs_f64();
    let stored = summary.steps.last().map_or(0, |step| step.rows_out);
    let place = FileSummary { path: places.summary.clone(), rows: 0, bytes: 0, sha256: None };
    summary.steps.push(StepSummary { files: vec![place], ..StepSummary::new("summarize", stored, stored, None) });
    let summarizing = Instant::now();
    if let Err(other) = store::summarize(&places.summary, &summary) {
        // What went wrong first is what must be told.
        let other = failed(in_step("summarize", other), &mut summary);
        error.get_or_insert(other);
    }
    // The file cannot say how long it took to write it.
    if let Some(step) = summary.steps.last_mut() {
        *step = StepSummary {
            files: std::mem::take(&mut step.files),
            ..StepSummary::new("summarize", stored, stored, Some(summarizing.elapsed()))
        };
    }
    Ended { summary, error }
}

/// All steps; once more from the start when a column turned out to be of another type than its first rows.
fn batch(
    config: &FeatureConfig,
    how: &How,
    places: &Places,
    progress: &Progress,
    summary: &mut Summary,
) -> Result<(), ScanError> {
    let mut road = Road::open(config, how, places)?;
    loop {
        match road.walk(progress, summary) {
            Err(error) => {
                let Some(change) = changed(&error) else { return Err(error) };
                progress.note(&format!("{change}: all is read again with that type"));
                road.widen(&change)?;
            }
            Ok(()) => return Ok(()),
        }
    }
}

fn changed(error: &ScanError) -> Option<TypeChanged> {
    let error = error.downcast_ref::<InStep>().map_or(error, |error| &error.error);
    error.downcast_ref().cloned()
}

/// The failure of a step, with the exit code of what went wrong in it.
fn failed(error: ScanError, summary: &mut Summary) -> anyhow::Error {
    let (step, error) = match error.downcast::<InStep>() {
        Ok(inner) => (inner.step, inner.error),
        Err(error) => ("prepare", error),
    };
    let error = anyhow_of(error);
    let exit = exit_of(&error);
    let message = error.to_string();
    summary.failed.get_or_insert(Failed { step: step.to_owned(), exit_code: exit as u8, error: message.clone() });
    Failure::new(exit, format!("step {step}: {message}")).into()
}
