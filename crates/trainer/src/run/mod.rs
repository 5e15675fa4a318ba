//! A run from tables to a judged model: no file is read or written here.

mod folds;
mod history;
mod judgement;
mod part;
mod parts;
mod predicted;
mod recipe;
mod rival;
mod watch;

use std::fmt;
use std::ops::ControlFlow;

use indicatif::HumanBytes;
use trainer_data::{Dataset, Table, Warning};
use trainer_features::{FittedPlan, PlanSpec};
use trainer_kernels::{Device, Planned};
use trainer_models::{Fitted, Importance, Job, Learner, Model, ModelError, Round};
use trainer_quality::{Averaging, Evaluation, FlatMetrics, FoldSummary, GateReport, Values};

use crate::config::Config;
use crate::state_file::GivenState;
pub use folds::OutOfFold;
pub use history::Point;
pub use part::{Part, Truth, weights};
pub use parts::Parts;
pub use predicted::Predicted;
pub use recipe::Recipe;
pub use rival::Rival;
pub use watch::Watch;

use crate::progress::Stage;

use folds::{Unseen, choose_decision};
use judgement::Judgement;

/// What a run starts from.
pub struct Material {
    /// The rows to train on.
    pub train: Table,
    /// The rows to judge on, where there are some.
    pub test: Option<Table>,
    /// The columns to use, where a feature store brought them under a service's name.
    pub select: Option<Vec<String>>,
    /// What the features start from, where it was learned before.
    pub state: Option<GivenState>,
    /// A model that this one is held against.
    pub rival: Option<Rival>,
}

/// What stays the same through a run.
pub struct Setting<'a> {
    /// The learner.
    pub learner: &'a dyn Learner,
    /// Where it runs.
    pub device: &'a Device,
    /// Seed of splits, folds and, where the learner names none, the model.
    pub seed: u64,
    /// How classes become one number.
    pub averaging: Averaging,
}

impl Setting<'_> {
    fn fit(
        &self,
        train: &Dataset,
        on_round: &(dyn Fn(&Round) -> ControlFlow<()> + Sync),
    ) -> Result<Fitted, ModelError> {
        self.learner.fit(Job { train, valid: None, device: self.device, seed: self.seed, on_round })
    }
}

/// How many rows each part has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Rows {
    /// Rows that the model was fitted on.
    pub training: usize,
    /// Rows held out of the training file.
    pub validation: usize,
    /// Rows of the test file.
    pub test: usize,
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} training, {} validation, {} test", self.training, self.validation, self.test)
    }
}

/// The part that is reported and gated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JudgedPart {
    /// The test file.
    Test,
    /// The rows held out of the training file.
    Validation,
}

impl JudgedPart {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Validation => "validation",
        }
    }
}

