//! The ONNX model beside the native one, on the same rows, in a Python that has onnxruntime.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use fs_err as fs;
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use trainer_data::{Column, Label, Table};
use trainer_features::FittedPlan;
use trainer_models::Model;

use crate::exit::{Exit, Failure};
use crate::model_directory::{ModelDirectory, file, is_text, numbers};

/// Probabilities may be so far apart.
pub const LIMIT: f64 = 1e-6;
/// The script may take so long: a model near the limit of ONNX loads in a minute.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// What the script ends with when a module is not there.
const MISSING_MODULE: i32 = 97;
const SCRIPT: &str = include_str!("onnx_check.py");

/// How near the ONNX model comes to the native one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The onnxruntime that answered.
    pub onnxruntime: String,
    /// Rows compared.
    pub rows: u64,
    /// The largest difference of two probabilities.
    pub largest_difference: f64,
    /// Rows with another label.
    pub different_labels: u64,
    /// The first row (from 0) that differs by more than [`LIMIT`], or in its label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<usize>,
    /// What the native model says of that row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native: Option<Json>,
    /// What the ONNX model says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onnx: Option<Json>,
}

impl Comparison {
    /// Whether both are the same model.
    pub fn agrees(&self) -> bool {
        self.different_labels == 0 && self.largest_difference <= LIMIT
    }
}

/// Rows, with what the native model says of them.
pub struct Answered<'a> {
    /// The model.
    pub model: &'a Model,
    /// What makes its matrix.
    pub plan: &'a FittedPlan,
    /// The rows as they were read.
    pub table: &'a Table,
    /// The probability of each class.
    pub proba: &'a Array2<f32>,
    /// The class decided on.
    pub classes: &'a [u32],
}

/// Writes rows, answers and the ONNX model into a folder, as the script reads them.
///
/// # Errors
/// With the path: what cannot be written.
pub fn write(answered: &Answered<'_>, directory: &ModelDirectory, folder: &Path) -> io::Result<()> {
    let columns = write_columns(answered.plan, answered.table, folder)?;
    let native: Vec<u8> = answered.proba.iter().flat_map(|value| value.to_le_bytes()).collect();
    let classes: Vec<u8> = answered.classes.iter().flat_map(|class| class.to_le_bytes()).collect();
    fs::write(folder.join("native.f32"), native)?;
    fs::write(folder.join("classes.u32"), classes)?;
    let onnx = directory.files.iter().find(|(name, _)| name == file::ONNX);
    fs::write(folder.join(file::ONNX), &onnx.expect("a model directory has it").1)?;
    let rows = json!({
        "columns": columns,
        "labels": answered.model.classes.iter().map(label).collect::<Vec<Json>>(),
        "classes": "classes.u32",
        "native": "native.f32",
        "label": directory.outputs.label,
        "probabilities": directory.outputs.probabilities,
    });
    fs::write(folder.join("rows.json"), rows.to_string())
}

/// Writes the columns that a plan reads, each into a file of its own; answers what they are.
///
/// # Errors
/// With the path: what cannot be written.
pub fn write_columns(plan: &FittedPlan, table: &Table, folder: &Path) -> io::Result<Vec<Json>> {
    let mut columns = Vec::new();
    for (number, input) in plan.inputs().iter().enumerate() {
        let column = table.column(&input.name).expect("the plan was applied to this table");
        let (kind, name, bytes) = match is_text(input) {
            true => ("text", format!("{number}.json"), text_of(column)),
            false => {
                ("number", format!("{number}.f64"), numbers(column).into_iter().flat_map(f64::to_le_bytes).collect())
            }
        };
        fs::write(folder.join(&name), bytes)?;
        columns.push(json!({ "name": input.name, "type": kind, "file": name }));
    }
    Ok(columns)
}

/// Cells as a JSON list, null where there is none.
fn text_of(column: &Column) -> Vec<u8> {
    let cells: Json = (0..column.len()).map(|row| column.text(row).map_or(Json::Null, Json::from)).collect();
    cells.to_string().into_bytes()
}

/// A class as its JSON value.
fn label(label: &Label) -> Json {
    match label {
        Label::Bool(value) => json!(value),
        Label::Integer(value) => json!(value),
        Label::Text(value) => json!(value),
    }
}

