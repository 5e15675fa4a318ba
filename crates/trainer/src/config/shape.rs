//! What a config may say: the typed sections. Learners, steps, expectations and gates bring their own structs.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use trainer_data::{CsvOptions, Format, Label};
use trainer_features::Step;
use trainer_features::expectation::AnyExpectation;
use trainer_kernels::DeviceSpec;
use trainer_models::AnyLearner;
use trainer_quality::{Average, DecisionThreshold, Gates};

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
    /// What is registered, and promoted behind the gates.
    #[serde(default)]
    pub registry: Registry,
    /// What the judged part's metrics must reach: `accuracy: 0.85`, or `{metric: recall, min: 0.75, on: lower_bound}`.
    #[serde(default)]
    pub quality_gates: Gates,
    /// Seed of splits and folds, and of the model where `random_state` is not given.
    #[serde(default)]
    pub seed: u64,
    /// Where it runs: auto, cpu, wgpu:N or cuda:N. A named device that is missing is an error.
    #[serde(default = "auto")]
    pub device: String,
}

impl Config {
    /// The device that is asked for.
    ///
    /// # Errors
    /// Text that names no device; never after [`super::load()`].
    pub fn device_spec(&self) -> Result<DeviceSpec, String> {
        self.device.parse()
    }
}

pub(super) fn auto() -> String {
    "auto".into()
}

/// What this project is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// Name of the project; part of the run folder's name.
    #[schemars(length(min = 1))]
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
    #[schemars(length(min = 1))]
    pub source: String,
    /// Training rows: a file, a folder of files, or a glob.
    #[schemars(length(min = 1))]
    pub train_path: String,
    /// Test rows; without them the validation part is reported and gated.
    #[serde(default)]
    pub test_path: Option<String>,
    /// Part of the training rows that is held out, stratified by class; 0 where test rows are judged and none are needed.
    #[serde(default)]
    pub validation_split: Fraction,
    /// Column to predict.
    #[serde(default = "target")]
    #[schemars(length(min = 1))]
    pub target: String,
    /// Columns that are not read as features.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// Column of row weights.
    #[serde(default)]
    pub weight: Option<String>,
    /// Format of the files; absent: by each file's extension.
    #[serde(default)]
    pub format: Option<Format>,
    /// How CSV files are written.
    #[serde(default)]
    pub csv: CsvOptions,
    /// What must hold of the training rows before anything is fitted.
    #[serde(default)]
    pub expectations: Option<Expectations>,
}

/// Expectations in the config, or a file of them.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Expectations {
    /// A suite in Great Expectations' own JSON (1.x or 0.18), by path.
    File(String),
    /// Each one key, the name of an expectation, with its parameters.
    Inline(#[schemars(length(min = 1))] Vec<AnyExpectation>),
}

fn target() -> String {
    "target".into()
}

/// By hand: `untagged` would lose which expectation is wrong, and why.
impl<'de> Deserialize<'de> for Expectations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FileOrList;

        impl<'de> Visitor<'de> for FileOrList {
            type Value = Expectations;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the path of a suite, or a list of expectations")
            }

            fn visit_str<E: de::Error>(self, path: &str) -> Result<Expectations, E> {
                Ok(Expectations::File(path.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Expectations, A::Error> {
                let mut expectations = Vec::new();
                while let Some(expectation) = list.next_element()? {
                    expectations.push(expectation);
                }
                Ok(Expectations::Inline(expectations))
            }
        }

        deserializer.deserialize_any(FileOrList)
    }
}

/// A part: at least 0, and below 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Fraction(f64);

impl JsonSchema for Fraction {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Fraction".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0.0, "exclusiveMaximum": 1.0 })
    }
}

impl TryFrom<f64> for Fraction {
    type Error = String;

    fn try_from(number: f64) -> Result<Self, String> {
        let inside = (0.0..1.0).contains(&number);
        if inside { Ok(Self(number)) } else { Err(format!("expected at least 0 and below 1, found {number}")) }
    }
}

