//! `trainer features inspect`: what a file of learned features holds.

use clap::Args;

use crate::command::{Common, Form, FormArgs};
use crate::console;
use crate::exit::Exit;
use crate::feature_run::read_state;

/// Arguments of `trainer features inspect`.
#[derive(Debug, Clone, Args)]
pub struct InspectArgs {
    /// The state that `trainer features run` or `fit` wrote
    #[arg(long, value_name = "FILE")]
    pub state: String,
    /// Form of the result.
    #[command(flatten)]
    pub form: FormArgs,
}

/// Runs `trainer features inspect`.
///
/// # Errors
/// A file that is not there, or is no state (exit 3).
pub fn run(args: &InspectArgs, _common: &Common) -> anyhow::Result<Exit> {
    let told = read_state(&args.state)?.inspect();
    match args.form.form {
        Form::Json => console::print_json(&told)?,
        Form::Text => {
            let text = |key: &str| match &told[key] {
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Array(items) => items
                    .iter()
                    .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
                    .collect::<Vec<_>>()
                    .join(", "),
                other => other.to_string(),
            };
            let columns = told["columns"].as_array().into_iter().flatten();
            let columns: Vec<String> = columns
                .map(|column| {
                    format!(
                        "{} ({})",
                        column["name"].as_str().unwrap_or_default(),
                        column["kind"].as_str().unwrap_or_default()
                    )
                })
                .collect();
            let done = if told["done"] == true { "learned" } else { "not learned yet" };
            console::print(&format!(
                "{done}, {} passes, {} rows\nhash     {}\nsteps    {}\ncolumns  {}\nfeatures {}\n",
                text("pass"),
                text("rows"),
                text("hash"),
                text("steps"),
                columns.join(", "),
                text("features"),
            ))?;
        }
    }
    Ok(Exit::Done)
}
