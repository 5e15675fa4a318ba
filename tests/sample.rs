//! `trainer sample` and its files under `datasets/`.

use std::path::Path;

use sha2::{Digest, Sha256};
use trainer_testkit::{Program, repository, scratch};

const TRAINER: &str = env!("CARGO_BIN_EXE_trainer");
const FILES: [(&str, &[&str]); 4] = [
    ("churn", &["train.parquet", "test.parquet"]),
    ("churn_store", &["train.parquet", "test.parquet", "features/data/user_features.parquet"]),
    ("events", &["user_events_20251119.csv"]),
    ("shop", &["customers.csv", "orders.csv"]),
];

fn sha256(path: &Path) -> String {
    let digest = Sha256::digest(std::fs::read(path).unwrap());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_committed_files_are_what_the_command_writes() {
    let folder = scratch();
    let page = std::fs::read_to_string(repository().join("datasets/README.md")).unwrap();
    for (name, files) in FILES {
        let out = folder.path().join("new").join(name);
        Program::new(TRAINER).args(["sample", name, "--out"]).args([&out]).expect(0);
        for file in files {
            let made = sha256(&out.join(file));
            assert!(page.contains(&made), "datasets/README.md does not hold the sha256 of {name}/{file}: {made}");
            assert_eq!(made, sha256(&repository().join("datasets").join(name).join(file)), "{name}/{file}");
        }
    }
}

#[test]
fn the_files_are_small() {
    let paths = FILES.iter().flat_map(|(name, files)| files.iter().map(move |file| format!("datasets/{name}/{file}")));
    let bytes: Vec<u64> = paths.map(|path| repository().join(path).metadata().unwrap().len()).collect();
    assert!(bytes.iter().sum::<u64>() < 1 << 20, "{bytes:?}");
}

#[test]
fn the_written_files_are_told_in_json() {
    let folder = scratch();
    let outcome =
        Program::new(TRAINER).args(["sample", "churn", "--output", "json", "--out", "."]).dir(folder.path()).expect(0);
    let told: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(told["files"][0]["rows"], 10_000);
    assert_eq!(told["files"][1]["path"], "./test.parquet");
}

#[test]
fn an_unknown_sample_names_those_that_are_there() {
    Program::new(TRAINER).args(["sample", "chrun", "--out", "x"]).expect(2).says(&["`chrun`", "churn"]);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = scratch();
    let file = folder.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    let inside = file.join("churn");
    Program::new(TRAINER).args(["sample", "churn", "--out"]).args([&inside]).expect(3).says(&["a-file"]);
}
