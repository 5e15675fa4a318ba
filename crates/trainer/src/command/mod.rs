//! The command line: one file a command, one row in [`Command`].

mod bench;
mod check;
mod compare;
mod completions;
mod config;
mod devices;
mod doctor;
mod evaluate;
mod export;
mod features;
mod fit;
mod predict;
mod promote;
mod reproduce;
mod rollback;
mod sample;
mod schema;
mod sync;
mod validate;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::config::{self as configuration, Document, Loaded, Overlay};
use crate::exit::{Exit, Failure, exit_of};
use crate::tracking::{Destination, environment};
use crate::{bug, console, machine};
use trainer_kernels::{Device, DeviceSpec, Unavailable};
use trainer_tracking::Store;

/// Trains, judges and keeps classifiers from a config and a data file.
#[derive(Debug, Parser)]
#[command(name = "trainer", version, propagate_version = true, after_help = AFTER)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
}

const AFTER: &str = "\
stdout is the result, stderr the progress. With `--output json` stdout is one JSON object, `{\"error\": ...}` when it fails.

Exit codes: 0 done, 1 our bug or a difference found, 2 usage or config, 3 data or files, 4 a gate failed,
5 device, 6 trained but not logged, 130 stopped by Ctrl-C, 143 stopped by SIGTERM.";

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Common options")]
pub struct Common {
    /// Threads to use [default: all cores]; the result does not depend on it
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// No progress and no notes on stderr, errors only
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// More on stderr: the values in use, and where each came from
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
}

impl Common {
    /// Says on stderr what was odd, unless quiet.
    pub fn warn(&self, text: &str) {
        if !self.quiet {
            console::say(&format!("warning: {text}"));
        }
    }

    /// Says something on stderr that stops nothing, unless quiet.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            console::say(&format!("note: {text}"));
        }
    }
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
    /// The config (YAML)
    #[arg(short, long, value_name = "FILE")]
    pub config: PathBuf,
    /// Section of the config's `targets:` to lay over it
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// Sets one value, such as training.cv_folds=0 or features.steps.0.impute.strategy=mean; may be given again
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl ConfigArgs {
    /// Reads the config, lays target, environment and `--set` over it, checks it, and says its notes.
    ///
    /// # Errors
    /// A [`Failure`] with every problem of the config (exit 2).
    pub fn load(&self, common: &Common) -> anyhow::Result<Loaded> {
        self.load_as(common)
    }

    /// Whether the file is a config of features and not of a fit: it says what to extract. A file that cannot be read, or
    /// is not YAML, is taken for a config of a fit, whose errors then say so.
    pub fn is_of_features(&self) -> bool {
        let text = fs_err::read_to_string(&self.config).unwrap_or_default();
        configuration::document("", &text).is_ok_and(|json| json.get("extract").is_some())
    }

    /// [`ConfigArgs::load`], for any kind of config.
    ///
    /// # Errors
    /// As [`ConfigArgs::load`].
    pub fn load_as<C: Document>(&self, common: &Common) -> anyhow::Result<Loaded<C>> {
        let overlay = Overlay { target: self.target.clone(), set: self.set.clone(), ..Overlay::of_environment() };
        let loaded = configuration::load_file(&self.config, &overlay).map_err(Failure::config)?;
        loaded.notes.iter().for_each(|note| common.note(note));
        if common.verbose {
            console::say(loaded.to_yaml().trim_end());
        }
        Ok(loaded)
    }
}

/// `--output text|json`.
#[derive(Debug, Clone, Copy, Args)]
pub struct FormArgs {
    /// Form of the result on stdout: for people, or one JSON object
    #[arg(short = 'o', long = "output", value_name = "text|json", default_value = "text", hide_possible_values = true)]
    pub form: Form,
}

/// `--device auto|cpu|wgpu:N|cuda:N`.
#[derive(Debug, Clone, Copy, Args)]
pub struct DeviceArgs {
    /// Where the rows are predicted, wherever the model was trained: auto, cpu, wgpu:N or cuda:N; the result is the same
    #[arg(long, value_name = "DEVICE", default_value_t = DeviceSpec::Auto)]
    pub device: DeviceSpec,
}

impl DeviceArgs {
    /// Opens it.
    ///
    /// # Errors
    /// One that is not there (exit 5).
    pub fn open(&self) -> Result<Device, Unavailable> {
        Device::open(&self.device)
    }
}

/// A registered model, and where it is.
#[derive(Debug, Clone, Args)]
pub struct RegistryArgs {
    /// Registered model
    #[arg(long, value_name = "NAME")]
    pub model: String,
    /// Alias
    #[arg(long, value_name = "ALIAS", default_value = trainer_tracking::CHAMPION)]
    pub alias: String,
    /// Where the registry is [default: MLFLOW_REGISTRY_URI, MLFLOW_TRACKING_URI, else ./mlflow.db]
    #[arg(long, value_name = "URI")]
    pub tracking_uri: Option<String>,
}

