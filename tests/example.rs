//! The example configs under `configs/`, as the pages tell a user to run them.

use serde_json::Value;
use trainer_testkit::{Program, repository, scratch};

const TRAINER: &str = env!("CARGO_BIN_EXE_trainer");
const CONFIG: &str = "configs/training_config.yaml";

#[test]
fn the_churn_example_passes_its_gates_and_leaves_a_whole_run_folder() {
    let runs = scratch();
    let outcome = Program::new(TRAINER)
        .args(["fit", "--config", CONFIG, "--output", "json", "--runs"])
        .args([runs.path()])
        .env("MLFLOW_TRACKING_URI", "none")
        .dir(repository())
        .expect(0);
    let told: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(told["gates"]["passed"], true, "{told:#}");
    // Met with something to spare, and not so easy that a constant would do.
    assert!(told["metrics"]["accuracy"].as_f64().unwrap() > 0.88, "{told:#}");
    assert!(told["metrics"]["baseline_accuracy"].as_f64().unwrap() < 0.80, "{told:#}");
    let run = runs.path().join(told["run_dir"].as_str().unwrap());
    for file in ["metrics.json", "evaluation.json", "predictions.parquet", "run.lock.json", "report.html"] {
        assert!(run.join(file).metadata().is_ok_and(|meta| meta.len() > 0), "{file} in {}", run.display());
    }
}

#[test]
fn the_churn_example_is_a_valid_config() {
    Program::new(TRAINER).args(["check", "--config", CONFIG]).dir(repository()).expect(0);
}

#[test]
fn the_config_on_the_first_page_is_a_valid_config() {
    let page = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let config = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a YAML block");
    let folder = scratch();
    std::fs::write(folder.path().join("config.yaml"), config).unwrap();
    Program::new(TRAINER).args(["check", "--config", "config.yaml"]).dir(folder.path()).expect(0);
}
