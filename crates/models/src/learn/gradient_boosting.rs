//! `gradient_boosting`: trees that each mend what those before them get wrong, trained in integers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::{Categories, Dataset, Needs};
use trainer_kernels::boost::BoostedTree;
use trainer_kernels::cuts::MAX_BINS;
use trainer_kernels::{Device, Records};

use super::random_forest::{MaxFeatures, bin, resolve::threads};
use super::{Job, Learner, Round};
use crate::ensemble::{Ensemble, Link};
use crate::model::Form;
use crate::{Fitted, Model, ModelError};

mod resolve;
mod stopping;
#[cfg(test)]
mod tests;

use resolve::Resolved;
use stopping::Judge;

/// Boosted histogram trees on the log loss, trained in integers only: the same seed gives the same bytes with any number of
/// threads. Parameter names and meanings are those of scikit-learn's `HistGradientBoostingClassifier`; `subsample`,
/// `min_child_weight` and `grow_policy` are XGBoost's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GradientBoosting {
    /// How much of its answer a tree gives.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))]
    pub learning_rate: f64,
    /// Rounds: one tree each for two classes, one a class for more.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_iter: u32,
    /// Most leaves of a tree; null = no limit.
    #[schemars(range(min = 2))]
    pub max_leaf_nodes: Option<u32>,
    /// Levels of splits; null = no limit.
    #[schemars(range(min = 1))]
    pub max_depth: Option<u32>,
    /// Which node is split next.
    pub grow_policy: GrowPolicy,
    /// Least rows of a leaf.
    #[schemars(range(min = 1))]
    pub min_samples_leaf: u32,
    /// Least sum of second derivatives in a leaf.
    #[schemars(range(min = 0.0))]
    pub min_child_weight: f64,
    /// L2 on what leaves answer.
    #[schemars(range(min = 0.0))]
    pub l2_regularization: f64,
    /// Part of the rows that each round learns from, drawn without replacement.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))]
    pub subsample: f64,
    /// Features looked at for a split: `sqrt`, `log2`, a count, a fraction, or null = all.
    pub max_features: Option<MaxFeatures>,
    /// Most distinct bins of a number; one more is kept for missing values.
    #[schemars(range(min = 2, max = 255))]
    pub max_bins: u32,
    /// By a feature's name, whether the margin of the second class may only rise (1) or fall (-1) with it. Two classes only.
    #[schemars(extend("additionalProperties" = {"enum": [-1, 0, 1]}))]
    pub monotonic_cst: BTreeMap<String, i8>,
    /// Features, by name, that may meet on a way from root to leaf; one that is in no group meets no other. Null = all may.
    pub interaction_cst: Option<Vec<Vec<String>>>,
    /// Whether to stop when the loss on rows kept aside falls no more; the rounds up to the best are kept. `auto` = with
    /// more than 10,000 rows.
    pub early_stopping: EarlyStopping,
    /// Part of the training rows kept aside for that, of each class alike.
    #[schemars(extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0))]
    pub validation_fraction: f64,
    /// Rounds without a better loss before it stops.
    #[schemars(range(min = 1))]
    pub n_iter_no_change: u32,
    /// By how much a loss must be lower to be better.
    #[schemars(range(min = 0.0))]
    pub tol: f64,
    /// Weights of the classes: `balanced`, or a map from class to weight; null = all one.
    pub class_weight: Option<BalancedOrMap>,
    /// Seed of this model; null = the run's `seed`.
    pub random_state: Option<u64>,
    /// Threads: null or -1 = all, -2 = all but one. The model does not depend on it.
    pub n_jobs: Option<i32>,
}

impl Default for GradientBoosting {
    fn default() -> Self {
        Self {
            learning_rate: 0.1,
            max_iter: 100,
            max_leaf_nodes: Some(31),
            max_depth: None,
            grow_policy: GrowPolicy::Lossguide,
            min_samples_leaf: 20,
            min_child_weight: 1e-3,
            l2_regularization: 0.0,
            subsample: 1.0,
            max_features: None,
            max_bins: 255,
            monotonic_cst: BTreeMap::new(),
            interaction_cst: None,
            early_stopping: EarlyStopping::Always(false),
            validation_fraction: 0.1,
            n_iter_no_change: 10,
            tol: 1e-7,
            class_weight: None,
            random_state: None,
            n_jobs: None,
        }
    }
}

/// `grow_policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrowPolicy {
    /// The split that lowers the loss most.
    Lossguide,
    /// Level by level.
    Depthwise,
}

/// `early_stopping`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum EarlyStopping {
    /// Whatever the data.
    Always(bool),
    /// By the number of rows.
    Rule(EarlyStoppingRule),
}

/// A rule for `early_stopping`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EarlyStoppingRule {
    /// With more than 10,000 rows.
    Auto,
}

