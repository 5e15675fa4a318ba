//! The build: steps of rows and of columns, each over what the one before it gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use trainer_data::{Scan, ScanError, Warning};
use trainer_engine::{Engine, Tally};
use trainer_features::{FittedPlan, PlanScan, PlanSpec, Step, fit_scan};
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
    /// Seed of what is drawn.
    pub seed: u64,
}

/// Rows that are built while they are read.
pub struct Build {
    /// The rows.
    pub scan: Arc<dyn Scan>,
    /// What was learned, in order.
    pub plans: Vec<Arc<FittedPlan>>,
    parts: Vec<Part>,
    warnings: Vec<Warning>,
}

enum Part {
    Rows(&'static str, Arc<Tally>),
    Columns(Arc<PlanScan>),
}

impl Build {
    /// The rows of all steps. Steps that learn read what is before them.
    ///
    /// # Errors
    /// A step that asks for what is not there; rows that cannot be read or learned from.
    pub fn of(steps: &[BuildStep], source: Arc<dyn Scan>, workshop: &Workshop<'_>) -> Result<Self, ScanError> {
        let mut build = Self { scan: source, plans: Vec::new(), parts: Vec::new(), warnings: Vec::new() };
        let mut columns: Vec<Step> = Vec::new();
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
        if steps.is_empty() {
            return Ok(());
        }
        let spec = PlanSpec { select: None, exclude: Vec::new(), steps, needs: None };
        let (plan, warnings) = fit_scan(self.scan.as_ref(), None, &spec)?;
        let plan = Arc::new(plan);
        let scan = Arc::new(plan.over(self.scan.clone(), workshop.device)?);
        self.warnings.extend(warnings);
        self.plans.push(plan);
        self.parts.push(Part::Columns(scan.clone()));
        self.scan = scan;
        Ok(())
    }

    /// Rows in and out of each step of rows, once all have been read.
    pub fn parts(&self) -> Vec<PartSummary> {
        let rows = |part: &Part| match part {
            Part::Rows(name, tally) => {
                Some(PartSummary { name: (*name).to_owned(), rows_in: tally.rows_in(), rows_out: tally.rows_out() })
            }
            Part::Columns(_) => None,
        };
        self.parts.iter().filter_map(rows).collect()
    }

    /// What was odd, once all rows have been read.
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = self.warnings.clone();
        for part in &self.parts {
            if let Part::Columns(scan) = part {
                warnings.extend(scan.warnings());
            }
        }
        warnings
    }
}