impl RegistryArgs {
    /// Opens the registry.
    ///
    /// # Errors
    /// An address that is not understood, or is `none` (exit 2).
    pub fn open(&self) -> anyhow::Result<Box<dyn Store>> {
        let environment = environment();
        let variable = |name: &str| {
            let found = environment.iter().find(|(key, value)| key == name && !value.is_empty());
            found.map(|(_, value)| value.as_str())
        };
        let named = || variable("MLFLOW_REGISTRY_URI").or_else(|| variable("MLFLOW_TRACKING_URI"));
        match Destination::new(self.tracking_uri.as_deref().or_else(named), None, &environment)? {
            Some(destination) => Ok(destination.open_registry()?),
            None => Err(Failure::usage("expected the address of a registry, found `none`").into()),
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Fit a model, judge it, and write a run folder
    Fit(fit::FitArgs),
    /// Predict the rows of a file with a run's model
    Predict(predict::PredictArgs),
    /// Judge a run's model on a file with known targets
    Evaluate(evaluate::EvaluateArgs),
    /// Join and feed a feature store
    #[command(subcommand)]
    Features(features::Features),
    /// Write a run's model as others load it: ONNX, in an MLflow model directory
    Export(export::ExportArgs),
    /// Fit again what a lock file describes and compare the models
    Reproduce(reproduce::ReproduceArgs),
    /// Log a run folder that was not logged, or only in part
    Sync(sync::SyncArgs),
    /// Compare two runs
    Compare(compare::CompareArgs),
    /// Point an alias at a registered version that passed its gates
    Promote(promote::PromoteArgs),
    /// Point an alias back at the version before
    Rollback(rollback::RollbackArgs),
    /// Hold expectations or rules against a file
    Validate(validate::ValidateArgs),
    /// Check a config without touching data or network
    Check(check::CheckArgs),
    /// Print the values in use and where each came from
    Config(config::ShowArgs),
    /// Print the JSON Schema of a config
    Schema(schema::SchemaArgs),
    /// Write sample data
    Sample(sample::SampleArgs),
    /// List the devices and what this build can open
    Devices(devices::DevicesArgs),
    /// Say what this machine lacks, and the line that mends it
    Doctor(doctor::DoctorArgs),
    /// Time the same fit on every device, and compare the models
    Bench(bench::BenchArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
}

impl Command {
    fn run(&self, common: &Common) -> anyhow::Result<Exit> {
        match self {
            Self::Fit(args) => fit::run(args, common),
            Self::Predict(args) => predict::run(args, common),
            Self::Evaluate(args) => evaluate::run(args, common),
            Self::Features(what) => what.run(common),
            Self::Export(args) => export::run(args, common),
            Self::Reproduce(args) => reproduce::run(args, common),
            Self::Sync(args) => sync::run(args, common),
            Self::Compare(args) => compare::run(args, common),
            Self::Promote(args) => promote::run(args, common),
            Self::Rollback(args) => rollback::run(args, common),
            Self::Validate(args) => validate::run(args, common),
            Self::Check(args) => check::run(args, common),
            Self::Config(args) => config::run(args, common),
            Self::Schema(args) => schema::run(args, common),
            Self::Sample(args) => sample::run(args, common),
            Self::Devices(args) => devices::run(args, common),
            Self::Doctor(args) => doctor::run(args, common),
            Self::Bench(args) => bench::run(args, common),
            Self::Completions(args) => completions::run(args, common),
        }
    }
}

/// Runs the program on the process's arguments.
pub fn main() -> ExitCode {
    bug::catch_all();
    machine::leave_desktop_out();
    let json = asks_for_json();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misused(&error, json).into(),
    };
    let result = bug::guard(|| {
        start(&cli.common)?;
        cli.command.run(&cli.common)
    });
    match result.unwrap_or_else(|error| failed(&error, json)) {
        Exit::Device => Exit::Device.at_once(),
        exit => exit.into(),
    }
}

fn start(common: &Common) -> anyhow::Result<()> {
    if let Some(threads) = common.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.into());
        pool.build_global().with_context(|| Failure::usage(format!("cannot start {threads} threads")))?;
    }
    Ok(())
}

/// Whether a failure is to be told as JSON too; also asked where the arguments themselves are wrong.
fn asks_for_json() -> bool {
    let arguments: Vec<_> = std::env::args_os().collect();
    let pairs = arguments.windows(2).any(|pair| (pair[0] == "--output" || pair[0] == "-o") && pair[1] == "json");
    pairs || arguments.iter().any(|argument| argument == "--output=json" || argument == "-ojson")
}

fn misused(error: &clap::Error, json: bool) -> Exit {
    let _ = error.print();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return Exit::Done;
    }
    if json {
        let text = error.to_string();
        // Up to the usage: what is missing stands in lines of its own.
        let said = text.lines().take_while(|line| !line.starts_with("Usage:")).map(str::trim);
        let said: Vec<&str> = said.filter(|line| !line.is_empty()).collect();
        let first = said.join(" ").trim_start_matches("error: ").to_owned();
        let _ = console::print_json(&console::error_json(&Failure::usage(first).into()));
    }
    Exit::Usage
}

fn failed(error: &anyhow::Error, json: bool) -> Exit {
    // A panic has told of itself where it happened.
    if error.downcast_ref::<bug::Panicked>().is_none() {
        console::say(console::error_text(error, console::paint()).trim_end());
    }
    if json {
        let _ = console::print_json(&console::error_json(error));
    }
    exit_of(error)
}

/// The whole command line, for completions.
fn command_line() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_makes_sense() {
        command_line().debug_assert();
    }

    #[test]
    fn common_options_stand_anywhere() {
        let cli = Cli::try_parse_from(["trainer", "-q", "check", "--config", "x", "--threads", "2"]).unwrap();
        assert!(cli.common.quiet && cli.common.threads == Some(2));
        assert!(Cli::try_parse_from(["trainer", "check", "-c", "x", "--threads", "0"]).is_err());
        assert!(Cli::try_parse_from(["trainer", "check", "-c", "x", "-q", "-v"]).is_err());
    }
}
