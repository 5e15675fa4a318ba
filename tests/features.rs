//! `trainer features run`: from raw files to tables of features.

mod broken;
mod etl;
mod events;
mod files;
mod peer;
pub(crate) mod s3;
mod same_bytes;
mod states;
mod stopping;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use trainer_data::{ReadOptions, Table, read_local};
use trainer_testkit::{Outcome, Program, repository, scratch};

const TRAINER: &str = env!("CARGO_BIN_EXE_trainer");

/// A folder in which configs are written and run.
struct Workshop {
    dir: tempfile::TempDir,
}

impl Workshop {
    fn new() -> Self {
        Self { dir: scratch() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Writes a config whose rows are `rows.csv` and whose output is `out.parquet`, unless it says otherwise.
    fn config(&self, text: &str) -> PathBuf {
        let mut whole = text.to_owned();
        for (key, default) in [
            ("project:", "project: {name: test}"),
            ("extract:", "extract: {path: rows.csv}"),
            ("store:", "store: {path: out.parquet}"),
        ] {
            if !text.lines().any(|line| line.starts_with(key)) {
                whole = format!("{default}\n{whole}");
            }
        }
        self.write("features.yaml", whole)
    }

    fn program(&self, args: &[&str]) -> Program {
        Program::new(TRAINER).dir(self.dir.path()).args(["features", "run", "--config", "features.yaml"]).args(args)
    }

    /// Runs the config, and returns what was done.
    fn run(&self, args: &[&str]) -> Value {
        self.program(&["--output", "json"]).args(args).expect(0).json()
    }

    fn table(&self, name: &str) -> Table {
        table(&self.path(name))
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// The names of the files in the folder.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

trait Told {
    fn json(&self) -> Value;
}

impl Told for Outcome {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

fn table(path: &Path) -> Table {
    read_local(path.to_str().unwrap(), &ReadOptions::default()).unwrap().table
}

fn numbers(table: &Table, column: &str) -> Vec<f64> {
    table.require(column).unwrap().numbers().unwrap()
}

fn texts(table: &Table, column: &str) -> Vec<Option<String>> {
    let column = table.require(column).unwrap();
    (0..column.len()).map(|row| column.text(row).map(|text| text.into_owned())).collect()
}

/// A step of what was done, by name.
fn step<'a>(summary: &'a Value, name: &str) -> &'a Value {
    let steps = summary["steps"].as_array().unwrap();
    steps.iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("no step {name} in {summary:#}"))
}

/// The rows of a CSV without quotes, by column; cells of rows with another number of fields than the header are left out.
fn plain_csv(path: &Path) -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let rows: Vec<Vec<&str>> =
        lines.map(|line| line.split(',').collect()).filter(|row: &Vec<&str>| row.len() == header.len()).collect();
    let column = |at: usize| rows.iter().map(|row| row[at].to_owned()).collect();
    header.iter().enumerate().map(|(at, name)| ((*name).to_owned(), column(at))).collect()
}

fn example(config: &str) -> PathBuf {
    repository().join("configs/features").join(config)
}
