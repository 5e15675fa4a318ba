//! `fit`, and what its run folder is good for: `predict`, `evaluate`, `reproduce`.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use trainer_data::{ReadOptions, Table, read_local};
use trainer_testkit::{Outcome, Program, repository, scratch, shared};

const TRAINER: &str = env!("CARGO_BIN_EXE_trainer");

/// A small fit of the churn sample; `{}` in `more` is nothing special.
fn config(dir: &TempDir, more: &str) -> PathBuf {
    let text = format!(
        "project: {{name: trial}}\ndata:\n  source: {}\n  train_path: train.parquet\n{more}",
        repository().join("datasets/churn").display()
    );
    let path = dir.path().join("config.yaml");
    std::fs::write(&path, text).unwrap();
    path
}

const SMALL: &str = "features: {entity: user_id}
model: {type: random_forest, params: {n_estimators: 20, max_depth: 6, random_state: 1}}
training: {cv_folds: 2}
";

fn trainer(dir: &TempDir) -> Program {
    Program::new(TRAINER).dir(dir.path())
}

fn fit(dir: &TempDir, config: &Path, code: i32) -> (PathBuf, Value) {
    let outcome = trainer(dir).args(["fit", "--output", "json", "--config"]).args([config]).expect(code);
    let told: Value = serde_json::from_str(&outcome.stdout).unwrap();
    (dir.path().join(told["run_dir"].as_str().unwrap()), told)
}

fn error(dir: &TempDir, config: &Path, code: i32) -> Outcome {
    trainer(dir).args(["fit", "--config"]).args([config]).expect(code)
}

fn table(path: &Path) -> Table {
    read_local(path.to_str().unwrap(), &ReadOptions::default()).unwrap().table
}

fn run_folders(dir: &TempDir) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir.path().join("runs")) else { return vec![] };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn the_result_is_one_object_with_all_numbers() {
    let dir = scratch();
    let path = config(&dir, &format!("  test_path: test.parquet\n{SMALL}quality_gates: {{accuracy: 0.5}}\n"));
    let (run, told) = fit(&dir, &path, 0);
    assert_eq!(told["judged"], "test");
    assert_eq!(told["rows"]["test"], 2000);
    let metrics = told["metrics"].as_object().unwrap();
    for prefix in ["", "training_", "validation_", "cv_mean_", "cv_std_", "baseline_"] {
        for name in ["accuracy", "roc_auc", "log_loss", "f1_score", "pr_auc", "brier", "ece"] {
            assert!(metrics[&format!("{prefix}{name}")].as_f64().is_some_and(f64::is_finite), "{prefix}{name}");
        }
    }
    for stage in ["read", "expectations", "features", "binning", "fit", "cross_validation", "judge", "report"] {
        assert!(told["seconds"][stage].as_f64().is_some_and(|seconds| seconds >= 0.0), "{stage}");
    }
    assert_eq!(told["gates"]["verdicts"][0]["metric"], "accuracy");
    assert!(told["baseline"]["accuracy"].is_number());
    let file: Value = serde_json::from_str(&std::fs::read_to_string(run.join("metrics.json")).unwrap()).unwrap();
    assert_eq!(file, told["metrics"]);
    let evaluation: Value =
        serde_json::from_str(&std::fs::read_to_string(run.join("evaluation.json")).unwrap()).unwrap();
    assert_eq!(evaluation["binary_classification_metrics"]["accuracy"]["value"], metrics["accuracy"]);
    // The model's hash is that of its file.
    use sha2::Digest;
    let model = std::fs::read(run.join("model.safetensors")).unwrap();
    let hash: String = sha2::Sha256::digest(model).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(told["model_hash"], hash);
}

