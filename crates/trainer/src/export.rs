//! A run's model as a model directory of its own, beside the native one, and checked against it.

use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use serde_json::{Value as Json, json};
use trainer_data::{Column, Table, split};
use trainer_features::{FeatureError, FittedPlan};
use trainer_kernels::Device;
use trainer_tracking::mlmodel_yaml;

use crate::exit::Failure;
use crate::input::Inputs;
use crate::model_directory::{ModelDirectory, add_metadata, file, is_text};
use crate::onnx_check::{self, Answered, Comparison, LIMIT};
use crate::run::JudgedPart;
use crate::saved_run::{SavedRun, file as run_file};

/// What the comparison with the native model found.
pub const VERIFICATION: &str = "verification.json";

/// A model directory that is being made: a folder aside, removed when dropped.
struct Aside(PathBuf);

impl Aside {
    fn new(path: PathBuf) -> io::Result<Self> {
        fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // After the rename there is nothing to remove.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What was exported.
pub struct Exported {
    /// The files, by name.
    pub files: Vec<String>,
    /// What those who use the model must know.
    pub notes: Vec<String>,
    /// How near the ONNX model comes to the native one, where that was asked for.
    pub verification: Option<Comparison>,
}

/// Rows to compare on, and the Python to do it.
pub struct Verify {
    /// Where the native model predicts them.
    pub device: Device,
    /// The rows.
    pub rows: Table,
    /// The Python.
    pub python: PathBuf,
}

/// Writes the model directory of the run in `run`, which was opened as `saved`, to `output`.
///
/// # Errors
/// A plan that has no ONNX form, a folder that is not empty, a model that differs from the native one.
pub fn export(saved: &SavedRun, run: &Path, output: &Path, verify: Option<&Verify>) -> anyhow::Result<Exported> {
    must_be_empty(output)?;
    let example = match verify {
        Some(verify) => run_example(run, &saved.plan).unwrap_or_else(|| verify.rows.clone()),
        None => run_example(run, &saved.plan).unwrap_or_else(|| row_without_values(&saved.plan)),
    };
    let created = saved.lock.started.parse().map_err(|error| Failure::data(format!("run.lock.json: {error}")))?;
    let hash = &saved.lock.model_hash;
    let mut directory =
        ModelDirectory::new(&saved.model, &saved.plan, &example, created, hash).map_err(no_onnx_form)?;
    let absolute = std::path::absolute(output)?;
    let parent = absolute.parent().ok_or_else(|| Failure::usage("expected a folder to write, found `/`"))?;
    fs::create_dir_all(parent)?;
    let name = absolute.file_name().unwrap_or_default().to_string_lossy();
    let aside = Aside::new(parent.join(format!(".tmp-{name}-{}", std::process::id())))?;
    let verification = verify.map(|verify| checked(saved, &directory, verify, &aside.0)).transpose()?;
    if let Some(found) = &verification {
        add_metadata(&mut directory.mlmodel, "onnx_largest_difference", json!(found.largest_difference));
        directory.files.push((VERIFICATION.to_owned(), format!("{:#}\n", json!(found)).into_bytes()));
    }
    for native in [run_file::MODEL, run_file::PLAN, run_file::LOCK] {
        directory.files.push((native.to_owned(), fs::read(run.join(native))?));
    }
    let mlmodel = mlmodel_yaml(&with_uuid(directory.mlmodel, hash)).into_bytes();
    directory.files.push((file::MLMODEL.to_owned(), mlmodel));
    for (name, bytes) in &directory.files {
        fs::write(aside.0.join(name), bytes)?;
    }
    // An empty folder of that name is replaced.
    fs::rename(&aside.0, &absolute)?;
    let mut files: Vec<String> = directory.files.into_iter().map(|(name, _)| name).collect();
    files.sort_unstable();
    let notes = [directory.notes, directory.renamed].concat();
    Ok(Exported { files, notes, verification })
}

fn must_be_empty(output: &Path) -> anyhow::Result<()> {
    let is_free = match output.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(io::Error::new(error.kind(), format!("{}: {error}", output.display())).into()),
        Ok(found) => found.is_dir() && fs::read_dir(output)?.next().is_none(),
    };
    match is_free {
        true => Ok(()),
        false => {
            let message = format!("{}: expected a new or empty folder, found something in it", output.display());
            Err(Failure::usage(format!("{message}\n  hint: give another --output")).into())
        }
    }
}

fn no_onnx_form(error: FeatureError) -> anyhow::Error {
    match &error {
        FeatureError::Onnx(fault) => Failure::usage(fault.to_string()).into(),
        _ => error.into(),
    }
}

/// An id without which MLflow opens no model: of the model's hash, so that the same model is the same directory.
pub fn with_uuid(mlmodel: Json, hash: &str) -> Json {
    let mut mlmodel = mlmodel;
    let uuid: String = hash.chars().take(32).collect();
    mlmodel.as_object_mut().expect("an object").insert("model_uuid".to_owned(), json!(uuid));
    mlmodel
}

/// Compares, in a folder within `aside`, which is removed again.
fn checked(saved: &SavedRun, directory: &ModelDirectory, verify: &Verify, aside: &Path) -> anyhow::Result<Comparison> {
    let folder = Aside::new(aside.join("check"))?;
    let (predicted, _) = saved.predict(&verify.rows, &verify.device)?;
    let answered = Answered {
        model: &saved.model,
        plan: &saved.plan,
        table: &verify.rows,
        proba: &predicted.proba,
        classes: &predicted.classes,
    };
    onnx_check::write(&answered, directory, &folder.0)?;
    let found = onnx_check::compare(&verify.python, std::slice::from_ref(&folder.0))?.remove(0);
    if found.agrees() {
        return Ok(found);
    }
    let told = |side: &Option<Json>| side.as_ref().map_or_else(|| "nothing".to_owned(), Json::to_string);
    let place = verify.rows.place(found.first.unwrap_or_default());
    let message = format!(
        "{place}: expected {} as the native model says, found {} from onnxruntime {}; {} of {} labels differ, and \
         probabilities by up to {:e}, where {LIMIT:e} is allowed",
        told(&found.native),
        told(&found.onnx),
        found.onnxruntime,
        found.different_labels,
        found.rows,
        found.largest_difference,
    );
    Err(Failure::data(message).into())
}

/// The rows that the run was judged on, read again.
///
/// # Errors
/// Files that are not there any more, or were changed.
pub fn judged_rows(saved: &SavedRun) -> anyhow::Result<Table> {
    let hint = "name rows with --input";
    let inputs = Inputs::read(&saved.config)
        .map_err(|error| error.context(Failure::data(format!("cannot read the judged rows again\n  hint: {hint}"))))?;
    let part = if saved.lock.judged == JudgedPart::Test { "test" } else { "train" };
    let locked = saved.lock.inputs.iter().filter(|input| input.part == part).map(|input| &input.file);
    let found = inputs.files().into_iter().filter(|(of, _)| *of == part).map(|(_, file)| file);
    let same = locked.clone().map(|file| &file.sha256).eq(found.map(|file| &file.sha256));
    if !same {
        let paths: Vec<&str> = locked.map(|file| file.path.as_str()).collect();
        let message = format!("{}: expected the rows that the run was judged on, found others", paths.join(", "));
        return Err(Failure::data(format!("{message}\n  hint: {hint}")).into());
    }
    let config = &saved.config;
    match (saved.lock.judged, inputs.test) {
        (JudgedPart::Test, Some(test)) => Ok(test.table),
        _ => {
            let train = inputs.train.table;
            let target = trainer_data::target(&train, &config.data.target)?;
            let fraction = config.data.validation_split.get();
            let parts = split::stratified(&target.y, target.classes.len(), fraction, config.seed);
            Ok(train.take(&parts.valid))
        }
    }
}

/// The rows that the run shows as its example; none where it shows none.
fn run_example(run: &Path, plan: &FittedPlan) -> Option<Table> {
    // In a run's model directory, or beside the model in one that was exported.
    let folders = [run.join(run_file::MODEL_DIRECTORY), run.to_owned()];
    let text = folders.iter().find_map(|folder| fs::read(folder.join(file::INPUT_EXAMPLE)).ok())?;
    let example: Json = serde_json::from_slice(&text).ok()?;
    let rows = example["data"].as_array()?;
    let columns = plan.inputs().iter().enumerate().map(|(place, input)| {
        let cells = || rows.iter().map(move |row| &row[place]);
        match is_text(input) {
            true => Column::from_text(&input.name, cells().map(Json::as_str).collect()),
            false => Column::from_numbers(&input.name, cells().map(Json::as_f64).collect()),
        }
    });
    Table::from_columns(columns.collect()).ok()
}

fn row_without_values(plan: &FittedPlan) -> Table {
    let columns = plan.inputs().iter().map(|input| match is_text(input) {
        true => Column::from_text(&input.name, vec![None::<&str>]),
        false => Column::from_numbers(&input.name, vec![None]),
    });
    Table::from_columns(columns.collect()).expect("a plan's inputs have names of their own")
}
