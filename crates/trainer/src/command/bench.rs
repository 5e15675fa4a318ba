//! `trainer bench`: the same fit on every device of this machine, timed; equal models or exit 1.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::time::Instant;

use clap::Args;
use rayon::prelude::*;
use serde_json::{Value as Json, json};
use trainer_data::{Dataset, Feature, FeatureKind, Label, Matrix};
use trainer_kernels::{Device, DeviceSpec, Purpose, philox};
use trainer_models::learn::random_forest::RandomForest;
use trainer_models::{Job, Learner, Model, Round};

use super::{Common, Form, FormArgs};
use crate::exit::{Exit, Failure};
use crate::lock::Program;
use crate::{console, interrupt, text_table};

/// Arguments of `trainer bench`.
#[derive(Debug, Clone, Args)]
pub struct BenchArgs {
    /// Rows of the made-up table
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(2..))]
    pub rows: u32,
    /// Its features, all numbers
    #[arg(long, value_name = "N", default_value_t = 28, value_parser = clap::value_parser!(u32).range(1..))]
    pub features: u32,
    /// Its classes
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=255))]
    pub classes: u32,
    /// Trees of the forest
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub trees: u32,
    /// Levels of a tree
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub depth: u32,
    /// A device; may be given again [default: all that open, software Vulkan left out]
    #[arg(long, value_name = "DEVICE")]
    pub device: Vec<String>,
    /// How often each is timed; the first time on a GPU compiles kernels, and is told apart
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeats: u32,
    /// Form of the result.
    #[command(flatten)]
    pub form: FormArgs,
}

/// What one device took, in seconds; the medians of the repeats.
struct Timed {
    device: String,
    /// The first fit as a whole: kernels are compiled in it.
    first_s: f64,
    binning_s: f64,
    growing_s: f64,
    fit_s: f64,
    predict_s: f64,
    model_hash: String,
}

/// Runs `trainer bench`.
///
/// # Errors
/// A device that does not open, or fails. Models that differ are no error: they are told, and the exit code is 1.
pub fn run(args: &BenchArgs, common: &Common) -> anyhow::Result<Exit> {
    interrupt::listen()?;
    let names = if args.device.is_empty() { usual() } else { args.device.clone() };
    let specs = names.iter().map(|name| name.parse::<DeviceSpec>()).collect::<Result<Vec<_>, _>>();
    let specs = specs.map_err(Failure::usage)?;
    common.note(&format!("making {} rows x {} features", args.rows, args.features));
    let data = dataset(args);
    let mut timed = Vec::new();
    for spec in &specs {
        let device = Device::open(spec)?;
        common.note(&format!("{}: {} fits of {} trees", device.name(), args.repeats, args.trees));
        timed.push(time(args, &data, &device)?);
    }
    let same = timed.iter().all(|one| one.model_hash == timed[0].model_hash);
    console::print(&match args.form.form {
        Form::Json => format!("{:#}\n", to_json(args, &timed, same)),
        Form::Text => to_text(args, &timed, same),
    })?;
    Ok(if same { Exit::Done } else { Exit::Bug })
}

/// The CPU first: its model is what the others are held against.
fn usual() -> Vec<String> {
    let devices = trainer_kernels::list().into_iter();
    devices.filter(|device| device.unusable.is_none() && !device.software).map(|device| device.name).collect()
}

/// A class that depends on a few features and a little chance; the same numbers on every machine.
fn dataset(args: &BenchArgs) -> Dataset {
    let (rows, features) = (args.rows, args.features);
    let number = |row: u32, feature: u32| {
        let word = philox(7, row, feature, 0, Purpose::BinSample)[0];
        (word >> 8) as f32 / 16_777_216.0
    };
    let columns: Vec<Vec<f32>> =
        (0..features).into_par_iter().map(|feature| (0..rows).map(|row| number(row, feature)).collect()).collect();
    let class = |row: usize| {
        let of = |feature: u32| columns[(feature % features) as usize][row];
        let noise = number(row as u32, u32::MAX);
        let signal = of(0) * of(1) + of(2) * 0.5 + of(3) * of(4) * 0.5 + noise * 0.3;
        ((signal / 1.8 * args.classes as f32) as u32).min(args.classes - 1)
    };
    let y = (0..rows as usize).into_par_iter().map(class).collect();
    let kind = || FeatureKind::Number;
    let features = (0..features).map(|feature| Feature { name: format!("f{feature}"), kind: kind() }).collect();
    Dataset {
        matrix: Matrix::from_columns(rows as usize, columns, features),
        y,
        weight: None,
        classes: (0..i64::from(args.classes)).map(Label::Integer).collect(),
    }
}

