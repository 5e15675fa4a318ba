//! Our trees beside the peers': same rows, same parameters, the mean of three seeds (more where test rows are few).
//!
//! `tests/peers/forest.py` and `boosting.py` write the rows and what the peers make of them under `target/parity/`; what
//! was computed before is not computed again. `TRAINER_PARITY_ROWS` lifts the cap on training rows that keeps this short.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use trainer_data::{Dataset, Needs, ReadOptions, read_local, target, target_of_classes};
use trainer_features::PlanSpec;
use trainer_kernels::Device;
use trainer_models::{AnyLearner, Job};
use trainer_quality::{Average, Averaging, Scores, measure};
use trainer_testkit::{Program, python, repository, shared};

const TRAINING_ROWS: &str = "20000";

#[derive(Deserialize)]
struct Expected {
    params: serde_json::Value,
    sets: Vec<Set>,
}

#[derive(Deserialize)]
struct Set {
    name: String,
    target: String,
    ignore: Vec<String>,
    seeds: Vec<u64>,
    /// For each part.
    scores: Vec<Scored>,
}

/// By metric, one for each seed.
type Scored = BTreeMap<String, Vec<f64>>;

/// A learner and its peer.
struct Contest {
    /// The peer's script under `tests/peers`.
    script: &'static str,
    /// The learner's name in a config.
    learner: &'static str,
    /// Metrics, and how much worse than the peer's mean ours may be.
    metrics: &'static [(&'static str, f64)],
    /// Where ours is known to be further behind, and by how much at most.
    behind: &'static [(&'static str, &'static str, f64)],
}

const FOREST: Contest = Contest {
    script: "forest.py",
    learner: "random_forest",
    metrics: &[("accuracy", 0.01), ("roc_auc", 0.01)],
    behind: &[],
};

const BOOSTING: Contest = Contest {
    script: "boosting.py",
    learner: "gradient_boosting",
    metrics: &[("log_loss", 0.003), ("roc_auc", 0.003)],
    // Open: more than two classes (satimage); the others have 1,000 test rows or fewer (criteo_sample_200: 40).
    behind: &[
        ("mlc_churn", "log_loss", 0.01),
        ("spambase", "log_loss", 0.008),
        ("satimage", "log_loss", 0.009),
        ("criteo_sample_200", "roc_auc", 0.06),
    ],
};

#[test]
fn bundled_sets_are_learned_as_well_as_by_scikit_learn() {
    compare(&FOREST, "bundled", None);
}

#[test]
fn shared_sets_are_learned_as_well_as_by_scikit_learn() {
    if let Some(data) = shared("data") {
        compare(&FOREST, "shared", Some(data));
    }
}

#[test]
fn shared_sets_are_boosted_beside_xgboost_and_lightgbm() {
    if let Some(data) = shared("data") {
        compare(&BOOSTING, "boosting", Some(data));
    }
}

fn compare(contest: &Contest, name: &str, data: Option<PathBuf>) {
    let out = repository().join("target/parity").join(name);
    let expected = peer(contest, &out, data);
    let mut failures = Vec::new();
    for set in &expected.sets {
        let ours = ours(contest, &out.join(&set.name), set, &expected.params);
        for &(metric, tolerance) in contest.metrics {
            let (ours, theirs) = (mean(&ours, metric), mean(&set.scores, metric));
            let line = format!("{:20} {metric:10} ours {ours:.4} the peer {theirs:.4} {:+.4}", set.name, ours - theirs);
            say(&line);
            // A NaN is not as good either.
            let known = contest.behind.iter().find(|(name, known, _)| (*name, *known) == (&set.name, metric));
            let tolerance = known.map_or(tolerance, |(.., behind)| *behind);
            let sign = if metric == "log_loss" { -1.0 } else { 1.0 };
            let as_good = sign * ours >= sign * theirs - tolerance;
            if !as_good {
                failures.push(line);
            }
        }
    }
    assert!(!expected.sets.is_empty() && failures.is_empty(), "below the peer:\n{}", failures.join("\n"));
}

