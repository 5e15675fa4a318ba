//! `trainer check`: everything that can be said of a config without data, device or network.

use clap::Args;
use serde_json::json;

use super::{Common, ConfigArgs, Form, FormArgs};
use crate::console;
use crate::exit::Exit;

/// What a check covers, and what it leaves to `fit`.
const COVERED: &str = "keys, types, bounds, names, rules between values, variables, targets";
const LEFT: &str = "data, device";

/// Arguments of `trainer check`.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// The config.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Form of the result.
    #[command(flatten)]
    pub form: FormArgs,
}

/// Runs `trainer check`.
///
/// # Errors
/// Every problem of the config (exit 2).
pub fn run(args: &CheckArgs, common: &Common) -> anyhow::Result<Exit> {
    let loaded = args.config.load(common)?;
    let file = args.config.config.display().to_string();
    let (given, targets) = (loaded.given(), loaded.targets());
    match args.form.form {
        Form::Json => console::print_json(&json!({
            "valid": true,
            "file": file,
            "values_given": given,
            "target": args.config.target,
            "targets": targets,
            "model": loaded.config.model.name(),
            "notes": loaded.notes,
            "checked": COVERED.split(", ").collect::<Vec<_>>(),
            "not_checked": LEFT.split(", ").collect::<Vec<_>>(),
        }))?,
        Form::Text => {
            let targets = if targets.is_empty() { "none".to_owned() } else { targets.join(", ") };
            console::print(&format!(
                "{file} is valid: {given} values given, model {}, targets: {targets}\n\
                 checked: {COVERED}\nnot checked: {LEFT} (`trainer fit` does that first)\n",
                loaded.config.model.name(),
            ))?;
        }
    }
    Ok(Exit::Done)
}
