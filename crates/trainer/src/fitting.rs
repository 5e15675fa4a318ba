//! A fit from a config to a run folder: reads, runs, and writes what came of it.

use std::path::PathBuf;

use serde_json::Value as Json;
use trainer_data::Warning;
use trainer_features::FeatureError;
use trainer_kernels::Device;
use trainer_tracking::{Artifact, Record, mlmodel_yaml};

use crate::checksums;
use crate::config::{Config, Loaded};
use crate::evaluation::evaluation_json;
use crate::exit::Failure;
use crate::expectations;
use crate::export::with_uuid;
use crate::feature_store::PartView;
use crate::input::Inputs;
use crate::interrupt;
use crate::lock::{FORMAT, Lock, LockedInput, Program, UsedDevice, hex_sha256};
use crate::model_directory::{self, ModelDirectory};
use crate::predictions::predictions;
use crate::progress::{Progress, Stage};
use crate::report::plots::plots;
use crate::reporting::report_of;
use crate::run::{self, Material, Outcome, Rival};
use crate::run_folder::RunFolder;
use crate::saved_run::file;
use crate::tracking::system_metrics::Sampler;
use crate::tracking::{Destination, Recorded, Wanted, confusion_matrix, feature_importance, record_of};

/// What a fit does besides fitting.
pub struct Asked {
    /// What the environment says of the run's record.
    pub wanted: Wanted,
    /// Where it is to be logged, unless tracking is off: for the lock.
    pub destination: Option<Destination>,
    /// A model that this one is held against.
    pub rival: Option<Rival>,
    /// Who notes how busy the machine is.
    pub sampler: Option<Sampler>,
}

/// A run that is written.
pub struct Finished {
    /// Where.
    pub run_dir: PathBuf,
    /// What a tracking store is to be told of it; it lies in the folder too.
    pub record: Record,
    /// SHA-256 of the model file.
    pub model_hash: String,
    /// What the views of a feature store brought.
    pub feature_views: Vec<PartView>,
    /// What came of it.
    pub outcome: Outcome,
}

/// Reads the inputs, fits, and writes the run folder, complete whether or not the gates passed.
///
/// # Errors
/// Whatever stops it; the folder is then not there. Where expectations on the training data do not hold, a folder with
/// what they found is.
pub fn fit(
    loaded: &Loaded,
    device: &Device,
    mut folder: RunFolder,
    progress: &Progress,
    asked: Asked,
) -> anyhow::Result<Finished> {
    let config = &loaded.config;
    let started = jiff::Timestamp::now();
    progress.enter(Stage::Read);
    let inputs = Inputs::read(config)?;
    inputs.check_apart()?;
    let suite = expectations::suite(config)?;
    interrupt::check()?;

    progress.enter(Stage::Expectations);
    let judged = suite.map(|suite| Ok::<_, anyhow::Error>((inputs.as_written(config, &suite.text_columns())?, suite)));
    let expected = judged.transpose()?.map(|(table, suite)| expectations::validate(&table, &suite, started));
    if let Some(expected) = &expected {
        folder.add(file::EXPECTATIONS, pretty(expected)?)?;
        if let Some(message) = expected.refusal("the training data") {
            let path = folder.commit("refused")?.join(file::EXPECTATIONS);
            let hint = format!("all results are in {}", path.display());
            return Err(Failure::data(format!("{message}\n  hint: {hint}")).into());
        }
    }
    interrupt::check()?;

    // The alias is moved from the very version that the model was held against; 0 stands for none.
    let registry = &config.registry;
    let is_moved = registry.compare_to.is_some() && registry.compare_to == registry.promote;
    let compared_to = is_moved.then(|| asked.rival.as_ref().map_or(0, |rival| rival.version));
    let material = Material { rival: asked.rival, ..material(&inputs) };
    let mut outcome = run::fit(material, config, device, progress)?;
    let before = expected.iter().flat_map(|expected| expected.warnings());
    outcome.warnings.splice(0..0, read_warnings(&inputs).into_iter().chain(before).collect::<Vec<_>>());
    interrupt::check()?;

    progress.enter(Stage::Report);
    let model = outcome.model.to_bytes();
    let plan = pretty(&outcome.plan)?;
    let model_hash = hex_sha256(&model);
    let places = asked.destination.as_ref().map(Destination::places);
    let lock = Lock {
        tracking: places.as_ref().map(|(tracking, _)| tracking.clone()),
        registry: places.and_then(|(_, registry)| registry),
        ..lock(loaded, device, &inputs, &outcome, &model_hash, &hex_sha256(plan.as_bytes()), started)
    };
    let directory = model_directory(&mut outcome, started, &model_hash)?;
    folder.add(file::MODEL, model)?;
    folder.add(file::PLAN, plan)?;
    write_results(&mut folder, loaded, &outcome)?;
    let run_name = folder.final_name(&model_hash);
    let report = report_of(loaded, &lock, &outcome, expected.as_ref(), progress, run_name.clone());
    folder.add(file::REPORT, report.html()?)?;
    folder.add(file::LOCK, pretty(&lock)?)?;
    interrupt::check()?;

    let is_served_alike = directory.as_ref().is_some_and(|directory| directory.notes.is_empty());
    // Everything that is there now is the run's; what follows is the model's, and the record itself.
    let files = folder.files()?.into_iter().filter(|name| name != file::MODEL).collect();
    let model = directory.map(|directory| write_model_directory(&mut folder, directory, &model_hash)).transpose()?;
    let record = record_of(Recorded {
        loaded,
        outcome: &outcome,
        inputs: &inputs,
        lock: &lock,
        experiment: asked.wanted.experiment,
        resume: asked.wanted.resume,
        context: asked.wanted.context,
        is_served_alike,
        compared_to,
        folder_name: &run_name,
        started,
        seconds: spent(progress),
        system: asked.sampler.map(Sampler::finish).unwrap_or_default(),
        ended: jiff::Timestamp::now(),
        files,
        model,
    });
    folder.add(file::TRACKING, pretty(&record)?)?;
    checksums::write(&mut folder)?;
    interrupt::check()?;
    let run_dir = folder.commit(&model_hash)?;
    Ok(Finished { run_dir, record, model_hash, feature_views: inputs.brought.views, outcome })
}

