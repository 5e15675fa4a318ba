//! A run whose features come from a store: fit, predict, evaluate, reproduce.

use std::path::Path;

use serde_json::Value;
use trainer_testkit::{Program, repository, scratch};

use super::{TRAINER, features, read};

const CONFIG: &str = "configs/feature_store.yaml";

fn trainer(args: &[&str], folder: &Path, code: i32) -> Value {
    let program = Program::new(TRAINER).args(args).env("MLFLOW_TRACKING_URI", "none").dir(folder);
    let outcome = program.expect(code);
    serde_json::from_str(&outcome.stdout).unwrap_or(Value::String(outcome.stdout))
}

#[test]
fn a_run_sees_what_was_known_at_the_time() {
    let (root, runs) = (repository(), scratch());
    let runs_ = runs.path().display().to_string();
    let told = trainer(&["fit", "--config", CONFIG, "--output", "json", "--runs", &runs_], &root, 0);
    assert_eq!(told["gates"]["passed"], true, "{told:#}");
    let views = told["feature_views"].as_array().unwrap();
    assert_eq!((views[0]["part"].as_str(), views[0]["rows_in"].as_u64()), (Some("train"), Some(2000)), "{views:?}");
    assert_eq!((views[1]["part"].as_str(), views[1]["rows_out"].as_u64()), (Some("test"), Some(600)));
    assert!(views[0]["rows_without_match"].as_u64().is_some_and(|rows| (1..60).contains(&rows)), "{views:?}");
    let run = runs.path().join(told["run_dir"].as_str().unwrap()).display().to_string();

    // What it was made from holds the store's files, and it can be made again.
    let lock: Value = serde_json::from_slice(&std::fs::read(format!("{run}/run.lock.json")).unwrap()).unwrap();
    let inputs = lock["inputs"].as_array().unwrap();
    let file = inputs.iter().find(|input| input["part"] == "features").expect("the features' file");
    assert!(file["path"].as_str().unwrap().ends_with("features/data/user_features.parquet"), "{file}");
    assert_eq!(lock["feature_views"].as_array().unwrap().len(), 2);
    assert_eq!(trainer(&["reproduce", &run, "--output", "json"], &root, 0)["reproduced"], true);

    // Rows without features get theirs; rows with them keep them.
    let labels = "datasets/churn_store/test.parquet";
    let judged = trainer(&["evaluate", "--run", &run, "--input", labels, "--output", "json"], &root, 0);
    assert_eq!(judged["metrics"]["accuracy"], told["metrics"]["accuracy"]);
    let at = |name: &str| runs.path().join(name).display().to_string();
    trainer(&["predict", "--run", &run, "--input", labels, "--output", &at("a.parquet")], &root, 0);
    let store = "datasets/churn_store/features";
    let args = ["join", "--store", store, "--entities", labels, "--service", "churn_model_v1", "--created-cutoff"];
    features(&root, &args.into_iter().chain(["-o", &at("joined.parquet")]).collect::<Vec<_>>(), 0);
    trainer(&["predict", "--run", &run, "--input", &at("joined.parquet"), "--output", &at("b.parquet")], &root, 0);
    assert_eq!(read(Path::new(&at("a.parquet"))), read(Path::new(&at("b.parquet"))));
}

/// The first page's config with its whole features section, as it stands, in the folder of a sample.
#[test]
fn the_example_runs_with_a_store_beside_its_rows() {
    let config = repository().join("configs/training_config.yaml").display().to_string();
    let folder = repository().join("datasets/churn_store");
    let runs = scratch();
    let runs_ = runs.path().display().to_string();
    let set = ["--set", "data.source=.", "--set", "features.store_path=./features"];
    let args = ["fit", "--config", &config, "--runs", &runs_, "--output", "json"];
    let told = trainer(&args.into_iter().chain(set).collect::<Vec<_>>(), &folder, 0);
    assert_eq!(told["gates"]["passed"], true, "{told:#}");
}

#[test]
fn what_a_store_needs_is_said_where_it_stands() {
    let folder = scratch();
    let base = "project: {name: a}\ndata: {source: d, train_path: t.csv}\nmodel: {type: dummy}\nfeatures:\n";
    let check = |section: &str, says: &[&str]| {
        std::fs::write(folder.path().join("c.yaml"), format!("{base}{section}")).unwrap();
        Program::new(TRAINER).args(["check", "--config", "c.yaml"]).dir(folder.path()).expect(2).says(says);
    };
    check("  store_path: s\n", &["c.yaml:5:", "nothing is asked of the store"]);
    check("  store_path: s\n  features: [v:a, b]\n", &["c.yaml:6:", "expected", "view:feature"]);
    check("  store_path: s\n  features: [v:a]\n  service: x\n", &["c.yaml:7:", "one of both"]);
    check("  service: x\n", &["c.yaml:5:", "there is no store"]);
    check("  store_path: s\n  features: [v:a, w:a]\n", &["column `a` is named twice"]);
    std::fs::write(
        folder.path().join("c.yaml"),
        format!("{base}  store_path: s\n  features: [v:a, w:a]\n  full_names: true\n"),
    )
    .unwrap();
    Program::new(TRAINER).args(["check", "--config", "c.yaml"]).dir(folder.path()).expect(0);
}