#[test]
fn a_failed_gate_exits_4_and_leaves_a_complete_run() {
    let dir = scratch();
    let path = config(&dir, &format!("{SMALL}quality_gates: {{accuracy: 0.999, mcc: 0.1}}\n"));
    let (run, told) = fit(&dir, &path, 4);
    assert_eq!(told["judged"], "validation");
    assert_eq!(told["gates"]["passed"], false);
    let passed: Vec<_> = told["gates"]["verdicts"].as_array().unwrap().iter().map(|it| it["passed"].clone()).collect();
    assert_eq!(passed, [false, true]);
    for file in ["model.safetensors", "plan.json", "gates.json", "report.html", "run.lock.json", "predictions.parquet"]
    {
        assert!(run.join(file).metadata().is_ok_and(|meta| meta.len() > 0), "{file}");
    }
}

#[test]
fn the_saved_model_predicts_what_the_run_predicted_bit_for_bit() {
    let dir = scratch();
    let path = config(&dir, &format!("  test_path: test.parquet\n{SMALL}"));
    let (run, _) = fit(&dir, &path, 0);
    let judged = table(&run.join("predictions.parquet"));
    let test = repository().join("datasets/churn/test.parquet");
    let predicted = dir.path().join("predicted.parquet");
    let told = trainer(&dir)
        .args(["predict", "--run"])
        .args([&run])
        .args(["--input"])
        .args([&test])
        .args(["--output"])
        .args([&predicted])
        .args(["--output", "json"])
        .expect(0);
    assert_eq!(serde_json::from_str::<Value>(&told.stdout).unwrap()["rows"], 2000);
    let predicted = table(&predicted);
    let rows = table(&test);
    assert_eq!(
        predicted.names().collect::<Vec<_>>(),
        ["user_id", "event_timestamp", "prediction", "probability_0", "probability_1"]
    );
    for name in ["user_id", "prediction", "probability_0", "probability_1"] {
        let bits = |table: &Table| -> Vec<u64> {
            table.column(name).unwrap().numbers().unwrap().iter().map(|number| number.to_bits()).collect()
        };
        assert_eq!(bits(&predicted), bits(&judged), "{name}");
    }
    let ids = |table: &Table| table.column("user_id").unwrap().numbers().unwrap();
    assert_eq!(ids(&predicted), ids(&rows), "rows in order");
}

#[test]
fn evaluate_gives_the_numbers_of_the_run() {
    let dir = scratch();
    let gates = "training: {cv_folds: 0, decision_threshold: max_f1}\nquality_gates: {accuracy: 0.5}\n";
    let model = SMALL.replace("training: {cv_folds: 2}\n", gates);
    let path = config(&dir, &format!("  test_path: test.parquet\n{model}"));
    let (run, told) = fit(&dir, &path, 0);
    assert!(told["metrics"]["decision_threshold"].as_f64().is_some_and(|threshold| threshold != 0.5));
    let evaluate = |code| {
        let test = repository().join("datasets/churn/test.parquet");
        let outcome = trainer(&dir)
            .args(["evaluate", "--output", "json", "--run"])
            .args([&run])
            .args(["--input"])
            .args([test])
            .expect(code);
        serde_json::from_str::<Value>(&outcome.stdout).unwrap()
    };
    let judged = evaluate(0);
    for (name, value) in judged["metrics"].as_object().unwrap() {
        assert_eq!(*value, told["metrics"][name], "{name}");
    }
    // A model that is not the one that was locked is not judged at all.
    let file = run.join("model.safetensors");
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let test = repository().join("datasets/churn/test.parquet");
    let changed = trainer(&dir).args(["evaluate", "--run"]).args([&run]).args(["--input"]).args([test]).expect(3);
    changed.says(&["model.safetensors", "expected the model", "the file was changed after the run"]);
}

