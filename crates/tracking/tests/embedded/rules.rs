//! What the store keeps to, call by call.

use trainer_testkit::scratch;
use trainer_tracking::{
    Experiment, Metric, Needs, NewModel, NewRun, NewVersion, Registry, RunStatus, Store, Tag, Tracking, TrackingError,
    preflight, publish,
};

use crate::sample::{Place, START_MS, begin, dataset, metric, record};

fn with_store(test: impl FnOnce(&mut trainer_tracking::Embedded, &Place)) {
    let dir = scratch();
    let place = Place { folder: dir.path().to_owned() };
    test(&mut place.open(), &place);
}

fn says<T: std::fmt::Debug>(result: Result<T, TrackingError>, word: &str) {
    let error = result.unwrap_err();
    assert!(matches!(error, TrackingError::Config(_)), "{error:?}");
    assert!(error.to_string().contains(word), "expected `{word}`, found: {error}");
}

#[test]
fn nothing_is_there_before_the_flush_and_everything_after() {
    with_store(|store, place| {
        let (_, run) = begin(store, "churn", "a");
        assert!(store.run(&run).unwrap().is_some(), "the writer sees what it wrote");
        assert_eq!(place.name_of(&run), None);
        store.flush().unwrap();
        assert_eq!(place.name_of(&run), Some("a".to_owned()));
        let mut other = place.open();
        let (_, lost) = begin(&mut other, "churn", "b");
        drop(other);
        assert_eq!(place.name_of(&lost), None);
        assert_eq!(place.name_of(&begin(store, "churn", "c").1), None, "nobody holds the lock");
    });
}

#[test]
fn a_call_that_fails_leaves_nothing_and_ends_nothing() {
    with_store(|store, _| {
        let (_, run) = begin(store, "churn", "a");
        store.log_batch(&run, &[Tag::new("seed", "7")], &[], &[], None, &[]).unwrap();
        let both = [Tag::new("new", "1"), Tag::new("seed", "8")];
        says(store.log_batch(&run, &both, &[], &[], None, &[]), "to stay `7`, found `8`");
        store.flush().unwrap();
        assert_eq!(store.run(&run).unwrap().unwrap().params, [Tag::new("seed", "7")]);
    });
}

#[test]
fn the_latest_point_is_that_of_the_last_step_then_time_then_value() {
    with_store(|store, _| {
        let (_, run) = begin(store, "churn", "a");
        let at = |value: f64, step: i64, timestamp_ms: i64| Metric { timestamp_ms, ..metric("m", value, step) };
        let points = [at(1.0, 5, 10), at(9.0, 4, 99), at(2.0, 5, 11), at(3.0, 5, 11), at(2.5, 5, 11), at(7.0, -1, 100)];
        for some in points.chunks(2) {
            store.log_batch(&run, &[], some, &[], None, &[]).unwrap();
        }
        store.log_batch(&run, &[], &points, &[], None, &[]).unwrap();
        let latest = store.run(&run).unwrap().unwrap().metrics;
        assert_eq!(latest, [at(3.0, 5, 11)]);
        let steps: Vec<i64> = store.history(&run, "m").unwrap().iter().map(|point| point.step).collect();
        assert_eq!(steps, [-1, 4, 5, 5, 5, 5], "every point once, in order");
    });
}

#[test]
fn numbers_that_have_no_place_in_sql_are_kept_as_mlflow_keeps_them() {
    with_store(|store, _| {
        let (_, run) = begin(store, "churn", "a");
        let points = [metric("nan", f64::NAN, 0), metric("up", f64::INFINITY, 0), metric("down", f64::NEG_INFINITY, 0)];
        store.log_batch(&run, &[], &points, &[], None, &[]).unwrap();
        let values: Vec<f64> = store.run(&run).unwrap().unwrap().metrics.iter().map(|point| point.value).collect();
        assert!(values[0] == f64::MIN && values[1].is_nan() && values[2] == f64::MAX, "{values:?}");
    });
}

