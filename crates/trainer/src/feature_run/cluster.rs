//! A batch that another engine runs with the functions of this one: what it is handed, and what was done as a summary.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value as Json, json};
use trainer_data::{Dropped, ScanReport, ScannedFile, Warning, WrittenFile};
use trainer_engine::RowStep;

use super::road::{of, replaced, suite, written};
use super::store::{self, Places};
use super::summary::{Failed, FileSummary, PartSummary, StepSummary, Summary};
use super::{Ended, extract};
use crate::config::{BuildStep, Expectations, FeatureConfig};
use crate::exit::{Exit, Failure, anyhow_of};

/// What was done, as the wheel's program tells it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Told {
    /// How many tasks shared the files.
    pub shares: u64,
    /// What is good to know while it runs.
    pub notes: Vec<String>,
    report: Option<ScanReport>,
    validation: Option<Json>,
    extracted: Vec<String>,
    stored: Vec<String>,
    warnings: Vec<Warning>,
    parts: Vec<String>,
    states: Vec<String>,
    files: Option<Vec<WrittenFile>>,
    seconds: BTreeMap<String, f64>,
    failed: Option<ToldFailure>,
}

#[derive(Debug, Deserialize)]
struct ToldFailure {
    step: String,
    exit_code: u8,
    error: String,
}

impl Told {
    /// Whether a step failed, and the job says which.
    pub fn has_failed(&self) -> bool {
        self.failed.is_some()
    }
}

/// What the wheel's program is handed: the config, with how its files are read, its expectations and its plans.
///
/// # Errors
/// Files or a suite that cannot be read.
pub fn job(config: &FeatureConfig) -> anyhow::Result<Json> {
    let expectations = config.validate.expectations.as_ref();
    let known = suite(expectations, &config.project.name).map_err(anyhow_of)?;
    let scan = extract::options(config, known.as_ref()).map_err(of("extract")).map_err(anyhow_of)?;
    let given = match expectations {
        None => Json::Null,
        Some(Expectations::File(path)) => json!({ "file": fs_err::read_to_string(path)? }),
        Some(Expectations::Inline(list)) => json!({ "inline": [config.project.name, list] }),
    };
    Ok(json!({ "config": config, "scan": scan, "suite": given, "sections": sections(config)? }))
}

/// Steps of columns that stand side by side are one plan; a step of rows stands alone. The first plan masks personal
/// data, or leaves it out.
fn sections(config: &FeatureConfig) -> anyhow::Result<Vec<Json>> {
    let plan = |steps: &[Json], learns: bool, is_first: bool| {
        let pii: &[String] = if is_first { &config.pii } else { &[] };
        json!({ "steps": steps, "pii": pii, "learns": learns })
    };
    let mut sections = Vec::new();
    if !config.pii.is_empty() && !matches!(config.build.first(), Some(BuildStep::Columns(_))) {
        sections.push(plan(&[], false, true));
    }
    let (mut columns, mut learns) = (Vec::new(), false);
    for step in &config.build {
        match step {
            BuildStep::Columns(own) => {
                columns.push(serde_json::to_value(own)?);
                learns |= !step.is_row_wise();
            }
            BuildStep::Rows(own) => {
                if !columns.is_empty() {
                    sections.push(plan(
                        &std::mem::take(&mut columns),
                        std::mem::take(&mut learns),
                        sections.is_empty(),
                    ));
                }
                if let RowStep::Select(_) = own {
                    sections.push(serde_json::to_value(step)?);
                }
            }
        }
    }
    if !columns.is_empty() {
        sections.push(plan(&columns, learns, sections.is_empty()));
    }
    Ok(sections)
}

/// Tells and keeps what was done, as if it had been done here.
pub fn told(config: &FeatureConfig, told: Told, start: Instant) -> Ended {
    let places = Places::of(config, None);
    let mut summary =
        Summary { project: config.project.name.clone(), trainer: env!("CARGO_PKG_VERSION"), ..Summary::default() };
    let failed =
        told.failed.as_ref().map(|failure| (exit(failure.exit_code), failure.step.clone(), failure.error.clone()));
    let kept = keep(&places, told, &mut summary);
    let failed = failed.or_else(|| {
        let error = kept.err()?;
        Some((crate::exit::exit_of(&error), "store".to_owned(), error.to_string()))
    });
    summary.complete = failed.is_none();
    let error = failed.map(|(exit, step, error)| {
        let message = format!("step {step}: {error}");
        summary.failed = Some(Failed { step, exit_code: exit as u8, error });
        Failure::new(exit, message).into()
    });
    super::summarized(&places, summary, error, start)
}

fn exit(code: u8) -> Exit {
    if code == Exit::Usage as u8 { Exit::Usage } else { Exit::Data }
}

/// The steps as they were done, and the files beside the rows.
fn keep(places: &Places, told: Told, summary: &mut Summary) -> anyhow::Result<()> {
    let seconds = |step: &str| told.seconds.get(step).map(|seconds| Duration::from_secs_f64(seconds.max(0.0)));
    let Some(report) = told.report else { return Ok(()) };
    summary.columns.extracted = told.extracted;
    summary.columns.stored = told.stored;
    summary.steps = reading(&report, (seconds("extract"), seconds("validate")));
    summary.warnings.extend(report.warnings.iter().cloned());
    if let Some(result) = told.validation {
        let text = format!("{}\n", serde_json::to_string_pretty(&result)?);
        store::text(&places.validation, &text).map_err(anyhow_of)?;
        summary.steps[1].validation = Some(places.validation.clone());
    }
    let Some(files) = told.files else { return Ok(()) };
    let mut build = StepSummary::new("build", report.rows, report.rows, seconds("build"));
    let part = |name: &String| PartSummary { name: name.clone(), rows_in: report.rows, rows_out: report.rows };
    build.parts = told.parts.iter().map(part).collect();
    let (cells, warnings) = replaced(told.warnings, &report);
    build.replaced = cells;
    summary.warnings.extend(warnings);
    summary.steps.push(build);
    for (number, state) in (1..).zip(&told.states) {
        let path = places.state(number);
        store::text(&path, &format!("{state}\n")).map_err(anyhow_of)?;
        summary.states.push(path);
    }
    let rows = files.iter().map(|file| file.rows).sum();
    let mut stored = StepSummary::new("store", report.rows, rows, seconds("store"));
    stored.files = files.into_iter().map(written).collect();
    summary.steps.push(stored);
    Ok(())
}

/// The first two steps.
pub fn reading(report: &ScanReport, (extract, validate): (Option<Duration>, Option<Duration>)) -> Vec<StepSummary> {
    let dropped = report.dropped_rows();
    let rows = report.rows + dropped;
    let mut extract = StepSummary::new("extract", rows, rows, extract);
    let file = |file: &ScannedFile| FileSummary {
        path: file.path.clone(),
        rows: file.rows + file.dropped,
        bytes: file.bytes,
        sha256: None,
    };
    extract.files = report.files.iter().map(file).collect();
    let mut validate = StepSummary::new("validate", rows, report.rows, validate);
    if dropped > 0 {
        validate.dropped.insert("malformed".into(), dropped);
        let reason = |dropped: &Dropped| (dropped.reason.clone(), dropped.count);
        validate.malformed = report.dropped.iter().map(reason).collect();
    }
    vec![extract, validate]
}