/// What a run comes to.
pub struct Outcome {
    /// The model.
    pub model: Model,
    /// How a table becomes its matrix.
    pub plan: FittedPlan,
    /// Rows of each part.
    pub rows: Rows,
    /// Which part was judged.
    pub judged: JudgedPart,
    /// The rows that the model was fitted on, as they were read.
    pub training_table: Table,
    /// The rows held out of the training file, as they were read.
    pub validation_table: Option<Table>,
    /// The judged rows as they were read.
    pub judged_table: Table,
    /// What the model says about them.
    pub predicted: Predicted,
    /// How good the model is on them.
    pub evaluation: Evaluation,
    /// How good the baseline is on them.
    pub baseline: Values,
    /// Cross-validation, unless it is off.
    pub cross_validation: Option<FoldSummary>,
    /// Parameters that are rules or fractions, with what they came to.
    pub resolved: Vec<(&'static str, String)>,
    /// Scores of the model in the making.
    pub history: Vec<Point>,
    /// All numbers under their flat names.
    pub metrics: FlatMetrics,
    /// What the gates said.
    pub gates: GateReport,
    /// Impurity importance of each feature.
    pub importances: Vec<(String, f64)>,
    /// Permutation importance of each feature on judged rows.
    pub permutation: Vec<Importance>,
    /// What was odd.
    pub warnings: Vec<Warning>,
}

/// Splits, learns the plan and the model, judges it.
///
/// # Errors
/// Data that cannot be learned from, a config that does not fit it, or a stop that was asked for.
pub fn fit(mut material: Material, config: &Config, device: &Device, watch: &dyn Watch) -> anyhow::Result<Outcome> {
    watch.stage(Stage::Features);
    let learner = config.model.as_dyn();
    let mut spec = plan_spec(config);
    spec.select = material.select.take().or(spec.select);
    let mut warnings = Vec::new();
    let rival = material.rival.take();
    let recipe = Recipe { spec, state: material.state.take() };
    warnings.extend(recipe.state.iter().flat_map(GivenState::warnings));
    let parts = Parts::new(material, config, &recipe, device, &mut warnings)?;
    parts.judged()?;
    let training = &config.training;
    let averaging = Averaging::new(training.average, training.positive_label.as_ref(), &parts.train.data.classes)?;
    let setting = Setting { learner, device, seed: config.seed, averaging };

    watch.stage(Stage::Binning);
    let fitted = setting.fit(&parts.train.data, &|round: &Round| {
        // A learner says "none done" when the values are binned and the rounds begin.
        if round.done == 0 {
            watch.stage(Stage::Fit);
        }
        if let Some(planned) = &round.planned {
            watch.note(&planned_on(device, planned));
        }
        watch.step(round.done.into(), round.total.into());
        watch.flow()
    })?;
    let Fitted { mut model, out_of_bag, resolved, warnings: found } = fitted;
    warnings.extend(found);

    let out_of_fold = match training.cv_folds {
        0 => None,
        folds => {
            watch.stage(Stage::CrossValidation);
            warnings.extend(folds::few_rows(&parts.train.data, folds));
            Some(OutOfFold::of(&setting, &parts.train, &recipe, folds, watch)?)
        }
    };

    watch.stage(Stage::Judge);
    let held_out = match &parts.validation {
        Some(part) if training.decision_threshold.is_some() => Some((model.predict(&part.data.matrix, device)?, part)),
        _ => None,
    };
    // Without test rows the validation rows are judged, and a threshold chosen on them would flatter itself.
    let unseen = match (&held_out, &out_of_fold) {
        (Some((proba, part)), _) if parts.test.is_some() => Some(Unseen { proba, truth: part.all_truth() }),
        (_, Some(folds)) => Some(Unseen { proba: &folds.proba, truth: parts.train.all_truth() }),
        (_, None) => None,
    };
    model.decision = choose_decision(&setting, training.decision_threshold.as_ref(), &model, unseen)?;
    let folds = out_of_fold.map(|folds| folds.summary(&setting, &model, &parts.train));
    let mut outcome = Judgement { setting: &setting, config, model, out_of_bag, folds, rival, watch }.outcome(parts)?;
    warnings.append(&mut outcome.warnings);
    Ok(Outcome { warnings, resolved, ..outcome })
}

/// What growing a forest takes of a device, in words.
fn planned_on(device: &Device, planned: &Planned) -> String {
    let of = planned.of_bytes.map(|bytes| format!(" of {}", HumanBytes(bytes))).unwrap_or_default();
    let pages = match (planned.pages, planned.resident) {
        (1, true) => String::new(),
        (pages, true) => format!(", rows in {pages} pages"),
        (pages, false) => format!(", rows in {pages} pages that are brought to the device at each level"),
    };
    let bytes = HumanBytes(planned.bytes);
    format!("{}: {bytes}{of} for {} trees at a time{pages}", device.name(), planned.trees)
}

/// Which columns become features, and what the learner needs of them.
pub fn plan_spec(config: &Config) -> PlanSpec {
    let data = &config.data;
    let ids = config.features.entity.iter().flat_map(|entity| entity.names());
    let never = ids.chain(&data.ignore).chain(&data.weight).chain([&data.target]).cloned();
    PlanSpec {
        select: config.features.features.clone(),
        exclude: never.chain(["event_timestamp".to_owned()]).collect(),
        steps: config.features.steps.clone(),
        needs: Some(config.model.as_dyn().needs()),
        pii: Vec::new(),
    }
}
