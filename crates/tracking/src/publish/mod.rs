//! The road from a [`Record`] to a store. It can be walked again from anywhere: before each thing that must happen once
//! it is looked up whether it happened.

mod check;
mod child;
mod files;
mod lock;
mod model;
mod run;
mod state;
mod version;

use std::path::Path;

use crate::TrackingError;
use crate::limits;
use crate::record::{Experiment, Record, Tag, VersionRecord};
use crate::store::{ModelInfo, RunInfo, Store};
use check::Told;
use files::Written;
pub(crate) use run::{find_experiment, find_resumed};
pub use state::State;

type Result<T> = std::result::Result<T, TrackingError>;

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The store.
    pub place: String,
    /// The experiment.
    pub experiment_id: String,
    /// The run.
    pub run_id: String,
    /// The page that shows it, where a server does.
    pub run_url: Option<String>,
    /// The logged model; none where there is no model, or the server knows no logged models.
    pub model_id: Option<String>,
    /// The version that was registered.
    pub version: Option<u64>,
    /// The alias that points at it now because of this; none where it was left as it is, which a warning says.
    pub alias: Option<String>,
    /// What was written and is not there: the run is not wholly logged.
    pub missing: Vec<String>,
    /// What is there in another form than it was given.
    pub warnings: Vec<String>,
    /// What was read back and is not what was written.
    pub differences: Vec<String>,
}

/// Publishes the record of a run, whose files lie in `folder`, to a store; `registry` is given when models are registered
/// elsewhere. `watch` is told what is being done.
///
/// When it fails, the same call goes on where it ended, now or later, here or on another machine.
///
/// # Errors
/// As the store's; [`TrackingError::Config`] for an experiment or a run that cannot take it, and for files outside of the
/// folder; [`TrackingError::Unreachable`] also while another program publishes the same folder.
pub fn publish(
    record: &Record,
    folder: &Path,
    store: &mut dyn Store,
    registry: Option<&mut (dyn Store + 'static)>,
    watch: &mut dyn FnMut(&str),
) -> Result<Published> {
    let _lock = lock::Lock::take(folder, &store.place())?;
    let (mut record, warnings) = limits::fit(record);
    forget_keys(&mut record);
    let elsewhere = registry.and_then(|registry| Some((registry, record.version.take()?)));
    let mut published = walk(&record, folder, State::FILE, store, watch)?;
    published.warnings.splice(0..0, warnings);
    if let Some((registry, version)) = elsewhere {
        let copy = for_registry(record, version, &published);
        let registered = walk(&copy, folder, State::REGISTRY_FILE, registry, watch)?;
        (published.version, published.alias) = (registered.version, registered.alias);
        published.missing.extend(registered.missing);
        published.warnings.extend(registered.warnings);
        published.differences.extend(registered.differences);
    }
    Ok(published)
}

/// A key is of the run that was made for it: another's, such as one from the environment, would lead to the wrong run.
fn forget_keys(record: &mut Record) {
    record.tags.retain(|tag| tag.key != KEY);
    record.children.iter_mut().for_each(|child| child.tags.retain(|tag| tag.key != KEY));
    if let Some(model) = &mut record.model {
        model.tags.retain(|tag| tag.key != KEY);
    }
    if let Some(version) = &mut record.version {
        version.tags.retain(|tag| tag.key != KEY);
    }
}

fn walk(
    record: &Record,
    folder: &Path,
    state: &'static str,
    store: &mut dyn Store,
    watch: &mut dyn FnMut(&str),
) -> Result<Published> {
    let state = State::begin(folder, state, &record.key, &store.place())?;
    let mut road =
        Road { record, folder, store, watch, state, warnings: Vec::new(), written: Vec::new(), is_new: false };
    road.sources(record)?;
    let end = road.walk()?;
    let Told { missing, differing } = road.check(&end);
    Ok(Published {
        place: road.store.place(),
        experiment_id: end.run.experiment_id,
        run_id: end.run.id,
        run_url: road.state.run_url,
        model_id: end.model.map(|model| model.id),
        version: end.version,
        alias: end.alias,
        missing,
        warnings: road.warnings,
        differences: differing,
    })
}

/// What a registry elsewhere is told. A server takes no version whose files lie behind another server, so the model is put
/// there too: in a run that holds it and its numbers, and says where the whole run is.
fn for_registry(record: Record, version: VersionRecord, published: &Published) -> Record {
    let mut tags = record.tags;
    tags.retain(|tag| tag.key != "mlflow.loggedArtifacts");
    tags.push(Tag::new("trainer.tracked_at", format!("{}, run {}", published.place, published.run_id)));
    let mut metrics = record.metrics;
    metrics.retain(|metric| metric.of_model);
    Record {
        experiment: Experiment::Name(version.name.clone()),
        resume: None,
        tags,
        metrics,
        artifacts: Vec::new(),
        children: Vec::new(),
        version: Some(version),
        ..record
    }
}

/// How what a record made is told from what others made in the same run.
const KEY: &str = "trainer.run_key";

/// Where the road ends.
struct End {
    run: RunInfo,
    model: Option<ModelInfo>,
    version: Option<u64>,
    /// The alias, where it was set.
    alias: Option<String>,
    /// The nested runs, in the order of the record.
    children: Vec<String>,
}

struct Road<'a> {
    record: &'a Record,
    folder: &'a Path,
    store: &'a mut dyn Store,
    watch: &'a mut dyn FnMut(&str),
    state: State,
    warnings: Vec<String>,
    /// Files that were uploaded, or found to be there.
    written: Vec<Written>,
    /// The run was made on this walk, so that nothing of it can be there.
    is_new: bool,
}

impl Road<'_> {
    fn walk(&mut self) -> Result<End> {
        let record = self.record;
        self.say("experiment");
        let experiment = self.experiment()?;
        let run = self.run(&experiment)?;
        self.say("parameters, metrics and data");
        let there = self.entries(&run)?;
        let model = match &record.model {
            Some(model) => {
                self.say("model");
                self.model(&run, &there, model)?
            }
            None => None,
        };
        self.model_metrics(&run, model.as_ref())?;
        self.store.flush()?;
        self.files(&run.artifacts, &record.artifacts)?;
        if let Some(logged) = &record.model {
            self.model_files(&run, &there, model.as_ref(), logged)?;
        }
        let children = self.children(&run)?;
        let (version, alias) = self.version(&run, model.as_ref())?;
        self.say("end of the run");
        self.store.end_run(&run.id, record.status, record.end_ms)?;
        self.store.flush()?;
        Ok(End { run, model, version, alias, children })
    }

    fn say(&mut self, what: &str) {
        (self.watch)(what);
    }

    /// The tag of what this record makes.
    fn key(&self) -> Tag {
        Tag::new(KEY, &self.record.key)
    }

    /// Makes what must be there once. Where it was asked for and no answer came, it may be there all the same.
    fn once<T>(
        &mut self,
        find: impl Fn(&mut Self) -> Result<Option<T>>,
        make: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        if !self.is_new
            && let Some(found) = find(self)?
        {
            return Ok(found);
        }
        match make(self) {
            Err(error) if error.passes() => find(self).ok().flatten().ok_or(error),
            made => made,
        }
    }
}
