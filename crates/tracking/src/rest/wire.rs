//! MLflow's answers. What an answer leaves out is empty.

use serde::{Deserialize, Deserializer};

use crate::record::{Dataset, Metric, RunStatus, Tag};
use crate::store::{ArtifactRoot, Entity, ExperimentInfo, Listed, ModelInfo, RegisteredModel, Run, RunInfo, Version};

/// A number, as one or as text: both are in use for 64 bits, and text for what JSON has no words for.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number<T> {
    Number(T),
    Text(String),
}

fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    match Number::<i64>::deserialize(deserializer)? {
        Number::Number(number) => Ok(number),
        Number::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

fn real<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    match Number::<f64>::deserialize(deserializer)? {
        Number::Number(number) => Ok(number),
        Number::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

#[derive(Deserialize)]
pub struct ExperimentAnswer {
    experiment: Experiment,
}

#[derive(Deserialize)]
struct Experiment {
    experiment_id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    lifecycle_stage: String,
}

impl From<ExperimentAnswer> for ExperimentInfo {
    fn from(ExperimentAnswer { experiment }: ExperimentAnswer) -> Self {
        let deleted = experiment.lifecycle_stage == "deleted";
        Self { id: experiment.experiment_id, name: experiment.name, deleted }
    }
}

#[derive(Deserialize)]
pub struct CreatedExperiment {
    pub experiment_id: String,
}

#[derive(Deserialize)]
pub struct RunAnswer {
    pub run: WireRun,
}

#[derive(Deserialize)]
pub struct Runs {
    #[serde(default)]
    pub runs: Vec<WireRun>,
}

#[derive(Deserialize)]
pub struct WireRun {
    info: WireRunInfo,
    #[serde(default)]
    data: RunData,
    #[serde(default)]
    inputs: Inputs,
    #[serde(default)]
    outputs: Outputs,
}

#[derive(Deserialize)]
struct WireRunInfo {
    run_id: String,
    experiment_id: String,
    #[serde(default)]
    run_name: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    lifecycle_stage: String,
    #[serde(default, deserialize_with = "whole")]
    start_time: i64,
    #[serde(default, deserialize_with = "whole")]
    end_time: i64,
    #[serde(default)]
    artifact_uri: String,
}

#[derive(Deserialize, Default)]
struct RunData {
    #[serde(default)]
    metrics: Vec<Point>,
    #[serde(default)]
    params: Vec<Pair>,
    #[serde(default)]
    tags: Vec<Pair>,
}

#[derive(Deserialize)]
pub struct Point {
    key: String,
    #[serde(default, deserialize_with = "real")]
    value: f64,
    #[serde(default, deserialize_with = "whole")]
    timestamp: i64,
    #[serde(default, deserialize_with = "whole")]
    step: i64,
}

impl From<Point> for Metric {
    fn from(Point { key, value, timestamp, step }: Point) -> Self {
        Self { key, value, timestamp_ms: timestamp, step, dataset: None, of_model: false }
    }
}

#[derive(Deserialize)]
struct Pair {
    key: String,
    #[serde(default)]
    value: String,
}

impl From<Pair> for Tag {
    fn from(Pair { key, value }: Pair) -> Self {
        Self { key, value }
    }
}

#[derive(Deserialize, Default)]
struct Inputs {
    #[serde(default)]
    dataset_inputs: Vec<Input>,
}

#[derive(Deserialize)]
struct Input {
    #[serde(default)]
    tags: Vec<Pair>,
    dataset: WireDataset,
}

#[derive(Deserialize)]
struct WireDataset {
    name: String,
    digest: String,
    #[serde(default)]
    source_type: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    schema: String,
    #[serde(default)]
    profile: String,
}

impl From<Input> for Dataset {
    fn from(Input { tags, dataset }: Input) -> Self {
        let context = tags.into_iter().find(|tag| tag.key == "mlflow.data.context");
        let WireDataset { name, digest, source_type, source, schema, profile } = dataset;
        let context = context.map(|tag| tag.value).unwrap_or_default();
        Self { context, name, digest, source_type, source, schema, profile }
    }
}

#[derive(Deserialize, Default)]
struct Outputs {
    #[serde(default)]
    model_outputs: Vec<Output>,
}

#[derive(Deserialize)]
struct Output {
    model_id: String,
}

impl From<WireRunInfo> for RunInfo {
    fn from(info: WireRunInfo) -> Self {
        let status = match info.status.as_str() {
            "FINISHED" => RunStatus::Finished,
            "FAILED" => RunStatus::Failed,
            "KILLED" => RunStatus::Killed,
            _ => RunStatus::Running,
        };
        Self {
            artifacts: ArtifactRoot { uri: info.artifact_uri, of: Entity::Run(info.run_id.clone()) },
            id: info.run_id,
            experiment_id: info.experiment_id,
            name: info.run_name,
            status,
            deleted: info.lifecycle_stage == "deleted",
            start_ms: info.start_time,
            end_ms: Some(info.end_time).filter(|end| *end != 0),
        }
    }
}

impl From<WireRun> for RunInfo {
    fn from(run: WireRun) -> Self {
        run.info.into()
    }
}

impl From<WireRun> for Run {
    fn from(run: WireRun) -> Self {
        Self {
            info: run.info.into(),
            params: all(run.data.params),
            metrics: all(run.data.metrics),
            tags: all(run.data.tags),
            datasets: all(run.inputs.dataset_inputs),
            models: run.outputs.model_outputs.into_iter().map(|output| output.model_id).collect(),
        }
    }
}

/// Each of them as what it stands for.
pub fn all<F, T: From<F>>(list: Vec<F>) -> Vec<T> {
    list.into_iter().map(T::from).collect()
}

#[derive(Deserialize)]
pub struct History {
    #[serde(default)]
    pub metrics: Vec<Point>,
    #[serde(default)]
    pub next_page_token: String,
}

#[derive(Deserialize)]
pub struct ModelAnswer {
    pub model: WireModel,
}

#[derive(Deserialize)]
pub struct Models {
    #[serde(default)]
    pub models: Vec<WireModel>,
    #[serde(default)]
    pub next_page_token: String,
}

#[derive(Deserialize)]
pub struct WireModel {
    pub info: WireModelInfo,
}

#[derive(Deserialize)]
pub struct WireModelInfo {
    model_id: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    artifact_uri: String,
    #[serde(default)]
    tags: Vec<Pair>,
}

impl From<WireModel> for ModelInfo {
    fn from(WireModel { info }: WireModel) -> Self {
        Self {
            artifacts: ArtifactRoot { uri: info.artifact_uri, of: Entity::Model(info.model_id.clone()) },
            id: info.model_id,
            ready: info.status == "LOGGED_MODEL_READY",
            tags: all(info.tags),
        }
    }
}

#[derive(Deserialize)]
pub struct RegisteredAnswer {
    registered_model: Registered,
}

#[derive(Deserialize)]
struct Registered {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    tags: Vec<Pair>,
    #[serde(default)]
    aliases: Vec<Alias>,
}

#[derive(Deserialize)]
struct Alias {
    alias: String,
    #[serde(deserialize_with = "whole")]
    version: i64,
}

impl From<RegisteredAnswer> for RegisteredModel {
    fn from(RegisteredAnswer { registered_model: model }: RegisteredAnswer) -> Self {
        Self {
            name: model.name,
            description: model.description,
            tags: all(model.tags),
            aliases: model.aliases.into_iter().map(|alias| (alias.alias, alias.version.unsigned_abs())).collect(),
        }
    }
}

#[derive(Deserialize)]
pub struct VersionAnswer {
    pub model_version: WireVersion,
}

#[derive(Deserialize)]
pub struct Versions {
    #[serde(default)]
    pub model_versions: Vec<WireVersion>,
    #[serde(default)]
    pub next_page_token: String,
}

#[derive(Deserialize)]
pub struct WireVersion {
    name: String,
    #[serde(deserialize_with = "whole")]
    version: i64,
    #[serde(default)]
    run_id: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    tags: Vec<Pair>,
}

impl From<WireVersion> for Version {
    fn from(version: WireVersion) -> Self {
        Self {
            name: version.name,
            version: version.version.unsigned_abs(),
            run_id: version.run_id,
            source: version.source,
            // Left out where it is what it mostly is.
            ready: matches!(version.status.as_str(), "" | "READY"),
            description: version.description,
            tags: all(version.tags),
        }
    }
}

#[derive(Deserialize)]
pub struct DownloadAnswer {
    pub artifact_uri: String,
}

#[derive(Deserialize)]
pub struct Presigned {
    pub presigned_url: String,
    #[serde(default)]
    pub headers: std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize)]
pub struct Files {
    #[serde(default)]
    pub files: Vec<FileEntry>,
}

#[derive(Deserialize)]
pub struct FileEntry {
    pub path: String,
    #[serde(default)]
    pub is_dir: bool,
    #[serde(default)]
    file_size: Option<Number<u64>>,
}

impl From<FileEntry> for Listed {
    fn from(file: FileEntry) -> Self {
        let bytes = match file.file_size {
            Some(Number::Number(bytes)) => Some(bytes),
            Some(Number::Text(text)) => text.parse().ok(),
            None => None,
        };
        Self { name: file.path.rsplit('/').next().unwrap_or_default().to_owned(), bytes }
    }
}
