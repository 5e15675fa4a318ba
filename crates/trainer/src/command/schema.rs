//! `trainer schema`: the JSON Schema that configs are held against.

use clap::{Args, ValueEnum};
use trainer_features::feast::StoreSpec;

use super::{Common, FormArgs};
use crate::config::{Config, FeatureConfig, Schema};
use crate::console;
use crate::exit::Exit;

/// Arguments of `trainer schema`.
#[derive(Debug, Clone, Args)]
pub struct SchemaArgs {
    /// Of which kind of file
    #[arg(value_name = "KIND", default_value = "training")]
    pub kind: Kind,
    /// Form of the result; a schema is JSON in both.
    #[command(flatten)]
    pub form: FormArgs,
}

/// The kinds of files that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Of `fit`.
    Training,
    /// Of `features run`.
    Features,
    /// `store.yaml`: a feature store without a registry.
    Store,
}

/// Runs `trainer schema`.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(args: &SchemaArgs, _common: &Common) -> anyhow::Result<Exit> {
    let schema = match args.kind {
        Kind::Training => Schema::of::<Config>(),
        Kind::Features => Schema::of::<FeatureConfig>(),
        Kind::Store => Schema::of::<StoreSpec>(),
    };
    console::print_json(&schema.for_editors())?;
    Ok(Exit::Done)
}
