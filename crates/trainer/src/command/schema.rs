//! `trainer schema`: the JSON Schema that configs are held against.

use clap::Args;

use super::{Common, FormArgs};
use crate::config::Schema;
use crate::console;
use crate::exit::Exit;

/// Arguments of `trainer schema`.
#[derive(Debug, Clone, Args)]
pub struct SchemaArgs {
    /// Form of the result; a schema is JSON in both.
    #[command(flatten)]
    pub form: FormArgs,
}

/// Runs `trainer schema`.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(_args: &SchemaArgs, _common: &Common) -> anyhow::Result<Exit> {
    console::print_json(&Schema::of_config().for_editors())?;
    Ok(Exit::Done)
}
