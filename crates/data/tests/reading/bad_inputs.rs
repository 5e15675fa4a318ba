//! Reads 380 files that are odd or broken, each in bounded time, and compares what comes of each with a committed table.
//!
//! The files lie outside this repository; where they are absent, the line on standard error says so.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use trainer_data::{CsvOptions, DataError, Encoding, Input, Kind, ReadOptions, Table, read_local};
use trainer_testkit::{repository, shared};

/// Far more than any of these files takes.
const LIMIT: Duration = Duration::from_secs(20);

/// Reads a file on a thread of its own; a panic or a hang fails the test.
fn read(path: &Path, options: ReadOptions) -> Result<Input, DataError> {
    let (sender, receiver) = mpsc::channel();
    let name = path.display().to_string();
    let thread = thread::spawn(move || sender.send(read_local(&name, &options)));
    match receiver.recv_timeout(LIMIT) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{} is still being read after {LIMIT:?}", path.display()),
        Err(mpsc::RecvTimeoutError::Disconnected) => panic!("{}: {:?}", path.display(), thread.join().unwrap_err()),
    }
}

/// One line: rows and columns with their kinds and warnings, or the error.
fn outcome(result: &Result<Input, DataError>, folder: &str) -> String {
    match result {
        Ok(input) => {
            let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
            for column in input.table.columns() {
                *kinds.entry(column.kind().to_string()).or_default() += 1;
            }
            let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            let mut warnings: BTreeMap<&str, u64> = BTreeMap::new();
            for warning in &input.warnings {
                *warnings.entry(&warning.code).or_default() += warning.count;
            }
            let warnings: Vec<String> = warnings.iter().map(|(code, count)| format!("{code} {count}")).collect();
            let size = format!("{} x {}: {}", input.table.rows(), input.table.columns().len(), kinds.join(", "));
            if warnings.is_empty() { size } else { format!("{size}; {}", warnings.join(", ")) }
        }
        Err(error) => {
            let message = error.to_string().replace(folder, "").replace('\n', " / ");
            format!("{}: {}", error.code(), message.chars().take(220).collect::<String>())
        }
    }
}

