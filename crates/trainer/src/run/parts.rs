use trainer_data::{Fault, Table, Warning, split};
use trainer_features::FittedPlan;
use trainer_kernels::Device;

use super::part::{Part, Truth, weights};
use super::{JudgedPart, Material, Recipe, Rows};
use crate::config::Config;
use crate::exit::Failure;

/// The parts of a run, with the plan that was learned from the first.
pub struct Parts {
    /// Rows that the model is fitted on.
    pub train: Part,
    /// Rows held out of the training file.
    pub validation: Option<Part>,
    /// Rows of the test file.
    pub test: Option<Part>,
    /// How a table becomes a matrix.
    pub plan: FittedPlan,
}

impl Parts {
    /// Splits the training rows, learns the plan from those that are kept, and applies it to all parts.
    ///
    /// # Errors
    /// A target or weights that cannot be used, columns that differ between the files, features that cannot be made.
    pub fn new(
        material: Material,
        config: &Config,
        recipe: &Recipe,
        device: &Device,
        warnings: &mut Vec<Warning>,
    ) -> anyhow::Result<Self> {
        let Material { train, test, .. } = material;
        let weight = config.data.weight.as_deref();
        for id in config.features.entity.iter().flat_map(|entity| entity.names()) {
            // An id under another name would become a feature.
            train.require(id)?;
        }
        let target = trainer_data::target(&train, &config.data.target)?;
        warnings.extend(trainer_data::alike_classes(&target, &config.data.target));
        let truth = Truth { y: target.y, weight: weights(&train, weight)?, classes: target.classes };
        let fraction = config.data.validation_split.get();
        let split = split::stratified(&truth.y, truth.classes.len(), fraction, config.seed);
        enough_rows(&train, &truth, &split.train, &config.data.target)?;

        let kept = train.take(&split.train);
        let kept_truth = truth.take(&split.train);
        let (plan, found) = recipe.fit(&kept, &kept_truth.y)?;
        warnings.extend(found);
        if let Some(test) = &test {
            let inputs = plan.inputs().iter().map(|input| input.name.as_str());
            let columns: Vec<&str> = inputs.chain([config.data.target.as_str()]).chain(weight).collect();
            trainer_data::check_agreement(&train, test, &columns)?;
        }
        let mut part = |name: &str, table: Table, truth: Truth| -> anyhow::Result<Part> {
            let applied = match name {
                TRAINING => plan.apply_training(&table, device)?,
                _ => plan.apply(&table, device)?,
            };
            warnings.extend(
                applied
                    .warnings
                    .into_iter()
                    .map(|warning| Warning { message: format!("{name} rows: {}", warning.message), ..warning }),
            );
            Ok(Part::new(table, applied.matrix, truth))
        };
        let validation = match split.valid.is_empty() {
            true => None,
            false => Some(part("validation", train.take(&split.valid), truth.take(&split.valid))?),
        };
        let test = match test {
            None => None,
            Some(table) => {
                let y = trainer_data::target_of_classes(&table, &config.data.target, &truth.classes)?;
                let weight = weights(&table, weight)?;
                Some(part("test", table, Truth { y, weight, classes: truth.classes.clone() })?)
            }
        };
        let train = part(TRAINING, kept, kept_truth)?;
        Ok(Self { train, validation, test, plan })
    }

    /// The part that is reported and gated.
    ///
    /// # Errors
    /// Neither test rows nor validation rows.
    pub fn judged(&self) -> anyhow::Result<(JudgedPart, &Part)> {
        match (&self.test, &self.validation) {
            (Some(part), _) => Ok((JudgedPart::Test, part)),
            (None, Some(part)) => Ok((JudgedPart::Validation, part)),
            (None, None) => {
                let message =
                    "nothing to judge the model on: expected data.test_path, or data.validation_split above 0";
                Err(Failure::usage(message).into())
            }
        }
    }

    /// How many rows each has.
    pub fn rows(&self) -> Rows {
        let rows = |part: &Part| part.data.y.len();
        Rows {
            training: rows(&self.train),
            validation: self.validation.as_ref().map_or(0, rows),
            test: self.test.as_ref().map_or(0, rows),
        }
    }
}

/// The rows that the plan was learned from: where a step knows their classes, none sees its own.
const TRAINING: &str = "training";

/// Every class must be among the rows that are learned from.
fn enough_rows(table: &Table, truth: &Truth, kept: &[u32], target: &str) -> anyhow::Result<()> {
    let mut counts = vec![0; truth.classes.len()];
    kept.iter().for_each(|&row| counts[truth.y[row as usize] as usize] += 1);
    match counts.iter().position(|&count| count == 0) {
        None => Ok(()),
        Some(class) => {
            let message = format!("expected rows of class `{}` to learn from, found none", truth.classes[class]);
            let mut fault = Fault::new("class_not_in_training", message).column(target);
            fault.file = table.place(0).file.map(|file| file.to_string());
            Err(Failure::data(fault.to_string()).into())
        }
    }
}
