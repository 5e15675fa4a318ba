//! A whole run on servers of both generations.

use std::path::Path;

use trainer_testkit::{Proxy, Server, scratch};
use trainer_tracking::{
    Address, Embedded, Experiment, Metric, Needs, Record, Registry, RunStatus, Store, Tag, Tracking, TrackingError,
    preflight,
};

use crate::sample::{MODEL, impatient, publish, record, rest, state};

/// Publishes twice; what is there after is told, and is the same.
fn twice(server: &Server, folder: &Path, record: &Record) -> serde_json::Value {
    let proxy = Proxy::start(server.port());
    let mut store = rest(&proxy.url(), &impatient(0));
    let first = publish(record, folder, &mut store).unwrap();
    assert_eq!((first.warnings.as_slice(), first.differences.as_slice()), (&[][..], &[][..]), "{first:?}");
    assert_eq!(first.missing, [""; 0]);
    assert_eq!(first.run_url.as_deref().unwrap().rsplit('/').next(), Some(first.run_id.as_str()));
    let (calls, once) = (proxy.calls(), state(&server.url(), record, MODEL));
    let second = publish(record, folder, &mut store).unwrap();
    assert_eq!(first, second);
    assert_eq!(once, state(&server.url(), record, MODEL));
    std::fs::remove_file(folder.join("tracking.state.json")).unwrap();
    assert_eq!(first, publish(record, folder, &mut store).unwrap(), "without the state");
    assert_eq!(once, state(&server.url(), record, MODEL));
    assert!(calls.len() < 40, "{} calls: {calls:#?}", calls.len());
    once
}

#[test]
fn a_whole_run_on_mlflow_3() {
    let (files, folder) = (scratch(), scratch());
    let server = Server::mlflow(files.path());
    let record = record(folder.path(), "whole", MODEL);
    let state = twice(&server, folder.path(), &record);
    let text = state.to_string();
    assert_eq!(state["runs"].as_array().unwrap().len(), 2);
    assert_eq!(state["models"]["models"].as_array().unwrap().len(), 1, "{text}");
    assert_eq!(state["models"]["models"][0]["info"]["status"], "LOGGED_MODEL_READY");
    assert_eq!(state["versions"]["model_versions"][0]["source"], "models:/MODEL", "{text}");
    assert_eq!(state["versions"]["model_versions"].as_array().unwrap().len(), 1);
    assert_eq!(state["registered"]["registered_model"]["aliases"][0]["alias"], "champion");
    let histories = &state["runs"][0]["histories"];
    assert_eq!(histories[0]["loss"].as_array().unwrap().len(), 1100);
    assert_eq!(histories[1]["odd/nan"][0]["value"], "NaN");

    // What was written can be read.
    let mut store = rest(&server.url(), &impatient(0));
    let version = store.alias(MODEL, "champion").unwrap().unwrap();
    let root = store.version_files(&version).unwrap();
    assert_eq!(store.get_artifact(&root, "model.onnx").unwrap().unwrap(), b"onnx");
    assert_eq!(store.get_artifact(&root, "none/none.txt").unwrap(), None);
    let mlmodel = String::from_utf8(store.get_artifact(&root, "MLmodel").unwrap().unwrap()).unwrap();
    assert!(mlmodel.contains("model_id: m-") && mlmodel.contains("model_size_bytes: 11"), "{mlmodel}");
    let run = store.run(&version.run_id).unwrap().unwrap();
    let root = run.info.artifacts;
    assert_eq!(store.get_artifact(&root, "plots/a b ü.svg").unwrap().unwrap(), b"<svg/>");
    assert_eq!(store.get_artifact(&root, "empty.txt").unwrap().unwrap(), b"");
    looks_before(&mut store);
    goes_on(&server, folder.path(), &version.run_id);
    registers_elsewhere(&server);
}

#[test]
fn a_whole_run_on_mlflow_2() {
    let (files, folder) = (scratch(), scratch());
    let server = Server::mlflow2(files.path());
    let record = record(folder.path(), "whole", MODEL);
    let state = twice(&server, folder.path(), &record);
    let version = &state["versions"]["model_versions"][0];
    let source = version["source"].as_str().unwrap();
    assert!(source.ends_with("/artifacts/model"), "{source}");
    let listed = state["runs"][0]["files"][2]["files"].as_array().unwrap();
    let names: Vec<&str> = listed.iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(names, ["MLmodel", "model.onnx", "requirements.txt"]);

    let mut store = rest(&server.url(), &impatient(0));
    let version = store.alias(MODEL, "champion").unwrap().unwrap();
    let root = store.version_files(&version).unwrap();
    let mlmodel = String::from_utf8(store.get_artifact(&root, "MLmodel").unwrap().unwrap()).unwrap();
    assert!(mlmodel.contains("artifact_path: model\n") && !mlmodel.contains("model_id:"), "{mlmodel}");
    assert_eq!(store.get_artifact(&root, "none.txt").unwrap(), None);
    looks_before(&mut store);
}

