//! `trainer fit`: from a config to a run folder.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::Args;
use serde_json::{Value as Json, json};
use trainer_kernels::Device;
use trainer_quality::GateReport;
use trainer_tracking::TrackingError;

use super::{Common, ConfigArgs, Form, FormArgs};
use crate::config::Loaded;
use crate::exit::{Exit, Failure};
use crate::fitting::{Asked, Finished, fit};
use crate::progress::{Face, Progress, Stage};
use crate::run::Outcome;
use crate::run_folder::RunFolder;
use crate::tracking::system_metrics::Sampler;
use crate::tracking::{Destination, Logged, Wanted, again, environment, told};
use crate::{console, interrupt, text_table};

/// Arguments of `trainer fit`.
#[derive(Debug, Clone, Args)]
pub struct FitArgs {
    /// The config.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Folder that run folders are made in
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
    /// Form of the result.
    #[command(flatten)]
    pub form: FormArgs,
}

/// Runs `trainer fit`.
///
/// # Errors
/// A config, data or a device that is not as expected; a stop that was asked for. A gate that failed is no error: the run
/// folder is complete, and the exit code says so.
pub fn run(args: &FitArgs, common: &Common) -> anyhow::Result<Exit> {
    let loaded = args.config.load(common)?;
    let device = open_device(&loaded)?;
    interrupt::listen()?;
    let progress = Progress::new(Face::of_stderr(common.quiet));
    let environment = environment();
    let destination = Destination::of(&loaded.config, &environment)?.map(|it| it.told(common.quiet));
    let (asked, is_down) = asked(&loaded, destination.as_ref(), &environment, &progress, common)?;
    let destination = if is_down { destination.map(Destination::impatient) } else { destination };
    let folder = RunFolder::create(&args.runs, &loaded.config.project.name, SystemTime::now())?;
    let finished = fit(&loaded, &device, folder, &progress, asked)?;
    let run_dir = &finished.run_dir;
    interrupt::last_words(format!(
        "the run is complete in {}; finish with: {}",
        run_dir.display(),
        again(run_dir, None)
    ));
    progress.enter(Stage::Log);
    let logged = match &destination {
        None => Logged::Off,
        Some(destination) => {
            let mut watch = |doing: &str| progress.doing(doing);
            let result = destination.publish(&finished.record, &finished.run_dir, &mut watch);
            Logged::of(result, &finished.record, &finished.run_dir, None)
        }
    };
    progress.finish();
    for warning in &finished.outcome.warnings {
        common.warn(&crate::warned::text(warning));
    }
    logged.warnings().iter().for_each(|warning| common.warn(warning));
    let result = match args.form.form {
        Form::Json => format!("{:#}\n", summary(&finished, &logged, &progress)),
        Form::Text => text(&finished) + &told(&logged),
    };
    console::print(&result)?;
    match (&logged, interrupt::stopped()) {
        (Logged::Not { .. }, Some(stopped)) => Ok(stopped.exit()),
        _ => Ok(logged.exit(finished.outcome.gates.passed)),
    }
}

/// What is to be known before anything is fitted: whether the run can be logged, and what it is held against. With it,
/// whether the store is down.
fn asked(
    loaded: &Loaded,
    destination: Option<&Destination>,
    environment: &[(String, String)],
    progress: &Progress,
    common: &Common,
) -> anyhow::Result<(Asked, bool)> {
    let wanted = Wanted::of(loaded, environment)?;
    let (mut rival, mut is_down) = (None, false);
    if let Some(destination) = destination {
        progress.enter(Stage::Preflight);
        match destination.preflight(&loaded.config, &wanted) {
            Ok(warnings) => warnings.iter().for_each(|warning| common.warn(warning)),
            Err(error @ TrackingError::Unreachable { .. }) if loaded.config.registry.compare_to.is_none() => {
                interrupt::check()?;
                is_down = true;
                common.warn(&format!("{error}; the run is fitted all the same, and logged if the store is back then"));
            }
            Err(error) => return Err(error.into()),
        }
        interrupt::check()?;
        rival = destination.rival(&loaded.config)?;
        if let (None, Some(alias)) = (&rival, &loaded.config.registry.compare_to) {
            common.note(&format!("nothing to compare with: no version is {alias} yet"));
        }
    }
    let interval = sampling_interval(environment)?;
    let sampler = loaded.config.training.system_metrics.then(|| Sampler::start(interval)).transpose()?;
    Ok((Asked { wanted, destination: destination.cloned(), rival, sampler }, is_down))
}

