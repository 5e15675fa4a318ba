//! `trainer config`: the values in use, and where each came from.

use clap::Args;

use super::{Common, ConfigArgs, Form, FormArgs};
use crate::console;
use crate::exit::Exit;

/// Arguments of `trainer config`.
#[derive(Debug, Clone, Args)]
pub struct ShowArgs {
    /// The config.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Form of the result.
    #[command(flatten)]
    pub form: FormArgs,
}

/// Runs `trainer config`.
///
/// # Errors
/// Every problem of the config (exit 2).
pub fn run(args: &ShowArgs, common: &Common) -> anyhow::Result<Exit> {
    let loaded = args.config.load(common)?;
    match args.form.form {
        Form::Json => console::print_json(&loaded.to_json())?,
        Form::Text => console::print(&loaded.to_yaml())?,
    }
    Ok(Exit::Done)
}
