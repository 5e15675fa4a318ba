use std::path::PathBuf;

use clap::Args;

use super::Common;
use super::ConfigArgs;
use super::FormArgs;
use crate::exit::{Exit, Failure};

/// Arguments of `trainer fit`.
#[derive(Debug, Clone, Args)]
pub struct FitArgs {
    /// The config.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Folder that run folders are made in
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
    /// Form of the result.
    #[command(flatten)]
    pub form: FormArgs,
}

/// Runs `trainer fit`.
///
/// # Errors
/// Not built yet.
pub fn run(_args: &FitArgs, _common: &Common) -> anyhow::Result<Exit> {
    anyhow::bail!(Failure::usage("`trainer fit` is not in this build yet"))
}
