//! The same model everywhere: hashes that are committed, and equal ones for every number of threads and every build.
//!
//! A hash that changes means that models that users trained before cannot be reproduced. When that is meant, run the
//! tests with `TRAINER_UPDATE_GOLDEN=1` and say why in the commit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use trainer_testkit::{Program, python, repository, scratch};

const DEBUG: &str = env!("CARGO_BIN_EXE_trainer");

/// A data set: its name, its file, and what the config says of it beyond the defaults.
struct Set {
    name: &'static str,
    file: PathBuf,
    data: &'static str,
    learner: &'static str,
    params: &'static str,
}

fn sets() -> Vec<Set> {
    let out = repository().join("target/parity/bundled");
    Program::new(python()).args([repository().join("tests/peers/forest.py")]).args(["--out"]).args([&out]).expect(0);
    let bundled = |name: &'static str, params| Set {
        name,
        file: out.join(name).join("0/train.parquet"),
        data: "",
        learner: "random_forest",
        params,
    };
    let churn = |name, data, params| Set {
        file: repository().join("datasets/churn/train.parquet"),
        data,
        ..bundled(name, params)
    };
    let boosted = |name, set: Set, params| Set { name, learner: "gradient_boosting", params, ..set };
    vec![
        churn("churn", "ignore: [user_id, support_tickets, plan, region]", "n_estimators: 50, max_depth: 10"),
        // Text columns, missing cells and classes of unequal weight.
        churn("churn_all_columns", "ignore: [user_id]", "n_estimators: 30, max_depth: 8, class_weight: balanced"),
        bundled("iris", "n_estimators: 50, max_depth: null"),
        bundled("wine", "n_estimators: 50, criterion: entropy, max_features: null"),
        bundled("breast_cancer", "n_estimators: 50, max_leaf_nodes: 16, max_samples: 0.7"),
        bundled("digits", "n_estimators: 50, max_depth: 12, min_samples_leaf: 2"),
        boosted(
            "boosted_churn",
            churn("", "ignore: [user_id]", ""),
            "max_iter: 60, subsample: 0.8, class_weight: balanced",
        ),
        boosted("boosted_wine", bundled("wine", ""), "max_iter: 40, min_samples_leaf: 5, early_stopping: true"),
        boosted(
            "boosted_breast_cancer",
            bundled("breast_cancer", ""),
            "max_iter: 40, grow_policy: depthwise, max_features: sqrt",
        ),
    ]
}

fn release() -> PathBuf {
    let named = std::env::var_os("TRAINER_TEST_RELEASE").map(PathBuf::from);
    let path = named.unwrap_or_else(|| repository().join("target/release/trainer"));
    assert!(path.exists(), "no release build at {}: cargo build --release", path.display());
    path
}

/// Fits a set on the CPU in a fresh process; the model's hash.
fn fit(program: &Path, set: &Set, threads: u32) -> String {
    fit_on("cpu", program, set, threads)
}

fn fit_on(device: &str, program: &Path, set: &Set, threads: u32) -> String {
    let folder = scratch();
    let (source, file) = (set.file.parent().unwrap().display(), set.file.file_name().unwrap().to_string_lossy());
    let config = format!(
        "project: {{name: golden}}
data:
  source: {source}
  train_path: {file}
  {}
model:
  type: {}
  params: {{{}, random_state: 7}}
training: {{cv_folds: 0}}
seed: 7
device: {device}
",
        set.data, set.learner, set.params
    );
    let path = folder.path().join("config.yaml");
    std::fs::write(&path, config).unwrap();
    let outcome = Program::new(program)
        .args(["fit", "--output", "json", "--threads", &threads.to_string(), "--config"])
        .args([&path])
        .args(["--runs"])
        .args([folder.path().join("runs")])
        .dir(folder.path())
        .expect(0);
    let told: Value = serde_json::from_str(&outcome.stdout).unwrap();
    told["model_hash"].as_str().expect("a model hash").to_owned()
}

#[test]
fn hashes_are_the_committed_ones() {
    let file = repository().join("tests/golden_hashes.json");
    let found: BTreeMap<&str, String> = sets().iter().map(|set| (set.name, fit(DEBUG.as_ref(), set, 2))).collect();
    if std::env::var_os("TRAINER_UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, serde_json::to_string_pretty(&found).unwrap() + "\n").unwrap();
    }
    let committed: BTreeMap<String, String> = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let found: BTreeMap<String, String> = found.into_iter().map(|(name, hash)| (name.to_owned(), hash)).collect();
    assert_eq!(found, committed);
    let distinct: std::collections::BTreeSet<&String> = found.values().collect();
    assert_eq!(distinct.len(), found.len(), "different models have different hashes");
}

/// Every GPU that is there, software ones too; `TRAINER_REQUIRE` names those that must be.
#[test]
fn gpus_give_the_committed_hashes() {
    let listed = Program::new(DEBUG).args(["devices", "--output", "json"]).expect(0).stdout;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let devices = listed["devices"].as_array().unwrap().iter().filter(|it| it["name"] != "cpu" && it["opens"] == true);
    let gpus: Vec<&str> = devices.map(|device| device["name"].as_str().unwrap()).collect();
    let required = std::env::var("TRAINER_REQUIRE").unwrap_or_default();
    for kind in required.split(',').filter(|kind| !kind.is_empty()) {
        assert!(gpus.iter().any(|gpu| gpu.starts_with(kind)), "TRAINER_REQUIRE={required}, found {gpus:?}");
    }
    let file = repository().join("tests/golden_hashes.json");
    let committed: BTreeMap<String, String> = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    for gpu in gpus {
        // What else learns does so on the CPU alone, and says so.
        for set in sets().iter().filter(|set| set.learner == "random_forest") {
            assert_eq!(fit_on(gpu, DEBUG.as_ref(), set, 2), committed[set.name], "{} on {gpu}", set.name);
        }
    }
}

#[test]
fn threads_repeats_and_builds_give_one_hash() {
    for set in &sets() {
        let first = fit(DEBUG.as_ref(), set, 2);
        assert_eq!(fit(DEBUG.as_ref(), set, 1), first, "{}: 1 thread", set.name);
        assert_eq!(fit(DEBUG.as_ref(), set, 2), first, "{}: again", set.name);
        assert_eq!(fit(&release(), set, 2), first, "{}: release build", set.name);
        assert_eq!(fit(&release(), set, 1), first, "{}: release build, 1 thread", set.name);
    }
}
