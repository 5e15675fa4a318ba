//! The kinds of config: what is the same for each is the loader, what differs is here.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use trainer_features::expectation::AnyExpectation;
use trainer_features::feast::{Repository, StoreSpec};
use trainer_models::AnyLearner;

use super::problem::{Code, Problem};
use super::rule::Rules;
use super::tree::{Node, Value};
use super::{Config, FeatureConfig, rule};

/// A kind of config file.
pub trait Document: Serialize + DeserializeOwned + JsonSchema {
    /// The title of its schema.
    const TITLE: &str;

    /// Variables of the environment with this start are laid over the file.
    const PREFIX: &str;

    /// Whether the variables of the MLflow client are laid over it.
    const MLFLOW_VARIABLES: bool;

    /// Holds it against every rule between its values.
    fn rules(&self) -> Rules;

    /// Values that do no harm, for the keys that it cannot do without: so that rules can be held against what is right of
    /// a file in which other things are wrong.
    fn harmless() -> Json;

    /// Brings names that may be written in several ways to the one that the schema knows; `notes` tells which ones may
    /// surprise.
    fn plain_names(_tree: &mut Node, _notes: &mut Vec<String>) {}
}

impl Document for Config {
    const TITLE: &str = "trainer config";
    /// `TRAINER__TRAINING__CV_FOLDS=0` sets `training.cv_folds`.
    const PREFIX: &str = "TRAINER__";
    const MLFLOW_VARIABLES: bool = true;

    fn rules(&self) -> Rules {
        rule::check(self)
    }

    fn harmless() -> Json {
        serde_json::json!({
            "project": { "name": "?" },
            "data": { "source": "?", "train_path": "?" },
            "model": { "type": AnyLearner::NAMES[0], "params": {} },
        })
    }

    fn plain_names(tree: &mut Node, notes: &mut Vec<String>) {
        plain_parameters(tree, notes);
        plain_expectations(tree.at_mut(["data", "expectations"]));
        plain_steps(tree.at_mut(["features", "steps"]));
    }
}

/// `store.yaml`: a feature store without a registry.
impl Document for StoreSpec {
    const TITLE: &str = "trainer feature store";
    const PREFIX: &str = "TRAINER_STORE__";
    const MLFLOW_VARIABLES: bool = false;

    fn rules(&self) -> Rules {
        let conflicts = self
            .faults()
            .into_iter()
            .map(|(path, fault)| (path, Problem { hint: fault.hint, ..Problem::new(Code::Conflict, fault.message) }));
        Rules { conflicts: conflicts.collect(), ..Rules::default() }
    }

    fn harmless() -> Json {
        serde_json::json!({ "project": "?", "views": [] })
    }
}

/// `feature_store.yaml` of a Feast repository: what is not read may be anything.
impl Document for Repository {
    const TITLE: &str = "feature_store.yaml";
    const PREFIX: &str = "TRAINER_FEAST__";
    const MLFLOW_VARIABLES: bool = false;

    fn rules(&self) -> Rules {
        Rules::default()
    }

    fn harmless() -> Json {
        serde_json::json!({ "project": "?" })
    }
}

impl Document for FeatureConfig {
    const TITLE: &str = "trainer features config";
    /// `TRAINER_FEATURES__STORE__PATH=out.parquet` sets `store.path`.
    const PREFIX: &str = "TRAINER_FEATURES__";
    const MLFLOW_VARIABLES: bool = false;

    fn rules(&self) -> Rules {
        rule::check_features(self)
    }

    fn harmless() -> Json {
        serde_json::json!({
            "project": { "name": "?" },
            "extract": { "path": "?" },
            "store": { "path": "?.parquet" },
        })
    }

    fn plain_names(tree: &mut Node, _notes: &mut Vec<String>) {
        plain_expectations(tree.at_mut(["validate", "expectations"]));
        plain_steps(tree.at_mut(["build"]));
    }
}

/// Parameters of the learner by names of other libraries. Where its own name stands too, neither is taken for the other.
fn plain_parameters(tree: &mut Node, notes: &mut Vec<String>) {
    let Some(Value::Text(name)) = tree.at(["model", "type"]).map(|node| &node.value) else { return };
    let asked = serde_json::json!({ "type": name.value, "params": {} });
    let Ok(learner) = serde_json::from_value::<AnyLearner>(asked) else { return };
    let Some(params) = tree.at_mut(["model", "params"]) else { return };
    for (other, own) in learner.as_dyn().synonyms() {
        let is_alone = params.entry(own).is_none();
        if let Value::Map(entries) = &mut params.value
            && let Some(entry) = entries.iter_mut().find(|entry| is_alone && entry.key == *other)
        {
            entry.key = (*own).to_owned();
            notes.push(format!("model.params.{other} is read as {own}, its name here"));
        }
    }
}

/// Expectations may carry the prefix that Great Expectations gives them; the schema knows them without.
pub fn plain_expectations(list: Option<&mut Node>) {
    let Some(Value::List(items)) = list.map(|node| &mut node.value) else { return };
    for item in items {
        let Value::Map(entries) = &mut item.value else { continue };
        for entry in entries {
            let plain = entry.key.strip_prefix("expect_").filter(|name| AnyExpectation::NAMES.contains(name));
            if let Some(plain) = plain {
                entry.key = plain.to_owned();
            }
        }
    }
}

/// A step that adds a column says `into`; `output` is what it was once called.
fn plain_steps(list: Option<&mut Node>) {
    let Some(Value::List(items)) = list.map(|node| &mut node.value) else { return };
    for item in items {
        let Value::Map(entries) = &mut item.value else { continue };
        for step in entries.iter_mut().filter(|entry| matches!(entry.key.as_str(), "row_sum" | "ratio")) {
            let Value::Map(parameters) = &mut step.node.value else { continue };
            if parameters.iter().any(|parameter| parameter.key == "into") {
                continue;
            }
            if let Some(output) = parameters.iter_mut().find(|parameter| parameter.key == "output") {
                output.key = "into".to_owned();
            }
        }
    }
}