/// Compares what lies in each folder; one answer for each.
///
/// # Errors
/// No such Python, one without onnxruntime (exit 2), or a model that onnxruntime does not run, or not in ten minutes
/// (exit 3).
pub fn compare(python: &Path, folders: &[PathBuf]) -> anyhow::Result<Vec<Comparison>> {
    compare_within(PATIENCE, python, folders)
}

fn compare_within(patience: Duration, python: &Path, folders: &[PathBuf]) -> anyhow::Result<Vec<Comparison>> {
    let mut command = Command::new(python);
    command.arg("-c").arg(SCRIPT).arg(LIMIT.to_string()).args(folders);
    let said = run(command, patience).map_err(|error| {
        let message = format!("cannot start `{}` to check the ONNX model: {error}", python.display());
        Failure::usage(format!("{message}\n  hint: name a Python with --python"))
    })?;
    let Some(Said { status, told, complaint }) = said else {
        let seconds = patience.as_secs();
        let message = format!("expected an answer of onnxruntime within {seconds} s, found none: it was stopped");
        return Err(Failure::data(format!("{message}\n  hint: name fewer rows with --input")).into());
    };
    match status.code() {
        Some(0) => {}
        Some(MISSING_MODULE) => {
            let module = complaint.trim().rsplit(' ').next().unwrap_or("onnxruntime").to_owned();
            let message = format!("`{}` has no module `{module}`, which checks the ONNX model", python.display());
            let hint = "pip install onnxruntime, or name another Python with --python";
            return Err(Failure::usage(format!("{message}\n  hint: {hint}")).into());
        }
        _ => {
            let last = complaint.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
            return Err(Failure::new(Exit::Data, format!("onnxruntime does not run the model: {last}")).into());
        }
    }
    let answers: Vec<Comparison> = told.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    anyhow::ensure!(answers.len() == folders.len(), "expected {} answers, found {told}", folders.len());
    Ok(answers)
}

/// How a program ended.
struct Said {
    status: ExitStatus,
    told: String,
    complaint: String,
}

/// Runs a program to its end, or kills it: none then.
fn run(mut command: Command, patience: Duration) -> io::Result<Option<Said>> {
    let end = Instant::now() + patience;
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    // Both are read while it runs, or it would wait for room.
    let told = read(child.stdout.take().expect("piped"));
    let complaint = read(child.stderr.take().expect("piped"));
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if Instant::now() < end => thread::sleep(LOOK),
            None => {
                child.kill()?;
                child.wait()?;
                return Ok(None);
            }
        }
    };
    // What it started may hold the pipes open after it.
    let rest = |text: mpsc::Receiver<String>| text.recv_timeout(end.saturating_duration_since(Instant::now())).ok();
    Ok(rest(told).zip(rest(complaint)).map(|(told, complaint)| Said { status, told, complaint }))
}

/// All that comes out of a pipe, once it is closed.
fn read(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is what was said; nobody listens any more after the time is up.
        let _ = pipe.read_to_end(&mut bytes);
        let _ = send.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receive
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::exit::exit_of;

    /// What is found with this script in place of a Python.
    fn with(script: &str, patience: Duration) -> anyhow::Result<Vec<Comparison>> {
        let folder = tempfile::tempdir().unwrap();
        let python = folder.path().join("python");
        fs::write(&python, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&python, PermissionsExt::from_mode(0o755)).unwrap();
        compare_within(patience, &python, &[folder.path().to_owned()])
    }

    #[test]
    fn a_python_that_does_not_end_is_stopped() {
        let started = Instant::now();
        let error = with("sleep 5 & sleep 5", Duration::from_millis(300)).unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(4));
        assert!(error.to_string().contains("it was stopped"), "{error}");
        assert_eq!(exit_of(&error), Exit::Data);
        // Not the program itself, but what it left behind.
        assert!(with("sleep 5 &", Duration::from_millis(300)).is_err());
    }

    #[test]
    fn the_script_is_told_the_limit() {
        let answer = r#"{\"onnxruntime\":\"$3\",\"rows\":1,\"largest_difference\":0,\"different_labels\":0}"#;
        // More than a pipe holds.
        let complaints = "head -c 300000 /dev/zero >&2";
        let found = with(&format!("{complaints}; echo \"{answer}\""), Duration::from_secs(60)).unwrap();
        assert_eq!(found[0].onnxruntime.parse(), Ok(LIMIT));
    }
}
