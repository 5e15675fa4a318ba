//! The road of the rows, from the files to the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use trainer_data::{DataError, FileScan, Malformed, Scan, ScanError, TypeChanged};
use trainer_engine::Engine;
use trainer_features::expectation::{ResultFormat, ResultOptions, Suite};
use trainer_kernels::Device;

use super::build::{Build, Workshop};
use super::check::Checked;
use super::extract::{self, Headed, HeaderChange};
use super::meter::{Meter, Metered, in_step};
use super::quarantine::Kept;
use super::store::{self, Places};
use super::summary::{FileSummary, StepSummary, Summary};
use super::How;
use crate::config::{Expectations, FeatureConfig};
use crate::exit::Failure;
use crate::expectations::suite_of;
use crate::progress::Progress;

/// All that is opened once.
pub struct Road<'a> {
    config: &'a FeatureConfig,
    places: &'a Places,
    engine: Engine,
    device: Device,
    suite: Option<Suite>,
    files: FileScan,
    inputs: BTreeMap<String, Arc<dyn Scan>>,
    kept: Option<Arc<Kept>>,
}

/// An error of a step.
fn of<E: Into<ScanError>>(step: &'static str) -> impl Fn(E) -> ScanError {
    move |error| in_step(step, error.into())
}

impl<'a> Road<'a> {
    /// Opens device, engine and files.
    ///
    /// # Errors
    /// What is not there, with the step that needs it.
    pub fn open(config: &'a FeatureConfig, how: &How, places: &'a Places) -> Result<Self, ScanError> {
        let suite = suite(config.validate.expectations.as_ref(), &config.project.name)?;
        let spec = config.device.parse().map_err(Failure::usage).map_err(of("build"))?;
        let device = Device::open(&spec).map_err(of("build"))?;
        let engine = Engine::open(&how.limits).map_err(of("build"))?;
        let mut files = FileScan::open(&config.extract.path, &extract::options(config)).map_err(of("extract"))?;
        if let Some(shard) = how.shard {
            files = files.part(shard.index, shard.count).map_err(of("extract"))?;
        }
        let mut kept = None;
        if config.validate.malformed == Malformed::Quarantine {
            let keeper = Arc::new(Kept::new(&places.quarantine));
            files = files.with_quarantine(keeper.clone());
            kept = Some(keeper);
        }
        let mut inputs: BTreeMap<String, Arc<dyn Scan>> = BTreeMap::new();
        for (name, input) in &config.inputs {
            let opened = FileScan::open(&input.path, &extract::plain(input, config.validate.malformed));
            inputs.insert(name.clone(), Arc::new(opened.map_err(of("extract"))?));
        }
        Ok(Self { config, places, engine, device, suite, files, inputs, kept })
    }

    /// From now on with a type that holds every cell.
    ///
    /// # Errors
    /// Files that changed in between.
    pub fn widen(&mut self, change: &TypeChanged) -> Result<(), ScanError> {
        self.files = self.files.widened(change).map_err(of("extract"))?;
        Ok(())
    }

    /// Takes all rows from the files to the store.
    ///
    /// # Errors
    /// The first step that fails.
    pub fn walk(&self, progress: &Progress, summary: &mut Summary) -> Result<(), ScanError> {
        let config = self.config;
        let (extracted, extract_meter) = Metered::of("extract", Arc::new(self.files.clone()));
        let (headed, change) = match &config.extract.header {
            Some(header) => Headed::of(extracted, header, &config.extract.types),
            None => (extracted, HeaderChange::default()),
        };
        summary.columns.extracted = names(headed.as_ref());
        let checked = self.suite.clone().map(|suite| Arc::new(Checked::new(headed.clone(), suite, self.options())));
        let validated = checked.clone().map_or(headed, |checked| checked as Arc<dyn Scan>);
        let (validated, validate_meter) = Metered::of("validate", validated);
        let built = self.build(validated);
        let result = built.and_then(|build| {
            let (scan, build_meter) = Metered::of("build", build.scan.clone());
            let written =
                store::rows(scan.as_ref(), &self.files, &config.store, &self.places.rows, progress).map_err(of("store"))?;
            Ok((build, build_meter, scan, written))
        });
        self.tell_reading(&extract_meter, &validate_meter, &change, checked.as_deref(), summary)?;
        let (build, build_meter, scan, written) = result?;
        summary.columns.stored = names(scan.as_ref());
        let own = |meter: &Meter, before: &Meter| meter.spent().saturating_sub(before.spent());
        let mut step =
            StepSummary::new("build", validate_meter.rows(), build_meter.rows(), own(&build_meter, &validate_meter));
        step.parts = build.parts();
        summary.steps.push(step);
        summary.warnings.extend(build.warnings());
        let rows = written.iter().map(|file| file.rows).sum();
        let mut step = StepSummary::new("store", build_meter.rows(), rows, Duration::ZERO);
        step.files = written
            .into_iter()
            .map(|file| FileSummary { path: file.path, rows: file.rows, bytes: file.bytes, sha256: Some(file.sha256) })
            .collect();
        summary.steps.push(step);
        Ok(())
    }

    fn build(&self, source: Arc<dyn Scan>) -> Result<Build, ScanError> {
        let workshop = Workshop {
            engine: &self.engine,
            device: &self.device,
            inputs: &self.inputs,
            pii: &self.config.pii,
            seed: self.config.seed,
        };
        Build::of(&self.config.build, source, &workshop).map_err(of("build"))
    }

    fn options(&self) -> ResultOptions {
        ResultOptions { pii: self.config.pii.clone(), ..ResultOptions::from(ResultFormat::Summary) }
    }
}

fn names(scan: &dyn Scan) -> Vec<String> {
    scan.schema().fields().iter().map(|field| field.name().clone()).collect()
}

fn suite(expectations: Option<&Expectations>, project: &str) -> Result<Option<Suite>, ScanError> {
    let suite = expectations.map(|expectations| suite_of(expectations, project, "validate.expectations")).transpose();
    suite.map_err(|error| in_step("validate", error.into()))
}
