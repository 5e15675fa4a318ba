//! Feature stores: joins against what Feast itself and DuckDB answer, and files that Feast reads.

mod peer;
mod run;
mod s3;
mod sorted;
mod store;

use std::path::{Path, PathBuf};

use trainer_data::{ReadOptions, Table, read_local};
use trainer_testkit::{Outcome, Program};

pub const TRAINER: &str = env!("CARGO_BIN_EXE_trainer");

/// `trainer features ...` in a folder.
pub fn features(folder: &Path, args: &[&str], code: i32) -> Outcome {
    Program::new(TRAINER).args(["features"]).args(args).dir(folder).expect(code)
}

pub fn read(path: &Path) -> Table {
    read_local(&path.display().to_string(), &ReadOptions::default()).unwrap().table
}

/// The cells of a row, by the name of its column; numbers are rounded to 32-bit floats, as some stores widen them.
pub fn cells(table: &Table, row: usize) -> Vec<(String, Option<String>)> {
    let cell = |column: &trainer_data::Column| match column.numbers() {
        Some(numbers) => Some(numbers[row]).filter(|it| !it.is_nan()).map(|it| (it as f32).to_string()),
        None => column.text(row).map(|text| text.into_owned()),
    };
    table.columns().iter().map(|column| (column.name().to_owned(), cell(column))).collect()
}

pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target: PathBuf = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target)
        } else {
            std::fs::write(target, std::fs::read(&path).unwrap()).unwrap()
        }
    }
}
