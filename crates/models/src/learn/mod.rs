//! What learns: one file a learner, one row here.

mod class_weight;

use std::ops::ControlFlow;

use one_of::one_of;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::{Dataset, Needs};
use trainer_kernels::{Device, Planned};

use crate::{Fitted, ModelError};

one_of! {
    /// Which model is fitted, with its parameters.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(tag = "type", content = "params", rename_all = "snake_case")]
    pub enum AnyLearner: Learner {
        random_forest::RandomForest,
        gradient_boosting::GradientBoosting,
        dummy::Dummy,
    }
}

/// How far a fit has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// Rounds (for a forest: trees) that are done.
    pub done: u32,
    /// Rounds in all.
    pub total: u32,
    /// Told once, before the first round on a GPU: what it takes of the device.
    pub planned: Option<Planned>,
}

impl Round {
    /// So many of so many.
    pub fn of(done: u32, total: u32) -> Self {
        Self { done, total, planned: None }
    }
}

/// Called after each round, from whichever thread finished it; `Break` ends the fit with [`ModelError::Stopped`].
pub type Progress<'a> = dyn Fn(&Round) -> ControlFlow<()> + Sync + 'a;

/// One fit: the data, where it runs, and the door through which progress, early stop and SIGTERM pass.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// The rows to learn from.
    pub train: &'a Dataset,
    /// Rows for early stopping; learners that have no rounds to stop ignore them.
    pub valid: Option<&'a Dataset>,
    /// Where it runs.
    pub device: &'a Device,
    /// The run's seed, used where the learner's parameters name none.
    pub seed: u64,
    /// See [`Progress`].
    pub on_round: &'a Progress<'a>,
}

/// Something that can be fitted. The parameters are the learner.
pub trait Learner: Sync {
    /// What it needs of its matrix.
    fn needs(&self) -> Needs;

    /// Learns from `job.train`.
    ///
    /// # Errors
    /// Parameters that do not fit the data, data that the learner can't take, or a stop that was asked for.
    fn fit(&self, job: Job<'_>) -> Result<Fitted, ModelError>;

    /// Parameters by the names that other libraries have for them, each with its name here.
    fn synonyms(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Whether `training.epochs` and `training.batch_size` mean something to it.
    fn is_iterative(&self) -> bool {
        false
    }
}
