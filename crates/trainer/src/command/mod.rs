//! The command line: one file a command, one row in [`Command`].

mod evaluate;
mod fit;
mod predict;
mod reproduce;
mod sample;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exit::Exit;

/// Trains, judges and keeps classifiers from a config and a data file.
#[derive(Debug, Parser)]
#[command(name = "trainer", version, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Threads to use [default: all cores]; the result does not depend on it
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// No progress and no notes on stderr, errors only
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// More on stderr: where values came from, what each stage did
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
}

/// In which form the result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Form {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// The config and what is laid over it.
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// The training config (YAML)
    #[arg(short, long, value_name = "FILE")]
    pub config: std::path::PathBuf,
    /// Named overrides of the config's `targets:` to lay over it
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// Sets one value, such as `training.cv_folds=0`; may be given again
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// `--output text|json`.
#[derive(Debug, Clone, Copy, Args)]
pub struct FormArgs {
    /// Form of the result on stdout
    #[arg(short, long = "output", value_name = "FORM", default_value = "text")]
    pub form: Form,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Fits a model, judges it, and writes a run folder
    Fit(fit::FitArgs),
    /// Predicts the rows of a file with a run's model
    Predict(predict::PredictArgs),
    /// Judges a run's model on a file with known targets
    Evaluate(evaluate::EvaluateArgs),
    /// Fits again what a lock file describes and compares the model
    Reproduce(reproduce::ReproduceArgs),
    /// Writes sample data
    Sample(sample::SampleArgs),
}

/// Runs the program on the process's arguments.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result: anyhow::Result<Exit> = match &cli.command {
        Command::Fit(args) => fit::run(args, &cli.common),
        Command::Predict(args) => predict::run(args, &cli.common),
        Command::Evaluate(args) => evaluate::run(args, &cli.common),
        Command::Reproduce(args) => reproduce::run(args, &cli.common),
        Command::Sample(args) => sample::run(args, &cli.common),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(error) => crate::exit::exit_of(&error).into(),
    }
}
