//! The road of the rows, from the files to the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use trainer_data::{FileFormat, FileScan, Malformed, Scan, ScanError, ScanReport, TypeChanged, Warning, WrittenFile};
use trainer_engine::Engine;
use trainer_features::PlanSpec;
use trainer_features::expectation::{ResultFormat, ResultOptions, Suite};
use trainer_kernels::Device;

use super::How;
use super::build::{Build, Workshop};
use super::check::Checked;
use super::cluster;
use super::extract::{self, Headed, HeaderChange};
use super::meter::{InStep, Meter, Metered, in_step};
use super::quarantine::Kept;
use super::store::{self, Places};
use super::summary::{FileSummary, StepSummary, Summary};
use super::watch::Watched;
use crate::config::{BuildStep, Expectations, FeatureConfig};
use crate::exit::Failure;
use crate::expectations::suite_of;
use crate::progress::{Progress, Stage};

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
pub(super) fn of<E: Into<ScanError>>(step: &'static str) -> impl Fn(E) -> ScanError {
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
        let options = extract::options(config, suite.as_ref()).map_err(of("extract"))?;
        let mut files = FileScan::open(&config.extract.path, &options).map_err(of("extract"))?;
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
        progress.enter(Stage::Features);
        let watched = Watched::of(self.files.clone(), progress.teller());
        let (extracted, extract_meter) = Metered::of("extract", watched);
        let (headed, change) = match &config.extract.header {
            Some(header) => Headed::of(extracted, header, &config.extract.types),
            None => (extracted, HeaderChange::default()),
        };
        summary.columns.extracted = names(headed.as_ref());
        let checked = self.suite.clone().map(|suite| Arc::new(Checked::new(headed.clone(), suite, self.options())));
        let validated = checked.clone().map_or(headed, |checked| checked as Arc<dyn Scan>);
        let (validated, validate_meter) = Metered::of("validate", validated);
        let storing = Instant::now();
        let built = self.build(validated);
        let result = built.and_then(|build| {
            let (scan, build_meter) = Metered::of("build", build.scan.clone());
            let written = store::rows(scan.as_ref(), &config.store, &self.places.rows).map_err(of("store"))?;
            Ok((build, build_meter, scan, written))
        });
        if let Err(error) = &result
            && super::changed(error).is_some()
        {
            // All of it comes again: nothing of this pass is told, and what was set aside waits for the rest.
            return result.map(drop);
        }
        let result = match (result, checked.as_deref()) {
            (Err(error), Some(checked)) => Err(judged(checked, error)),
            (result, _) => result,
        };
        let read = Reading {
            extract: &extract_meter,
            validate: &validate_meter,
            change: &change,
            checked: checked.as_deref(),
        };
        let told = self.tell_reading(&read, summary);
        let (build, build_meter, scan, files) = result?;
        told?;
        summary.columns.stored = names(scan.as_ref());
        let own = |meter: &Meter, before: &Meter| meter.spent().saturating_sub(before.spent());
        let mut step = StepSummary::new(
            "build",
            validate_meter.rows(),
            build_meter.rows(),
            Some(own(&build_meter, &validate_meter)),
        );
        step.parts = build.parts();
        let (replaced, warnings) = replaced(build.warnings(), &self.files.report());
        step.replaced = replaced;
        summary.steps.push(step);
        summary.warnings.extend(warnings);
        for (number, state) in (1..).zip(&build.states) {
            let path = self.places.state(number);
            store::text(&path, &format!("{}\n", state.to_json())).map_err(of("store"))?;
            summary.states.push(path);
        }
        let rows = files.iter().map(|file| file.rows).sum();
        let storing = storing.elapsed().saturating_sub(build_meter.spent());
        let mut step = StepSummary::new("store", build_meter.rows(), rows, Some(storing));
        step.files = files.into_iter().map(written).collect();
        summary.steps.push(step);
        Ok(())
    }

    /// What the first two steps did, as far as they came.
    fn tell_reading(&self, read: &Reading<'_>, summary: &mut Summary) -> Result<(), ScanError> {
        let report = self.files.report();
        let spent = read.validate.spent().saturating_sub(read.extract.spent());
        let mut steps = cluster::reading(&report, (Some(read.extract.spent()), Some(spent)));
        let validate = &mut steps[1];
        if let Some(kept) = &self.kept {
            validate.files = kept.finish().map_err(of("validate"))?.into_iter().map(written).collect();
        }
        if let Some(result) = read.checked.and_then(Checked::result) {
            let json = serde_json::to_string_pretty(&result).map_err(of("validate"))?;
            store::text(&self.places.validation, &format!("{json}\n")).map_err(of("validate"))?;
            validate.validation = Some(self.places.validation.clone());
        }
        summary.warnings.extend(report.warnings.iter().cloned());
        summary.columns.appeared = read.change.appeared.clone();
        summary.columns.disappeared = read.change.disappeared.clone();
        summary.steps = steps;
        Ok(())
    }

    /// What the steps make of the rows of the files, everything learned and nothing stored.
    ///
    /// # Errors
    /// The first step that fails.
    pub fn build_of_files(&self) -> Result<Build, ScanError> {
        self.build(self.headed())
    }

    /// The rows that the first steps of columns see, and what they learn.
    ///
    /// # Errors
    /// Steps that do not look at one row at a time come first.
    pub fn first_columns(&self) -> Result<(Arc<dyn Scan>, PlanSpec), ScanError> {
        let steps = &self.config.build;
        let start = steps.iter().position(|step| matches!(step, BuildStep::Columns(_))).unwrap_or(steps.len());
        let (before, rest) = steps.split_at(start);
        if let Some(step) = before.iter().find(|step| !step.is_row_wise()) {
            let message =
                format!("expected steps that look at one row at a time with --shard, found `{}`", step.name());
            return Err(Box::new(Failure::usage(message)));
        }
        let columns = rest.iter().map_while(|step| match step {
            BuildStep::Columns(step) => Some(step.clone()),
            BuildStep::Rows(_) => None,
        });
        let pii = self.config.pii.clone();
        let spec = PlanSpec { select: None, exclude: Vec::new(), steps: columns.collect(), needs: None, pii };
        let build = Build::of(before, self.headed(), &self.workshop()).map_err(of("build"))?;
        Ok((build.scan, spec))
    }

    /// The rows of the files with the columns that they are known to have.
    fn headed(&self) -> Arc<dyn Scan> {
        let files: Arc<dyn Scan> = Arc::new(self.files.clone());
        match &self.config.extract.header {
            Some(header) => Headed::of(files, header, &self.config.extract.types).0,
            None => files,
        }
    }

    fn build(&self, source: Arc<dyn Scan>) -> Result<Build, ScanError> {
        Build::of(&self.config.build, source, &self.workshop()).map_err(of("build"))
    }

    fn workshop(&self) -> Workshop<'_> {
        Workshop {
            engine: &self.engine,
            device: &self.device,
            inputs: &self.inputs,
            pii: &self.config.pii,
            numbers_are_read: self.numbers_are_read(),
        }
    }

    /// Parquet says what its cells are; of text files that is found out while they are read.
    fn numbers_are_read(&self) -> bool {
        let is_parquet = |path: &str| path.ends_with(".parquet") || path.ends_with(".pq");
        let files = self.files.report().files;
        let by_format = self.config.extract.format.map(|format| format != FileFormat::Parquet);
        by_format.unwrap_or_else(|| !files.iter().any(|file| is_parquet(&file.path)))
    }

    fn options(&self) -> ResultOptions {
        ResultOptions::from(ResultFormat::Summary).masking(self.config.pii.clone())
    }
}

