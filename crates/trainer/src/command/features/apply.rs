//! `trainer features apply`: what was learned from other rows, applied to these.

use clap::Args;
use serde_json::json;

use crate::command::predict::outputs;
use crate::command::{Common, DeviceArgs, Form};
use crate::exit::{Exit, anyhow_of};
use crate::feature_run::{read_state, table_of};
use crate::{console, interrupt};

/// Arguments of `trainer features apply`.
#[derive(Debug, Clone, Args)]
pub struct ApplyArgs {
    /// The state that `trainer features run` or `fit` wrote
    #[arg(long, value_name = "FILE")]
    pub state: String,
    /// The rows: a file, a folder or a pattern, local or on S3
    #[arg(long, value_name = "PATH")]
    pub input: String,
    /// File to write (Parquet or CSV, by its name); `json` or `text` say how the result is told on stdout, and may be
    /// given beside the file
    #[arg(short, long, value_name = "FILE|json|text", required = true)]
    pub output: Vec<String>,
    /// Where it runs.
    #[command(flatten)]
    pub device: DeviceArgs,
}

/// Runs `trainer features apply`.
///
/// # Errors
/// A state that has not been learned, rows without its columns, a place that cannot be written.
pub fn run(args: &ApplyArgs, common: &Common) -> anyhow::Result<Exit> {
    let (file, form) = outputs(&args.output)?;
    let state = read_state(&args.state)?;
    let device = args.device.open()?;
    interrupt::listen()?;
    let (files, warnings) = table_of(&state, &args.input, &file.display().to_string(), &device).map_err(anyhow_of)?;
    warnings.iter().for_each(|warning| common.warn(&crate::warned::text(warning)));
    let rows: u64 = files.iter().map(|file| file.rows).sum();
    match form {
        Form::Json => console::print_json(&json!({ "rows": rows, "files": files, "warnings": warnings }))?,
        Form::Text => console::print(&format!("{}: {rows} rows\n", file.display()))?,
    }
    Ok(Exit::Done)
}
