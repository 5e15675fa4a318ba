//! Experiments, runs and logged models.

use std::collections::HashSet;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::answer::Reply;
use super::batch::{About, batches, pairs};
use super::http::Body;
use super::wire::{CreatedExperiment, ExperimentAnswer, History, ModelAnswer, Models, RunAnswer, Runs, WireRun, all};
use super::{Rest, Result};
use crate::TrackingError;
use crate::record::{Dataset, Metric, RunStatus, Tag};
use crate::retry::Repeat;
use crate::store::{ArtifactRoot, ExperimentInfo, Listed, ModelInfo, NewModel, NewRun, Run, RunInfo, Tracking};

impl Tracking for Rest {
    fn experiment_by_name(&mut self, name: &str) -> Result<Option<ExperimentInfo>> {
        let reply = self.get("experiments/get-by-name", &[("experiment_name", name)])?;
        Ok(reply.found::<ExperimentAnswer>(&self.place)?.map(ExperimentInfo::from))
    }

    fn experiment_by_id(&mut self, id: &str) -> Result<Option<ExperimentInfo>> {
        match self.get("experiments/get", &[("experiment_id", id)])? {
            // An id that is no number.
            Reply::Refused(refusal) if refusal.code == "INVALID_PARAMETER_VALUE" => Ok(None),
            reply => Ok(reply.found::<ExperimentAnswer>(&self.place)?.map(ExperimentInfo::from)),
        }
    }

    fn create_experiment(&mut self, name: &str) -> Result<String> {
        match self.post("experiments/create", &json!({ "name": name }), Repeat::Harmless)? {
            Reply::Refused(refusal) if refusal.code == "RESOURCE_ALREADY_EXISTS" => {
                let found = self.experiment_by_name(name)?;
                found.map(|experiment| experiment.id).ok_or_else(|| TrackingError::from(refusal))
            }
            reply => Ok(reply.done::<CreatedExperiment>(&self.place)?.experiment_id),
        }
    }

    fn create_run(&mut self, run: &NewRun<'_>) -> Result<RunInfo> {
        let body = json!({
            "experiment_id": run.experiment_id,
            "run_name": run.name,
            "user_id": run.user,
            "start_time": run.start_ms,
            "tags": pairs(run.tags),
        });
        let answer: RunAnswer = self.post("runs/create", &body, Repeat::Unseen)?.done(&self.place)?;
        Ok(answer.run.into())
    }

    fn runs_with_tag(&mut self, experiment_id: &str, tag: &Tag) -> Result<Vec<RunInfo>> {
        let body = json!({
            "experiment_ids": [experiment_id],
            "filter": format!("tags.`{}` = '{}'", tag.key, tag.value),
            "run_view_type": "ACTIVE_ONLY",
            "max_results": 100,
            "order_by": ["attributes.start_time DESC"],
        });
        let answer: Runs = self.post("runs/search", &body, Repeat::Harmless)?.done(&self.place)?;
        Ok(all(answer.runs))
    }

    fn run(&mut self, id: &str) -> Result<Option<Run>> {
        Ok(self.wire_run(id)?.map(Run::from))
    }

    fn history(&mut self, run_id: &str, key: &str) -> Result<Vec<Metric>> {
        let mut points = Vec::new();
        let mut token = String::new();
        loop {
            let mut query = vec![("run_id", run_id), ("metric_key", key), ("max_results", "25000")];
            query.extend((!token.is_empty()).then_some(("page_token", token.as_str())));
            let page: History = self.get("metrics/get-history", &query)?.done(&self.place)?;
            points.extend(page.metrics.into_iter().map(Metric::from));
            if page.next_page_token.is_empty() {
                return Ok(points);
            }
            token = page.next_page_token;
        }
    }

    fn log_batch(
        &mut self,
        run_id: &str,
        params: &[Tag],
        metrics: &[Metric],
        tags: &[Tag],
        model: Option<&str>,
        datasets: &[Dataset],
    ) -> Result<()> {
        let about = About { model, datasets };
        for batch in batches(params, metrics, tags, about) {
            match self.log(&batch.body(run_id))? {
                // Servers before 3.0 do not know a NaN again, and refuse all points that come with it.
                Reply::Refused(refusal)
                    if refusal.code == "BAD_REQUEST" && metrics.iter().any(|metric| metric.value.is_nan()) =>
                {
                    let missing = self.missing(run_id, metrics)?;
                    for batch in batches(params, &missing, tags, about) {
                        self.log(&batch.body(run_id))?.empty()?;
                    }
                    return Ok(());
                }
                reply => reply.empty()?,
            }
        }
        Ok(())
    }

    fn log_inputs(&mut self, run_id: &str, datasets: &[Dataset]) -> Result<()> {
        let input = |dataset: &Dataset| {
            let Dataset { context, name, digest, source_type, source, schema, profile } = dataset;
            json!({
                "tags": [{ "key": "mlflow.data.context", "value": context }],
                "dataset": {
                    "name": name, "digest": digest, "source_type": source_type, "source": source, "schema": schema,
                    "profile": profile,
                },
            })
        };
        let datasets: Vec<Json> = datasets.iter().map(input).collect();
        let body = json!({ "run_id": run_id, "datasets": datasets });
        self.post("runs/log-inputs", &body, Repeat::Unseen)?.empty()
    }

