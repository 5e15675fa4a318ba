//! `trainer sample`: writes sample data.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::{Common, Form, FormArgs};
use crate::exit::{Exit, Failure};
use crate::sample::{self, Content};

/// Arguments of `trainer sample`.
#[derive(Debug, Clone, Args)]
pub struct SampleArgs {
    /// Name of the sample: churn, churn_store, events or shop
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Folder to write to; made when it is not there
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Form of the result.
    #[command(flatten)]
    pub form: FormArgs,
}

/// A file that was written.
#[derive(Debug, Serialize)]
struct Written {
    path: PathBuf,
    rows: usize,
    bytes: u64,
}

/// Runs `trainer sample`.
///
/// # Errors
/// An unknown name (exit 2); a folder or file that cannot be written (exit 3).
pub fn run(args: &SampleArgs, _common: &Common) -> anyhow::Result<Exit> {
    let Some(files) = sample::files(&args.name) else {
        let known = sample::NAMES.join(", ");
        let message = format!("unknown sample `{}`, expected one of: {known}", args.name);
        return Err(Failure::usage(message).into());
    };
    fs_err::create_dir_all(&args.out)?;
    let mut written = Vec::new();
    for (file, content) in files.context("a sample's rows make a table")? {
        let path = args.out.join(file);
        fs_err::create_dir_all(path.parent().unwrap_or(&args.out))?;
        match &content {
            Content::Table(table) => trainer_data::write_parquet(table, &path)?,
            Content::Text(text) => fs_err::write(&path, text)?,
        }
        let bytes = fs_err::metadata(&path)?.len();
        written.push(Written { path, rows: content.rows(), bytes });
    }
    print(&written, args.form.form)?;
    Ok(Exit::Done)
}

fn print(written: &[Written], form: Form) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match form {
        Form::Json => writeln!(out, "{}", serde_json::json!({ "files": written }))?,
        Form::Text => {
            for file in written {
                writeln!(out, "{}: {} rows, {} bytes", file.path.display(), file.rows, file.bytes)?;
            }
        }
    }
    Ok(())
}
