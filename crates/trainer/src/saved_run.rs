//! A run folder, read back: what prediction needs of it.

use std::path::Path;

use anyhow::Context;
use trainer_data::{Input, Label, Table, Warning};
use trainer_features::FittedPlan;
use trainer_kernels::Device;
use trainer_models::Model;
use trainer_quality::Averaging;
use trainer_tracking::Record;

use crate::config::{Config, Overlay, load};
use crate::exit::Failure;
use crate::feature_store::Brought;
use crate::lock::{Lock, hex_sha256};
use crate::run::Predicted;

/// Names of the files of a run folder.
pub mod file {
    /// The model.
    pub const MODEL: &str = "model.safetensors";
    /// How a table becomes its matrix.
    pub const PLAN: &str = "plan.json";
    /// All numbers, flat.
    pub const METRICS: &str = "metrics.json";
    /// The model quality report.
    pub const EVALUATION: &str = "evaluation.json";
    /// What the expectations found.
    pub const EXPECTATIONS: &str = "expectations.json";
    /// The gates' verdicts.
    pub const GATES: &str = "gates.json";
    /// The judged rows.
    pub const PREDICTIONS: &str = "predictions.parquet";
    /// What the run was made from.
    pub const LOCK: &str = "run.lock.json";
    /// The config in use, with where each value came from.
    pub const CONFIG: &str = "config.yaml";
    /// Features with their importances, as a table.
    pub const FEATURE_IMPORTANCE: &str = "feature_importance.json";
    /// Actual and predicted classes, as a table.
    pub const CONFUSION_MATRIX: &str = "confusion_matrix.json";
    /// Folder of the figures.
    pub const PLOTS: &str = "plots";
    /// Folder of what others load the model from.
    pub const MODEL_DIRECTORY: &str = "model";
    /// What a tracking store is told.
    pub const TRACKING: &str = "tracking.json";
    /// Sums of all files, as they were when the folder was complete.
    pub const CHECKSUMS: &str = "SHA256SUMS";
    /// The report for people.
    pub const REPORT: &str = "report.html";
}

/// A run that was saved.
pub struct SavedRun {
    /// The model.
    pub model: Model,
    /// How a table becomes its matrix.
    pub plan: FittedPlan,
    /// What it was made from.
    pub lock: Lock,
    /// The config that it was made with.
    pub config: Config,
}

impl SavedRun {
    /// Opens a run folder.
    ///
    /// # Errors
    /// A folder that is none, a file that is missing or damaged, a model that is not the one that was locked.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let lock_path = folder.join(file::LOCK);
        if !lock_path.is_file() {
            let message = format!("{}: expected a run folder, found no {}", folder.display(), file::LOCK);
            return Err(Failure::usage(format!("{message}\n  hint: name a folder that `trainer fit` wrote")).into());
        }
        let lock = read_lock(&lock_path)?;
        // Where the training rows were is of no matter any more: its variables need not be set.
        let config = config_of(&lock, &lock_path, true)?;
        let model = read_model(&folder.join(file::MODEL), &lock)?;
        let plan_path = folder.join(file::PLAN);
        let plan = read_unchanged(&plan_path, "plan", &lock.plan_hash)?;
        let plan: FittedPlan = serde_json::from_slice(&plan)
            .map_err(|error| Failure::data(format!("{}: not a plan: {error}", plan_path.display())))?;
        Ok(Self { model, plan, lock, config })
    }

    /// Reads a file as the run's files were read: columns that were text in training are text.
    ///
    /// # Errors
    /// Those of reading.
    pub fn read(&self, path: &str) -> anyhow::Result<Input> {
        let mut text = Vec::new();
        if self.model.classes.iter().any(|class| matches!(class, Label::Text(_))) {
            text.push(self.config.data.target.clone());
        }
        let mut input = crate::input::read_one(path, &self.config, &self.plan, text)?;
        self.add_features(&mut input)?;
        // What training left out need not be there at all.
        input.warnings.retain(|warning| warning.code != "absent_column");
        Ok(input)
    }

    /// Brings the features of the run's store to rows that have none.
    fn add_features(&self, input: &mut Input) -> anyhow::Result<()> {
        if self.config.features.store_path.is_none() {
            return Ok(());
        }
        if self.plan.inputs().iter().all(|column| input.table.column(&column.name).is_some()) {
            let message = "the rows have the features already: the feature store is not asked";
            input.warnings.push(Warning::of_table("features_given", input.table.rows() as u64, message));
            return Ok(());
        }
        Brought::default().join(&self.config, "rows", input)
    }

    /// How classes become one number, as in the run.
    ///
    /// # Errors
    /// Never for a run that was fitted.
    pub fn averaging(&self) -> anyhow::Result<Averaging> {
        let training = &self.config.training;
        Ok(Averaging::new(training.average, training.positive_label.as_ref(), &self.model.classes)?)
    }

    /// What the model says about a table's rows, and what was odd about them.
    ///
    /// # Errors
    /// Columns that are missing or of another type than in training.
    pub fn predict(&self, table: &Table, device: &Device) -> anyhow::Result<(Predicted, Vec<Warning>)> {
        let applied = self.plan.apply(table, device)?;
        let proba = self.model.predict(&applied.matrix, device)?;
        Ok((Predicted::new(&self.model, proba, self.averaging()?), applied.warnings))
    }
}

