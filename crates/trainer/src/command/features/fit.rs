//! `trainer features fit`: learns what a config's steps of columns learn, and writes no rows.

use clap::Args;
use serde_json::json;

use super::run::LimitArgs;
use crate::command::{Common, ConfigArgs, Form, FormArgs};
use crate::config::{FeatureConfig, Loaded};
use crate::exit::{Exit, Failure, anyhow_of};
use crate::feature_run::{How, Learned, Shard, learn_of, merge_states};
use crate::{console, interrupt};

/// Arguments of `trainer features fit`.
#[derive(Debug, Clone, Args)]
pub struct FitArgs {
    /// The config.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// File to write what was learned to [default: that of the config]
    #[arg(long, value_name = "FILE")]
    pub state: Option<String>,
    /// One pass over a part of the files, such as 0/4: what it found is merged with `--merge`
    #[arg(long, value_name = "I/N", conflicts_with = "merge")]
    pub shard: Option<Shard>,
    /// The state that this pass goes on from [default: none, the first pass]
    #[arg(long, value_name = "FILE", requires = "shard")]
    pub from: Option<String>,
    /// States of all parts of one pass: written is the plan, or the state that the next pass goes on from
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub merge: Vec<String>,
    /// What it may use.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// Form of the result.
    #[command(flatten)]
    pub form: FormArgs,
}

/// Runs `trainer features fit`.
///
/// # Errors
/// Everything that is wrong with the config (exit 2), rows that cannot be read or learned from (exit 3).
pub fn run(args: &FitArgs, common: &Common) -> anyhow::Result<Exit> {
    let loaded: Loaded<FeatureConfig> = args.config.load_as(common)?;
    interrupt::listen()?;
    let how = How { limits: args.limits.limits(common), shard: args.shard };
    let learned = if args.merge.is_empty() {
        learn_of(&loaded.config, &how, args.state.as_deref(), args.from.as_deref()).map_err(anyhow_of)?
    } else {
        let Some(state) = &args.state else {
            return Err(Failure::usage("expected --state beside --merge, found none").into());
        };
        merge_states(&args.merge, state)?
    };
    let Learned { path, done, warnings } = &learned;
    warnings.iter().for_each(|warning| common.warn(&crate::warned::text(warning)));
    match args.form.form {
        Form::Json => console::print_json(&json!({ "state": path, "done": done, "warnings": warnings }))?,
        Form::Text => {
            let told = match (done, args.shard) {
                (true, _) => "learned",
                (false, Some(_)) => "one part of a pass: merge all parts with --merge",
                (false, None) => "another pass is needed: --shard I/N --from this state",
            };
            console::print(&format!("{path}: {told}\n"))?;
        }
    }
    Ok(Exit::Done)
}
