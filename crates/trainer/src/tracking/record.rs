use serde_json::{Value as Json, json};
use trainer_tracking::{Artifact, Child, Experiment, LoggedModel, Metric, Record, RunStatus, Tag};

use super::datasets::{Rows, dataset};
use super::note::note;
use super::origin;
use super::parameters::parameters;
use super::registration::{Found, registration};
use crate::config::Loaded;
use crate::input::Inputs;
use crate::lock::Lock;
use crate::run::{JudgedPart, Outcome};
use crate::saved_run::file;

/// The name of the model within its run.
const MODEL: &str = "model";

/// What a record is made from.
pub struct Recorded<'a> {
    /// The config in use.
    pub loaded: &'a Loaded,
    /// What came of the run.
    pub outcome: &'a Outcome,
    /// The files that were read.
    pub inputs: &'a Inputs,
    /// What it can be made again from.
    pub lock: &'a Lock,
    /// Where it belongs.
    pub experiment: Experiment,
    /// A run to go on with.
    pub resume: Option<String>,
    /// Tags that the environment asks for.
    pub context: Vec<Tag>,
    /// Whether others who load the model get the answers that were judged.
    pub is_served_alike: bool,
    /// The version that the model was held against.
    pub compared_to: Option<u64>,
    /// The name of the run folder.
    pub folder_name: &'a str,
    /// When it began.
    pub started: jiff::Timestamp,
    /// When it ended.
    pub ended: jiff::Timestamp,
    /// How long each stage took.
    pub seconds: Vec<(&'static str, f64)>,
    /// How busy the machine was.
    pub system: Vec<Metric>,
    /// Files of the run folder that are files of the run.
    pub files: Vec<String>,
    /// `MLmodel`, and the files of the model directory by their path in the run folder and in the model; none when the
    /// model cannot be expressed.
    pub model: Option<(Json, Vec<Artifact>)>,
}

/// Everything that a tracking store is told of a run.
pub fn record_of(run: Recorded<'_>) -> Record {
    let (config, outcome) = (&run.loaded.config, run.outcome);
    let user = origin::user();
    let name = config.training.run_name.clone().unwrap_or_else(|| run.folder_name.to_owned());
    let rows = rows(&run);
    let datasets = rows.iter().map(|rows| dataset(config, rows)).collect();
    let metrics = Points { end_ms: run.ended.as_millisecond(), rows: &rows }.all(&run);
    let origin = origin::tags(&user);
    let mut tags = origin.clone();
    let tables =
        [file::FEATURE_IMPORTANCE, file::CONFUSION_MATRIX].map(|path| json!({ "path": path, "type": "table" }));
    tags.extend([
        Tag::new("mlflow.note.content", note(config.model.name(), outcome)),
        Tag::new("mlflow.loggedArtifacts", json!(tables).to_string()),
        Tag::new("estimator_name", config.model.name()),
        Tag::new("gates", if outcome.gates.passed { "passed" } else { "failed" }),
        Tag::new("trainer.version", &run.lock.trainer.version),
        Tag::new("trainer.model_hash", &run.lock.model_hash),
        Tag::new("trainer.plan_hash", &run.lock.plan_hash),
        Tag::new("trainer.device", &run.lock.device.used),
    ]);
    tags.extend(run.lock.state_hash.iter().map(|hash| Tag::new("trainer.state_hash", hash)));
    // A run that somebody began keeps its name, unless another is asked for.
    if run.resume.is_none() || config.training.run_name.is_some() {
        tags.push(Tag::new("mlflow.runName", &name));
    }
    tags.retain(|tag| run.context.iter().all(|other| other.key != tag.key));
    tags.extend(run.context);
    let found = Found {
        gates: &outcome.gates,
        model_hash: &run.lock.model_hash,
        compared_to: run.compared_to,
        is_served_alike: run.is_served_alike,
    };
    let params = parameters(config, &run.loaded.effective, &outcome.resolved);
    let model = run.model.map(|(mlmodel, files)| LoggedModel {
        name: MODEL.to_owned(),
        params: params.iter().filter(|param| !param.key.contains('.')).cloned().collect(),
        tags: origin.into_iter().chain([Tag::new("trainer.model_hash", &run.lock.model_hash)]).collect(),
        files,
        mlmodel,
    });
    Record {
        format: trainer_tracking::FORMAT,
        key: uuid::Uuid::new_v4().simple().to_string(),
        experiment: run.experiment,
        resume: run.resume,
        user,
        start_ms: run.started.as_millisecond(),
        end_ms: run.ended.as_millisecond(),
        status: RunStatus::Finished,
        params,
        metrics,
        tags,
        datasets,
        artifacts: run.files.into_iter().map(|path| Artifact { file: path.clone(), path }).collect(),
        version: model.as_ref().and_then(|_| registration(config, &found)),
        model,
        children: children(config.training.nested_folds, &name, outcome, run.ended.as_millisecond()),
        name,
    }
}