/// What stops a run is found before it begins.
fn looks_before(store: &mut dyn Store) {
    let name = |name: &str| Experiment::Name(name.into());
    let mut look = |experiment: &Experiment, resume: Option<&str>, model: Option<&str>, alias: Option<&str>| {
        let needs = Needs { experiment, resume, model, alias };
        preflight(store, None, &needs).map_err(|error| {
            assert!(matches!(error, TrackingError::Config(_)), "{error}");
            error.to_string()
        })
    };
    let whole = name("whole");
    assert_eq!(look(&whole, None, Some(MODEL), Some("champion")), Ok(vec![]));
    assert_eq!(look(&name("new"), None, Some("new"), None), Ok(vec![]));
    let failed = |found: Result<Vec<String>, String>, part: &str| {
        let message = found.unwrap_err();
        assert!(message.contains(part), "{message}");
    };
    failed(look(&Experiment::Id("777".into()), None, None, None), "no experiment has the id `777`");
    failed(look(&Experiment::Id("abc".into()), None, None, None), "no experiment has the id `abc`");
    failed(look(&whole, Some("0123"), None, None), "run `0123` to go on with is not there");
    failed(look(&whole, None, Some("a/b"), None), "without `/` and `:`, found `a/b`");
    failed(look(&whole, None, Some("m"), Some("latest")), "expected an alias");
    failed(look(&name(""), None, None, None), "expected an experiment's name");
}

/// A run that is there takes what it has not, and keeps what it has.
fn goes_on(server: &Server, folder: &Path, run_id: &str) {
    let mut again = record(folder, "other", MODEL);
    again.resume = Some(run_id.to_owned());
    again.params = vec![Tag::new("p.1", "changed"), Tag::new("p.2", "2"), Tag::new("fresh", "1")];
    again.children.clear();
    let mut store = rest(&server.url(), &impatient(0));
    let published = publish(&again, folder, &mut store).unwrap();
    assert_eq!(published.run_id, run_id);
    assert_eq!(published.warnings.len(), 1, "{published:?}");
    assert!(published.warnings[0].contains("`p.1` stays"), "{published:?}");
    assert_eq!(published.differences, [""; 0]);
    // A model and a version of its own, beside those that the run has.
    assert_eq!(published.version, Some(2));
    assert_eq!(publish(&again, folder, &mut store).unwrap(), published);
    assert_eq!(store.models_of_run(&published.experiment_id, run_id, "model").unwrap().len(), 2);
    assert_eq!(store.alias(MODEL, "champion").unwrap().unwrap().version, 2);
    let run = store.run(run_id).unwrap().unwrap();
    let param = |key: &str| run.params.iter().find(|param| param.key == key).map(|param| param.value.as_str());
    assert_eq!((param("p.1"), param("fresh")), (Some("1"), Some("1")));
}

/// A registry in another place gets the model itself, in a run of its own.
fn registers_elsewhere(server: &Server) {
    let (folder, place) = (scratch(), scratch());
    let record = record(folder.path(), "elsewhere", MODEL);
    let mut store = rest(&server.url(), &impatient(0));
    let mut registry = Embedded::open(&place.path().join("r.db"), &place.path().join("mlruns")).unwrap();
    let mut watched = Vec::new();
    let published = trainer_tracking::publish(&record, folder.path(), &mut store, Some(&mut registry), &mut |what| {
        watched.push(what.to_owned());
    });
    let published = published.unwrap();
    assert_eq!((published.version, published.differences.as_slice()), (Some(1), &[][..]), "{published:?}");
    assert!(watched.iter().any(|what| what == "metrics.json (file 1 of 3)"), "{watched:?}");
    let version = registry.alias(MODEL, "champion").unwrap().unwrap();
    assert!(version.source.starts_with("models:/m-") && version.run_id != published.run_id, "{version:?}");
    let root = registry.version_files(&version).unwrap();
    assert_eq!(registry.get_artifact(&root, "model.onnx").unwrap().unwrap(), b"onnx");
    let run = registry.run(&version.run_id).unwrap().unwrap();
    let whole = run.tags.iter().find(|tag| tag.key == "trainer.tracked_at").unwrap();
    assert_eq!(whole.value, format!("{}, run {}", server.url(), published.run_id));
    let again = trainer_tracking::publish(&record, folder.path(), &mut store, Some(&mut registry), &mut |_| {});
    assert_eq!(again.unwrap(), published);
}

#[test]
fn the_embedded_store_takes_the_same_road() {
    let (folder, place) = (scratch(), scratch());
    let record = record(folder.path(), "whole", MODEL);
    let address = Address::parse("sqlite:///mlflow.db").unwrap().within(place.path());
    let mut store = trainer_tracking::open(&address, &impatient(0), false).unwrap();
    let first = publish(&record, folder.path(), &mut *store).unwrap();
    assert_eq!((first.warnings.as_slice(), first.differences.as_slice()), (&[][..], &[][..]), "{first:?}");
    assert_eq!(first.missing, [""; 0]);
    assert_eq!((first.version, &first.run_url), (Some(1), &None));
    assert_eq!(publish(&record, folder.path(), &mut *store).unwrap(), first);
    assert!(place.path().join("mlruns").is_dir());
    looks_before(&mut *store);
}

#[test]
fn points_go_in_thousands() {
    let (files, folder) = (scratch(), scratch());
    let server = Server::mlflow(files.path());
    let proxy = Proxy::start(server.port());
    let mut record = record(folder.path(), "points", MODEL);
    let point = |step: i64| Metric {
        key: format!("m{}", step % 7),
        value: step as f64,
        timestamp_ms: 1_795_147_305_000 + step,
        step,
        dataset: None,
        of_model: false,
    };
    record.metrics = (0..20_000).map(point).collect();
    let mut store = rest(&proxy.url(), &impatient(0));
    let published = publish(&record, folder.path(), &mut store).unwrap();
    assert_eq!(published.differences, [""; 0]);
    let batches = proxy.calls().iter().filter(|call| call.ends_with("runs/log-batch")).count();
    // Parameters, tags and those of the nested run go along.
    assert!((20..=23).contains(&batches), "{batches} batches");
    let run = store.run(&published.run_id).unwrap().unwrap();
    assert_eq!((run.info.status, run.metrics.len()), (RunStatus::Finished, 7));
}
