//! `trainer sync`: logs what a run folder holds, from wherever it was left.

use std::path::PathBuf;

use clap::Args;

use super::{Common, Form, FormArgs};
use crate::console;
use crate::exit::{Exit, Failure};
use crate::progress::{Face, Progress, Stage};
use crate::saved_run::{config_of, file, read_lock, read_record};
use crate::tracking::{Destination, Logged, environment, told};
use trainer_quality::GateReport;

/// Arguments of `trainer sync`.
#[derive(Debug, Clone, Args)]
pub struct SyncArgs {
    /// Run folder
    #[arg(value_name = "RUN_DIR")]
    pub run: PathBuf,
    /// Where to log it [default: where the run was to be logged]
    #[arg(long, value_name = "URI")]
    pub tracking_uri: Option<String>,
    /// Form of the result.
    #[command(flatten)]
    pub form: FormArgs,
}

/// Runs `trainer sync`.
///
/// # Errors
/// A folder that is no run, an address that is not understood. That it could not be logged is told, with exit code 6; else
/// the exit code is the one that `fit` would have had.
pub fn run(args: &SyncArgs, common: &Common) -> anyhow::Result<Exit> {
    let record = read_record(&args.run)?;
    let lock_path = args.run.join(file::LOCK);
    let config = config_of(&read_lock(&lock_path)?, &lock_path, true)?;
    let uri = args.tracking_uri.as_deref().or(config.training.tracking_uri.as_deref());
    if let Some(uri) = uri.filter(|uri| uri.contains(":*") && uri.contains("*@")) {
        let message = format!("expected an address, found {uri} without its password, which is not kept");
        let hint =
            "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, and give the address with --tracking-uri";
        return Err(Failure::usage(format!("{message}\n  hint: {hint}")).into());
    }
    let Some(destination) = Destination::new(uri, config.registry.uri.as_deref(), &environment())? else {
        let message = "expected a store to log to, found `none`\n  hint: give one with --tracking-uri";
        return Err(Failure::usage(message).into());
    };
    let progress = Progress::new(Face::of_stderr(common.quiet));
    progress.enter(Stage::Log);
    let result = destination.publish(&record, &args.run, &mut |doing| progress.doing(doing));
    progress.finish();
    let logged = Logged::of(result, &record, &args.run);
    logged.warnings().iter().for_each(|warning| common.warn(warning));
    let gates: GateReport = serde_json::from_slice(&fs_err::read(args.run.join(file::GATES))?)?;
    console::print(&match args.form.form {
        Form::Json => format!("{:#}\n", logged.to_json()),
        Form::Text => told(&logged),
    })?;
    Ok(logged.exit(gates.passed))
}