/// Reads the model file, if it is still the one that was locked.
fn read_model(path: &Path, lock: &Lock) -> anyhow::Result<Model> {
    let bytes = read_unchanged(path, "model", &lock.model_hash)?;
    Model::from_bytes(&bytes).with_context(|| path.display().to_string())
}

/// Reads a file whose SHA-256 is known.
fn read_unchanged(path: &Path, what: &str, hash: &str) -> anyhow::Result<Vec<u8>> {
    let bytes = fs_err::read(path)?;
    let found = hex_sha256(&bytes);
    if found == hash {
        return Ok(bytes);
    }
    let place = path.display();
    let message = format!("{place}: expected the {what} {hash}, found {found}");
    Err(Failure::data(format!("{message}\n  hint: the file was changed after the run; fit again")).into())
}

/// Reads the lock file at `path`.
///
/// # Errors
/// A file that cannot be read or is no lock file.
pub fn read_lock(path: &Path) -> anyhow::Result<Lock> {
    let text = fs_err::read_to_string(path)?;
    Ok(Lock::parse(&text).map_err(|message| Failure::data(format!("{}: {message}", path.display())))?)
}

/// Reads what a tracking store is to be told of the run in a folder.
///
/// # Errors
/// A folder that is no run, or a record that cannot be read.
pub fn read_record(folder: &Path) -> anyhow::Result<Record> {
    let path = folder.join(file::TRACKING);
    if !path.is_file() {
        let message = format!("{}: expected a run folder, found no {}", folder.display(), file::TRACKING);
        return Err(Failure::usage(format!("{message}\n  hint: name a folder that `trainer fit` wrote")).into());
    }
    let record: Record = serde_json::from_slice(&fs_err::read(&path)?)
        .map_err(|error| Failure::data(format!("{}: not a record of a run: {error}", path.display())))?;
    match record.format {
        trainer_tracking::FORMAT => Ok(record),
        other => {
            let expected = trainer_tracking::FORMAT;
            let message = format!("{}: expected a record of format {expected}, found format {other}", path.display());
            Err(Failure::data(message).into())
        }
    }
}

/// The config of a lock file. Variables that it names are taken from the environment as it is now; with `keep_unset`,
/// those that are not set stay as they are written.
///
/// # Errors
/// A config that this version does not take, or a variable that is not set.
pub fn config_of(lock: &Lock, path: &Path, keep_unset: bool) -> anyhow::Result<Config> {
    let text = serde_json::to_string_pretty(&lock.config)?;
    // Only what `${VAR}` names: overrides were laid over the config before it was locked.
    let overlay = Overlay { keep_unset, replace_only: true, ..Overlay::of_environment() };
    let name = format!("config in {}", path.display());
    let loaded = load(&name, &text, &overlay)
        .map_err(|problems| Failure { problems, ..Failure::usage(format!("{name} does not load")) })?;
    Ok(loaded.config)
}