/// `class_weight` of learners that draw no rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum BalancedOrMap {
    /// By the number of rows of each class.
    Rule(BalancedRule),
    /// By the class's name; classes that are not named weigh one.
    Map(BTreeMap<String, f64>),
}

/// A rule that gives `class_weight`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BalancedRule {
    /// `rows / (classes * rows of the class)`.
    Balanced,
}

/// What XGBoost and LightGBM call parameters that mean the same.
const SYNONYMS: &[(&str, &str)] = &[
    ("eta", "learning_rate"),
    ("shrinkage_rate", "learning_rate"),
    ("n_estimators", "max_iter"),
    ("num_boost_round", "max_iter"),
    ("num_iterations", "max_iter"),
    ("num_leaves", "max_leaf_nodes"),
    ("max_leaves", "max_leaf_nodes"),
    ("min_child_samples", "min_samples_leaf"),
    ("min_data_in_leaf", "min_samples_leaf"),
    ("min_sum_hessian_in_leaf", "min_child_weight"),
    ("lambda", "l2_regularization"),
    ("reg_lambda", "l2_regularization"),
    ("lambda_l2", "l2_regularization"),
    ("bagging_fraction", "subsample"),
    ("colsample_bynode", "max_features"),
    ("feature_fraction_bynode", "max_features"),
    ("max_bin", "max_bins"),
    ("monotone_constraints", "monotonic_cst"),
    ("interaction_constraints", "interaction_cst"),
    ("seed", "random_state"),
    ("nthread", "n_jobs"),
    ("num_threads", "n_jobs"),
];

impl Learner for GradientBoosting {
    fn synonyms(&self) -> &'static [(&'static str, &'static str)] {
        SYNONYMS
    }

    fn needs(&self) -> Needs {
        Needs { categories: Categories::Native { max_levels: MAX_BINS }, missing: true, scaled: false }
    }

    fn fit(&self, job: Job<'_>) -> Result<Fitted, ModelError> {
        if let Device::Gpu(_) = job.device {
            let message = "gradient_boosting trains on the CPU, found a GPU as device\n  hint: set `device: cpu`";
            return Err(ModelError::Parameter(message.into()));
        }
        match threads(self.n_jobs)? {
            Some(threads) => {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                let pool = pool.map_err(|error| ModelError::Parameter(format!("n_jobs: {threads} threads: {error}")))?;
                pool.install(|| self.fit_here(job))
            }
            None => self.fit_here(job),
        }
    }
}

impl GradientBoosting {
    fn fit_here(&self, job: Job<'_>) -> Result<Fitted, ModelError> {
        let resolved = Resolved::new(self, job.train, job.seed)?;
        let (train, aside) = resolved.parts(job.train);
        let aside = job.valid.filter(|_| resolved.stops).or(aside.as_ref());
        let records = bin(&train, self.max_bins, resolved.seed);
        let classes: Vec<u8> = train.y.iter().map(|&class| class as u8).collect();
        let weights = resolved.weights(&train);
        let start = resolved.start(&classes, &weights);
        let mut judge = aside.map(|aside| Judge::new(self, aside, &resolved.class_weights, &records, &start));
        let boosting = resolved.boosting(&records, &classes, &weights);
        let mut margins: Vec<i64> = start.iter().flat_map(|&start| vec![start; classes.len()]).collect();
        let mut trees: Vec<BoostedTree> = Vec::new();
        let total = self.max_iter;
        let tell = |done| match (job.on_round)(&Round::of(done, total)).is_break() {
            true => Err(ModelError::Stopped { done, total }),
            false => Ok(()),
        };
        tell(0)?;
        for round in 0..total {
            let grown = boosting.round(round, &mut margins);
            let goes_on = judge.as_mut().is_none_or(|judge| judge.goes_on(&grown));
            trees.extend(grown);
            tell(round + 1)?;
            if !goes_on {
                break;
            }
        }
        if let Some(judge) = &judge {
            trees.truncate(judge.best_round() * boosting.outputs);
        }
        let rounds = trees.len() / boosting.outputs;
        Ok(Fitted {
            model: model(job.train, &trees, &records, start),
            out_of_bag: vec![],
            resolved: resolved.parameters(rounds, judge.as_ref()),
            warnings: resolved.warnings,
        })
    }
}

fn model(data: &Dataset, trees: &[BoostedTree], records: &Records, start: Vec<i64>) -> Model {
    let link = Link::Margins { start };
    let mut ensemble = Ensemble { link, ..Ensemble::new(data.classes.len()) };
    trees.iter().for_each(|tree| ensemble.push_boosted(tree, records.bins()));
    let (features, classes) = (data.matrix.features.clone(), data.classes.clone());
    Model { form: Form::Trees(ensemble), features, classes, decision: None }
}