fn rows<'a>(run: &'a Recorded<'_>) -> Vec<Rows<'a>> {
    let (data, outcome) = (&run.loaded.config.data, run.outcome);
    let train = || run.inputs.behind(&run.inputs.train);
    let mut all =
        vec![Rows { context: "training", table: &outcome.training_table, files: train(), path: &data.train_path }];
    all.extend(outcome.validation_table.as_ref().map(|table| Rows {
        context: "validation",
        table,
        files: train(),
        path: &data.train_path,
    }));
    all.extend(run.inputs.test.as_ref().zip(data.test_path.as_ref()).map(|(input, path)| Rows {
        context: "test",
        table: &input.table,
        files: run.inputs.behind(input),
        path,
    }));
    all
}

/// Makes points of numbers.
struct Points<'a> {
    end_ms: i64,
    rows: &'a [Rows<'a>],
}

impl Points<'_> {
    fn all(&self, run: &Recorded<'_>) -> Vec<Metric> {
        let outcome = run.outcome;
        let judged = outcome.judged.name();
        let mut all: Vec<Metric> = outcome.metrics.iter().map(|(name, value)| self.flat(name, value, judged)).collect();
        // The judged part has the bare names; a part has its own name too.
        if outcome.judged == JudgedPart::Test {
            let values = outcome.evaluation.metrics.iter().filter(|(_, value)| value.is_finite());
            all.extend(values.map(|(name, value)| self.flat(&format!("test_{name}"), value, judged)));
        }
        all.extend(outcome.history.iter().map(|point| self.point(&point.name, point.value, point.rounds.into())));
        for (fold, values) in outcome.cross_validation.iter().flat_map(|folds| folds.each.iter().enumerate()) {
            let finite = values.iter().filter(|(_, value)| value.is_finite());
            all.extend(finite.map(|(name, value)| self.point(&format!("folds/{name}"), value, fold as i64 + 1)));
        }
        all.extend(run.seconds.iter().map(|(stage, seconds)| self.point(&format!("seconds/{stage}"), *seconds, 0)));
        all.extend(run.system.iter().cloned());
        all
    }

    fn flat(&self, name: &str, value: f64, judged: &str) -> Metric {
        let part = ["training", "validation", "test", "cv", "oob", "baseline"];
        let part = part.into_iter().find(|part| name.strip_prefix(part).is_some_and(|rest| rest.starts_with('_')));
        let part = part.unwrap_or(judged);
        let dataset = self.rows.iter().position(|rows| rows.context == part);
        Metric { dataset, of_model: dataset.is_some(), ..self.point(name, value, 0) }
    }

    fn point(&self, name: &str, value: f64, step: i64) -> Metric {
        let (key, timestamp_ms) = (name.to_owned(), self.end_ms);
        Metric { key, value, timestamp_ms, step, dataset: None, of_model: false }
    }
}

fn children(wanted: bool, run: &str, outcome: &Outcome, end_ms: i64) -> Vec<Child> {
    let folds = outcome.cross_validation.iter().filter(|_| wanted).flat_map(|folds| folds.each.iter().enumerate());
    let child = |(fold, values): (usize, &trainer_quality::Values)| {
        let points = Points { end_ms, rows: &[] };
        let finite = values.iter().filter(|(_, value)| value.is_finite());
        Child {
            key: uuid::Uuid::new_v4().simple().to_string(),
            name: format!("{run} fold {}", fold + 1),
            params: vec![Tag::new("fold", (fold + 1).to_string())],
            metrics: finite.map(|(name, value)| points.point(name, value, 0)).collect(),
            tags: Vec::new(),
        }
    };
    folds.map(child).collect()
}