#[test]
fn texts_are_refused_where_they_would_be_cut() {
    with_store(|store, _| {
        let long = |length: usize| "ä".repeat(length);
        says(
            store.create_experiment(&long(257)),
            "a name for the experiment of at most 256 characters, found 257: `ää",
        );
        says(store.create_experiment(""), "found an empty text");
        let (experiment, run) = begin(store, &long(256), "a");
        let new = NewRun { experiment_id: &experiment, name: &long(251), user: "", start_ms: 0, tags: &[] };
        says(store.create_run(&new), "a name for the run");
        let param = [Tag::new("p", long(6000))];
        store.log_batch(&run, &param, &[], &[], None, &[]).unwrap();
        says(store.log_batch(&run, &[Tag::new("q", long(6001))], &[], &[], None, &[]), "a value of parameter `q`");
        says(store.log_batch(&run, &[], &[], &[Tag::new(long(251), "")], None, &[]), "the key of a tag");
        says(store.log_batch(&run, &[], &[metric(&long(251), 0.0, 0)], &[], None, &[]), "the key of a metric");
        says(store.log_inputs(&run, &[dataset("training", &long(37))]), "the digest of a dataset");
        says(store.create_registered_model("a/b"), "without `/` and `:`");
        says(store.create_registered_model(""), "without `/` and `:`");
    });
}

#[test]
fn what_passes_the_look_before_is_taken() {
    with_store(|store, _| {
        let longest = |length: usize| Experiment::Name("ä".repeat(length));
        for (name, length) in [("", 256), ("ü", 1)] {
            let folder = scratch();
            let mut record = record(folder.path(), name);
            record.name = name.repeat(300);
            record.tags.push(Tag::new("mlflow.runName", name.repeat(300)));
            record.experiment = longest(length);
            let needs = Needs { experiment: &record.experiment, resume: None, model: None, alias: None };
            preflight(store, None, &needs).unwrap();
            let published = publish(&record, folder.path(), store, None, &mut |_| {}).unwrap();
            assert_eq!((published.missing, published.differences), (vec![], vec![]));
            let found = store.run(&published.run_id).unwrap().unwrap().info.name;
            assert_eq!(found, if name.is_empty() { "run".to_owned() } else { name.repeat(250) });
        }
        let needs = Needs { experiment: &longest(257), resume: None, model: None, alias: None };
        says(preflight(store, None, &needs), "expected an experiment's name of 1 to 256 characters, found 257");
    });
}

#[test]
fn a_run_has_one_name() {
    with_store(|store, _| {
        let (experiment, run) = begin(store, "churn", "first name");
        let tags = [Tag::new("mlflow.runName", "another")];
        let new = NewRun { experiment_id: &experiment, name: "one", user: "", start_ms: START_MS, tags: &tags };
        says(store.create_run(&new), "to be the run's name `one`, found `another`");
        store.log_batch(&run, &[], &[], &tags, None, &[]).unwrap();
        assert_eq!(store.run(&run).unwrap().unwrap().info.name, "another");
    });
}

#[test]
fn runs_are_found_by_their_tag() {
    with_store(|store, place| {
        let (experiment, a) = begin(store, "churn", "a");
        let (_, b) = begin(store, "churn", "b");
        let (_, elsewhere) = begin(store, "other", "a");
        store.flush().unwrap();
        let found = store.runs_with_tag(&experiment, &Tag::new("trainer.run_key", "a")).unwrap();
        assert_eq!(found.iter().map(|run| &run.id).collect::<Vec<_>>(), [&a]);
        assert_ne!(elsewhere, a);
        assert_eq!(store.runs_with_tag(&experiment, &Tag::new("mlflow.user", "alice")).unwrap().len(), 2);
        place.change(&format!("UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid IN ('{a}', '{b}')"));
        assert_eq!(store.runs_with_tag(&experiment, &Tag::new("mlflow.user", "alice")).unwrap(), []);
        says(store.log_batch(&a, &[], &[], &[], None, &[]), "is deleted\n  hint: `mlflow runs restore --run-id");
        says(store.end_run("none", RunStatus::Failed, 0), "expected a run with id none");
    });
}

