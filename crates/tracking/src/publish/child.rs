//! Runs nested under the run.

use super::{Result, Road};
use crate::record::{Child, RunStatus, Tag};
use crate::store::{ExperimentInfo, RunInfo};

/// The tag that names the run above.
pub const PARENT: &str = "mlflow.parentRunId";

impl Road<'_> {
    /// Comes back with their ids.
    pub(super) fn children(&mut self, parent: &RunInfo) -> Result<Vec<String>> {
        let children = &self.record.children;
        let mut ids = Vec::new();
        for (index, child) in children.iter().enumerate() {
            self.say(&format!("{} ({} of {})", child.name, index + 1, children.len()));
            ids.push(self.child(parent, child)?);
        }
        self.store.flush()?;
        Ok(ids)
    }

    fn child(&mut self, parent: &RunInfo, child: &Child) -> Result<String> {
        let experiment = ExperimentInfo { id: parent.experiment_id.clone(), name: String::new(), deleted: false };
        let nested = [Tag::new(PARENT, &parent.id)];
        let (start_ms, end_ms) = (self.record.start_ms, self.record.end_ms);
        let (run, is_new) = self.run_of(&experiment, &child.key, &child.name, start_ms, &nested)?;
        let there = if is_new { None } else { self.store.run(&run.id)? };
        let is_there = |param: &Tag| there.iter().any(|run| run.params.iter().any(|other| other.key == param.key));
        let params: Vec<_> = child.params.iter().filter(|param| !is_there(param)).cloned().collect();
        self.store.log_batch(&run.id, &params, &child.metrics, &child.tags, None, &[])?;
        self.store.end_run(&run.id, RunStatus::Finished, end_ms)?;
        Ok(run.id)
    }
}
