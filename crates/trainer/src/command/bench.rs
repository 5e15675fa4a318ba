//! `trainer bench`: the same work on every device of this machine, timed; equal models and predictions or exit 1.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use trainer_kernels::{Device, DeviceSpec};
use trainer_models::learn::random_forest::{MaxFeatures, RandomForest};

use super::{Common, Form, FormArgs};
use crate::exit::{Exit, Failure};
use crate::{console, interrupt};

mod machine;
mod made_up;
mod rates;
mod told;
mod work;

use work::Measured;

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
    /// Most bins of a feature
    #[arg(long, value_name = "N", default_value_t = 255, value_parser = clap::value_parser!(u32).range(2..=255))]
    pub max_bins: u32,
    /// Features looked at for a split: sqrt, log2, all, a count, or a fraction
    #[arg(long, value_name = "RULE", default_value = "sqrt")]
    pub max_features: String,
    /// A device; may be given again [default: all that open, software Vulkan left out]
    #[arg(long, value_name = "DEVICE")]
    pub device: Vec<String>,
    /// How often each is timed; the first time on a GPU compiles kernels, and is told apart
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeats: u32,
    /// What is timed [default: all of it]
    #[arg(long, value_name = "STAGE", value_delimiter = ',')]
    pub only: Vec<Stage>,
    /// Hold the models against this hash, and not against a fit on the CPU
    #[arg(long, value_name = "HASH", conflicts_with = "no_cpu")]
    pub reference_hash: Option<String>,
    /// Leave the CPU out, and the comparison with it: a long fit where the table is large
    #[arg(long)]
    pub no_cpu: bool,
    /// Also write the made-up table there, x.npy and y.npy, for other programs to time
    #[arg(long, value_name = "DIR")]
    pub table: Option<PathBuf>,
    /// Form of the result.
    #[command(flatten)]
    pub form: FormArgs,
}

/// What can be timed by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    /// What the device can do at best: copies, additions, reads
    Rates,
    /// Fits of the forest
    Fit,
    /// Predictions of all rows
    Predict,
    /// A feature plan applied to all rows
    Features,
}

impl BenchArgs {
    /// Whether it is timed.
    fn times(&self, stage: Stage) -> bool {
        self.only.is_empty() || self.only.contains(&stage)
    }

    fn forest(&self) -> Result<RandomForest, Failure> {
        Ok(RandomForest {
            n_estimators: self.trees,
            max_depth: Some(self.depth),
            max_features: max_features(&self.max_features)?,
            max_bins: self.max_bins,
            random_state: Some(42),
            ..RandomForest::default()
        })
    }

    /// The devices, in the order in which they are timed: the CPU first, where models are held against its own.
    fn devices(&self) -> Result<Vec<DeviceSpec>, Failure> {
        let parsed = self.device.iter().map(|name| name.parse::<DeviceSpec>()).collect::<Result<Vec<_>, _>>();
        let mut specs = parsed.map_err(Failure::usage)?;
        if specs.is_empty() {
            specs = usual();
        }
        let compared = self.reference_hash.is_none() && (self.times(Stage::Fit) || self.times(Stage::Predict));
        if self.no_cpu {
            specs.retain(|spec| *spec != DeviceSpec::Cpu);
        } else if compared && !specs.contains(&DeviceSpec::Cpu) {
            specs.insert(0, DeviceSpec::Cpu);
        }
        specs.sort_by_key(|spec| *spec != DeviceSpec::Cpu);
        if specs.is_empty() {
            return Err(Failure::usage(
                "no device is left to time: there is the CPU alone, and --no-cpu leaves it out".to_owned(),
            ));
        }
        Ok(specs)
    }
}

/// All that open, but software Vulkan.
fn usual() -> Vec<DeviceSpec> {
    let devices = trainer_kernels::list().into_iter();
    let opens = devices.filter(|device| device.unusable.is_none() && !device.software);
    opens.filter_map(|device| device.name.parse().ok()).collect()
}

/// The rule as a config writes it; `all` is its null.
fn max_features(text: &str) -> Result<Option<MaxFeatures>, Failure> {
    if text == "all" {
        return Ok(None);
    }
    let value = serde_json::from_str(text).unwrap_or_else(|_| serde_json::Value::from(text));
    let parsed = serde_json::from_value(value).ok().filter(|rule| match rule {
        MaxFeatures::Rule(_) => true,
        MaxFeatures::Count(count) => *count > 0,
        MaxFeatures::Fraction(part) => *part > 0.0 && *part <= 1.0,
    });
    let wrong =
        || Failure::usage(format!("expected sqrt, log2, all, a count or a fraction as --max-features, found `{text}`"));
    parsed.map(Some).ok_or_else(wrong)
}

/// Runs `trainer bench`.
///
/// # Errors
/// A device that does not open, or fails. Models that differ are no error: they are told, and the exit code is 1.
pub fn run(args: &BenchArgs, common: &Common) -> anyhow::Result<Exit> {
    interrupt::listen()?;
    let forest = args.forest()?;
    let devices = args.devices()?;
    let devices = devices.iter().map(Device::open).collect::<Result<Vec<_>, _>>()?;
    common.note(&format!("making {} rows x {} features", args.rows, args.features));
    let data = made_up::dataset(args.rows, args.features, args.classes);
    if let Some(folder) = &args.table {
        common.note(&format!("writing them to {}", folder.display()));
        made_up::write(&data, folder)?;
    }
    let plan = args.times(Stage::Features).then(|| made_up::plan(&data)).transpose()?;
    let mut measured: Vec<Measured> = Vec::new();
    for device in &devices {
        measured.push(work::measure(args, &forest, &data, plan.as_ref(), device, common)?);
    }
    let told = told::Told::new(args, measured);
    console::print(&match args.form.form {
        Form::Json => format!("{:#}\n", told.to_json(args)),
        Form::Text => told.to_text(args),
    })?;
    Ok(if told.is_same() == Some(false) { Exit::Bug } else { Exit::Done })
}