#[test]
fn experiments_that_take_no_runs() {
    with_store(|store, place| {
        let (experiment, _) = begin(store, "churn", "a");
        store.flush().unwrap();
        let new = NewRun { experiment_id: &experiment, name: "b", user: "", start_ms: 0, tags: &[] };
        place.change("UPDATE experiments SET lifecycle_stage = 'deleted' WHERE name = 'churn'");
        assert!(store.experiment_by_name("churn").unwrap().unwrap().deleted);
        assert_eq!(store.create_experiment("churn").unwrap(), experiment, "found, and not made twice");
        store.flush().unwrap();
        says(store.create_run(&new), "is deleted\n  hint: `mlflow experiments restore");
        place.change(
            "UPDATE experiments SET lifecycle_stage = 'active', artifact_location = 'mlflow-artifacts:/1'
             WHERE name = 'churn'",
        );
        says(store.create_run(&new), "found `mlflow-artifacts:/1`");
        says(store.create_run(&NewRun { experiment_id: "77", ..new }), "expected an experiment with id 77, found none");
        assert_eq!(store.experiment_by_id("0").unwrap().unwrap().name, "Default");
        assert_eq!(store.experiment_by_id("77").unwrap(), None);
    });
}

#[test]
fn versions_are_numbered_and_aliases_move() {
    with_store(|store, place| {
        let (experiment, run) = begin(store, "churn", "a");
        store.create_registered_model("m").unwrap();
        let model = NewModel { experiment_id: &experiment, run_id: &run, name: "model", params: &[], tags: &[] };
        let model = store.create_model(&model).unwrap().unwrap();
        let of_model =
            NewVersion { name: "m", run_id: &run, model_id: Some(&model.id), files: "", description: "", tags: &[] };
        let of_files = NewVersion { model_id: None, files: "/files/model", ..of_model.clone() };
        for (number, new) in [(1, &of_model), (2, &of_files), (3, &of_model)] {
            assert_eq!(store.create_version(new).unwrap().version, number);
        }
        let [first, second] = [1, 2].map(|number| store.version("m", number).unwrap().unwrap());
        assert_eq!(store.version_files(&first).unwrap(), model.artifacts);
        assert_eq!(store.version_files(&second).unwrap().uri, "/files/model");
        let named = store.models_of_run(&experiment, &run, "model").unwrap();
        let versions = r#"[{"name":"m","version":1},{"name":"m","version":3}]"#;
        assert_eq!(named[0].tags, [Tag::new("mlflow.modelVersions", versions)]);

        store.set_alias("m", "champion", 1).unwrap();
        store.set_alias("m", "champion", 3).unwrap();
        assert_eq!(store.alias("m", "champion").unwrap().unwrap().version, 3);
        assert_eq!(store.registered_model("m").unwrap().unwrap().aliases, [("champion".to_owned(), 3)]);
        assert_eq!(store.alias("m", "none").unwrap(), None);
        says(store.set_alias("m", "latest", 1), "expected an alias of letters");
        says(store.set_alias("m", "champion", 9), "expected version 9 of registered model `m`, found none");
        says(
            store.create_version(&NewVersion { name: "none", ..of_files.clone() }),
            "expected a registered model `none`",
        );

        store.flush().unwrap();
        place.change("UPDATE model_versions SET current_stage = 'Deleted_Internal' WHERE version = 3");
        assert_eq!(store.version("m", 3).unwrap(), None);
        let left: Vec<u64> = store.versions_of_run("m", &run).unwrap().iter().map(|version| version.version).collect();
        assert_eq!(left, [1, 2]);
        assert_eq!(store.create_version(&of_files).unwrap().version, 4, "no number comes twice");
    });
}

#[test]
fn a_hundred_thousand_points_take_no_time() {
    with_store(|store, _| {
        let (_, run) = begin(store, "churn", "a");
        let points: Vec<Metric> =
            (0..100_000).map(|at| metric(&format!("metric_{}", at % 100), at as f64, at / 100)).collect();
        let started = std::time::Instant::now();
        store.log_batch(&run, &[], &points, &[], None, &[]).unwrap();
        store.flush().unwrap();
        let taken = started.elapsed();
        // A second on an idle machine; tests run beside each other.
        assert!(taken.as_secs() < 10, "{taken:?}");
        assert_eq!(store.history(&run, "metric_7").unwrap().len(), 1000);
        assert_eq!(store.run(&run).unwrap().unwrap().metrics.len(), 100);
    });
}