#[test]
fn a_run_is_reproduced_or_what_differs_is_told() {
    let dir = scratch();
    let source = dir.path().join("data");
    std::fs::create_dir(&source).unwrap();
    let rows: String = (0..200).map(|i| format!("{},{},{}\n", i % 17, i % 5, u8::from(i % 17 > 8))).collect();
    let write = |rows: &str| std::fs::write(source.join("train.csv"), format!("a,b,target\n{rows}")).unwrap();
    write(&rows);
    let text = "project: {name: again}\ndata: {source: data, train_path: train.csv}\n\
                model: {type: random_forest, params: {n_estimators: 10}}\ntraining: {cv_folds: 0}\n";
    let path = dir.path().join("config.yaml");
    std::fs::write(&path, text).unwrap();
    let outcome =
        trainer(&dir).args(["fit", "--output", "json", "--set", "seed=9", "--config"]).args([&path]).expect(0);
    let told: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let lock = dir.path().join(told["run_dir"].as_str().unwrap()).join("run.lock.json");
    let reproduce = |code| {
        let outcome = trainer(&dir).args(["reproduce", "--output", "json"]).args([&lock]).expect(code);
        serde_json::from_str::<Value>(&outcome.stdout).unwrap()
    };
    // Another config in the meantime, and other threads: the lock alone decides.
    std::fs::write(&path, "").unwrap();
    let same = reproduce(0);
    assert_eq!((&same["reproduced"], &same["found"]), (&true.into(), &told["model_hash"]));
    write(&rows.replacen("0,0,0", "0,0,1", 1));
    let other = reproduce(1);
    let differences = other["differences"].as_array().unwrap();
    let what: Vec<&str> = differences.iter().map(|it| it["what"].as_str().unwrap()).collect();
    assert!(what[0].starts_with("inputs.train") && what.contains(&"model_hash"), "{what:?}");
}

/// Three rows a code: what a code's own rows tell of a row is mostly the row itself.
#[test]
fn a_row_is_not_encoded_by_its_own_class() {
    let dir = scratch();
    let mut random = trainer_testkit::SplitMix64::new(5);
    let rows: String = (0..900)
        .map(|_| {
            let class = random.below(2);
            let hint = if random.below(5) == 0 { 1 - class } else { class };
            format!("c{},{hint},{class}\n", random.below(300))
        })
        .collect();
    std::fs::write(dir.path().join("train.csv"), format!("code,hint,target\n{rows}")).unwrap();
    let text = "project: {name: codes}\ndata: {source: ., train_path: train.csv, validation_split: 0.3}\n\
                features: {steps: [{target_mean: {columns: [code]}}]}\n\
                model: {type: random_forest, params: {n_estimators: 20, max_depth: 3, max_features: null, random_state: 1}}\n\
                training: {cv_folds: 3}\n";
    let path = dir.path().join("config.yaml");
    std::fs::write(&path, text).unwrap();
    let (_, told) = fit(&dir, &path, 0);
    for metric in ["validation_roc_auc", "cv_mean_roc_auc"] {
        let auc = told["metrics"][metric].as_f64().unwrap();
        assert!(auc > 0.74, "{metric} {auc}: the hint alone has 0.8");
    }
}

#[test]
fn expectations_that_do_not_hold_stop_before_the_fit() {
    let dir = scratch();
    let expectations = "  expectations:
    - column_values_to_be_between: {column: tenure_months, min_value: 0, max_value: 2}
    - column_to_exist: {column: plan}
";
    let path = config(&dir, &format!("{expectations}{SMALL}"));
    let told = error(&dir, &path, 3);
    told.says(&["1 of 2 expectations", "expect_column_values_to_be_between `tenure_months`", "expectations.json"]);
    let folders = run_folders(&dir);
    assert!(folders.len() == 1 && folders[0].ends_with("-refused"), "{folders:?}");
    let result = dir.path().join("runs").join(&folders[0]).join("expectations.json");
    let result: Value = serde_json::from_str(&std::fs::read_to_string(result).unwrap()).unwrap();
    assert_eq!((&result["success"], &result["statistics"]["successful_expectations"]), (&false.into(), &1.into()));
}

