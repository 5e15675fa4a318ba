//! The build: steps of rows and of columns, each over what the one before it gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use trainer_data::{Scan, ScanError, Table, Warning};
use trainer_engine::{Engine, Tally};
use trainer_features::step::coerce::resolve;
use trainer_features::{FeatureState, Fitting, PlanScan, PlanSpec, Step, fit};
use trainer_kernels::Device;

use super::summary::PartSummary;
use crate::config::BuildStep;

/// What a build needs beside its rows.
pub struct Workshop<'a> {
    /// Makes rows of rows.
    pub engine: &'a Engine,
    /// Where columns are made.
    pub device: &'a Device,
    /// Further rows, by name.
    pub inputs: &'a BTreeMap<String, Arc<dyn Scan>>,
    /// Columns that are never shown.
    pub pii: &'a [String],
    /// Whether text that says numbers has become numbers while it was read.
    pub numbers_are_read: bool,
}

/// Rows that are built while they are read.
pub struct Build {
    /// The rows.
    pub scan: Arc<dyn Scan>,
    /// What was learned, in order.
    pub states: Vec<FeatureState>,
    parts: Vec<Part>,
    warnings: Vec<Warning>,
}

enum Part {
    Rows(&'static str, Arc<Tally>),
    /// And whether they were learned from the rows.
    Columns(Arc<PlanScan>, bool),
}

impl Build {
    /// The rows of all steps. Steps that learn read what is before them.
    ///
    /// # Errors
    /// A step that asks for what is not there; rows that cannot be read or learned from.
    pub fn of(steps: &[BuildStep], source: Arc<dyn Scan>, workshop: &Workshop<'_>) -> Result<Self, ScanError> {
        let mut build = Self { scan: source, states: Vec::new(), parts: Vec::new(), warnings: Vec::new() };
        let mut columns: Vec<Step> = Vec::new();
        if !workshop.pii.is_empty() && !matches!(steps.first(), Some(BuildStep::Columns(_))) {
            // Nothing of the rows sees them, as nothing has masked them.
            build.plan(Vec::new(), workshop)?;
        }
        for step in steps {
            match step {
                BuildStep::Columns(step) => columns.push(step.clone()),
                BuildStep::Rows(step) => {
                    build.columns(std::mem::take(&mut columns), workshop)?;
                    let applied = workshop.engine.apply(step, build.scan, workshop.inputs)?;
                    build.parts.push(Part::Rows(step.name(), applied.tally));
                    build.scan = applied.scan;
                }
            }
        }
        build.columns(columns, workshop)?;
        Ok(build)
    }

    /// Steps of columns that stand side by side are one plan.
    fn columns(&mut self, steps: Vec<Step>, workshop: &Workshop<'_>) -> Result<(), ScanError> {
        if steps.is_empty() { Ok(()) } else { self.plan(steps, workshop) }
    }

    fn plan(&mut self, steps: Vec<Step>, workshop: &Workshop<'_>) -> Result<(), ScanError> {
        let is_first = self.parts.is_empty();
        // The first plan masks them, or leaves them out: what has their names after it is not they.
        let pii = if is_first { workshop.pii.to_vec() } else { Vec::new() };
        let mut spec = PlanSpec { select: None, exclude: Vec::new(), steps, needs: None, pii };
        let mut learns = !spec.steps.iter().all(|step| BuildStep::Columns(step.clone()).is_row_wise());
        let empty = Table::from_batch(&RecordBatch::new_empty(self.scan.schema()));
        if !learns
            && is_first
            && let Ok(empty) = &empty
        {
            learns = !resolve(&mut spec.steps, empty, workshop.numbers_are_read);
        }
        let plan = match (learns, empty) {
            // The columns are all that there is to know.
            (false, Ok(empty)) => fit(&empty, None, &spec)?.0,
            _ => {
                let state = learn(&spec, self.scan.as_ref())?;
                let plan = state.plan().expect("it is done").clone();
                self.warnings.extend(state.warnings().iter().cloned());
                self.states.push(state);
                plan
            }
        };
        let scan = Arc::new(Arc::new(plan).over(self.scan.clone(), workshop.device)?);
        self.parts.push(Part::Columns(scan.clone(), learns));
        self.scan = scan;
        Ok(())
    }

    /// Rows in and out of each step of rows, once all have been read.
    pub fn parts(&self) -> Vec<PartSummary> {
        let rows = |part: &Part| match part {
            Part::Rows(name, tally) => {
                Some(PartSummary { name: (*name).to_owned(), rows_in: tally.rows_in(), rows_out: tally.rows_out() })
            }
            Part::Columns(..) => None,
        };
        self.parts.iter().filter_map(rows).collect()
    }

    /// What was odd, once all rows have been read.
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = self.warnings.clone();
        for part in &self.parts {
            if let Part::Columns(scan, learned) = part {
                // Cells are only new where some were seen before.
                warnings.extend(scan.warnings().into_iter().filter(|it| *learned || it.code != "new_missing"));
            }
        }
        warnings
    }
}

/// Passes over the rows until nothing is left to learn.
pub fn learn(spec: &PlanSpec, scan: &dyn Scan) -> Result<FeatureState, ScanError> {
    let mut state = FeatureState::from(Fitting::over(spec, scan)?);
    while state.plan().is_none() {
        let partial = state.fitting().partial_of_scan(scan, None)?;
        state.add_partial(partial)?;
        state = state.advance()?;
    }
    Ok(state)
}