    fn log_output(&mut self, run_id: &str, model_id: &str) -> Result<()> {
        let body = json!({ "run_id": run_id, "models": [{ "model_id": model_id, "step": 0 }] });
        self.post("runs/outputs", &body, Repeat::Unseen)?.empty()
    }

    fn end_run(&mut self, run_id: &str, status: RunStatus, end_ms: i64) -> Result<()> {
        let body = json!({ "run_id": run_id, "status": status, "end_time": end_ms });
        self.post("runs/update", &body, Repeat::Harmless)?.empty()
    }

    fn create_model(&mut self, model: &NewModel<'_>) -> Result<Option<ModelInfo>> {
        let body = json!({
            "experiment_id": model.experiment_id,
            "name": model.name,
            "model_type": "",
            "source_run_id": model.run_id,
            "params": pairs(model.params),
            "tags": pairs(model.tags),
        });
        match self.post("logged-models", &body, Repeat::Unseen)? {
            Reply::Refused(refusal) if refusal.is_unknown_route() => Ok(None),
            reply => Ok(Some(reply.done::<ModelAnswer>(&self.place)?.model.into())),
        }
    }

    fn models_of_run(&mut self, experiment_id: &str, run_id: &str, name: &str) -> Result<Vec<ModelInfo>> {
        let mut models = Vec::new();
        let mut token = String::new();
        loop {
            let mut body = json!({
                "experiment_ids": [experiment_id],
                "filter": format!("source_run_id = '{run_id}'"),
                "max_results": 50,
            });
            if !token.is_empty() {
                body["page_token"] = token.into();
            }
            let page: Models = match self.post("logged-models/search", &body, Repeat::Harmless)? {
                Reply::Refused(refusal) if refusal.is_unknown_route() => return Ok(Vec::new()),
                reply => reply.done(&self.place)?,
            };
            models.extend(page.models.into_iter().filter(|model| model.info.name == name).map(ModelInfo::from));
            if page.next_page_token.is_empty() {
                return Ok(models);
            }
            token = page.next_page_token;
        }
    }

    fn model_ready(&mut self, model_id: &str) -> Result<()> {
        let body = json!({ "model_id": model_id, "status": "LOGGED_MODEL_READY" });
        self.patch(&format!("logged-models/{model_id}"), &body)?.empty()
    }

    fn log_model_of_run(&mut self, run_id: &str, mlmodel: &Json) -> Result<()> {
        // The server adds it to a list, also when it is there.
        let uuid = mlmodel["model_uuid"].as_str().unwrap_or_default();
        let run = self.run(run_id)?;
        let logged = run.iter().flat_map(|run| &run.tags).find(|tag| tag.key == "mlflow.log-model.history");
        if logged.is_some_and(|tag| !uuid.is_empty() && tag.value.contains(uuid)) {
            return Ok(());
        }
        let body = json!({ "run_id": run_id, "model_json": mlmodel.to_string() });
        self.post("runs/log-model", &body, Repeat::Unseen)?.empty()
    }

    fn put_artifact(&mut self, root: &ArtifactRoot, path: &str, file: &Path) -> Result<()> {
        self.put_file(root, path, file)
    }

    fn list_artifacts(&mut self, root: &ArtifactRoot, folder: &str) -> Result<Vec<Listed>> {
        self.list_files(root, folder)
    }

    fn get_artifact(&mut self, root: &ArtifactRoot, path: &str) -> Result<Option<Vec<u8>>> {
        self.get_file(root, path)
    }
}

impl Rest {
    fn wire_run(&self, id: &str) -> Result<Option<WireRun>> {
        let answer: Option<RunAnswer> = self.get("runs/get", &[("run_id", id)])?.found(&self.place)?;
        Ok(answer.map(|answer| answer.run))
    }

    fn log(&self, body: &str) -> Result<Reply> {
        self.call(Method::POST, self.api("runs/log-batch"), Body::Json(body), Repeat::Harmless)
    }

    /// The points that the run does not have.
    fn missing(&mut self, run_id: &str, metrics: &[Metric]) -> Result<Vec<Metric>> {
        // Infinities come back as the largest numbers, and are told from points of their own by step and time.
        let place = |metric: &Metric| (metric.key.clone(), metric.step, metric.timestamp_ms, metric.value.is_nan());
        let mut there = HashSet::new();
        let keys: HashSet<&str> = metrics.iter().map(|metric| metric.key.as_str()).collect();
        for key in keys {
            there.extend(self.history(run_id, key)?.iter().map(place));
        }
        Ok(metrics.iter().filter(|metric| !there.contains(&place(metric))).cloned().collect())
    }
}