#[test]
fn weights_and_more_than_two_classes() {
    let dir = scratch();
    let rows: String =
        (0..300).map(|i| format!("{},{},{},{}\n", i % 19, i % 7, i % 3, ["x", "y", "z"][i % 19 / 7])).collect();
    std::fs::write(dir.path().join("train.csv"), format!("a,b,w,target\n{rows}")).unwrap();
    let text = "project: {name: three}\ndata: {source: ., train_path: train.csv, weight: w}\n\
                model: {type: random_forest, params: {n_estimators: 10, oob_score: true}}\ntraining: {cv_folds: 3}\n";
    let path = dir.path().join("config.yaml");
    std::fs::write(&path, text).unwrap();
    let (run, told) = fit(&dir, &path, 0);
    assert_eq!(told["metrics"]["accuracy"], 1.0);
    assert!(told["metrics"]["oob_accuracy"].as_f64().unwrap() > 0.9);
    let names: Vec<String> = table(&run.join("predictions.parquet")).names().map(str::to_owned).collect();
    assert_eq!(names, ["target", "prediction", "probability_x", "probability_y", "probability_z"]);
    let bad = rows.replacen("1,1,1,x", "1,1,-1,x", 1);
    std::fs::write(dir.path().join("train.csv"), format!("a,b,w,target\n{bad}")).unwrap();
    error(&dir, &path, 3).says(&["train.csv, row 2, column `w`: expected a weight of at least 0, found -1"]);
}

#[test]
fn the_other_file_must_have_the_same_columns() {
    let dir = scratch();
    let rows: String = (0..100).map(|i| format!("{},{},{}\n", i % 19, i % 7, i % 2)).collect();
    std::fs::write(dir.path().join("train.csv"), format!("a,b,target\n{rows}")).unwrap();
    let text = "project: {name: two}\ndata: {source: ., train_path: train.csv, test_path: test.csv}\n\
                model: {type: random_forest, params: {n_estimators: 10}}\ntraining: {cv_folds: 0}\n";
    let path = dir.path().join("config.yaml");
    std::fs::write(&path, text).unwrap();
    let test = |text: &str| std::fs::write(dir.path().join("test.csv"), text).unwrap();
    test("a,target\n1,0\n2,1\n");
    error(&dir, &path, 3).says(&["test.csv", "column `b`"]);
    test("a,b,target\n1,red,0\n2,blue,1\n");
    error(&dir, &path, 3).says(&["test.csv", "column `b`", "text"]);
    test("a,b,target\n1,2,0\n2,3,7\n");
    error(&dir, &path, 3).says(&["test.csv, row 2, column `target`", "found `7`"]);
    assert!(run_folders(&dir).is_empty());
}

#[test]
fn a_place_that_cannot_be_written_is_found_before_the_fit() {
    let dir = scratch();
    std::fs::write(dir.path().join("runs"), "a file").unwrap();
    let path = config(&dir, SMALL);
    error(&dir, &path, 3).says(&["runs"]);
}

/// A limit on the size of files stands in for a disk that fills up.
#[test]
fn a_full_disk_is_an_error_with_the_path_and_leaves_nothing() {
    let dir = scratch();
    let path = config(&dir, SMALL);
    let script = format!("trap '' XFSZ; ulimit -f 16; exec {TRAINER} fit --config {}", path.display());
    let outcome = Program::new("bash").args(["-c", &script]).env("MLFLOW_TRACKING_URI", "none").dir(dir.path()).run();
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("model.safetensors") && outcome.stderr.contains("too large"), "{}", outcome.stderr);
    assert!(run_folders(&dir).is_empty(), "{:?}", run_folders(&dir));
}

