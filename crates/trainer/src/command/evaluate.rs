//! `trainer evaluate`: a run's model judged on a file with known targets.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use trainer_data::target_of_classes;
use trainer_quality::{Bootstrap, Evaluation, FlatMetrics, evaluate, judge};

use super::fit::gate_table;
use super::{Common, DeviceArgs, Form, FormArgs};
use crate::exit::Exit;
use crate::run::{Truth, weights};
use crate::saved_run::SavedRun;
use crate::{console, text_table};

/// Arguments of `trainer evaluate`.
#[derive(Debug, Clone, Args)]
pub struct EvaluateArgs {
    /// Run folder
    #[arg(long, value_name = "DIR")]
    pub run: PathBuf,
    /// File with the rows (Parquet or CSV), or its s3:// address
    #[arg(long, value_name = "FILE")]
    pub input: String,
    /// The device.
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Form of the result.
    #[command(flatten)]
    pub form: FormArgs,
}

/// Runs `trainer evaluate`.
///
/// # Errors
/// A device that is not there, a folder that is no run, or a file that does not fit the model. A gate that fails is no error: the exit code says so.
pub fn run(args: &EvaluateArgs, common: &Common) -> anyhow::Result<Exit> {
    let device = args.device.open()?;
    let saved = SavedRun::open(&args.run)?;
    let config = &saved.config;
    let rows = saved.read(&args.input)?;
    let y = target_of_classes(&rows.table, &config.data.target, &saved.model.classes)?;
    let weight = weights(&rows.table, config.data.weight.as_deref())?;
    let (predicted, mut warnings) = saved.predict(&rows.table, &device)?;
    warnings.splice(0..0, rows.warnings);
    let truth = Truth { y, weight, classes: saved.model.classes.clone() };
    let scores = predicted.scores(&truth);
    let evaluation = evaluate(&scores);
    let metrics = FlatMetrics::default().judged(&evaluation.metrics);
    let gates = judge(&config.quality_gates, &scores, &Bootstrap::seeded(config.seed));
    warnings.extend(metrics.warnings());
    warnings.iter().for_each(|warning| common.warn(&crate::warned::text(warning)));
    let told = match args.form.form {
        Form::Json => format!(
            "{:#}\n",
            json!({
                "run_dir": args.run,
                "model_hash": saved.lock.model_hash,
                "input": args.input,
                "rows": rows.table.rows(),
                "metrics": metrics,
                "gates": gates,
                "evaluation": evaluation,
                "warnings": warnings,
            })
        ),
        Form::Text => format!("{}\n{}\n", metric_table(&evaluation), gate_table(&gates)),
    };
    console::print(&told)?;
    Ok(if gates.passed { Exit::Done } else { Exit::Gate })
}

fn metric_table(evaluation: &Evaluation) -> String {
    let number = |value: f64| if value.is_finite() { format!("{value:.4}") } else { "undefined".to_owned() };
    text_table::table(
        &["metric", "value"],
        evaluation.metrics.iter().map(|(name, value)| vec![name.to_owned(), number(value)]),
    )
}
