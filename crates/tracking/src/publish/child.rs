//! Runs nested under the run.

use super::{Result, Road};
use crate::record::{Child, RunStatus, Tag};
use crate::store::{ExperimentInfo, RunInfo};

impl Road<'_> {
    pub(super) fn children(&mut self, parent: &RunInfo) -> Result<()> {
        let children = &self.record.children;
        for (index, child) in children.iter().enumerate() {
            self.say(&format!("{} ({} of {})", child.name, index + 1, children.len()));
            self.child(parent, child)?;
        }
        self.store.flush()
    }

    fn child(&mut self, parent: &RunInfo, child: &Child) -> Result<()> {
        let experiment = ExperimentInfo { id: parent.experiment_id.clone(), name: String::new(), deleted: false };
        let nested = [Tag::new("mlflow.parentRunId", &parent.id)];
        let (start_ms, end_ms) = (self.record.start_ms, self.record.end_ms);
        let (run, is_new) = self.run_of(&experiment, &child.key, &child.name, start_ms, &nested)?;
        let there = if is_new { None } else { self.store.run(&run.id)? };
        let is_there = |param: &Tag| there.iter().any(|run| run.params.iter().any(|other| other.key == param.key));
        let params: Vec<_> = child.params.iter().filter(|param| !is_there(param)).cloned().collect();
        self.store.log_batch(&run.id, &params, &child.metrics, &child.tags, None, &[])?;
        self.store.end_run(&run.id, RunStatus::Finished, end_ms)
    }
}
