//! `trainer export`: a run's model as others load it.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;
use trainer_kernels::{Device, DeviceSpec};

use super::{Common, Form};
use crate::console;
use crate::exit::{Exit, Failure};
use crate::export::{Exported, Verify, export, judged_rows};
use crate::onnx_check::Comparison;
use crate::saved_run::SavedRun;

/// Arguments of `trainer export`.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// Run folder
    #[arg(long, value_name = "DIR")]
    pub run: PathBuf,
    /// What the model is written as
    #[arg(long, value_enum, default_value = "onnx")]
    pub format: Format,
    /// Folder to write, new or empty: an MLflow model directory; `json` or `text` say how the result is told on stdout,
    /// and may be given beside the folder
    #[arg(short, long, value_name = "DIR|json|text", required = true)]
    pub output: Vec<String>,
    /// Compare with the native model on the judged rows, in a Python that has onnxruntime
    #[arg(long)]
    pub verify: bool,
    /// File with rows to compare on in place of the judged ones (Parquet or CSV)
    #[arg(long, value_name = "FILE", requires = "verify")]
    pub input: Option<String>,
    /// The Python to compare in
    #[arg(long, value_name = "PATH", default_value = "python3")]
    pub python: PathBuf,
    /// Where `--verify` predicts the rows, wherever the model was trained: auto, cpu, wgpu:N or cuda:N [default: auto]
    #[arg(long, value_name = "DEVICE", requires = "verify")]
    pub device: Option<DeviceSpec>,
}

/// What a model is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// ONNX, in an MLflow model directory.
    Onnx,
}

/// Runs `trainer export`.
///
/// # Errors
/// A device that is not there, a folder that is no run, a plan that has no ONNX form, a folder that is not empty, a model that differs.
pub fn run(args: &ExportArgs, common: &Common) -> anyhow::Result<Exit> {
    let (folder, form) = outputs(&args.output)?;
    let Format::Onnx = args.format;
    let saved = SavedRun::open(&args.run)?;
    let verify = match args.verify {
        true => Some(Verify {
            device: Device::open(&args.device.unwrap_or_default())?,
            rows: rows(args, &saved, common)?,
            python: args.python.clone(),
        }),
        false => None,
    };
    let exported = export(&saved, &args.run, folder, verify.as_ref())?;
    exported.notes.iter().for_each(|note| common.note(note));
    let Exported { files, notes, verification } = exported;
    let told = match form {
        Form::Json => {
            format!("{:#}\n", json!({ "output": folder, "files": files, "notes": notes, "verification": verification }))
        }
        Form::Text => format!("{}: {} files\n{}", folder.display(), files.len(), told(verification.as_ref())),
    };
    console::print(&told)?;
    Ok(Exit::Done)
}

fn rows(args: &ExportArgs, saved: &SavedRun, common: &Common) -> anyhow::Result<trainer_data::Table> {
    let Some(path) = &args.input else { return judged_rows(saved) };
    let input = saved.read(path)?;
    input.warnings.iter().for_each(|warning| common.warn(&crate::warned::text(warning)));
    Ok(input.table)
}

/// The folder to write, and the form of the result on stdout.
fn outputs(outputs: &[String]) -> Result<(&Path, Form), Failure> {
    let (forms, folders): (Vec<&String>, Vec<&String>) =
        outputs.iter().partition(|output| matches!(output.as_str(), "json" | "text"));
    let form = if forms.iter().any(|form| *form == "json") { Form::Json } else { Form::Text };
    match folders.as_slice() {
        [folder] => Ok((Path::new(folder.as_str()), form)),
        [] => Err(Failure::usage("expected a folder to write, found none\n  hint: --output model/")),
        more => Err(Failure::usage(format!("expected one folder to write, found {}", more.len()))),
    }
}

fn told(verification: Option<&Comparison>) -> String {
    let Some(found) = verification else { return String::new() };
    format!(
        "the same as the native model on {} rows in onnxruntime {}: all labels, probabilities within {:e}\n",
        found.rows, found.onnxruntime, found.largest_difference
    )
}
