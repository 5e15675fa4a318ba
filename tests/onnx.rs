//! The ONNX model beside the native one, in every onnxruntime that is to be trusted: plans, models, and data sets.
//!
//! All cases are written into folders first, and each onnxruntime is started once for all of them (`tests/peers/onnx_cases.py`).
//! Nothing may differ at all: no bit of a matrix, no bit of a probability, no label.

mod case;
mod data_sets;
mod model;
mod plan;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use trainer_features::FeatureError;
use trainer_testkit::{Program, onnxruntime, python, repository, scratch};

use case::Written;

/// Beside the newest, which the tests' Python has.
const OLDER: [&str; 4] = ["1.20.1", "1.22.1", "1.25.1", "1.26.0"];

/// What the script says of a folder.
#[derive(Deserialize)]
struct Answer {
    case: String,
    onnxruntime: String,
    rows: u64,
    problems: Vec<String>,
}

#[test]
fn every_onnxruntime_gives_the_native_bits() {
    let folder = scratch();
    let mut cases = plan::cases(folder.path());
    cases.extend(model::cases(folder.path()));
    for version in OLDER {
        judge(&cases, Some(version));
    }
    judge(&cases, None);
}

#[test]
fn all_data_sets_give_the_native_bits() {
    let folder = scratch();
    let cases = data_sets::cases(folder.path());
    judge(&cases, Some(OLDER[0]));
    judge(&cases, None);
}

#[test]
fn a_model_that_no_runtime_could_read_is_refused_before_it_is_made() {
    let error = model::directory(vec![0, 90_000_000]).unwrap_err();
    assert!(matches!(error, FeatureError::Onnx(_)), "{error}");
    for part in ["at most 2 GiB", "found at least", "model.params.max_depth"] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn the_oldest_onnxruntime_that_is_tested_is_required() {
    let files = model::directory(vec![0]).unwrap().files;
    let (_, requirements) = files.iter().find(|(name, _)| name == "requirements.txt").unwrap();
    let oldest = OLDER[0].rsplit_once('.').unwrap().0;
    let requirements = String::from_utf8_lossy(requirements);
    assert!(requirements.lines().any(|line| line == format!("onnxruntime>={oldest}")), "{requirements}");
}

/// Runs all cases in one Python with that onnxruntime.
fn judge(cases: &[Written], version: Option<&str>) {
    assert!(!cases.is_empty(), "nothing is compared");
    let script = repository().join("tests/peers/onnx_cases.py");
    let check = repository().join("crates/trainer/src");
    let mut program = Program::new(python()).args([script]).limit(Duration::from_secs(1_200));
    let mut path = check.into_os_string();
    if let Some(version) = version {
        let older: PathBuf = onnxruntime(version);
        path = std::env::join_paths([older, PathBuf::from(path)]).unwrap();
    }
    program = program.env("PYTHONPATH", path);
    let folders: Vec<&Path> = cases.iter().map(|case| case.folder.as_path()).collect();
    let outcome = program.args(folders).expect(0);
    let answers: Vec<Answer> = outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), cases.len(), "{}", outcome.stdout);
    assert!(answers.iter().all(|answer| version.is_none_or(|version| answer.onnxruntime == version)));
    let problem = |answer: &Answer| format!("{}, {} rows: {}", answer.case, answer.rows, answer.problems.join("; "));
    let problems: Vec<String> = answers.iter().filter(|it| !it.problems.is_empty()).map(problem).collect();
    assert!(problems.is_empty(), "onnxruntime {}:\n{}", answers[0].onnxruntime, problems.join("\n"));
}
