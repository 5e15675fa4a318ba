//! `trainer predict`: a run's model on the rows of a file.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use trainer_data::Table;

use super::{Common, DeviceArgs, Form};
use crate::console;
use crate::exit::{Exit, Failure};
use crate::predictions::predictions;
use crate::saved_run::SavedRun;

/// Arguments of `trainer predict`.
#[derive(Debug, Clone, Args)]
pub struct PredictArgs {
    /// Run folder
    #[arg(long, value_name = "DIR")]
    pub run: PathBuf,
    /// File with the rows (Parquet or CSV), or its s3:// address
    #[arg(long, value_name = "FILE")]
    pub input: String,
    /// File to write (Parquet or CSV, by its name); `json` or `text` say how the result is told on stdout, and may be
    /// given beside the file
    #[arg(short, long, value_name = "FILE|json|text", required = true)]
    pub output: Vec<String>,
    /// The device.
    #[command(flatten)]
    pub device: DeviceArgs,
}

/// Runs `trainer predict`.
///
/// # Errors
/// A device that is not there, a folder that is no run, a file that does not fit the model, a place that cannot be written.
pub fn run(args: &PredictArgs, common: &Common) -> anyhow::Result<Exit> {
    let (file, form) = outputs(&args.output)?;
    let device = args.device.open()?;
    let saved = SavedRun::open(&args.run)?;
    not_over_the_input(file, Path::new(&args.input), &args.run)?;
    let rows = saved.read(&args.input)?;
    let (predicted, mut warnings) = saved.predict(&rows.table, &device)?;
    warnings.splice(0..0, rows.warnings);
    warnings.iter().for_each(|warning| common.warn(&crate::warned::text(warning)));
    let keep = kept(&saved);
    let ids = saved.config.features.entity.iter().flat_map(|entity| entity.names());
    for id in ids.filter(|id| rows.table.column(id).is_none()) {
        common.note(&format!("the rows have no column `{id}`: predictions are written without that id"));
    }
    let table = predictions(&rows.table, &keep, &saved.model, &predicted)?;
    trainer_data::write(&table, file)?;
    let told = match form {
        Form::Json => format!("{:#}\n", json!({ "output": file, "rows": table.rows(), "warnings": warnings })),
        Form::Text => told(file, &table),
    };
    console::print(&told)?;
    Ok(Exit::Done)
}

/// The columns of the rows that predictions keep: ids, and the time of the event.
pub fn kept(saved: &SavedRun) -> Vec<String> {
    let ids = saved.config.features.entity.iter().flat_map(|entity| entity.names()).cloned();
    ids.chain(["event_timestamp".to_owned()]).collect()
}

/// The file to write, and the form of the result on stdout.
///
/// # Errors
/// No file, or several.
pub fn outputs(outputs: &[String]) -> Result<(&Path, Form), Failure> {
    let (forms, files): (Vec<&String>, Vec<&String>) =
        outputs.iter().partition(|output| matches!(output.as_str(), "json" | "text"));
    let form = if forms.iter().any(|form| *form == "json") { Form::Json } else { Form::Text };
    match files.as_slice() {
        [file] => Ok((Path::new(file.as_str()), form)),
        [] => Err(Failure::usage("expected a file to write, found none\n  hint: --output predictions.parquet")),
        more => Err(Failure::usage(format!("expected one file to write, found {}", more.len()))),
    }
}

/// Neither the rows nor what a run left may be written over.
fn not_over_the_input(file: &Path, input: &Path, run: &Path) -> Result<(), Failure> {
    let Ok(file) = file.canonicalize() else { return Ok(()) };
    let is = |other: &Path| other.canonicalize().is_ok_and(|other| other == file);
    let within = |folder: &Path| folder.canonicalize().is_ok_and(|folder| file.parent() == Some(&folder));
    if is(input) || within(run) {
        let message = format!("{}: expected a new file, found the rows or a file of the run", file.display());
        return Err(Failure::usage(format!("{message}\n  hint: give another --output")));
    }
    Ok(())
}

fn told(file: &Path, table: &Table) -> String {
    format!("{}: {} rows\n", file.display(), table.rows())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_and_a_form_share_an_option() {
        let of = |given: &[&str]| {
            let given: Vec<String> = given.iter().map(|it| (*it).to_owned()).collect();
            outputs(&given).map(|(file, form)| (file.to_owned(), form)).ok()
        };
        assert_eq!(of(&["a.csv"]), Some((PathBuf::from("a.csv"), Form::Text)));
        assert_eq!(of(&["json", "a.csv"]), Some((PathBuf::from("a.csv"), Form::Json)));
        assert_eq!(of(&["json"]), None);
        assert_eq!(of(&["a.csv", "b.csv"]), None);
    }
}
