//! `trainer rollback`: points an alias back at the version that it was moved from.

use clap::Args;
use serde_json::json;

use super::{Common, Form, FormArgs, RegistryArgs};
use crate::console;
use crate::exit::Exit;

/// Arguments of `trainer rollback`.
#[derive(Debug, Clone, Args)]
pub struct RollbackArgs {
    /// The registered model.
    #[command(flatten)]
    pub registry: RegistryArgs,
    /// Form of the result.
    #[command(flatten)]
    pub form: FormArgs,
}

/// Runs `trainer rollback`.
///
/// # Errors
/// A registry that is not reached, an alias that is not set, or one without a version before it.
pub fn run(args: &RollbackArgs, _common: &Common) -> anyhow::Result<Exit> {
    let RegistryArgs { model, alias, .. } = &args.registry;
    let mut store = args.registry.open()?;
    let back = trainer_tracking::rollback(store.as_mut(), model, alias)?;
    console::print(&match args.form.form {
        Form::Json => {
            format!(
                "{:#}\n",
                json!({ "model": model, "alias": alias, "version": back.version, "previous": back.previous })
            )
        }
        Form::Text => {
            let before = back.previous.map_or_else(|| "nothing".to_owned(), |previous| format!("version {previous}"));
            format!("{model}@{alias} is version {} again, and was {before}\n", back.version)
        }
    })?;
    Ok(Exit::Done)
}