/// No model that we know passes the sample's gates on `telco_churn`; on `mlc_churn` nearly every one does.
#[test]
fn gates_tell_an_easy_set_from_a_hard_one() {
    let Some(data) = shared("data") else { return };
    for (name, target, id, code) in [("telco_churn", "Churn", "customerID", 4), ("mlc_churn", "churn", "none", 0)] {
        let dir = scratch();
        let text = format!(
            "project: {{name: {name}}}
data: {{source: {}, train_path: {name}.parquet, target: {target}}}
features: {{entity: {id}}}
model: {{type: random_forest, params: {{n_estimators: 200, max_depth: 10, random_state: 42}}}}
quality_gates: {{accuracy: 0.85, precision: 0.80, recall: 0.75}}
",
            data.display()
        );
        let path = dir.path().join("config.yaml");
        std::fs::write(&path, text.replace("features: {entity: none}\n", "")).unwrap();
        let (run, told) = fit(&dir, &path, code);
        assert_eq!(told["gates"]["passed"], code == 0, "{name}: {:#}", told["gates"]);
        assert!(run.join("report.html").exists());
    }
}

#[test]
fn an_id_under_another_name_is_told_and_not_learned_from() {
    let dir = scratch();
    error(&dir, &config(&dir, &SMALL.replace("user_id", "user_idd")), 3)
        .says(&["column `user_idd`", "there is a column `user_id`"]);
}

#[test]
fn a_column_to_ignore_that_is_not_there_is_told() {
    let dir = scratch();
    let (_, told) = fit(&dir, &config(&dir, &format!("  ignore: [regoin]\n{SMALL}")), 0);
    let codes: Vec<&str> = told["warnings"].as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&"absent_column"), "{codes:?}");
}

#[test]
fn test_rows_are_not_the_training_rows_under_another_name() {
    let dir = scratch();
    std::fs::copy(repository().join("datasets/churn/train.parquet"), dir.path().join("copy.parquet")).unwrap();
    let copy = format!("  test_path: {}\n{SMALL}", dir.path().join("copy.parquet").display());
    error(&dir, &config(&dir, &copy), 3).says(&["copy.parquet: expected rows that the model does not learn from"]);
}

/// What looks like numbers in the rows to predict is text when it was text in training.
#[test]
fn columns_keep_their_type_from_training_to_prediction() {
    let dir = scratch();
    let rows: String = (0..200).map(|i| format!("{:05},{}\n", if i % 2 == 0 { 1231 } else { 91231 }, i % 2)).collect();
    std::fs::write(dir.path().join("train.csv"), format!("zip,target\n{rows}")).unwrap();
    std::fs::write(dir.path().join("test.csv"), "zip,target\n91231,1\n91231,1\n").unwrap();
    let text = "project: {name: zip}\ndata: {source: ., train_path: train.csv, test_path: test.csv}\n\
                model: {type: random_forest, params: {n_estimators: 5}}\ntraining: {cv_folds: 0}\n";
    let path = dir.path().join("config.yaml");
    std::fs::write(&path, text).unwrap();
    let (run, told) = fit(&dir, &path, 0);
    assert_eq!(told["metrics"]["accuracy"], 1.0);
    // No validation numbers but those of validation rows.
    assert!(told["metrics"]["validation_accuracy"].is_number());
    let predict = |output: &str, code| {
        trainer(&dir)
            .args(["predict", "--run"])
            .args([&run])
            .args(["--input", "test.csv", "--output", output])
            .expect(code)
    };
    predict("p.csv", 0);
    let labels = table(&dir.path().join("p.csv")).column("prediction").unwrap().numbers().unwrap();
    assert_eq!(labels, [1.0, 1.0]);
    predict("test.csv", 2).says(&["expected a new file"]);
    // A plan that was changed is not used.
    let plan = run.join("plan.json");
    std::fs::write(&plan, std::fs::read_to_string(&plan).unwrap().replacen("01231", "91232", 1)).unwrap();
    predict("p.csv", 3).says(&["plan.json: expected the plan"]);
}

#[test]
fn without_validation_rows_there_are_no_validation_numbers() {
    let dir = scratch();
    let (_, told) = fit(&dir, &config(&dir, &format!("  test_path: test.parquet\n  validation_split: 0\n{SMALL}")), 0);
    let metrics = told["metrics"].as_object().unwrap();
    assert!(
        metrics.contains_key("accuracy") && !metrics.keys().any(|key| key.starts_with("validation_")),
        "{metrics:?}"
    );
}