impl From<Fraction> for f64 {
    fn from(fraction: Fraction) -> Self {
        fraction.0
    }
}

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
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Features {
    /// Folder of a feature store, a Feast repository or one with a `store.yaml`: the rows have ids and `event_timestamp`,
    /// and get the features as they were known at that time. Absent: the features are columns of the rows.
    #[schemars(length(min = 1))]
    pub store_path: Option<String>,
    /// Id column, or columns: never features, kept in predictions.
    pub entity: Option<OneOrMany>,
    /// The columns to use, `column` or `view:column`; absent: all that are left.
    pub features: Option<Vec<String>>,
    /// Feature service of the store, instead of `features`.
    #[schemars(length(min = 1))]
    pub service: Option<String>,
    /// Whether the store's features are called `view__feature`.
    pub full_names: bool,
    /// Whether rows of the store that were created after a row's time are not seen: late corrections let nothing look ahead.
    pub created_cutoff: bool,
    /// State that `trainer features run` or `fit` wrote, local or `s3://bucket/path`: its steps come first, with what they
    /// learned then, and nothing of them is learned again. The keys of this section and `data.ignore` mean the columns
    /// that it makes.
    #[schemars(length(min = 1))]
    pub state: Option<String>,
    /// What is done to columns, in order, after those of `state`; none: what the learner needs, decided by type.
    pub steps: Vec<Step>,
}

/// How the model is trained and judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Training {
    /// Experiment that runs are grouped under; absent: the project's name.
    pub experiment_name: Option<String>,
    /// Name of the run; absent: that of the run folder.
    pub run_name: Option<String>,
    /// Where runs are logged: an MLflow server (`http://mlflow:5000`), `sqlite:///path/mlflow.db`, or `none`; absent: the
    /// embedded store, `./mlflow.db` with `./mlruns`.
    pub tracking_uri: Option<String>,
    /// Whether the load of processor, memory, disk and network is logged too.
    pub system_metrics: bool,
    /// Whether each fold of the cross-validation is a run of its own, nested under this one.
    pub nested_folds: bool,
    /// Passes over the data; used by iterative learners.
    pub epochs: Option<NonZeroU32>,
    /// Rows a step; used by iterative learners.
    pub batch_size: Option<NonZeroU32>,
    /// Folds of the cross-validation; 0: off.
    pub cv_folds: u32,
    /// How precision, recall and F1 of the classes become one number.
    pub average: Average,
    /// Label of the class that counts as positive; absent: the second of two, in order.
    pub positive_label: Option<Label>,
    /// Probability from which a row is called positive: a number, `max_f1`, `max_balanced_accuracy`, or
    /// `{precision: 0.8}`; absent: the most probable class.
    pub decision_threshold: Option<DecisionThreshold>,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            experiment_name: None,
            run_name: None,
            tracking_uri: None,
            system_metrics: false,
            nested_folds: false,
            epochs: None,
            batch_size: None,
            cv_folds: 5,
            average: Average::default(),
            positive_label: None,
            decision_threshold: None,
        }
    }
}

/// What is registered, and promoted behind the gates.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Registry {
    /// The registered model; absent: the project's name, and only for a model that passed its gates.
    pub name: Option<String>,
    /// Alias to point at the version when every gate passes, such as `champion` or `challenger`; null: register only.
    pub promote: Option<String>,
    /// Alias of the version that the model is held against on the judged rows, as one more gate for each metric that has
    /// one; null: none.
    pub compare_to: Option<String>,
    /// By how much a metric may be worse than that version's.
    #[schemars(range(min = 0.0))]
    pub tolerance: f64,
    /// What happens to a model that fails a gate; absent: it is registered where `name` is given.
    pub on_failure: Option<OnFailure>,
    /// Where the registry is, when it is not at `training.tracking_uri`.
    pub uri: Option<String>,
}

/// What happens to a model that fails a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// A version is made and marked as rejected; no alias moves.
    Register,
    /// No version is made.
    Skip,
}
