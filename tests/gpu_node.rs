//! `benches/gpu_node.sh`: it goes through where there is a device, and says what is missing.

use std::path::Path;

use serde_json::Value as Json;
use trainer_testkit::{Program, python, repository, scratch, xgboost};

const TRAINER: &str = env!("CARGO_BIN_EXE_trainer");
const STAGES: [&str; 6] = ["rates", "forest", "published", "backends", "predict", "features"];

/// The script, on a few rows; `folders` come first in PATH.
fn node(out: &Path, folders: &[&Path], args: &[&str]) -> Program {
    let path = std::env::var("PATH").unwrap();
    let folders: Vec<&str> = folders.iter().map(|folder| folder.to_str().unwrap()).chain([path.as_str()]).collect();
    let script = repository().join("benches/gpu_node.sh");
    let program = Program::new(script).env("PATH", folders.join(":"));
    program.args(["--tiny", "--out"]).args([out]).args([TRAINER]).args(args.iter().copied())
}

fn told(out: &Path, stage: &str) -> Json {
    serde_json::from_slice(&std::fs::read(out.join(format!("{stage}.json"))).unwrap()).unwrap()
}

#[test]
fn every_stage_goes_through() {
    let folder = scratch();
    let out = folder.path().join("out");
    let python = python();
    let python = [python.parent().unwrap()];
    let outcome = node(&out, &python, &["--device", "wgpu:0"]).env("PYTHONPATH", xgboost()).expect(0);
    for stage in STAGES {
        let told = told(&out, stage);
        assert_eq!(told["stage"], stage);
        for run in told["runs"].as_array().unwrap() {
            let (trainer, name) = (&run["trainer"], &run["name"]);
            let is_compared = trainer["devices"][0].get("model_hash").is_some();
            assert_eq!(
                trainer["same_model"],
                if is_compared { Json::from(true) } else { Json::Null },
                "{name}: {run:#}"
            );
            let last = trainer["devices"].as_array().unwrap().last().unwrap();
            assert_eq!(last["device"], "wgpu:0", "{name}: {run:#}");
            if let Some(peer) = run.get("xgboost") {
                // The same arrays.
                for size in ["rows", "features", "classes"] {
                    assert_eq!(peer[size], trainer[size], "{name}: {peer:#}");
                }
                for mode in ["forest", "boosting"] {
                    assert!(peer[mode]["fit_s"].as_f64().unwrap() > 0.0, "{name}: {peer:#}");
                    assert_eq!(peer[mode]["device"], "cpu");
                    assert!(peer[mode]["cuda_error"].is_string(), "{name}: {peer:#}");
                }
            }
        }
    }
    let summary = std::fs::read_to_string(out.join("summary.md")).unwrap();
    assert_eq!(summary, outcome.stdout);
    for text in [
        "# Results",
        "## predict",
        "| rates | wgpu:0 |",
        "| 10M x 28, 100 trees, depth 10 | cpu | true (cpu) |",
        "cuML 3.65 s",
    ] {
        assert!(summary.contains(text), "{text}: {summary}");
    }
    // No more files than that, and the same table from them.
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), STAGES.len() + 1);
    let script = repository().join("benches/gpu_node.sh");
    assert_eq!(Program::new(script).args(["--summary"]).args([&out]).expect(0).stdout, summary);
}

#[test]
fn what_is_missing_is_told() {
    let folder = scratch();
    let out = folder.path().join("out");
    // A Python that has nothing.
    let nothing = folder.path().join("bin");
    std::fs::create_dir(&nothing).unwrap();
    std::os::unix::fs::symlink("/bin/false", nothing.join("python3")).unwrap();
    node(&out, &[&nothing], &["--device", "wgpu:0", "--no-cpu", "forest"]).expect(0);
    let told = told(&out, "forest");
    assert!(told["node"]["xgboost"].as_str().unwrap().contains("no XGBoost"), "{told:#}");
    let run = &told["runs"][1];
    assert!(run["xgboost"]["error"].as_str().unwrap().contains("no XGBoost"), "{run:#}");
    assert_eq!(run["trainer"]["reference"], Json::Null);
    assert!(std::fs::read_to_string(out.join("summary.md")).unwrap().contains("not compared"));
}

#[test]
fn what_takes_too_long_is_left_out() {
    let folder = scratch();
    node(folder.path(), &[], &["--device", "wgpu:0", "--limit", "0.01", "rates"]).expect(0);
    let told = told(folder.path(), "rates");
    assert_eq!(told["runs"][0]["trainer"]["error"], "not done in 0.01 s");
}

#[test]
fn a_machine_without_a_gpu_is_refused() {
    let folder = scratch();
    let bare = node(folder.path(), &[], &[]).env("VK_DRIVER_FILES", "/dev/null").env("VK_ICD_FILENAMES", "/dev/null");
    bare.expect(5).says(&["no GPU opens"]);
    node(folder.path(), &[], &["--fast"]).expect(2).says(&["unknown option --fast"]);
    let script = repository().join("benches/gpu_node.sh");
    Program::new(&script).args([TRAINER, "fits"]).expect(2).says(&["unknown stage fits", "rates forest"]);
    Program::new(&script).expect(2).says(&["expected the built program"]);
}
