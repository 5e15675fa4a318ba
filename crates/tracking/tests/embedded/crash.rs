//! A trainer that dies between any two calls of a run: publishing again ends where it would have ended.

use std::path::Path;

use serde_json::Value as Json;
use trainer_testkit::scratch;
use trainer_tracking::{
    ArtifactRoot, Dataset, Embedded, ExperimentInfo, Listed, Metric, ModelInfo, NewModel, NewRun, NewVersion,
    RegisteredModel, Registry, Run, RunInfo, RunStatus, Store, Tag, Tracking, TrackingError, Version, publish,
};

use crate::sample::{Place, record};

type Result<T> = std::result::Result<T, TrackingError>;

#[test]
fn publishing_goes_on_after_a_death_at_any_call() {
    let whole = walked(usize::MAX);
    let mut deaths = 0;
    loop {
        let told = walked(deaths);
        assert_eq!(told.ended, whole.ended, "after a death at call {deaths}");
        if told.walks == 1 {
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 30, "the road has {deaths} calls");
}

/// What came of a record.
struct Walked {
    /// How often publishing had to begin.
    walks: usize,
    /// What is in the store then.
    ended: String,
}

/// Publishes a record to a new store; on the first walk the store dies at a call.
fn walked(death: usize) -> Walked {
    let (dir, folder) = (scratch(), scratch());
    let place = Place { folder: dir.path().to_owned() };
    let record = record(folder.path(), "a");
    let mut lives = death;
    let mut walks = 0;
    loop {
        walks += 1;
        let mut store = Mortal { store: place.open(), calls_left: lives };
        lives = usize::MAX;
        if let Ok(published) = publish(&record, folder.path(), &mut store, None, &mut |_| {}) {
            assert_eq!(published.differences, Vec::<String>::new());
            // Reading back is no part of the road: a death there is told, and everything is logged.
            let walks = if published.warnings.is_empty() { walks } else { walks.max(2) };
            return Walked { walks, ended: ended(&place) };
        }
        assert!(walks < 2, "the second walk ends");
    }
}

/// Rows of each table, and the files.
fn ended(place: &Place) -> String {
    let tables = [
        "experiments",
        "runs",
        "params",
        "tags",
        "metrics",
        "latest_metrics",
        "datasets",
        "inputs",
        "input_tags",
        "logged_models",
        "logged_model_metrics",
        "logged_model_params",
        "logged_model_tags",
        "registered_models",
        "model_versions",
        "model_version_tags",
        "registered_model_aliases",
    ];
    let rows = tables.map(|table| format!("{table} {}", place.count(&format!("SELECT count(*) FROM {table}"))));
    format!("{}\n{}", rows.join("\n"), files(&place.folder.join("mlruns")).join("\n"))
}

/// The names of all files, without the folders, whose names are ids.
fn files(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names.extend(files(&path));
        } else {
            names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    names.sort();
    names
}

/// A store that lives for some calls.
struct Mortal {
    store: Embedded,
    calls_left: usize,
}

impl Mortal {
    fn live(&mut self) -> Result<&mut Embedded> {
        match self.calls_left {
            0 => Err(TrackingError::Unreachable { place: "here".into(), message: "dead".into() }),
            _ => {
                self.calls_left -= 1;
                Ok(&mut self.store)
            }
        }
    }
}

macro_rules! while_it_lives {
    ($(fn $name:ident(&mut self $(, $argument:ident: $type:ty)*) -> $result:ty;)*) => {
        $(fn $name(&mut self $(, $argument: $type)*) -> $result { self.live()?.$name($($argument),*) })*
    };
}

impl Store for Mortal {
    fn place(&self) -> String {
        self.store.place()
    }

    while_it_lives! {
        fn flush(&mut self) -> Result<()>;
    }
}

impl Tracking for Mortal {
    while_it_lives! {
        fn experiment_by_name(&mut self, name: &str) -> Result<Option<ExperimentInfo>>;
        fn experiment_by_id(&mut self, id: &str) -> Result<Option<ExperimentInfo>>;
        fn create_experiment(&mut self, name: &str) -> Result<String>;
        fn create_run(&mut self, run: &NewRun<'_>) -> Result<RunInfo>;
        fn runs_with_tag(&mut self, experiment_id: &str, tag: &Tag) -> Result<Vec<RunInfo>>;
        fn run(&mut self, id: &str) -> Result<Option<Run>>;
        fn history(&mut self, run_id: &str, key: &str) -> Result<Vec<Metric>>;
        fn log_batch(&mut self, run_id: &str, params: &[Tag], metrics: &[Metric], tags: &[Tag], model: Option<&str>,
            datasets: &[Dataset]) -> Result<()>;
        fn log_inputs(&mut self, run_id: &str, datasets: &[Dataset]) -> Result<()>;
        fn log_output(&mut self, run_id: &str, model_id: &str) -> Result<()>;
        fn end_run(&mut self, run_id: &str, status: RunStatus, end_ms: i64) -> Result<()>;
        fn create_model(&mut self, model: &NewModel<'_>) -> Result<Option<ModelInfo>>;
        fn models_of_run(&mut self, experiment_id: &str, run_id: &str, name: &str) -> Result<Vec<ModelInfo>>;
        fn model_ready(&mut self, model_id: &str) -> Result<()>;
        fn log_model_of_run(&mut self, run_id: &str, mlmodel: &Json) -> Result<()>;
        fn put_artifact(&mut self, root: &ArtifactRoot, path: &str, file: &Path) -> Result<()>;
        fn list_artifacts(&mut self, root: &ArtifactRoot, folder: &str) -> Result<Vec<Listed>>;
        fn get_artifact(&mut self, root: &ArtifactRoot, path: &str) -> Result<Option<Vec<u8>>>;
    }
}

impl Registry for Mortal {
    while_it_lives! {
        fn registered_model(&mut self, name: &str) -> Result<Option<RegisteredModel>>;
        fn create_registered_model(&mut self, name: &str) -> Result<()>;
        fn create_version(&mut self, version: &NewVersion<'_>) -> Result<Version>;
        fn versions_of_run(&mut self, name: &str, run_id: &str) -> Result<Vec<Version>>;
        fn version(&mut self, name: &str, version: u64) -> Result<Option<Version>>;
        fn set_version_tag(&mut self, name: &str, version: u64, tag: &Tag) -> Result<()>;
        fn alias(&mut self, name: &str, alias: &str) -> Result<Option<Version>>;
        fn set_alias(&mut self, name: &str, alias: &str, version: u64) -> Result<()>;
        fn version_files(&mut self, version: &Version) -> Result<ArtifactRoot>;
    }
}
