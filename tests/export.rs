//! `trainer export`: the model directory, its comparison with the native model, and what official MLflow makes of it.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use trainer_data::{Column, ReadOptions, Table, read_local};
use trainer_testkit::{Outcome, Program, python, python_mlflow2, repository, scratch};

const TRAINER: &str = env!("CARGO_BIN_EXE_trainer");

/// A run on the churn sample, and its folder.
struct Run {
    dir: TempDir,
    run: PathBuf,
    warnings: Vec<Value>,
}

fn churn() -> PathBuf {
    repository().join("datasets/churn")
}

impl Run {
    /// `data` and `more` are added to the config.
    fn new(data: &str, more: &str) -> Self {
        let dir = scratch();
        let source = dir.path().join("churn");
        std::fs::create_dir(&source).unwrap();
        for file in ["train.parquet", "test.parquet"] {
            std::fs::copy(churn().join(file), source.join(file)).unwrap();
        }
        let text = format!(
            "project: {{name: churn, version: '1'}}
data: {{source: '{}', train_path: train.parquet{data}}}
model: {{type: random_forest, params: {{n_estimators: 15, max_depth: 9, random_state: 1}}}}
{more}",
            source.display()
        );
        std::fs::write(dir.path().join("config.yaml"), text).unwrap();
        let told = trainer(dir.path(), &["fit", "--config", "config.yaml", "--output", "json"]).expect(0);
        let told: Value = serde_json::from_str(&told.stdout).unwrap();
        let run = dir.path().join(told["run_dir"].as_str().unwrap());
        Self { dir, run, warnings: told["warnings"].as_array().cloned().unwrap_or_default() }
    }

    fn tested() -> Self {
        Self::new(
            ", test_path: test.parquet",
            "features: {entity: user_id}\ntraining: {tracking_uri: none, cv_folds: 0, decision_threshold: 0.4}\n",
        )
    }

