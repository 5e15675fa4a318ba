//! The run, and what is logged to it.

use super::{KEY, Result, Road};
use crate::TrackingError;
use crate::record::{Experiment, Tag};
use crate::store::{ExperimentInfo, NewRun, Run, RunInfo, Store};

/// The experiment of a record; none where it has to be made.
pub(crate) fn find_experiment(store: &mut dyn Store, experiment: &Experiment) -> Result<Option<ExperimentInfo>> {
    let place = store.place();
    let (found, name) = match experiment {
        Experiment::Name(name) => (store.experiment_by_name(name)?, name),
        Experiment::Id(id) => {
            let found = store.experiment_by_id(id)?;
            let missing = || TrackingError::Config(format!("{place}: no experiment has the id `{id}`"));
            (Some(found.ok_or_else(missing)?), id)
        }
    };
    match found {
        Some(found) if found.deleted => Err(TrackingError::Config(format!(
            "{place}: experiment `{name}` is deleted\n  hint: another name, or `mlflow experiments restore -x {}`",
            found.id
        ))),
        found => Ok(found),
    }
}

/// A run to go on with.
pub(crate) fn find_resumed(store: &mut dyn Store, id: &str) -> Result<Run> {
    let config = |what: &str| TrackingError::Config(format!("{}: run `{id}` to go on with {what}", store.place()));
    let (missing, deleted) = (config("is not there"), config("is deleted"));
    let run = store.run(id)?.ok_or(missing)?;
    if run.info.deleted { Err(deleted) } else { Ok(run) }
}

impl Road<'_> {
    pub(super) fn experiment(&mut self) -> Result<ExperimentInfo> {
        let record = self.record;
        if let Some(id) = &record.resume {
            // It has its experiment, and another need not be made.
            let id = find_resumed(self.store, id)?.info.experiment_id;
            let found = self.store.experiment_by_id(&id)?;
            return Ok(found.unwrap_or(ExperimentInfo { name: id.clone(), id, deleted: false }));
        }
        if let Some(found) = find_experiment(self.store, &record.experiment)? {
            return Ok(found);
        }
        let Experiment::Name(name) = &record.experiment else { unreachable!("an id is found or an error") };
        let id = self.store.create_experiment(name)?;
        // Another may have made it, and deleted it, in between.
        let found = find_experiment(self.store, &Experiment::Name(name.clone()))?;
        Ok(found.unwrap_or(ExperimentInfo { id, name: name.clone(), deleted: false }))
    }

    /// The run of the record: that to go on with, that of an earlier walk, or a new one.
    pub(super) fn run(&mut self, experiment: &ExperimentInfo) -> Result<RunInfo> {
        let record = self.record;
        let run = match &record.resume {
            Some(id) => find_resumed(self.store, id)?.info,
            None => match self.known_run(experiment)? {
                Some(run) => run,
                None => {
                    let (run, is_new) = self.run_of(experiment, &record.key, &record.name, record.start_ms, &[])?;
                    self.is_new = is_new;
                    run
                }
            },
        };
        self.store.flush()?;
        let place = self.store.place();
        if self.state.run_id.as_ref() != Some(&run.id) {
            // What was made in a run that is no more is no more.
            (self.state.model_id, self.state.version) = (None, None);
        }
        self.state.run_id = Some(run.id.clone());
        self.state.run_url =
            place.starts_with("http").then(|| format!("{place}/#/experiments/{}/runs/{}", run.experiment_id, run.id));
        self.state.write(self.folder)?;
        Ok(run)
    }

    /// The run of an earlier walk, whatever its tags say now.
    fn known_run(&mut self, experiment: &ExperimentInfo) -> Result<Option<RunInfo>> {
        let Some(id) = self.state.run_id.clone() else { return Ok(None) };
        let run = self.store.run(&id)?.map(|run| run.info);
        Ok(run.filter(|run| !run.deleted && run.experiment_id == experiment.id))
    }

    /// The run with a key, and whether it was made just now.
    pub(super) fn run_of(
        &mut self,
        experiment: &ExperimentInfo,
        key: &str,
        name: &str,
        start_ms: i64,
        more: &[Tag],
    ) -> Result<(RunInfo, bool)> {
        let user = self.record.user.as_str();
        let key = Tag::new(KEY, key);
        let mut tags = vec![key.clone()];
        tags.extend_from_slice(more);
        let new = NewRun { experiment_id: &experiment.id, name, user, start_ms, tags: &tags };
        self.once(
            |road| {
                let found = road.store.runs_with_tag(&experiment.id, &key)?;
                let known = road.state.run_id.as_deref();
                // A server that was slow enough may have made two, which began at the same time.
                let run = found.into_iter().min_by_key(|run| (Some(run.id.as_str()) != known, run.id.clone()));
                Ok(run.map(|run| (run, false)))
            },
            |road| Ok((road.store.create_run(&new)?, true)),
        )
    }

    /// Parameters, tags, inputs, and the metrics that are not of the model. What the run had before comes back.
    pub(super) fn entries(&mut self, run: &RunInfo) -> Result<Run> {
        let record = self.record;
        let there = match self.is_new {
            true => None,
            false => self.store.run(&run.id)?,
        };
        let there = there.unwrap_or_else(|| Run {
            info: run.clone(),
            params: Vec::new(),
            metrics: Vec::new(),
            tags: Vec::new(),
            datasets: Vec::new(),
            models: Vec::new(),
        });
        let params = self.new_params(&there);
        let metrics: Vec<_> = record.metrics.iter().filter(|metric| !metric.of_model).cloned().collect();
        self.store.log_batch(&run.id, &params, &metrics, &record.tags, None, &record.datasets)?;
        let is_there = |name: &str, digest: &str| {
            there.datasets.iter().any(|dataset| dataset.name == name && dataset.digest == digest)
        };
        let datasets: Vec<_> =
            record.datasets.iter().filter(|dataset| !is_there(&dataset.name, &dataset.digest)).cloned().collect();
        if !datasets.is_empty() {
            self.store.log_inputs(&run.id, &datasets)?;
        }
        Ok(there)
    }

    /// The parameters that the run has not. One that has another value keeps it: a store changes none.
    fn new_params(&mut self, there: &Run) -> Vec<Tag> {
        let mut new = Vec::new();
        for param in &self.record.params {
            match there.params.iter().find(|other| other.key == param.key) {
                None => new.push(param.clone()),
                Some(other) if other.value == param.value => {}
                Some(_) => self.warnings.push(format!(
                    "parameter `{}` stays what it was in the run that was gone on with, and not `{}`",
                    param.key, param.value
                )),
            }
        }
        new
    }
}
