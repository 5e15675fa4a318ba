//! What one device took for each stage.

use std::ops::ControlFlow;
use std::sync::Mutex;
use std::time::Instant;

use sha2::{Digest as _, Sha256};
use trainer_data::{Dataset, Table};
use trainer_features::FittedPlan;
use trainer_kernels::Device;
use trainer_models::learn::random_forest::RandomForest;
use trainer_models::{Job, Learner, Model, Round};

use super::rates::{self, Rates};
use super::{BenchArgs, Stage};
use crate::command::Common;
use crate::interrupt;

/// What one device took; times in seconds, those of several repeats as medians.
pub struct Measured {
    pub device: String,
    pub rates: Option<Rates>,
    pub fit: Option<Fit>,
    pub predict: Option<Predict>,
    pub features: Option<Features>,
    /// Bytes that the device's runtime has taken for it, at the end; none for the CPU.
    pub memory_bytes: Option<u64>,
}

pub struct Fit {
    /// The first fit as a whole: kernels are compiled in it.
    pub first_s: f64,
    /// Later fits; none where there was to be only one.
    pub later: Option<LaterFits>,
    pub model_hash: String,
}

pub struct LaterFits {
    pub fit_s: f64,
    pub binning_s: f64,
    pub growing_s: f64,
    pub repeats: usize,
}

pub struct Predict {
    pub first_s: f64,
    pub predict_s: f64,
    /// SHA-256 of all probabilities.
    pub hash: String,
}

pub struct Features {
    pub first_s: f64,
    pub apply_s: f64,
    /// Bytes of the cells that are read and of those that are written.
    pub bytes: u64,
}

/// Times a device's stages, one after the other.
///
/// # Errors
/// A device that fails.
pub fn measure(
    args: &BenchArgs,
    forest: &RandomForest,
    data: &Dataset,
    plan: Option<&(FittedPlan, Table)>,
    device: &Device,
    common: &Common,
) -> anyhow::Result<Measured> {
    let name = device.name();
    let mut measured =
        Measured { device: name.clone(), rates: None, fit: None, predict: None, features: None, memory_bytes: None };
    // A device that is only held against is not one to be timed at length.
    let repeats = if is_asked(args, &name) { args.repeats } else { 0 };
    if let (Device::Gpu(gpu), true) = (device, args.times(Stage::Rates)) {
        common.note(&format!("{name}: rates"));
        measured.rates = Some(rates::measure(gpu, data, args.repeats)?);
        gpu.release_memory();
    }
    if args.times(Stage::Fit) || args.times(Stage::Predict) {
        let later = if args.times(Stage::Fit) { repeats } else { 0 };
        common.note(&format!("{name}: {} fits of {} trees", later + 1, args.trees));
        let (model, fit) = fits(forest, data, device, later)?;
        measured.fit = Some(fit);
        if args.times(Stage::Predict) {
            common.note(&format!("{name}: predictions of {} rows", data.matrix.rows()));
            measured.predict = Some(predictions(&model, data, device, repeats.max(1))?);
        }
    }
    if let Some(plan) = plan {
        common.note(&format!("{name}: features of {} rows", data.matrix.rows()));
        measured.features = Some(features(plan, device, repeats.max(1))?);
    }
    if let Device::Gpu(gpu) = device {
        measured.memory_bytes = Some(gpu.memory_held()?.reserved);
    }
    Ok(measured)
}

/// Whether the user named it, or all.
fn is_asked(args: &BenchArgs, name: &str) -> bool {
    args.device.is_empty() || args.device.iter().any(|asked| asked == name || name.strip_suffix(":0") == Some(asked))
}

fn fits(forest: &RandomForest, data: &Dataset, device: &Device, later: u32) -> anyhow::Result<(Model, Fit)> {
    let (model, _, first_s) = fit(forest, data, device)?;
    let (mut binning, mut growing, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..later {
        interrupt::check()?;
        let (_, binned_s, fit_s) = fit(forest, data, device)?;
        binning.push(binned_s);
        growing.push(fit_s - binned_s);
        whole.push(fit_s);
    }
    let later = (later > 0).then(|| LaterFits {
        repeats: whole.len(),
        fit_s: median(whole),
        binning_s: median(binning),
        growing_s: median(growing),
    });
    let model_hash = model.hash();
    Ok((model, Fit { first_s, later, model_hash }))
}

/// A model, the seconds until its values were binned, and those of the whole fit.
fn fit(forest: &RandomForest, data: &Dataset, device: &Device) -> anyhow::Result<(Model, f64, f64)> {
    interrupt::check()?;
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
    Ok((fitted.model, binned.into_inner().unwrap_or_default(), fit_s))
}

fn predictions(model: &Model, data: &Dataset, device: &Device, repeats: u32) -> anyhow::Result<Predict> {
    let mut hash = String::new();
    let (first_s, predict_s) = timed(repeats, |first| {
        let started = Instant::now();
        let probabilities = model.predict(&data.matrix, device)?;
        let seconds = started.elapsed().as_secs_f64();
        if first {
            let mut sha256 = Sha256::new();
            for row in probabilities.rows() {
                row.iter().for_each(|cell| sha256.update(cell.to_le_bytes()));
            }
            hash = sha256.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        }
        Ok(seconds)
    })?;
    Ok(Predict { first_s, predict_s, hash })
}

fn features((plan, table): &(FittedPlan, Table), device: &Device, repeats: u32) -> anyhow::Result<Features> {
    let (first_s, apply_s) = timed(repeats, |_| {
        let started = Instant::now();
        plan.apply(table, device)?;
        Ok(started.elapsed().as_secs_f64())
    })?;
    let cells = table.rows() * (plan.inputs().len() + plan.features().len());
    Ok(Features { first_s, apply_s, bytes: cells as u64 * 4 })
}

/// The seconds of a first time, and the median of those after it.
fn timed(repeats: u32, mut once: impl FnMut(bool) -> anyhow::Result<f64>) -> anyhow::Result<(f64, f64)> {
    let first = once(true)?;
    let mut later = Vec::new();
    for _ in 0..repeats {
        interrupt::check()?;
        later.push(once(false)?);
    }
    Ok((first, median(later)))
}

/// The middle one; of an even number, the mean of the two in the middle.
pub fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    let middle = seconds.len() / 2;
    if seconds.len() % 2 == 1 { seconds[middle] } else { f64::midpoint(seconds[middle - 1], seconds[middle]) }
}

#[test]
fn a_median_is_the_middle() {
    assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
    assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
}