    fn export(&self, output: &str, more: &[&str]) -> Program {
        let run = self.run.to_str().unwrap();
        let all: Vec<&str> = ["export", "--run", run, "--output", output].iter().chain(more).copied().collect();
        trainer(self.dir.path(), &all)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

fn trainer(dir: &Path, args: &[&str]) -> Program {
    Program::new(TRAINER).args(args).dir(dir)
}

fn json(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap()
}

#[test]
fn an_exported_model_is_verified_and_loads_in_mlflow() {
    let run = Run::tested();
    let python = python();
    std::fs::create_dir(run.path("model")).unwrap();
    let verify = ["--format", "onnx", "--verify", "--python", python.to_str().unwrap(), "--output", "json"];
    let told = json(&run.export("model", &verify).expect(0));
    assert_eq!(told["verification"]["rows"], 2_000);
    assert_eq!(told["verification"]["largest_difference"], 0.0);
    assert_eq!(told["verification"]["different_labels"], 0);
    let model = run.path("model");
    let mlmodel = std::fs::read_to_string(model.join("MLmodel")).unwrap();
    assert!(mlmodel.contains("onnx_largest_difference: 0.0") && mlmodel.contains("model_uuid: "), "{mlmodel}");
    let verification: Value = serde_json::from_slice(&std::fs::read(model.join("verification.json")).unwrap()).unwrap();
    assert_eq!(verification, told["verification"]);
    let example: Value = serde_json::from_slice(&std::fs::read(model.join("input_example.json")).unwrap()).unwrap();
    assert_eq!(example["data"].as_array().unwrap().len(), 5);

    // The same again, but for what the comparison adds.
    run.export("again", &[]).expect(0);
    for file in ["model.onnx", "input_example.json", "model.safetensors", "plan.json", "run.lock.json", "conda.yaml"] {
        let bytes = |folder: &Path| std::fs::read(folder.join(file)).unwrap();
        assert!(bytes(&model) == bytes(&run.path("again")), "{file} differs");
    }
    assert_eq!(
        std::fs::read(model.join("model.onnx")).unwrap(),
        std::fs::read(run.run.join("model/model.onnx")).unwrap(),
        "a run's own model directory is the exported one"
    );

    // It is a run folder, too.
    trainer_data::write_parquet(&hard_rows(), &run.path("rows.parquet")).unwrap();
    let predict = ["predict", "--run", "model", "--input", "rows.parquet", "--output", "native.parquet"];
    trainer(run.dir.path(), &predict).expect(0);
    for python in [python, python_mlflow2()] {
        Program::new(python)
            .args([repository().join("tests/peers/mlflow_frames.py")])
            .args(["model", "rows.parquet", "native.parquet"])
            .dir(run.dir.path())
            .expect(0);
    }
}

/// Rows as they come in service: cells that are missing, levels that nobody knows, text that is empty.
fn hard_rows() -> Table {
    let test = read_local(&churn().join("test.parquet").display().to_string(), &ReadOptions::default()).unwrap().table;
    let test = test.take(&(0..200).collect::<Vec<_>>());
    let columns = test.columns().iter().map(|column| {
        let cells = (0..test.rows()).map(|row| match row % 9 {
            1 => None,
            2 => Some("Atlantis".to_owned()),
            3 => Some(String::new()),
            _ => column.text(row).map(|text| text.into_owned()),
        });
        match column.name() {
            "plan" | "region" => Column::from_text(column.name(), cells.collect()),
            "support_tickets" | "avg_purchase_amount" => {
                let numbers = column.numbers().unwrap().into_iter().enumerate();
                let cell = |(row, number): (usize, f64)| (row % 7 != 2 && !number.is_nan()).then_some(number);
                Column::from_numbers(column.name(), numbers.map(cell).collect())
            }
            _ => column.clone(),
        }
    });
    Table::from_columns(columns.collect()).unwrap()
}

#[test]
fn validation_rows_are_found_again_and_other_rows_may_be_named() {
    let run = Run::new("", "features: {entity: user_id}\ntraining: {tracking_uri: none, cv_folds: 0}\n");
    let python = python();
    let verify = ["--verify", "--python", python.to_str().unwrap(), "--output", "json"];
    let told = json(&run.export("a", &verify).expect(0));
    let lock: Value = serde_json::from_slice(&std::fs::read(run.run.join("run.lock.json")).unwrap()).unwrap();
    assert_eq!(told["verification"]["rows"], lock["rows"]["validation"]);

    let test = churn().join("test.parquet");
    let named: Vec<&str> = verify.iter().copied().chain(["--input", test.to_str().unwrap()]).collect();
    assert_eq!(json(&run.export("b", &named).expect(0))["verification"]["rows"], 2_000);

    // Rows that were changed are not the judged ones.
    std::fs::copy(&test, run.path("churn/train.parquet")).unwrap();
    run.export("c", &verify).expect(3).says(&["train.parquet", "judged", "--input"]);
    std::fs::remove_file(run.path("churn/train.parquet")).unwrap();
    run.export("c", &verify).expect(3).says(&["--input"]);
    run.export("c", &[]).expect(0);
}

#[test]
fn a_model_that_differs_is_not_written() {
    let run = Run::tested();
    let fakes = run.path("fakes");
    std::fs::create_dir(&fakes).unwrap();
    let fake = |text: &str| {
        std::fs::write(fakes.join("onnxruntime.py"), text).unwrap();
        let python = python();
        run.export("model", &["--verify", "--python", python.to_str().unwrap()]).env("PYTHONPATH", &fakes)
    };
    let other = "import numpy as np
__version__ = 'fake'
class SessionOptions:
    def add_session_config_entry(self, key, value): pass
class InferenceSession:
    def __init__(self, path, sess_options, providers): pass
    def run(self, names, columns):
        rows = len(next(iter(columns.values())))
        return [np.zeros(rows, dtype=np.int64), np.tile(np.array([[1, np.nan]], dtype=np.float32), (rows, 1))]
";
    fake(other).expect(3).says(&[
        "test.parquet, row ",
        "as the native model says",
        "onnxruntime fake",
        "labels differ",
    ]);
    fake("raise ImportError('no', name='onnxruntime')").expect(2).says(&["`onnxruntime`", "pip install onnxruntime"]);
    fake("raise RuntimeError('broken build')").expect(3).says(&["broken build"]);
    run.export("model", &["--verify", "--python", "no-such-python"]).expect(2).says(&["no-such-python", "--python"]);
    let left: Vec<String> = std::fs::read_dir(run.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("model"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn nothing_is_written_over() {
    let run = Run::tested();
    std::fs::create_dir(run.path("full")).unwrap();
    std::fs::write(run.path("full/notes.txt"), "mine").unwrap();
    run.export("full", &[]).expect(2).says(&["full", "new or empty folder", "--output"]);
    run.export("full/notes.txt", &[]).expect(2).says(&["new or empty folder"]);
    assert_eq!(std::fs::read_to_string(run.path("full/notes.txt")).unwrap(), "mine");
    run.export("deep/er/model", &[]).expect(0);
    assert!(run.path("deep/er/model/MLmodel").exists());
}

#[test]
fn a_plan_without_an_onnx_form_says_which_column_and_why() {
    let run = Run::new(
        ", test_path: test.parquet",
        "features:
  entity: user_id
  steps: [{hash: {columns: [avg_purchase_amount], buckets: 16}}]
training: {tracking_uri: none, cv_folds: 0}
",
    );
    assert!(run.warnings.iter().any(|warning| warning["code"] == "no_onnx"), "{:#?}", run.warnings);
    run.export("model", &[]).expect(2).says(&["avg_purchase_amount", "hash", "not whole"]);
    assert!(!run.path("model").exists());
}
