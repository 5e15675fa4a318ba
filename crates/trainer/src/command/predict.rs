use std::path::PathBuf;

use clap::Args;

use super::Common;
use super::FormArgs;
use crate::exit::{Exit, Failure};

/// Arguments of `trainer predict`.
#[derive(Debug, Clone, Args)]
pub struct PredictArgs {
    /// Run folder
    #[arg(long, value_name = "DIR")]
    pub run: PathBuf,
    /// File with the rows (Parquet or CSV)
    #[arg(long, value_name = "FILE")]
    pub input: PathBuf,
    /// Form of the result.
    #[command(flatten)]
    pub form: FormArgs,
}

/// Runs `trainer predict`.
///
/// # Errors
/// Not built yet.
pub fn run(_args: &PredictArgs, _common: &Common) -> anyhow::Result<Exit> {
    anyhow::bail!(Failure::usage("`trainer predict` is not in this build yet"))
}
