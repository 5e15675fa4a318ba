//! What a config may say: the typed sections. Learners, steps, expectations and gates bring their own structs.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::Label;

use super::AnyLearner;

/// A training project: data, features, model, and the gates that it must pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What this project is called.
    pub project: Project,
    /// Where the rows are.
    pub data: Data,
    /// Which columns become features, and how.
    #[serde(default)]
    pub features: Features,
    /// The learner.
    pub model: AnyLearner,
    /// How it is trained and judged.
    #[serde(default)]
    pub training: Training,
    /// Seed of splits and folds, and of the model where `random_state` is not given.
    #[serde(default)]
    pub seed: u64,
    /// Where it runs: auto, cpu, wgpu:N or cuda:N. A named device that is missing is an error.
    #[serde(default = "auto")]
    pub device: String,
}

fn auto() -> String {
    "auto".into()
}

/// What this project is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// Name of the project; part of the run folder's name.
    pub name: String,
    /// The project's own version.
    #[serde(default)]
    pub version: Option<String>,
}

/// Where the rows are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Folder, or s3://bucket/prefix/; the paths below are relative to it.
    pub source: String,
    /// Training rows: a file, a folder of files, or a glob.
    pub train_path: String,
    /// Test rows; without them the validation part is reported and gated.
    #[serde(default)]
    pub test_path: Option<String>,
    /// Part of the training rows that is held out, stratified by class.
    #[serde(default)]
    pub validation_split: Fraction,
    /// Column to predict.
    #[serde(default = "target")]
    pub target: String,
    /// Columns that are not read as features.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// Column of row weights.
    #[serde(default)]
    pub weight: Option<String>,
}

fn target() -> String {
    "target".into()
}

/// A number between 0 and 1, both excluded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Fraction(f64);

impl Fraction {
    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Default for Fraction {
    fn default() -> Self {
        Self(0.2)
    }
}

/// One name, or a list of names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One name.
    One(String),
    /// Several names.
    Many(Vec<String>),
}

impl OneOrMany {
    /// The names.
    pub fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
    }
}

/// Which columns become features, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Features {
    /// Id column, or columns: never features, kept in predictions.
    pub entity: Option<OneOrMany>,
    /// The columns to use, `column` or `view:column`; absent: all that are left.
    pub features: Option<Vec<String>>,
}

/// How the model is trained and judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Training {
    /// Experiment that runs are grouped under; absent: the project's name.
    pub experiment_name: Option<String>,
    /// Tracking server; absent or `none`: off.
    pub tracking_uri: Option<String>,
    /// Passes over the data; used by iterative learners.
    pub epochs: Option<NonZeroU32>,
    /// Rows a step; used by iterative learners.
    pub batch_size: Option<NonZeroU32>,
    /// Folds of the cross-validation; 0: off.
    pub cv_folds: u32,
    /// Label of the class that counts as positive.
    pub positive_label: Option<Label>,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            experiment_name: None,
            tracking_uri: None,
            epochs: None,
            batch_size: None,
            cv_folds: 5,
            positive_label: None,
        }
    }
}
