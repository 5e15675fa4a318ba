//! The logged model: an entity with files of its own, or a folder of the run's files on servers that know none.

use serde_json::Value as Json;

use super::{Result, Road, Written};
use crate::TrackingError;
use crate::mlmodel::mlmodel_yaml;
use crate::record::{Artifact, LoggedModel, Tag};
use crate::store::{ArtifactRoot, ModelInfo, NewModel, Run, RunInfo};

impl Road<'_> {
    /// The logged model, as the run's output; none where the store knows no logged models.
    pub(super) fn model(&mut self, run: &RunInfo, there: &Run, model: &LoggedModel) -> Result<Option<ModelInfo>> {
        let key = self.key();
        let tags: Vec<Tag> = model.tags.iter().chain([&key]).cloned().collect();
        let new = NewModel {
            experiment_id: &run.experiment_id,
            run_id: &run.id,
            name: &model.name,
            params: &model.params,
            tags: &tags,
        };
        let made = self.once(
            |road| {
                let found = road.store.models_of_run(&run.experiment_id, &run.id, &model.name)?;
                let known = road.state.model_id.as_deref();
                let ours = found.into_iter().filter(|model| model.tags.contains(&key));
                Ok(ours.min_by_key(|model| (Some(model.id.as_str()) != known, model.id.clone())).map(Some))
            },
            |road| road.store.create_model(&new),
        )?;
        if let Some(model) = &made {
            if !there.models.contains(&model.id) {
                self.output(run, &model.id)?;
            }
            self.store.flush()?;
            self.state.model_id = Some(model.id.clone());
            self.state.write(self.folder)?;
        }
        Ok(made)
    }

    /// The server refuses the same output a second time, so that it may have to be looked up.
    fn output(&mut self, run: &RunInfo, model_id: &str) -> Result<()> {
        match self.store.log_output(&run.id, model_id) {
            Err(error) if error.passes() => {
                let run = self.store.run(&run.id).ok().flatten();
                let is_there = run.is_some_and(|run| run.models.iter().any(|id| id == model_id));
                if is_there { Ok(()) } else { Err(error) }
            }
            done => done,
        }
    }

    /// The metrics of the model, which the run has too.
    pub(super) fn model_metrics(&mut self, run: &RunInfo, model: Option<&ModelInfo>) -> Result<()> {
        let record = self.record;
        let metrics: Vec<_> = record.metrics.iter().filter(|metric| metric.of_model).cloned().collect();
        let model = model.map(|model| model.id.as_str());
        self.store.log_batch(&run.id, &[], &metrics, &[], model, &record.datasets)
    }

    /// The model's files, and last its `MLmodel`: where that is, all of it is.
    pub(super) fn model_files(
        &mut self,
        run: &RunInfo,
        there: &Run,
        model: Option<&ModelInfo>,
        logged: &LoggedModel,
    ) -> Result<()> {
        let (root, prefix) = match model {
            Some(model) => (&model.artifacts, String::new()),
            None => (&run.artifacts, format!("{}/", logged.name)),
        };
        let below = |file: &Artifact| Artifact { file: file.file.clone(), path: format!("{prefix}{}", file.path) };
        let files: Vec<Artifact> = logged.files.iter().map(below).collect();
        let mlmodel = self.mlmodel(run, model, logged)?;
        let (path, text) = (format!("{prefix}MLmodel"), mlmodel_yaml(&mlmodel));
        if self.is_done(there, model) && self.is_whole(root, &files, &path, &text)? {
            // It may be in service by now: nobody is to read half a file of it.
            return Ok(());
        }
        self.files(root, &files)?;
        self.put_text(root, &path, &text)?;
        match model {
            Some(model) if model.ready => Ok(()),
            Some(model) => self.store.model_ready(&model.id),
            None => self.store.log_model_of_run(&run.id, &mlmodel),
        }
    }

    /// Whether an earlier walk has come to the end of the model's files.
    fn is_done(&self, there: &Run, model: Option<&ModelInfo>) -> bool {
        let is_told = |tag: &Tag| tag.key == "mlflow.log-model.history" && tag.value.contains(&self.record.key);
        model.map_or_else(|| there.tags.iter().any(is_told), |model| model.ready)
    }

    /// Whether the store has all files of the model; they are to be there at the end either way.
    fn is_whole(&mut self, root: &ArtifactRoot, files: &[Artifact], mlmodel: &str, text: &str) -> Result<bool> {
        let written = |path: &str, bytes| Written { root: root.clone(), path: path.to_owned(), bytes };
        let mut all = vec![written(mlmodel, text.len() as u64)];
        for file in files {
            all.push(written(&file.path, fs_err::metadata(self.source(file)?)?.len()));
        }
        let is_whole = match self.listed(&all) {
            // A server that lists nothing: it gets them once more.
            Err(_) => false,
            Ok(listed) => listed.iter().all(|(_, found)| found.is_some()),
        };
        if is_whole {
            self.written.extend(all);
        }
        Ok(is_whole)
    }

    /// `MLmodel` with what only the store could tell.
    fn mlmodel(&self, run: &RunInfo, model: Option<&ModelInfo>, logged: &LoggedModel) -> Result<Json> {
        let Json::Object(mut mlmodel) = logged.mlmodel.clone() else {
            return Err(TrackingError::Config("expected `MLmodel` as a mapping".to_owned()));
        };
        let mut bytes = 0;
        for file in &logged.files {
            bytes += fs_err::metadata(self.source(file)?)?.len();
        }
        let path = model.map_or(logged.name.as_str(), |model| model.artifacts.uri.as_str());
        mlmodel.insert("artifact_path".to_owned(), path.into());
        mlmodel.insert("model_size_bytes".to_owned(), bytes.into());
        mlmodel.insert("run_id".to_owned(), run.id.as_str().into());
        // Without a logged model the id is the run's key, so that the next walk gives the same one.
        let uuid = model.map_or(self.record.key.as_str(), |model| model.id.as_str());
        mlmodel.insert("model_uuid".to_owned(), uuid.into());
        if let Some(model) = model {
            mlmodel.insert("model_id".to_owned(), model.id.as_str().into());
        }
        mlmodel.sort_keys();
        Ok(Json::Object(mlmodel))
    }

    fn put_text(&mut self, root: &ArtifactRoot, path: &str, text: &str) -> Result<()> {
        let aside = self.folder.join(format!(".tracking.{}.part", uuid::Uuid::new_v4().simple()));
        let put = fs_err::write(&aside, text)
            .map_err(TrackingError::from)
            .and_then(|()| self.store.put_artifact(root, path, &aside));
        // Half of it may be there or not: what went wrong with it is what is told.
        let removed = fs_err::remove_file(&aside);
        put.and_then(|()| Ok(removed?))?;
        self.written.push(Written { root: root.clone(), path: path.to_owned(), bytes: text.len() as u64 });
        Ok(())
    }
}
