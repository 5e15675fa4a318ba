//! `trainer sync`: logs what a run folder holds, from wherever it was left.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{Common, Form, FormArgs};
use crate::exit::{Exit, Failure};
use crate::progress::{Face, Progress, Stage};
use crate::saved_run::{config_of, file, read_lock, read_record};
use crate::tracking::{Destination, Logged, environment, told};
use crate::{checksums, console, interrupt};
use trainer_quality::GateReport;
use trainer_tracking::TrackingError;

/// Arguments of `trainer sync`.
#[derive(Debug, Clone, Args)]
pub struct SyncArgs {
    /// Run folder
    #[arg(value_name = "RUN_DIR")]
    pub run: PathBuf,
    /// Where to log it [default: MLFLOW_TRACKING_URI, else where the run was to be logged]
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
    checksums::check(&args.run)?;
    let gates = read_gates(&args.run)?;
    let lock_path = args.run.join(file::LOCK);
    let lock = read_lock(&lock_path)?;
    let config = config_of(&lock, &lock_path, true)?;
    let environment = environment();
    let named = environment.iter().find(|(name, value)| name == "MLFLOW_TRACKING_URI" && !value.is_empty());
    let given = args.tracking_uri.as_ref().or(named.map(|(_, uri)| uri));
    let (uri, registry) = (given.or(lock.tracking.as_ref()), lock.registry.as_ref());
    let Some(uri) = uri else {
        let message = "expected a store to log to: tracking was off when the run was fitted";
        return Err(Failure::usage(format!("{message}\n  hint: give one with --tracking-uri")).into());
    };
    let signs_in = |name: &str, value: &str| name.starts_with("MLFLOW_TRACKING_") && !value.is_empty();
    let signed_in = environment
        .iter()
        .any(|(name, value)| signs_in(name, value) && (name.ends_with("_USERNAME") || name.ends_with("_TOKEN")));
    let had_password = [&config.training.tracking_uri, &config.registry.uri].into_iter().flatten();
    if given.is_none() && !signed_in && had_password.into_iter().any(|uri| uri.contains("*@")) {
        let message = format!("expected credentials for {uri}: those in its address are not kept");
        let hint = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or give the address with --tracking-uri";
        return Err(Failure::usage(format!("{message}\n  hint: {hint}")).into());
    }
    let Some(destination) = Destination::new(Some(uri), registry.map(String::as_str), &environment)? else {
        let message = "expected a store to log to, found `none`\n  hint: give one with --tracking-uri";
        return Err(Failure::usage(message).into());
    };
    let destination = destination.told(common.quiet);
    interrupt::listen()?;
    let progress = Progress::new(Face::of_stderr(common.quiet));
    progress.enter(Stage::Log);
    let result = destination.publish(&record, &args.run, &mut |doing| progress.doing(doing));
    progress.finish();
    let result = match result {
        // What no waiting mends is mended first: no hint to try again.
        Err(error @ (TrackingError::Config(_) | TrackingError::Store(_))) => return Err(error.into()),
        result => result,
    };
    let logged = Logged::of(result, &record, &args.run, args.tracking_uri.as_deref());
    logged.warnings().iter().for_each(|warning| common.warn(warning));
    console::print(&match args.form.form {
        Form::Json => format!("{:#}\n", logged.to_json()),
        Form::Text => told(&logged),
    })?;
    Ok(logged.exit(gates.passed))
}

fn read_gates(run: &Path) -> anyhow::Result<GateReport> {
    let path = run.join(file::GATES);
    let bytes = fs_err::read(&path)?;
    let damaged = |error: serde_json::Error| Failure::data(format!("{}: not a gate report: {error}", path.display()));
    Ok(serde_json::from_slice(&bytes).map_err(damaged)?)
}
