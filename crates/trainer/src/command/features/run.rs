//! `trainer features run`: from raw files to a table of features.

use std::path::PathBuf;

use bytesize::ByteSize;
use clap::Args;

use super::spark::{self, Engine};
use crate::command::{Common, ConfigArgs, Form, FormArgs};
use crate::config::{FeatureConfig, Loaded};
use crate::exit::{Exit, Failure};
use crate::feature_run::{Ended, How, Shard, run as run_features};
use crate::progress::{Face, Progress};
use crate::{console, interrupt};

/// Arguments of `trainer features run`.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// The config.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// What it may use.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// Part of the files to do, such as 0/4: files are dealt out by position [default: of JOB_COMPLETION_INDEX, else all]
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
    /// Which engine makes the rows: local, or the master of a Spark such as spark://host:7077, for what does not fit on
    /// one machine
    #[arg(long, value_name = "ENGINE", default_value = "local", conflicts_with_all = ["shard", "memory", "spill_dir"])]
    pub engine: Engine,
    /// Form of the result.
    #[command(flatten)]
    pub form: FormArgs,
}

/// What a run of features may use.
#[derive(Debug, Clone, Args)]
pub struct LimitArgs {
    /// Memory for rows and state, such as 2GiB: what needs more is spilled to disk [default: no limit]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<ByteSize>,
    /// Folder for what is spilled [default: the system's]
    #[arg(long, value_name = "DIR")]
    pub spill_dir: Option<PathBuf>,
}

impl LimitArgs {
    /// As the engine wants them.
    pub fn limits(&self, common: &Common) -> trainer_engine::Limits {
        let mut limits = trainer_engine::Limits { spill_folder: self.spill_dir.clone(), ..Default::default() };
        limits.memory_bytes = self.memory.map(|size| size.as_u64());
        if let Some(threads) = common.threads {
            limits.threads = threads.into();
        }
        limits
    }
}

/// Runs `trainer features run`.
///
/// # Errors
/// Everything that is wrong with the config (exit 2); the first step that fails, by name, with its own exit code.
pub fn run(args: &RunArgs, common: &Common) -> anyhow::Result<Exit> {
    let loaded: Loaded<FeatureConfig> = args.config.load_as(common)?;
    if let Engine::Spark(master) = &args.engine {
        let ended = spark::submit(&loaded.config, master, common)?;
        return tell(ended, common, args.form.form);
    }
    interrupt::listen()?;
    let progress = Progress::new(Face::of_stderr(common.quiet));
    let shard = match args.shard {
        Some(shard) => Some(shard),
        None => Shard::of_environment(|name| std::env::var(name).ok()).map_err(Failure::usage)?,
    };
    if shard.is_some()
        && let Some(step) = loaded.config.build.iter().find(|step| !step.is_row_wise())
    {
        let message = format!("expected steps that look at one row at a time with --shard, found `{}`", step.name());
        return Err(Failure::usage(message).into());
    }
    let how = How { limits: args.limits.limits(common), shard };
    let ended = run_features(&loaded, &how, &progress);
    progress.finish();
    tell(ended, common, args.form.form)
}

/// Tells what was done.
fn tell(ended: Ended, common: &Common, form: Form) -> anyhow::Result<Exit> {
    for warning in &ended.summary.warnings {
        common.warn(&crate::warned::text(warning));
    }
    let lines: Vec<String> = ended.summary.steps.iter().map(|step| step.line()).collect();
    if let Some(error) = ended.error {
        lines.iter().for_each(|line| console::say(line));
        return Err(error);
    }
    match form {
        Form::Json => console::print_json(&serde_json::to_value(&ended.summary)?)?,
        Form::Text => console::print(&(lines.join("\n") + "\n"))?,
    }
    Ok(Exit::Done)
}
