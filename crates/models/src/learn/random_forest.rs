//! `random_forest`: trees on rows drawn with replacement, trained in integers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::{Categories, Dataset, FeatureKind, Needs};
use trainer_kernels::cuts::MAX_BINS;
use trainer_kernels::{Device, Drawn, Records, Tree, grow, grow_on, plan_on};

use super::{Job, Learner, Round};
use crate::model::Form;
use crate::{Ensemble, Fitted, Model, ModelError};

mod out_of_bag;
pub(super) mod resolve;
#[cfg(test)]
mod tests;

use out_of_bag::OutOfBagSums;
use resolve::Resolved;

/// A random forest of histogram trees, trained in integers only: the same seed gives the same bytes on every device and
/// with any number of threads. Parameter names and meanings are those of scikit-learn's `RandomForestClassifier`; counts
/// of samples (`min_samples_split`, `min_samples_leaf`) count a row as often as the bootstrap drew it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RandomForest {
    /// Number of trees.
    #[schemars(range(min = 1, max = 100_000))]
    pub n_estimators: u32,
    /// What a split must improve.
    pub criterion: Criterion,
    /// Levels of splits; null = until the leaves are pure.
    #[schemars(range(min = 1))]
    pub max_depth: Option<u32>,
    /// Least samples in a node that is split: a count, or a fraction of the training rows.
    pub min_samples_split: MinSplit,
    /// Least samples in a leaf: a count, or a fraction of the training rows.
    pub min_samples_leaf: MinLeaf,
    /// Least weighted decrease of impurity for a split.
    #[schemars(range(min = 0.0))]
    pub min_impurity_decrease: f64,
    /// Features looked at for a split: `sqrt`, `log2`, a count, a fraction, or null = all.
    pub max_features: Option<MaxFeatures>,
    /// Most leaves of a tree, grown best split first; null = no limit.
    #[schemars(range(min = 2))]
    pub max_leaf_nodes: Option<u32>,
    /// Whether each tree learns from rows drawn with replacement.
    pub bootstrap: bool,
    /// Rows drawn for each tree: a count, or a fraction of the training rows; null = as many as there are.
    pub max_samples: Option<MaxSamples>,
    /// Weights of the classes: `balanced`, `balanced_subsample`, or a map from class to weight; null = all one.
    pub class_weight: Option<ClassWeight>,
    /// Whether to score each row by the trees that did not see it.
    pub oob_score: bool,
    /// Seed of this forest; null = the run's `seed`.
    pub random_state: Option<u64>,
    /// Threads: null or -1 = all, -2 = all but one. The model does not depend on it.
    pub n_jobs: Option<i32>,
    /// Most distinct bins of a number; one more is kept for missing values.
    #[schemars(range(min = 2, max = 255))]
    pub max_bins: u32,
}

impl Default for RandomForest {
    fn default() -> Self {
        Self {
            n_estimators: 100,
            criterion: Criterion::Gini,
            max_depth: None,
            min_samples_split: MinSplit::Count(2),
            min_samples_leaf: MinLeaf::Count(1),
            min_impurity_decrease: 0.0,
            max_features: Some(MaxFeatures::Rule(FeatureRule::Sqrt)),
            max_leaf_nodes: None,
            bootstrap: true,
            max_samples: None,
            class_weight: None,
            oob_score: false,
            random_state: None,
            n_jobs: None,
            max_bins: 255,
        }
    }
}

/// What a split must improve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// Gini impurity.
    Gini,
    /// Shannon entropy, in bits.
    Entropy,
    /// The same as `entropy`, as in scikit-learn.
    LogLoss,
}

