use trainer_data::{Table, Warning};
use trainer_features::{FittedPlan, PlanSpec};

use crate::state_file::GivenState;

/// How a plan comes of rows.
pub struct Recipe {
    /// What is learned from them.
    pub spec: PlanSpec,
    /// What was learned before, and comes first.
    pub state: Option<GivenState>,
}

impl Recipe {
    /// Learns a plan from some rows; `y` is the class of each.
    ///
    /// # Errors
    /// Those of [`trainer_features::fit`] and of [`GivenState::fit`].
    pub fn fit(&self, table: &Table, y: &[u32]) -> anyhow::Result<(FittedPlan, Vec<Warning>)> {
        match &self.state {
            None => Ok(trainer_features::fit(table, Some(y), &self.spec)?),
            Some(state) => state.fit(table, y, &self.spec),
        }
    }
}
