//! `trainer check`: everything that can be said of a config without data, device or network.

use clap::Args;
use serde_json::json;

use super::{Common, ConfigArgs, Form, FormArgs};
use crate::config::{Config, Document, FeatureConfig, Loaded};
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
    if args.config.is_of_features() {
        return check::<FeatureConfig>(args, common, "features", |_| String::new());
    }
    check::<Config>(args, common, "fit", |config| format!(", model {}", config.model.name()))
}

fn check<C: Document>(
    args: &CheckArgs,
    common: &Common,
    command: &str,
    of: impl Fn(&C) -> String,
) -> anyhow::Result<Exit> {
    let loaded: Loaded<C> = args.config.load_as(common)?;
    let file = args.config.config.display().to_string();
    let (given, targets) = (loaded.given(), loaded.targets());
    let more = of(&loaded.config);
    match args.form.form {
        Form::Json => console::print_json(&json!({
            "valid": true,
            "file": file,
            "values_given": given,
            "target": args.config.target,
            "targets": targets,
            "model": more.rsplit(' ').next().filter(|name| !name.is_empty()),
            "notes": loaded.notes,
            "checked": COVERED.split(", ").collect::<Vec<_>>(),
            "not_checked": LEFT.split(", ").collect::<Vec<_>>(),
        }))?,
        Form::Text => {
            let targets = if targets.is_empty() { "none".to_owned() } else { targets.join(", ") };
            console::print(&format!(
                "{file} is valid: {given} values given{more}, targets: {targets}\n\
                 checked: {COVERED}\nnot checked: {LEFT} (`trainer {command}` does that first)\n",
            ))?;
        }
    }
    Ok(Exit::Done)
}
