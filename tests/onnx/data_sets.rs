//! The churn sample and all shared data sets, with the plan that a forest gets of them, on their committed test rows.

use std::ops::ControlFlow;
use std::path::Path;

use serde::Deserialize;
use trainer_data::{Dataset, ReadOptions, Table, read_local, split, target};
use trainer_features::PlanSpec;
use trainer_kernels::Device;
use trainer_models::learn::gradient_boosting::GradientBoosting;
use trainer_models::learn::random_forest::RandomForest;
use trainer_models::{Job, Learner};
use trainer_testkit::{repository, shared};

use super::case::{self, Written};

/// More rows are no other case.
const TRAINING_ROWS: usize = 4_000;
const TEST_ROWS: usize = 20_000;

#[derive(Deserialize)]
struct Manifest {
    datasets: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    file: String,
    target: String,
    ignore_columns: Vec<String>,
    split: String,
}

/// One case a data set; the sample alone where the shared data is not there.
pub fn cases(parent: &Path) -> Vec<Written> {
    let mut cases = Vec::from(sample(parent));
    cases.extend(of_shared_data(parent));
    cases
}

fn sample(parent: &Path) -> [Written; 2] {
    let part = |name: &str| read(&repository().join("datasets/churn").join(name));
    fitted(parent, "churn sample", &part("train.parquet"), &part("test.parquet"), "target", &["user_id".to_owned()])
}

fn of_shared_data(parent: &Path) -> Vec<Written> {
    let Some(folder) = shared("data") else { return vec![] };
    let manifest: Manifest = serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    assert!(manifest.datasets.len() >= 18, "the shared data sets are fewer than they were");
    manifest.datasets.iter().flat_map(|entry| of(parent, &folder, entry)).collect()
}

fn read(path: &Path) -> Table {
    read_local(&path.display().to_string(), &ReadOptions::default()).unwrap().table
}

fn of(parent: &Path, folder: &Path, entry: &Entry) -> [Written; 2] {
    let table = read(&folder.join(&entry.file));
    let is_test = read(&folder.join(&entry.split)).column("is_test").unwrap().numbers().unwrap();
    let rows = |part: f64| (0..table.rows() as u32).filter(|&row| is_test[row as usize] == part).collect::<Vec<_>>();
    let (train, test) = (table.take(&rows(0.0)), table.take(&rows(1.0)));
    fitted(parent, &entry.name, &train, &test, &entry.target, &entry.ignore_columns)
}

/// A forest and a boosted model of a data set.
fn fitted(parent: &Path, name: &str, train: &Table, test: &Table, target: &str, ignored: &[String]) -> [Written; 2] {
    let forest = RandomForest { n_estimators: 20, random_state: Some(3), ..RandomForest::default() };
    let boosted = GradientBoosting { max_iter: 20, random_state: Some(3), ..GradientBoosting::default() };
    [
        of_learner(parent, name, &forest, train, test, target, ignored),
        of_learner(parent, &format!("{name}, boosted"), &boosted, train, test, target, ignored),
    ]
}

fn of_learner(
    parent: &Path,
    name: &str,
    learner: &dyn Learner,
    train: &Table,
    test: &Table,
    target_name: &str,
    ignored: &[String],
) -> Written {
    let test = test.take(&(0..test.rows().min(TEST_ROWS) as u32).collect::<Vec<_>>());
    let found = target(train, target_name).unwrap();
    let part = (TRAINING_ROWS as f64 / train.rows() as f64).min(0.99);
    let few = split::stratified(&found.y, found.classes.len(), part, 1).valid;
    let (train, y) = (train.take(&few), few.iter().map(|&row| found.y[row as usize]).collect());
    let exclude = ignored.iter().cloned().chain([target_name.to_owned()]).collect();
    let spec = PlanSpec { select: None, exclude, steps: vec![], needs: Some(learner.needs()), pii: vec![] };
    let (plan, _) = trainer_features::fit(&train, None, &spec).unwrap();
    let matrix = plan.apply(&train, &Device::Cpu).unwrap().matrix;
    let data = Dataset { matrix, y, weight: None, classes: found.classes };
    let on_round = |_: &_| ControlFlow::Continue(());
    let job = Job { train: &data, valid: None, device: &Device::Cpu, seed: 0, on_round: &on_round };
    let model = learner.fit(job).unwrap().model;
    case::model(parent, name, &model, &plan, &test)
}
