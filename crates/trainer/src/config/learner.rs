//! Stands in for `trainer_models::AnyLearner` until it lands.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which learner is fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "params", rename_all = "snake_case")]
pub enum AnyLearner {
    /// `random_forest`
    RandomForest(RandomForest),
    /// `dummy`
    Dummy(Dummy),
}

/// A random forest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RandomForest {
    /// Number of trees.
    pub n_estimators: NonZeroU32,
    /// Largest depth of a tree; null: until the leaves are pure.
    pub max_depth: Option<NonZeroU32>,
    /// Seed.
    pub random_state: Option<u64>,
}

impl Default for RandomForest {
    fn default() -> Self {
        Self { n_estimators: NonZeroU32::new(100).expect("not zero"), max_depth: None, random_state: None }
    }
}

/// Always the most frequent class.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dummy {}
