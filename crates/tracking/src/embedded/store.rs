//! The embedded store as a [`Store`]: each call with its transaction, where it writes.

use std::path::Path;

use super::failure::Failure;
use super::{Embedded, batch, experiment, input, model, registry, run};
use crate::local_files;
use crate::record::{Dataset, Metric, RunStatus, Tag};
use crate::store::{
    ArtifactRoot, ExperimentInfo, Listed, ModelInfo, NewModel, NewRun, NewVersion, RegisteredModel, Registry, Run,
    RunInfo, Store, Tracking, Version,
};

type Result<T> = std::result::Result<T, crate::TrackingError>;

impl Store for Embedded {
    fn place(&self) -> String {
        self.place.clone()
    }

    fn flush(&mut self) -> Result<()> {
        self.commit()
    }
}

impl Tracking for Embedded {
    fn experiment_by_name(&mut self, name: &str) -> Result<Option<ExperimentInfo>> {
        self.read(|connection| experiment::by_name(connection, name))
    }

    fn experiment_by_id(&mut self, id: &str) -> Result<Option<ExperimentInfo>> {
        self.read(|connection| experiment::by_id(connection, id))
    }

    fn create_experiment(&mut self, name: &str) -> Result<String> {
        let artifacts = self.artifacts.clone();
        self.write(|connection| experiment::create(connection, name, &artifacts))
    }

    fn create_run(&mut self, new: &NewRun<'_>) -> Result<RunInfo> {
        self.write(|connection| run::create(connection, new))
    }

    fn runs_with_tag(&mut self, experiment_id: &str, tag: &Tag) -> Result<Vec<RunInfo>> {
        self.read(|connection| run::with_tag(connection, experiment_id, tag))
    }

    fn run(&mut self, id: &str) -> Result<Option<Run>> {
        self.read(|connection| run::read(connection, id))
    }

    fn history(&mut self, run_id: &str, key: &str) -> Result<Vec<Metric>> {
        self.read(|connection| batch::history(connection, run_id, key))
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
        self.write(|connection| {
            let experiment = run::experiment_of(connection, run_id)?;
            batch::log_params(connection, run_id, params)?;
            batch::set_tags(connection, run_id, tags)?;
            batch::log_metrics(connection, run_id, metrics)?;
            let Some(model) = model else { return Ok(()) };
            let of_model = metrics.iter().filter(|metric| metric.of_model);
            batch::log_model_metrics(connection, run_id, &experiment, model, of_model, datasets)
        })
    }

    fn log_inputs(&mut self, run_id: &str, datasets: &[Dataset]) -> Result<()> {
        self.write(|connection| {
            let experiment = run::experiment_of(connection, run_id)?;
            input::log(connection, run_id, &experiment, datasets)
        })
    }

    fn log_output(&mut self, run_id: &str, model_id: &str) -> Result<()> {
        self.write(|connection| {
            run::experiment_of(connection, run_id)?;
            input::log_output(connection, run_id, model_id)
        })
    }

    fn end_run(&mut self, run_id: &str, status: RunStatus, end_ms: i64) -> Result<()> {
        self.write(|connection| run::end(connection, run_id, status, end_ms))
    }

    fn create_model(&mut self, new: &NewModel<'_>) -> Result<Option<ModelInfo>> {
        self.write(|connection| model::create(connection, new)).map(Some)
    }

    fn models_of_run(&mut self, experiment_id: &str, run_id: &str, name: &str) -> Result<Vec<ModelInfo>> {
        self.read(|connection| model::of_run(connection, experiment_id, run_id, name))
    }

    fn model_ready(&mut self, model_id: &str) -> Result<()> {
        self.write(|connection| model::ready(connection, model_id))
    }

    fn log_model_of_run(&mut self, _: &str, _: &serde_json::Value) -> Result<()> {
        // This store has logged models, which say the same.
        Ok(())
    }

    fn put_artifact(&mut self, root: &ArtifactRoot, path: &str, file: &Path) -> Result<()> {
        self.read(|_| Ok(local_files::put(&folder(root)?, path, file)?))
    }

    fn list_artifacts(&mut self, root: &ArtifactRoot, below: &str) -> Result<Vec<Listed>> {
        self.read(|_| Ok(local_files::list(&folder(root)?, below)?))
    }

    fn get_artifact(&mut self, root: &ArtifactRoot, path: &str) -> Result<Option<Vec<u8>>> {
        self.read(|_| Ok(local_files::get(&folder(root)?, path)?))
    }
}

impl Registry for Embedded {
    fn registered_model(&mut self, name: &str) -> Result<Option<RegisteredModel>> {
        self.read(|connection| registry::read(connection, name))
    }

    fn create_registered_model(&mut self, name: &str) -> Result<()> {
        self.write(|connection| registry::create(connection, name))
    }

    fn create_version(&mut self, new: &NewVersion<'_>) -> Result<Version> {
        self.write(|connection| registry::create_version(connection, new))
    }

    fn versions_of_run(&mut self, name: &str, run_id: &str) -> Result<Vec<Version>> {
        self.read(|connection| registry::of_run(connection, name, run_id))
    }

    fn version(&mut self, name: &str, version: u64) -> Result<Option<Version>> {
        self.read(|connection| registry::version(connection, name, version))
    }

    fn set_version_tag(&mut self, name: &str, version: u64, tag: &Tag) -> Result<()> {
        self.write(|connection| registry::set_tag(connection, name, version, tag))
    }

    fn alias(&mut self, name: &str, alias: &str) -> Result<Option<Version>> {
        self.read(|connection| registry::behind_alias(connection, name, alias))
    }

    fn set_alias(&mut self, name: &str, alias: &str, version: u64) -> Result<()> {
        self.write(|connection| registry::set_alias(connection, name, alias, version))
    }

    fn version_files(&mut self, version: &Version) -> Result<ArtifactRoot> {
        self.read(|connection| registry::files(connection, version))
    }
}

fn folder(root: &ArtifactRoot) -> std::result::Result<std::path::PathBuf, Failure> {
    local_files::folder(&root.uri)
        .ok_or_else(|| Failure::Config(format!("expected files in a folder of this machine, found `{}`", root.uri)))
}