/// Seconds of the stages that are done.
fn spent(progress: &Progress) -> Vec<(&'static str, f64)> {
    let done = progress.seconds().into_iter().filter(|(stage, _)| *stage != Stage::Log);
    done.map(|(stage, seconds)| (stage.name(), seconds)).collect()
}

/// What others load the model from. A plan that ONNX cannot express is a counted warning: the run is complete without.
fn model_directory(
    outcome: &mut Outcome,
    created: jiff::Timestamp,
    model_hash: &str,
) -> anyhow::Result<Option<ModelDirectory>> {
    let made = ModelDirectory::new(&outcome.model, &outcome.plan, &outcome.judged_table, created, model_hash);
    let (code, messages, directory) = match made {
        Ok(directory) => {
            let pending =
                "others who load the model get another answer there, so it waits for approval and no alias moves";
            ("onnx_differs", directory.notes.iter().map(|note| format!("{note}; {pending}")).collect(), Some(directory))
        }
        Err(FeatureError::Onnx(why)) => {
            ("no_onnx", vec![format!("{why}: the model is neither exported nor registered")], None)
        }
        Err(error) => return Err(error.into()),
    };
    outcome.warnings.extend(messages.into_iter().map(|message| Warning::of_table(code, 1, message)));
    let renamed = directory.iter().flat_map(|directory| directory.renamed.clone());
    outcome.warnings.extend(renamed.map(|message| Warning::of_table("onnx_output", 1, message)));
    Ok(directory)
}

/// Writes the model directory; its `MLmodel` as it is to be logged, and its files with where they are to go.
fn write_model_directory(
    folder: &mut RunFolder,
    directory: ModelDirectory,
    model_hash: &str,
) -> anyhow::Result<(Json, Vec<Artifact>)> {
    // What is logged gets an `MLmodel` with the ids of the place where it is put; this one is for who loads the folder.
    let mlmodel = mlmodel_yaml(&with_uuid(directory.mlmodel.clone(), model_hash));
    folder.add(&format!("{}/{}", file::MODEL_DIRECTORY, model_directory::file::MLMODEL), mlmodel)?;
    let own = [file::MODEL, file::PLAN, file::LOCK].map(|name| Artifact { file: name.into(), path: name.into() });
    let mut files = Vec::from(own);
    for (name, bytes) in directory.files {
        let inside = format!("{}/{name}", file::MODEL_DIRECTORY);
        folder.add(&inside, bytes)?;
        files.push(Artifact { file: inside, path: name });
    }
    Ok((directory.mlmodel, files))
}

fn write_results(folder: &mut RunFolder, loaded: &Loaded, outcome: &Outcome) -> anyhow::Result<()> {
    folder.add(file::CONFIG, loaded.to_yaml())?;
    folder.add(file::METRICS, pretty(&outcome.metrics)?)?;
    folder.add(file::GATES, pretty(&outcome.gates)?)?;
    folder.add(file::EVALUATION, evaluation_json(&outcome.evaluation))?;
    folder.add(file::FEATURE_IMPORTANCE, feature_importance(outcome))?;
    folder.add(file::CONFUSION_MATRIX, confusion_matrix(&outcome.evaluation))?;
    for (name, svg) in plots(&outcome.evaluation, &outcome.importances) {
        folder.add(&format!("{}/{name}", file::PLOTS), svg)?;
    }
    write_predictions(folder, &loaded.config, outcome)
}

/// The tables that a run starts from.
pub fn material(inputs: &Inputs) -> Material {
    Material {
        train: inputs.train.table.clone(),
        test: inputs.test.as_ref().map(|input| input.table.clone()),
        select: inputs.brought.features.clone(),
        state: inputs.state.clone(),
        rival: None,
    }
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
        feature_views: inputs.brought.views.clone(),
        rows: outcome.rows,
        judged: outcome.judged,
        model_hash: model_hash.to_owned(),
        plan_hash: plan_hash.to_owned(),
        state_hash: inputs.state.as_ref().map(|state| state.file.sha256.clone()),
        tracking: None,
        registry: None,
    }
}

fn pretty(value: &impl serde::Serialize) -> serde_json::Result<String> {
    let json: Json = serde_json::to_value(value)?;
    Ok(format!("{json:#}\n"))
}
