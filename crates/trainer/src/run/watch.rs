use std::ops::ControlFlow;

use crate::interrupt;
use crate::progress::{Progress, Stage};

/// Whoever watches a run: shows how far it is, keeps the time, and may ask it to stop.
pub trait Watch: Sync {
    /// A stage begins, and the one before it ends.
    fn stage(&self, stage: Stage);

    /// `done` of `total` pieces of the present stage are done.
    fn step(&self, done: u64, total: u64);

    /// What whoever waits may want to know.
    fn note(&self, text: &str);

    /// `Break` when the run is to stop.
    fn flow(&self) -> ControlFlow<()>;
}

impl Watch for Progress {
    fn stage(&self, stage: Stage) {
        self.enter(stage);
    }

    fn step(&self, done: u64, total: u64) {
        self.count(done, total);
    }

    fn note(&self, text: &str) {
        Progress::note(self, text);
    }

    fn flow(&self) -> ControlFlow<()> {
        interrupt::poll()
    }
}
