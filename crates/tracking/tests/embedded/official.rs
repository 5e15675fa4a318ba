//! The official client opens what we wrote, migrates it, and opens it again after we wrote to the migrated file.

use serde_json::{Value, json};
use trainer_testkit::scratch;
use trainer_tracking::{Embedded, Registry, Store, Tag, Tracking};

use crate::sample::{CURVE, Place, START_MS, Written, whole_run};

#[test]
fn the_official_client_finds_everything_before_and_after_its_migration() {
    let dir = scratch();
    // A folder whose name has to be written with care.
    let place = Place { folder: dir.path().join("ein Ordner, 100% ü") };
    std::fs::create_dir(&place.folder).unwrap();
    let first = whole_run(&mut place.open(), "first");

    let told = place.official("read", &[]);
    assert_ne!(told["revision"], "bda7b8c39065", "this MLflow did not migrate: it is too old for this test");
    assert_sound(&told);
    assert_run(&told, "first", &first);
    assert_eq!(told["registered"]["churn-prediction"]["aliases"], json!({ "champion": 1 }));

    let second = whole_run(&mut place.open(), "second");
    assert_eq!((second.experiment.as_str(), second.version), (first.experiment.as_str(), 2));
    let again = place.official("read", &[]);
    assert_sound(&again);
    assert_eq!(again["runs"]["first"], told["runs"]["first"]);
    assert_run(&again, "second", &second);
    assert_eq!(again["registered"]["churn-prediction"]["aliases"], json!({ "champion": 2 }));
    assert_eq!(again["experiments"].as_object().unwrap().keys().collect::<Vec<_>>(), ["churn", "Default"]);

    repeated_writes_change_nothing(&mut place.open(), &second);
}

/// In the migrated file too, whose keys are others.
fn repeated_writes_change_nothing(store: &mut Embedded, written: &Written) {
    let before = (store.run(&written.run).unwrap(), store.registered_model("churn-prediction").unwrap());
    let (run, _) = &before;
    let run = run.as_ref().unwrap();
    store.log_batch(&written.run, &run.params, &[], &run.tags, None, &[]).unwrap();
    store.log_inputs(&written.run, &run.datasets).unwrap();
    store.log_output(&written.run, &written.model).unwrap();
    store.create_registered_model("churn-prediction").unwrap();
    store.set_alias("churn-prediction", "champion", written.version).unwrap();
    let status = Tag::new("validation_status", "approved");
    store.set_version_tag("churn-prediction", written.version, &status).unwrap();
    store.flush().unwrap();
    let version = store.version("churn-prediction", written.version).unwrap().unwrap();
    assert_eq!(version.tags.iter().filter(|tag| **tag == status).count(), 1);
    assert_eq!(before.1, store.registered_model("churn-prediction").unwrap());
    let after = store.run(&written.run).unwrap().unwrap();
    // A NaN is unequal to itself.
    assert_eq!(format!("{run:?}"), format!("{after:?}"));
}

fn assert_sound(told: &Value) {
    assert_eq!(told["integrity"], "ok");
    assert_eq!(told["foreign_keys"], json!([]));
}

fn assert_run(told: &Value, name: &str, written: &Written) {
    let run = &told["runs"][name];
    assert_eq!(run["id"], *written.run);
    assert_eq!((&run["status"], &run["user"]), (&json!("FINISHED"), &json!("alice")));
    assert_eq!((run["start"].as_i64(), run["end"].as_i64()), (Some(START_MS), Some(START_MS + 5_000)));
    assert_eq!(run["params"], json!({ "n_estimators": "20", "seed": "7" }));
    for (key, value) in [("mlflow.runName", name), ("mlflow.user", "alice"), ("mlflow.note.content", "**a note**")] {
        assert_eq!(run["tags"][key], value);
    }
    assert_eq!(run["metrics"], json!({ "loss": 0.02, "undefined": "NaN", "endless": f64::MAX, "test_accuracy": 0.91 }));
    let history: Vec<Value> = (0..50).map(|step| json!([step, START_MS + step, 1.0 / (step as f64 + 1.0)])).collect();
    assert_eq!(run["history"]["loss"], Value::from(history));
    assert_eq!(run["inputs"].as_array().unwrap().len(), 2);
    let test = run["inputs"].as_array().unwrap().iter().find(|input| input["context"] == "test").unwrap();
    assert_eq!((&test["name"], &test["digest"]), (&json!("churn-test"), &json!("99aa")));
    assert_eq!(test["source"], json!({ "uri": "/data/train.csv" }));
    assert_eq!(test["schema"]["mlflow_colspec"][0]["name"], "tenure");
    assert_eq!(test["profile"]["num_rows"], 300);
    assert_eq!(run["artifacts"], json!({ "config.yaml": "x: 1\n", "plots/curve.svg": CURVE }));
    assert_eq!(run["outputs"], json!([written.model]));

    let model = told["models"].as_array().unwrap().iter().find(|model| model["id"] == *written.model).unwrap();
    assert_eq!((&model["name"], &model["status"], &model["run"]), (&json!("model"), &json!("READY"), &run["id"]));
    assert_eq!(model["params"], json!({ "algorithm": "random_forest" }));
    assert_eq!(model["tags"]["made.by"], "trainer");
    let versions: Value = serde_json::from_str(model["tags"]["mlflow.modelVersions"].as_str().unwrap()).unwrap();
    assert_eq!(versions, json!([{ "name": "churn-prediction", "version": written.version }]));
    assert_eq!(model["metrics"], json!({ "test_accuracy": [0.91, 0, "churn-test", "99aa"] }));
    assert_eq!(model["artifacts"], json!(["MLmodel", "model.onnx"]));

    let versions = &told["registered"]["churn-prediction"]["versions"];
    let version = &versions[usize::try_from(written.version).unwrap() - 1];
    assert_eq!(version["source"], format!("models:/{}", written.model));
    assert_eq!((&version["run"], &version["status"], &version["stage"]), (&run["id"], &json!("READY"), &json!("None")));
    assert_eq!(version["description"], "a *version*");
    assert_eq!(version["tags"]["gate.accuracy"], "passed: 0.91 >= 0.80");
    assert!(version["MLmodel"].as_str().unwrap().contains(&written.model));
}