/// The peer's side, in the tests' Python.
fn peer(contest: &Contest, out: &Path, data: Option<PathBuf>) -> Expected {
    let script = repository().join("tests/peers").join(contest.script);
    let rows = std::env::var("TRAINER_PARITY_ROWS").unwrap_or_else(|_| TRAINING_ROWS.into());
    let mut program =
        Program::new(python()).env("PYTHONPATH", peers()).args([&script]).args(["--rows", &rows, "--out"]).args([out]);
    if let Some(data) = data {
        program = program.args(["--shared"]).args([data]);
    }
    program.limit(std::time::Duration::from_secs(3_600)).expect(0);
    let text = std::fs::read_to_string(out.join("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Where XGBoost and LightGBM are, which are in no environment.
fn peers() -> String {
    let folders = ["TRAINER_TEST_XGBOOST", "TRAINER_TEST_LIGHTGBM"].map(|name| std::env::var(name).unwrap_or_default());
    folders.join(":")
}

/// Our side: for each part, the scores of each seed.
fn ours(contest: &Contest, folder: &Path, set: &Set, params: &serde_json::Value) -> Vec<Scored> {
    (0..set.scores.len()).map(|part| ours_of_part(contest, &folder.join(part.to_string()), set, params)).collect()
}

/// The peer's parameters have the names that ours have.
fn learner(contest: &Contest, params: &serde_json::Value, seed: u64) -> AnyLearner {
    let mut params = params.clone();
    params["random_state"] = seed.into();
    if contest.learner == "gradient_boosting" {
        params["max_leaf_nodes"] = serde_json::Value::Null;
        params["grow_policy"] = "depthwise".into();
        // XGBoost's own.
        params["l2_regularization"] = 1.0.into();
    }
    serde_json::from_value(serde_json::json!({ "type": contest.learner, "params": params })).unwrap()
}

fn ours_of_part(contest: &Contest, folder: &Path, set: &Set, params: &serde_json::Value) -> Scored {
    let needs = learner(contest, params, 0).as_dyn().needs();
    let (train, test) = datasets(folder, set, needs);
    let mut scored = Scored::default();
    for &seed in &set.seeds {
        let on_round = |_: &_| ControlFlow::Continue(());
        let job = Job { train: &train, valid: None, device: &Device::Cpu, seed: 0, on_round: &on_round };
        let model = learner(contest, params, seed).as_dyn().fit(job).unwrap().model;
        let proba = model.predict(&test.matrix, &Device::Cpu).unwrap();
        let predicted = model.decide(&proba);
        let averaging = Averaging::new(Average::Macro, None, &test.classes).unwrap();
        let values = measure(&Scores::new(&test.y, proba.view(), &predicted, &test.classes, averaging));
        for &(metric, _) in contest.metrics {
            scored.entry(metric.to_owned()).or_default().push(values.get(metric).unwrap());
        }
    }
    scored
}

fn datasets(folder: &Path, set: &Set, needs: Needs) -> (Dataset, Dataset) {
    let table = |file: &str| {
        let path = folder.join(file).display().to_string();
        read_local(&path, &ReadOptions::default()).unwrap().table
    };
    let (train, test) = (table("train.parquet"), table("test.parquet"));
    let found = target(&train, &set.target).unwrap();
    let exclude = set.ignore.iter().cloned().chain([set.target.clone()]).collect();
    let spec = PlanSpec { select: None, exclude, steps: Vec::new(), needs: Some(needs), pii: vec![] };
    let (plan, _) = trainer_features::fit(&train, Some(&found.y), &spec).unwrap();
    let matrix = |table| plan.apply(table, &Device::Cpu).unwrap().matrix;
    let y = target_of_classes(&test, &set.target, &found.classes).unwrap();
    let test = Dataset { matrix: matrix(&test), y, weight: None, classes: found.classes.clone() };
    (Dataset { matrix: matrix(&train), y: found.y, weight: None, classes: found.classes }, test)
}

fn mean(scored: &[Scored], metric: &str) -> f64 {
    let all: Vec<f64> = scored.iter().flat_map(|it| it[metric].iter().copied()).collect();
    all.iter().sum::<f64>() / all.len() as f64
}

// Tests speak on standard error; the lint is there for the library crates.
#[allow(clippy::print_stderr)]
fn say(line: &str) {
    eprintln!("{line}");
}
