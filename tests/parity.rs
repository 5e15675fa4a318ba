//! Our forest beside scikit-learn's: same rows, same parameters, the mean of three seeds (more where test rows are few).
//!
//! `tests/peers/forest.py` writes the rows and what scikit-learn makes of them under `target/parity/`; what was
//! computed before is not computed again. `TRAINER_PARITY_ROWS` lifts the cap on training rows that keeps this short.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use trainer_data::{Dataset, ReadOptions, read_local, target, target_of_classes};
use trainer_features::PlanSpec;
use trainer_kernels::Device;
use trainer_models::learn::random_forest::RandomForest;
use trainer_models::{Job, Learner};
use trainer_quality::{Average, Averaging, Scores, measure};
use trainer_testkit::{Program, python, repository, shared};

/// How far below scikit-learn's mean ours may be.
const TOLERANCE: f64 = 0.01;
const TRAINING_ROWS: &str = "20000";

#[derive(Deserialize)]
struct Expected {
    params: Params,
    sets: Vec<Set>,
}

#[derive(Deserialize)]
struct Params {
    n_estimators: u32,
    max_depth: u32,
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

/// For each seed.
#[derive(Deserialize, Default)]
struct Scored {
    accuracy: Vec<f64>,
    roc_auc: Vec<f64>,
}

#[test]
fn bundled_sets_are_learned_as_well_as_by_scikit_learn() {
    compare("bundled", None);
}

#[test]
fn shared_sets_are_learned_as_well_as_by_scikit_learn() {
    if let Some(data) = shared("data") {
        compare("shared", Some(data));
    }
}

fn compare(name: &str, data: Option<PathBuf>) {
    let out = repository().join("target/parity").join(name);
    let expected = peer(&out, data);
    let mut failures = Vec::new();
    for set in &expected.sets {
        let ours = ours(&out.join(&set.name), set, &expected.params);
        let theirs = &set.scores;
        for (metric, ours, theirs) in [
            ("accuracy", mean(&ours, |it| &it.accuracy), mean(theirs, |it| &it.accuracy)),
            ("roc_auc", mean(&ours, |it| &it.roc_auc), mean(theirs, |it| &it.roc_auc)),
        ] {
            let line =
                format!("{:20} {metric:10} ours {ours:.4} scikit-learn {theirs:.4} {:+.4}", set.name, ours - theirs);
            say(&line);
            // A NaN is not as good either.
            let as_good = ours >= theirs - TOLERANCE;
            if !as_good {
                failures.push(line);
            }
        }
    }
    assert!(!expected.sets.is_empty() && failures.is_empty(), "below scikit-learn:\n{}", failures.join("\n"));
}

/// The peer's side, in the tests' Python.
fn peer(out: &Path, data: Option<PathBuf>) -> Expected {
    let script = repository().join("tests/peers/forest.py");
    let rows = std::env::var("TRAINER_PARITY_ROWS").unwrap_or_else(|_| TRAINING_ROWS.into());
    let mut program = Program::new(python()).args([&script]).args(["--rows", &rows, "--out"]).args([out]);
    if let Some(data) = data {
        program = program.args(["--shared"]).args([data]);
    }
    program.limit(std::time::Duration::from_secs(3_600)).expect(0);
    let text = std::fs::read_to_string(out.join("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Our side: for each part, the scores of each seed.
fn ours(folder: &Path, set: &Set, params: &Params) -> Vec<Scored> {
    (0..set.scores.len()).map(|part| ours_of_part(&folder.join(part.to_string()), set, params)).collect()
}

fn ours_of_part(folder: &Path, set: &Set, params: &Params) -> Scored {
    let (train, test) = datasets(folder, set);
    let mut scored = Scored::default();
    for &seed in &set.seeds {
        let forest = RandomForest {
            n_estimators: params.n_estimators,
            max_depth: Some(params.max_depth),
            random_state: Some(seed),
            ..RandomForest::default()
        };
        let on_round = |_: &_| ControlFlow::Continue(());
        let job = Job { train: &train, valid: None, device: &Device::Cpu, seed: 0, on_round: &on_round };
        let model = forest.fit(job).unwrap().model;
        let proba = model.predict(&test.matrix, &Device::Cpu).unwrap();
        let predicted = model.decide(&proba);
        let averaging = Averaging::new(Average::Macro, None, &test.classes).unwrap();
        let values = measure(&Scores::new(&test.y, proba.view(), &predicted, &test.classes, averaging));
        scored.accuracy.push(values.get("accuracy").unwrap());
        scored.roc_auc.push(values.get("roc_auc").unwrap());
    }
    scored
}

fn datasets(folder: &Path, set: &Set) -> (Dataset, Dataset) {
    let table = |file: &str| {
        let path = folder.join(file).display().to_string();
        read_local(&path, &ReadOptions::default()).unwrap().table
    };
    let (train, test) = (table("train.parquet"), table("test.parquet"));
    let found = target(&train, &set.target).unwrap();
    let exclude = set.ignore.iter().cloned().chain([set.target.clone()]).collect();
    let spec = PlanSpec {
        select: None,
        exclude,
        steps: Vec::new(),
        needs: Some(RandomForest::default().needs()),
        pii: vec![],
    };
    let (plan, _) = trainer_features::fit(&train, Some(&found.y), &spec).unwrap();
    let matrix = |table| plan.apply(table, &Device::Cpu).unwrap().matrix;
    let y = target_of_classes(&test, &set.target, &found.classes).unwrap();
    let test = Dataset { matrix: matrix(&test), y, weight: None, classes: found.classes.clone() };
    (Dataset { matrix: matrix(&train), y: found.y, weight: None, classes: found.classes }, test)
}

fn mean(scored: &[Scored], metric: fn(&Scored) -> &Vec<f64>) -> f64 {
    let all: Vec<f64> = scored.iter().flat_map(|it| metric(it).iter().copied()).collect();
    all.iter().sum::<f64>() / all.len() as f64
}

// Tests speak on standard error; the lint is there for the library crates.
#[allow(clippy::print_stderr)]
fn say(line: &str) {
    eprintln!("{line}");
}