/// The error of a step after the validation, or that of the rows themselves: rows that do not hold what is expected of
/// them must not be blamed on a step.
fn judged(checked: &Checked, error: ScanError) -> ScanError {
    let is_later = error.downcast_ref::<InStep>().is_none_or(|error| matches!(error.step, "build" | "store"));
    if !is_later || checked.result().is_some() {
        return error;
    }
    let read = checked.open(&[]).and_then(|batches| batches.into_iter().try_for_each(|batch| batch.map(drop)));
    match read {
        Err(refused) if refused.is::<Failure>() => in_step("validate", refused),
        _ => error,
    }
}

/// What is known of the first two steps.
struct Reading<'r> {
    extract: &'r Meter,
    validate: &'r Meter,
    change: &'r HeaderChange,
    checked: Option<&'r Checked>,
}

/// Cells that were replaced, by column and reason, and the warnings of anything else. Cells that are no number are null
/// from when they were read on, so that the step finds them missing.
pub(super) fn replaced(warnings: Vec<Warning>, report: &ScanReport) -> (BTreeMap<String, u64>, Vec<Warning>) {
    let mut cells = BTreeMap::new();
    let mut rest = Vec::new();
    for warning in warnings {
        let column = warning.column.clone().unwrap_or_default();
        match warning.code.as_str() {
            "missing_replaced" => {
                let read = report.unparsable.iter().find(|it| it.column == column).map_or(0, |it| it.count);
                *cells.entry(format!("{column}.unparsable")).or_default() += read;
                cells.insert(format!("{column}.missing"), warning.count.saturating_sub(read));
            }
            "unparsable_replaced" => *cells.entry(format!("{column}.unparsable")).or_default() += warning.count,
            _ => rest.push(warning),
        }
    }
    cells.retain(|_, count| *count > 0);
    (cells, rest)
}

pub(super) fn written(file: WrittenFile) -> FileSummary {
    FileSummary { path: file.path, rows: file.rows, bytes: file.bytes, sha256: Some(file.sha256) }
}

fn names(scan: &dyn Scan) -> Vec<String> {
    scan.schema().fields().iter().map(|field| field.name().clone()).collect()
}

pub(super) fn suite(expectations: Option<&Expectations>, project: &str) -> Result<Option<Suite>, ScanError> {
    let suite = expectations.map(|expectations| suite_of(expectations, project, "validate.expectations")).transpose();
    suite.map_err(|error| in_step("validate", error.into()))
}
