//! `trainer config`: the values in use, and where each came from.

use clap::Args;

use super::{Common, ConfigArgs, Form, FormArgs};
use crate::config::{Config, Document, FeatureConfig, Loaded};
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
    if args.config.is_of_features() {
        return show::<FeatureConfig>(args, common);
    }
    show::<Config>(args, common)
}

fn show<C: Document>(args: &ShowArgs, common: &Common) -> anyhow::Result<Exit> {
    let loaded: Loaded<C> = args.config.load_as(common)?;
    match args.form.form {
        Form::Json => console::print_json(&loaded.to_json())?,
        Form::Text => console::print(&loaded.to_yaml())?,
    }
    Ok(Exit::Done)
}
