//! What a store can do, in MLflow's entities. One call here is one thing that happens or does not; what is made once and
//! found again is the business of publishing.

use std::path::Path;

use crate::TrackingError;
use crate::record::{Dataset, Metric, RunStatus, Tag};

type Result<T> = std::result::Result<T, TrackingError>;

/// A tracking store with its registry.
pub trait Store: Tracking + Registry {
    /// Where it is, for messages: never with a secret.
    fn place(&self) -> String;

    /// Makes durable what was written so far: the end of a transaction, where there are any.
    ///
    /// # Errors
    /// When it cannot.
    fn flush(&mut self) -> Result<()>;
}

/// An experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExperimentInfo {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is deleted, which keeps the name taken.
    pub deleted: bool,
}

/// A run to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun<'a> {
    /// Its experiment.
    pub experiment_id: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Who ran it.
    pub user: &'a str,
    /// Milliseconds since 1970.
    pub start_ms: i64,
    /// Its first tags.
    pub tags: &'a [Tag],
}

/// What a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunInfo {
    /// Its id.
    pub id: String,
    /// Its experiment.
    pub experiment_id: String,
    /// Its name.
    pub name: String,
    /// How far it is.
    pub status: RunStatus,
    /// Whether it is deleted.
    pub deleted: bool,
    /// When it began.
    pub start_ms: i64,
    /// When it ended.
    pub end_ms: Option<i64>,
    /// Where its files go.
    pub artifacts: ArtifactRoot,
}

/// A run with what was logged to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What it is.
    pub info: RunInfo,
    /// Its parameters.
    pub params: Vec<Tag>,
    /// The last point of each metric; `dataset` and `of_model` are not told.
    pub metrics: Vec<Metric>,
    /// Its tags.
    pub tags: Vec<Tag>,
    /// Its inputs.
    pub datasets: Vec<Dataset>,
    /// The ids of its output models.
    pub models: Vec<String>,
}

/// Files of a run or a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactRoot {
    /// As the store gave it.
    pub uri: String,
    /// Whose files they are.
    pub of: Entity,
}

/// What has files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entity {
    /// A run, by id.
    Run(String),
    /// A logged model, by id.
    Model(String),
}

/// A file that a store says it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name in its folder.
    pub name: String,
    /// Its size, where the store tells it.
    pub bytes: Option<u64>,
}

/// A logged model to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewModel<'a> {
    /// Its experiment.
    pub experiment_id: &'a str,
    /// The run that made it.
    pub run_id: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its parameters, any number.
    pub params: &'a [Tag],
    /// Its tags.
    pub tags: &'a [Tag],
}

/// A logged model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelInfo {
    /// Its id.
    pub id: String,
    /// Whether it is ready.
    pub ready: bool,
    /// Where its files go.
    pub artifacts: ArtifactRoot,
    /// Its tags.
    pub tags: Vec<Tag>,
}

/// Experiments, runs and logged models.
pub trait Tracking {
    /// The experiment of that name, also a deleted one.
    ///
    /// # Errors
    /// As everywhere here: see [`TrackingError`].
    fn experiment_by_name(&mut self, name: &str) -> Result<Option<ExperimentInfo>>;

    /// The experiment of that id.
    fn experiment_by_id(&mut self, id: &str) -> Result<Option<ExperimentInfo>>;

    /// Makes an experiment, or finds the one that another has just made.
    fn create_experiment(&mut self, name: &str) -> Result<String>;