fn time(args: &BenchArgs, data: &Dataset, device: &Device) -> anyhow::Result<Timed> {
    let (mut binning, mut growing, mut fits, mut predictions) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let first = Cell::new(None);
    let mut hash = String::new();
    // One more than is asked for: the first is told apart.
    for _ in 0..=args.repeats {
        interrupt::check()?;
        let (model, binned_s, fit_s) = fit(args, data, device)?;
        if first.replace(first.get().or(Some(fit_s))).is_none() {
            hash = model.hash();
            continue;
        }
        let started = Instant::now();
        model.predict(&data.matrix, device)?;
        predictions.push(started.elapsed().as_secs_f64());
        binning.push(binned_s);
        growing.push(fit_s - binned_s);
        fits.push(fit_s);
    }
    Ok(Timed {
        device: device.name(),
        first_s: first.get().unwrap_or_default(),
        binning_s: median(binning),
        growing_s: median(growing),
        fit_s: median(fits),
        predict_s: median(predictions),
        model_hash: hash,
    })
}

/// A model, the seconds until its values were binned, and those of the whole fit.
fn fit(args: &BenchArgs, data: &Dataset, device: &Device) -> anyhow::Result<(Model, f64, f64)> {
    let forest = RandomForest {
        n_estimators: args.trees,
        max_depth: Some(args.depth),
        random_state: Some(42),
        ..RandomForest::default()
    };
    let started = Instant::now();
    let binned = Mutex::new(0.0);
    let on_round = |round: &Round| -> ControlFlow<()> {
        // A learner says "none done" when the values are binned.
        if let (0, Ok(mut binned)) = (round.done, binned.lock()) {
            *binned = started.elapsed().as_secs_f64();
        }
        interrupt::poll()
    };
    let fitted = forest.fit(Job { train: data, valid: None, device, seed: 42, on_round: &on_round })?;
    let fit_s = started.elapsed().as_secs_f64();
    let binned_s = binned.into_inner().unwrap_or_default();
    Ok((fitted.model, binned_s, fit_s))
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    let middle = seconds.len() / 2;
    if seconds.len() % 2 == 1 { seconds[middle] } else { f64::midpoint(seconds[middle - 1], seconds[middle]) }
}

fn to_json(args: &BenchArgs, timed: &[Timed], same: bool) -> Json {
    let devices: Vec<Json> = timed
        .iter()
        .map(|one| {
            json!({
                "device": one.device,
                "first_fit_s": one.first_s,
                "binning_s": one.binning_s,
                "growing_s": one.growing_s,
                "fit_s": one.fit_s,
                "predict_s": one.predict_s,
                "predicted_rows_per_s": f64::from(args.rows) / one.predict_s,
                "model_hash": one.model_hash,
            })
        })
        .collect();
    json!({
        "rows": args.rows,
        "features": args.features,
        "classes": args.classes,
        "trees": args.trees,
        "depth": args.depth,
        "repeats": args.repeats,
        "trainer": Program::this(),
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "same_model": same,
        "devices": devices,
    })
}

fn to_text(args: &BenchArgs, timed: &[Timed], same: bool) -> String {
    let header = ["device", "first fit", "fit", "binning", "growing", "predict", "million rows/s"];
    let seconds = |value: f64| format!("{value:.3} s");
    let rows = timed.iter().map(|one| {
        let rate = f64::from(args.rows) / one.predict_s / 1e6;
        let times = [one.first_s, one.fit_s, one.binning_s, one.growing_s, one.predict_s].map(seconds);
        std::iter::once(one.device.clone()).chain(times).chain([format!("{rate:.1}")]).collect::<Vec<_>>()
    });
    let verdict = match (same, timed.len()) {
        (true, 1) => format!("model {}\n", timed[0].model_hash),
        (true, _) => format!("the same model everywhere: {}\n", timed[0].model_hash),
        (false, _) => {
            let lines = timed.iter().map(|one| format!("  {} {}\n", one.device, one.model_hash));
            format!("the models DIFFER\n{}", lines.collect::<String>())
        }
    };
    format!("{}\n{verdict}", text_table::table(&header, rows))
}
