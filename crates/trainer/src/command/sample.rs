use std::path::PathBuf;

use clap::Args;

use super::Common;
use super::FormArgs;
use crate::exit::{Exit, Failure};

/// Arguments of `trainer sample`.
#[derive(Debug, Clone, Args)]
pub struct SampleArgs {
    /// Name of the sample
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Folder to write to
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Form of the result.
    #[command(flatten)]
    pub form: FormArgs,
}

/// Runs `trainer sample`.
///
/// # Errors
/// Not built yet.
pub fn run(_args: &SampleArgs, _common: &Common) -> anyhow::Result<Exit> {
    anyhow::bail!(Failure::usage("`trainer sample` is not in this build yet"))
}
