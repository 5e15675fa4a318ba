//! What is to be learned, as JSON.

use pyo3::PyResult;
use serde::Deserialize;
use trainer_features::step::mask::Secret;
use trainer_features::{PlanSpec, Step};

use crate::fault::refused;

/// The part of a config that a plan is made from: there is no learner, and columns go into a table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    /// The columns to use; none = all that are not excluded.
    #[serde(default)]
    select: Option<Vec<String>>,
    /// Columns that stay as they are.
    #[serde(default)]
    exclude: Vec<String>,
    /// Columns of personal data.
    #[serde(default)]
    pii: Vec<String>,
    /// What is done to the columns, in order.
    steps: Vec<Step>,
}

/// The specification of a plan.
pub fn plan_spec(json: &str) -> PyResult<PlanSpec> {
    let spec: Spec = serde_json::from_str(json)
        .map_err(|problem| refused("spec", format!("expected the steps of a feature plan as JSON: {problem}")))?;
    let Spec { select, exclude, pii, steps } = spec;
    Ok(PlanSpec { select, exclude, steps, needs: None, pii })
}

/// The keys of its `mask` steps: no file has them, so they must go along with it.
pub fn keys(spec: &PlanSpec) -> Vec<String> {
    let key = |step: &Step| match step {
        Step::Mask(mask) => match &mask.key {
            Some(Secret::Key(key)) => Some(key.clone()),
            _ => None,
        },
        _ => None,
    };
    spec.steps.iter().filter_map(key).collect()
}
