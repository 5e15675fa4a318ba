//! `trainer promote`: points an alias at a version that passed its gates.

use clap::Args;
use serde_json::json;

use super::{Common, Form, FormArgs, RegistryArgs};
use crate::console;
use crate::exit::Exit;

/// Arguments of `trainer promote`.
#[derive(Debug, Clone, Args)]
#[command(disable_version_flag = true)]
pub struct PromoteArgs {
    /// The registered model.
    #[command(flatten)]
    pub registry: RegistryArgs,
    /// Version to promote
    #[arg(long, value_name = "N")]
    pub version: u64,
    /// Approve a version that is pending; one that its gates rejected cannot be
    #[arg(long)]
    pub approve: bool,
    /// Form of the result.
    #[command(flatten)]
    pub form: FormArgs,
}

/// Runs `trainer promote`.
///
/// # Errors
/// A registry that is not reached, a model or version that is not there. A version that is rejected, or pending and not
/// approved, ends with exit code 4.
pub fn run(args: &PromoteArgs, _common: &Common) -> anyhow::Result<Exit> {
    let RegistryArgs { model, alias, .. } = &args.registry;
    let mut store = args.registry.open()?;
    let promotion = trainer_tracking::promote(store.as_mut(), model, args.version, alias, args.approve)?;
    let (version, previous) = (args.version, promotion.previous);
    console::print(&match args.form.form {
        Form::Json => {
            format!("{:#}\n", json!({ "model": model, "alias": alias, "version": version, "previous": previous }))
        }
        Form::Text => {
            let before = previous.map_or_else(|| "nothing".to_owned(), |previous| format!("version {previous}"));
            format!("{model}@{alias} is version {version}, and was {before}\n")
        }
    })?;
    Ok(Exit::Done)
}