/// Compares with a committed file, or writes it when `TRAINER_UPDATE_SNAPSHOTS` is set.
pub(crate) fn compare(name: &str, found: &str) {
    let path = repository().join("crates/data/tests/reading").join(name);
    if std::env::var_os("TRAINER_UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, found).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let differing: Vec<String> = found
        .lines()
        .filter(|line| !expected.lines().any(|other| other == *line))
        .map(|line| format!("+ {line}"))
        .chain(
            expected.lines().filter(|line| !found.lines().any(|other| other == *line)).map(|line| format!("- {line}")),
        )
        .collect();
    assert!(
        differing.is_empty(),
        "{} differs; look at each line, then run with TRAINER_UPDATE_SNAPSHOTS=1:\n{}",
        path.display(),
        differing.join("\n")
    );
}

fn manifest() -> Option<(std::path::PathBuf, Vec<Value>)> {
    let folder = shared("data/bad_inputs")?;
    let manifest: Value = serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    Some((folder, manifest["files"].as_array().unwrap().clone()))
}

#[test]
fn every_odd_file_has_its_known_outcome() {
    let Some((folder, files)) = manifest() else { return };
    let prefix = format!("{}/", folder.display());
    let mut table = String::new();
    let mut count = 0;
    for file in &files {
        let name = file["file"].as_str().unwrap();
        let result = read(&folder.join(name), ReadOptions::default());
        writeln!(table, "{name} | {}", outcome(&result, &prefix)).unwrap();
        count += 1;
    }
    assert_eq!(count, 380);
    compare("bad_inputs.txt", &table);
}

/// The dialect that the manifest declares for a file.
pub(crate) fn declared(expect: &Value) -> CsvOptions {
    let mark = |key: &str| expect[key].as_str().map(|text| text.chars().next().unwrap());
    let encoding = match expect["encoding"].as_str() {
        None => Encoding::Utf8,
        Some("utf-16-le") => Encoding::Utf16Le,
        Some("utf-16-be") => Encoding::Utf16Be,
        Some("latin-1") => Encoding::Latin1,
        Some("cp1252") => Encoding::Windows1252,
        Some(other) => panic!("an encoding that is not known: {other}"),
    };
    CsvOptions {
        delimiter: mark("delimiter"),
        decimal: mark("decimal").unwrap_or('.'),
        encoding,
        ..CsvOptions::default()
    }
}

#[test]
fn files_have_the_rows_they_were_built_with_or_are_refused() {
    let Some((folder, files)) = manifest() else { return };
    let mut read_whole = Vec::new();
    for file in files.iter().filter(|file| file["expect"].is_object()) {
        let (name, expect) = (file["file"].as_str().unwrap(), &file["expect"]);
        let options = ReadOptions { csv: declared(expect), ..ReadOptions::default() };
        if let Ok(input) = read(&folder.join(name), options) {
            assert_eq!(input.table.rows() as u64, expect["rows_ok"].as_u64().unwrap(), "{name}");
            assert_eq!(input.table.columns().len() as u64, expect["columns"].as_u64().unwrap(), "{name}");
            assert!(
                expect["rows_bad"].is_null() && expect["counts"].is_null(),
                "{name} has rows that are not well formed"
            );
            assert!(input.table.names().all(|name| !name.contains('\u{feff}')), "{name}");
            read_whole.push(name);
        }
    }
    // What is declared must be readable, not only refused politely.
    for name in ["utf-16-le_bom", "utf-16-be_nobom", "latin1", "cp1252_euro", "tab", "pipe", "semicolon", "cr_only"] {
        let name = format!("derived/telco__{name}.csv");
        assert!(read_whole.contains(&name.as_str()), "{name}");
    }
    assert_eq!(read_whole.len(), READ_WHOLE, "{read_whole:#?}");
}

/// How many of the files with expectations can be read when their dialect is declared.
const READ_WHOLE: usize = 51;

#[test]
fn one_table_written_in_many_ways_is_read_as_one_table() {
    let Some((folder, files)) = manifest() else { return };
    let table = |name: &str| -> Table {
        let name = format!("derived/telco__{name}.csv");
        let expect = files.iter().find(|file| file["file"] == name.as_str()).map(|file| &file["expect"]).unwrap();
        let options = ReadOptions { csv: declared(expect), ..ReadOptions::default() };
        read(&folder.join(&name), options).unwrap_or_else(|error| panic!("{error}")).table
    };
    let clean = table("clean");
    // These have one column with decimal points and one with decimal commas, as they were built.
    for name in ["european_semicolon_decimal_comma", "decimal_comma_quoted"] {
        let others: Vec<&str> = clean.names().filter(|name| *name != "TotalCharges").collect();
        let european = table(name);
        assert_eq!(european.column("TotalCharges").unwrap().kind(), Kind::Text);
        assert!(european.select(&others).unwrap() == clean.select(&others).unwrap(), "{name} is read as another table");
    }
    assert_eq!(clean.column("TotalCharges").unwrap().kind(), Kind::Float);
    for name in [
        "utf8_bom",
        "utf-16-le_bom",
        "utf-16-le_nobom",
        "utf-16-be_bom",
        "utf-16-be_nobom",
        "crlf",
        "cr_only",
        "mixed_newlines",
        "no_trailing_newline",
        "blank_lines",
        "tab",
        "pipe",
        "semicolon",
        "quote_all",
    ] {
        assert!(table(name) == clean, "{name} is read as another table");
    }
}

#[test]
fn csv_spectrum_has_the_content_of_its_json() {
    let Some((folder, files)) = manifest() else { return };
    let mut count = 0;
    for file in files.iter().filter(|file| file["expect"].is_string()) {
        let name = file["file"].as_str().unwrap();
        let json = name.replace("csv-spectrum/", "csv-spectrum/json/").replace(".csv", ".json");
        let rows = match serde_json::from_slice(&fs::read(folder.join(json)).unwrap()).unwrap() {
            Value::Array(rows) => rows,
            row => vec![row],
        };
        let table = read(&folder.join(name), ReadOptions::default()).unwrap().table;
        assert_eq!(table.rows(), rows.len(), "{name}");
        for (row, expected) in rows.into_iter().enumerate() {
            let found: BTreeMap<String, String> = table
                .columns()
                .iter()
                .map(|column| (column.name().to_owned(), column.text(row).unwrap_or_default().into_owned()))
                .collect();
            let mut expected: BTreeMap<String, String> = serde_json::from_value(expected).unwrap();
            if name.contains("location_coordinates") {
                // The suite's two files disagree here.
                expected.insert("Contact Phone Number".to_owned(), "2095257564".to_owned());
            }
            if name.contains("_crlf") {
                // These came with LF only, whatever their names say.
                expected.values_mut().for_each(|value| *value = value.replace("\r\n", "\n"));
            }
            assert_eq!(found, expected, "{name}");
        }
        count += 1;
    }
    assert_eq!(count, 12);
}