/// `min_samples_split`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum MinSplit {
    /// This many samples.
    Count(#[schemars(range(min = 2))] u32),
    /// This part of the training rows, rounded up.
    Fraction(#[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))] f64),
}

/// `min_samples_leaf`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum MinLeaf {
    /// This many samples.
    Count(#[schemars(range(min = 1))] u32),
    /// This part of the training rows, rounded up.
    Fraction(#[schemars(extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0))] f64),
}

/// `max_samples`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum MaxSamples {
    /// This many draws.
    Count(#[schemars(range(min = 1))] u32),
    /// This part of the training rows, rounded.
    Fraction(#[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))] f64),
}

/// `max_features`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum MaxFeatures {
    /// By the number of features.
    Rule(FeatureRule),
    /// This many.
    Count(#[schemars(range(min = 1))] u32),
    /// This part of them, rounded down, at least one.
    Fraction(#[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))] f64),
}

/// A rule that gives `max_features`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FeatureRule {
    /// The square root of the number of features.
    Sqrt,
    /// Its logarithm to base 2.
    Log2,
}

/// `class_weight`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ClassWeight {
    /// By the number of rows of each class.
    Rule(ClassWeightRule),
    /// By the class's name; classes that are not named weigh one.
    Map(BTreeMap<String, f64>),
}

/// A rule that gives `class_weight`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeightRule {
    /// `rows / (classes * rows of the class)`, over the training rows.
    Balanced,
    /// The same, over the rows that each tree drew.
    BalancedSubsample,
}

impl Learner for RandomForest {
    fn needs(&self) -> Needs {
        Needs { categories: Categories::Native { max_levels: MAX_BINS }, missing: true, scaled: false }
    }

    fn fit(&self, job: Job<'_>) -> Result<Fitted, ModelError> {
        match resolve::threads(self.n_jobs)? {
            Some(threads) => {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                let pool = pool.map_err(|error| ModelError::Parameter(format!("n_jobs: {threads} threads: {error}")))?;
                pool.install(|| self.fit_here(job))
            }
            None => self.fit_here(job),
        }
    }
}

impl RandomForest {
    fn fit_here(&self, job: Job<'_>) -> Result<Fitted, ModelError> {
        let data = job.train;
        let resolved = Resolved::new(self, data, job.seed)?;
        let records = bin(data, self.max_bins, resolved.seed);
        let total = self.n_estimators;
        let stopped = |done| ModelError::Stopped { done, total };
        let out_of_bag = self.oob_score.then(|| OutOfBagSums::new(data.y.len(), data.classes.len(), total));
        let done = AtomicU32::new(0);
        let on_tree = |number: u32, tree: &Tree, drawn: &Drawn<'_>| {
            if let Some(sums) = &out_of_bag {
                sums.add(number, tree, &records, &drawn.counts());
            }
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            (job.on_round)(&Round::of(done, total))
        };
        let multipliers = resolved.multipliers();
        let forest = resolved.forest(self, &records, &multipliers);
        let planned = match job.device {
            Device::Cpu => None,
            Device::Gpu(gpu) => Some(plan_on(gpu, &forest)?),
        };
        // Binned, no tree yet: the caller's clock tells the two stages apart by this.
        if (job.on_round)(&Round { planned, ..Round::of(0, total) }).is_break() {
            return Err(stopped(0));
        }
        let trees = match job.device {
            Device::Cpu => grow(&forest, &on_tree),
            Device::Gpu(gpu) => grow_on(gpu, &forest, &on_tree)?,
        };
        let Some(trees) = trees else { return Err(stopped(done.into_inner())) };
        let mut ensemble = Ensemble::new(data.classes.len());
        trees.iter().for_each(|tree| ensemble.push(tree, records.bins()));
        let (features, classes) = (data.matrix.features.clone(), data.classes.clone());
        let model = Model { form: Form::Trees(ensemble), features, classes, decision: None };
        let out_of_bag = out_of_bag.map(OutOfBagSums::finish).unwrap_or_default();
        Ok(Fitted { model, out_of_bag, resolved: resolved.parameters(), warnings: resolved.warnings })
    }
}

/// The rows of a data set, binned.
pub(super) fn bin(data: &Dataset, max_bins: u32, seed: u64) -> Records {
    let levels: Vec<Option<u32>> = data
        .matrix
        .features
        .iter()
        .map(|feature| match &feature.kind {
            FeatureKind::Number => None,
            FeatureKind::Category { levels } => Some(levels.len() as u32),
        })
        .collect();
    Records::bin(data.matrix.x.view(), &levels, &data.y, max_bins, seed)
}
