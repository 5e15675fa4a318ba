use std::path::PathBuf;

use clap::Args;

use super::Common;
use super::FormArgs;
use crate::exit::{Exit, Failure};

/// Arguments of `trainer reproduce`.
#[derive(Debug, Clone, Args)]
pub struct ReproduceArgs {
    /// The lock file of a run
    #[arg(value_name = "RUN.LOCK.JSON")]
    pub lock: PathBuf,
    /// Form of the result.
    #[command(flatten)]
    pub form: FormArgs,
}

/// Runs `trainer reproduce`.
///
/// # Errors
/// Not built yet.
pub fn run(_args: &ReproduceArgs, _common: &Common) -> anyhow::Result<Exit> {
    anyhow::bail!(Failure::usage("`trainer reproduce` is not in this build yet"))
}
