//! A fit from a config to a run folder: reads, runs, and writes what came of it.

use std::path::PathBuf;

use serde_json::Value as Json;
use trainer_data::Warning;
use trainer_kernels::Device;

use crate::config::{Config, Loaded};
use crate::evaluation::evaluation_json;
use crate::exit::Failure;
use crate::expectations;
use crate::input::Inputs;
use crate::interrupt;
use crate::lock::{FORMAT, Lock, LockedInput, Program, UsedDevice, hex_sha256};
use crate::predictions::predictions;
use crate::progress::{Progress, Stage};
use crate::reporting::report_of;
use crate::run::{self, Material, Outcome};
use crate::run_folder::RunFolder;
use crate::saved_run::file;

/// A run that is written.
pub struct Finished {
    /// Where.
    pub run_dir: PathBuf,
    /// SHA-256 of the model file.
    pub model_hash: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// Reads the inputs, fits, and writes the run folder, complete whether or not the gates passed.
///
/// # Errors
/// Whatever stops it; the folder is then not there. Where expectations on the training data do not hold, a folder with
/// what they found is.
pub fn fit(loaded: &Loaded, device: &Device, mut folder: RunFolder, progress: &Progress) -> anyhow::Result<Finished> {
    let config = &loaded.config;
    let started = jiff::Timestamp::now();
    progress.enter(Stage::Read);
    let inputs = Inputs::read(config)?;
    inputs.check_apart()?;
    let suite = expectations::suite(config)?;
    interrupt::check()?;

    progress.enter(Stage::Expectations);
    let expected = suite.map(|suite| expectations::validate(&inputs.train.table, &suite, started));
    if let Some(expected) = &expected {
        folder.add(file::EXPECTATIONS, pretty(expected)?)?;
        if let Some(message) = expectations::refusal(expected) {
            let path = folder.commit("refused")?.join(file::EXPECTATIONS);
            let hint = format!("all results are in {}", path.display());
            return Err(Failure::data(format!("{message}\n  hint: {hint}")).into());
        }
    }
    interrupt::check()?;

    let mut outcome = run::fit(material(&inputs), config, device, progress)?;
    let before = expected.iter().flat_map(|expected| expected.warnings());
    outcome.warnings.splice(0..0, read_warnings(&inputs).into_iter().chain(before).collect::<Vec<_>>());
    interrupt::check()?;

    progress.enter(Stage::Report);
    let model = outcome.model.to_bytes();
    let plan = pretty(&outcome.plan)?;
    let model_hash = hex_sha256(&model);
    let lock = lock(loaded, device, &inputs, &outcome, &model_hash, &hex_sha256(plan.as_bytes()), started);
    folder.add(file::MODEL, model)?;
    folder.add(file::PLAN, plan)?;
    folder.add(file::METRICS, pretty(&outcome.metrics)?)?;
    folder.add(file::GATES, pretty(&outcome.gates)?)?;
    folder.add(file::EVALUATION, evaluation_json(&outcome.evaluation))?;
    write_predictions(&folder, config, &outcome)?;
    let run_name = folder.final_name(&model_hash);
    let report = report_of(loaded, &lock, &outcome, expected.as_ref(), progress, run_name);
    folder.add(file::REPORT, report.html()?)?;
    folder.add(file::LOCK, pretty(&lock)?)?;
    interrupt::check()?;
    let run_dir = folder.commit(&model_hash)?;
    Ok(Finished { run_dir, model_hash, outcome })
}

/// The tables that a run starts from.
pub fn material(inputs: &Inputs) -> Material {
    Material { train: inputs.train.table.clone(), test: inputs.test.as_ref().map(|input| input.table.clone()), rival: None }
}

fn read_warnings(inputs: &Inputs) -> Vec<Warning> {
    inputs.train.warnings.iter().chain(inputs.test.iter().flat_map(|input| &input.warnings)).cloned().collect()
}

fn write_predictions(folder: &RunFolder, config: &Config, outcome: &Outcome) -> anyhow::Result<()> {
    let ids = config.features.entity.iter().flat_map(|entity| entity.names()).cloned();
    let keep: Vec<String> = ids.chain(["event_timestamp".to_owned(), config.data.target.clone()]).collect();
    let table = predictions(&outcome.judged_table, &keep, &outcome.model, &outcome.predicted)?;
    trainer_data::write_parquet(&table, &folder.path().join(file::PREDICTIONS))?;
    Ok(())
}

fn lock(
    loaded: &Loaded,
    device: &Device,
    inputs: &Inputs,
    outcome: &Outcome,
    model_hash: &str,
    plan_hash: &str,
    started: jiff::Timestamp,
) -> Lock {
    let locked = inputs.files().into_iter().map(|(part, file)| LockedInput { part: part.into(), file: file.clone() });
    Lock {
        format: FORMAT,
        trainer: Program::this(),
        started: started.round(jiff::Unit::Second).unwrap_or(started).to_string(),
        config: loaded.effective.clone(),
        seed: loaded.config.seed,
        device: UsedDevice { asked: loaded.config.device.clone(), used: device.name() },
        inputs: locked.collect(),
        rows: outcome.rows,
        judged: outcome.judged,
        model_hash: model_hash.to_owned(),
        plan_hash: plan_hash.to_owned(),
    }
}

fn pretty(value: &impl serde::Serialize) -> serde_json::Result<String> {
    let json: Json = serde_json::to_value(value)?;
    Ok(format!("{json:#}\n"))
}