/// Seconds between samples, as the official client is told.
fn sampling_interval(environment: &[(String, String)]) -> Result<Option<f64>, Failure> {
    const NAME: &str = "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL";
    let Some((_, text)) = environment.iter().find(|(name, value)| name == NAME && !value.is_empty()) else {
        return Ok(None);
    };
    let seconds = text.parse().ok().filter(|seconds| (0.0..=86_400.0).contains(seconds));
    let wrong = || Failure::usage(format!("{NAME}: expected seconds, at most a day, found `{text}`"));
    seconds.map(Some).ok_or_else(wrong)
}

/// Opens the device that the config asks for.
///
/// # Errors
/// One that is not there (exit 5).
pub fn open_device(loaded: &Loaded) -> anyhow::Result<Device> {
    let spec = loaded.config.device_spec().map_err(Failure::usage)?;
    Ok(Device::open(&spec)?)
}

/// The object that `--output json` prints.
fn summary(finished: &Finished, logged: &Logged, progress: &Progress) -> Json {
    let Finished { run_dir, model_hash, outcome, feature_views, .. } = finished;
    json!({
        "run_dir": run_dir,
        "model_hash": model_hash,
        "judged": outcome.judged.name(),
        "rows": outcome.rows,
        "feature_views": feature_views,
        "metrics": outcome.metrics,
        "gates": outcome.gates,
        "baseline": outcome.baseline,
        "warnings": outcome.warnings,
        "tracking": logged.to_json(),
        "seconds": progress.seconds_json(),
    })
}

fn text(finished: &Finished) -> String {
    let Finished { run_dir, model_hash, outcome, feature_views, .. } = finished;
    let views: String = feature_views.iter().map(|view| format!("features {}\n", view.line())).collect();
    let verdict = match (&outcome.gates, outcome.gates.passed) {
        (gates, _) if gates.verdicts.is_empty() => "no gates",
        (_, true) => "all gates passed",
        (_, false) => "gates FAILED",
    };
    format!(
        "{views}{}\n{}\nmodel  {model_hash}\nreport {}\n{verdict}\n",
        metric_table(outcome),
        gate_table(&outcome.gates),
        run_dir.join(crate::saved_run::file::REPORT).display(),
    )
}

/// The judged part's metrics beside the baseline's and the cross-validation's.
fn metric_table(outcome: &Outcome) -> String {
    let number = |value: Option<f64>| value.map_or_else(|| "undefined".to_owned(), |value| format!("{value:.4}"));
    let mut header = vec!["metric", outcome.judged.name(), "baseline"];
    if outcome.cross_validation.is_some() {
        header.push("cross-validation");
    }
    let rows = outcome.evaluation.metrics.iter().map(|(name, value)| {
        let mut row =
            vec![name.to_owned(), number(value.is_finite().then_some(value)), number(outcome.baseline.get(name))];
        if let Some(folds) = &outcome.cross_validation {
            row.push(match (folds.mean.get(name), folds.std.get(name)) {
                (Some(mean), Some(std)) => format!("{mean:.4} ± {std:.4}"),
                _ => "undefined".to_owned(),
            });
        }
        row
    });
    text_table::table(&header, rows)
}

/// One line for each verdict.
pub fn gate_table(gates: &GateReport) -> String {
    if gates.verdicts.is_empty() {
        return String::new();
    }
    let rows = gates.verdicts.iter().map(|verdict| {
        let value = verdict.value.map_or_else(|| "undefined".to_owned(), |value| format!("{value:.4}"));
        let needs = verdict.needs();
        let passed = if verdict.passed { "passed" } else { "FAILED" };
        vec![verdict.metric.clone(), verdict.on.clone(), value, needs, passed.to_owned()]
    });
    text_table::table(&["gate", "on", "value", "needs", "verdict"], rows)
}