    /// Makes a run. Not to be repeated without [`Tracking::runs_with_tag`].
    fn create_run(&mut self, run: &NewRun<'_>) -> Result<RunInfo>;

    /// The runs that are not deleted and have this tag, newest first.
    fn runs_with_tag(&mut self, experiment_id: &str, tag: &Tag) -> Result<Vec<RunInfo>>;

    /// A run with all that was logged to it.
    fn run(&mut self, id: &str) -> Result<Option<Run>>;

    /// Every point of a metric.
    fn history(&mut self, run_id: &str, key: &str) -> Result<Vec<Metric>>;

    /// Logs any number of these; the same again changes nothing. `model` is the logged model of the points that are
    /// `of_model`, `datasets` those that points number.
    fn log_batch(
        &mut self,
        run_id: &str,
        params: &[Tag],
        metrics: &[Metric],
        tags: &[Tag],
        model: Option<&str>,
        datasets: &[Dataset],
    ) -> Result<()>;

    /// Logs datasets as inputs. Not to be repeated for those that the run has.
    fn log_inputs(&mut self, run_id: &str, datasets: &[Dataset]) -> Result<()>;

    /// Names a logged model as the run's output. Not to be repeated.
    fn log_output(&mut self, run_id: &str, model_id: &str) -> Result<()>;

    /// The end of a run.
    fn end_run(&mut self, run_id: &str, status: RunStatus, end_ms: i64) -> Result<()>;

    /// Makes a logged model; `None` where the store knows no logged models (servers before 3.0). Not to be repeated
    /// without [`Tracking::models_of_run`].
    fn create_model(&mut self, model: &NewModel<'_>) -> Result<Option<ModelInfo>>;

    /// The run's logged models of that name; none where the store knows no logged models.
    fn models_of_run(&mut self, experiment_id: &str, run_id: &str, name: &str) -> Result<Vec<ModelInfo>>;

    /// All files of a logged model are there.
    fn model_ready(&mut self, model_id: &str) -> Result<()>;

    /// Tells a server without logged models what lies in the run's files. The same again changes nothing.
    fn log_model_of_run(&mut self, run_id: &str, mlmodel: &serde_json::Value) -> Result<()>;

    /// Writes one file, over what is there.
    fn put_artifact(&mut self, root: &ArtifactRoot, path: &str, file: &Path) -> Result<()>;

    /// The files of a folder, `""` for the uppermost, without those of the folders in it; none where it is not there.
    fn list_artifacts(&mut self, root: &ArtifactRoot, folder: &str) -> Result<Vec<Listed>>;

    /// Reads one file; `None` when it is not there.
    fn get_artifact(&mut self, root: &ArtifactRoot, path: &str) -> Result<Option<Vec<u8>>>;
}

/// A registered model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredModel {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Its tags.
    pub tags: Vec<Tag>,
    /// Alias and version.
    pub aliases: Vec<(String, u64)>,
}

/// A version to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVersion<'a> {
    /// The registered model.
    pub name: &'a str,
    /// The run that made it.
    pub run_id: &'a str,
    /// The logged model, where there is one and this store has it.
    pub model_id: Option<&'a str>,
    /// Where its files are; taken where there is no `model_id`.
    pub files: &'a str,
    /// Markdown.
    pub description: &'a str,
    /// Its first tags.
    pub tags: &'a [Tag],
}

/// A version of a registered model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The registered model.
    pub name: String,
    /// Its number.
    pub version: u64,
    /// The run that made it; empty where there is none.
    pub run_id: String,
    /// Its source.
    pub source: String,
    /// Whether its files are there.
    pub ready: bool,
    /// Markdown.
    pub description: String,
    /// Its tags.
    pub tags: Vec<Tag>,
}

impl Version {
    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|tag| tag.key == key).map(|tag| tag.value.as_str())
    }
}

/// Registered models, their versions and aliases.
pub trait Registry {
    /// The registered model of that name.
    fn registered_model(&mut self, name: &str) -> Result<Option<RegisteredModel>>;

    /// Makes a registered model; one that is there is left as it is.
    fn create_registered_model(&mut self, name: &str) -> Result<()>;

    /// Makes a version. Not to be repeated without [`Registry::versions_of_run`].
    fn create_version(&mut self, version: &NewVersion<'_>) -> Result<Version>;

    /// The versions that a run made, in order.
    fn versions_of_run(&mut self, name: &str, run_id: &str) -> Result<Vec<Version>>;

    /// One version.
    fn version(&mut self, name: &str, version: u64) -> Result<Option<Version>>;

    /// Sets a version's tag.
    fn set_version_tag(&mut self, name: &str, version: u64, tag: &Tag) -> Result<()>;

    /// The version behind an alias.
    fn alias(&mut self, name: &str, alias: &str) -> Result<Option<Version>>;

    /// Points an alias at a version, from wherever it points.
    fn set_alias(&mut self, name: &str, alias: &str, version: u64) -> Result<()>;

    /// Where a version's files are.
    fn version_files(&mut self, version: &Version) -> Result<ArtifactRoot>;
}
