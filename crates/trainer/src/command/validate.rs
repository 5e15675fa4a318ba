//! `trainer validate`: expectations or rules held against a file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use trainer_data::{Input, ReadOptions, Warning};
use trainer_features::dqx::{Mark, Reference, RuleSet};
use trainer_features::expectation::{self, ResultFormat};

use super::{Common, Form, FormArgs};
use crate::config::document;
use crate::exit::{Exit, Failure};
use crate::input::read_place;
use crate::progress::{Face, Progress};
use crate::validation::{
    About, DqxRules, Given, Passing, Rules, Splits, Verdict, judge_dqx, judge_suite, referred, write,
};
use crate::{console, interrupt};

/// Arguments of `trainer validate`.
#[derive(Debug, Clone, Args)]
pub struct ValidateArgs {
    /// File with the rows (Parquet, CSV or JSON lines), or its s3:// address
    #[arg(long, value_name = "FILE")]
    pub input: String,
    /// Suite, validation definition or checkpoint of Great Expectations (1.x or 0.18), rules of DQX, or a list of expectations; JSON or YAML
    #[arg(long, value_name = "FILE", required_unless_present = "suggest")]
    pub expectations: Option<PathBuf>,
    /// How much the result tells [default: what a checkpoint says, else SUMMARY]
    #[arg(long, value_name = "FORMAT", ignore_case = true)]
    pub result_format: Option<FormatName>,
    /// Folder for validation.json, validation.md and validation.html
    #[arg(long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,
    /// Value of a parameter of the suite (`$PARAMETER`); may be given again
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// Columns whose cells are never shown, with commas between
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub pii: Vec<String>,
    /// Table that foreign keys of DQX rules point into; may be given again
    #[arg(long, value_name = "NAME=FILE")]
    pub reference: Vec<String>,
    /// Parquet file for all rows, with the columns _errors and _warnings (DQX rules)
    #[arg(long, value_name = "FILE")]
    pub annotate: Option<PathBuf>,
    /// Parquet or CSV file for the rows without errors (DQX rules)
    #[arg(long, value_name = "FILE")]
    pub valid: Option<PathBuf>,
    /// Parquet file for the rows with errors or warnings (DQX rules)
    #[arg(long, value_name = "FILE")]
    pub quarantine: Option<PathBuf>,
    /// Suggest a suite that the file meets, in place of judging it
    #[arg(long, conflicts_with_all = ["expectations", "result_format", "output_dir", "set", "annotate", "valid", "quarantine"])]
    pub suggest: bool,
    /// File for the suggested suite [default: stdout]
    #[arg(long, value_name = "FILE", requires = "suggest")]
    pub suite: Option<PathBuf>,
    /// Form of the result.
    #[command(flatten)]
    pub form: FormArgs,
}

/// The formats by the names of Great Expectations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    /// Whether each holds
    #[value(name = "BOOLEAN_ONLY")]
    BooleanOnly,
    /// Counts, and the first values
    #[value(name = "BASIC")]
    Basic,
    /// Also how often those are there, and their rows
    #[value(name = "SUMMARY")]
    Summary,
    /// Also all values and rows
    #[value(name = "COMPLETE")]
    Complete,
}

impl From<FormatName> for ResultFormat {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::BooleanOnly => Self::BooleanOnly,
            FormatName::Basic => Self::Basic,
            FormatName::Summary => Self::Summary,
            FormatName::Complete => Self::Complete,
        }
    }
}

/// Runs `trainer validate`. A rule that is not met is no error: the exit code says so, 3 where it is a critical one.
///
/// # Errors
/// Files that cannot be read or written, rules that are not known (exit 2).
pub fn run(args: &ValidateArgs, common: &Common) -> anyhow::Result<Exit> {
    if args.suggest {
        return suggested(args, common);
    }
    let path = args.expectations.as_ref().expect("required unless a suite is suggested");
    let splits =
        Splits { annotate: args.annotate.clone(), valid: args.valid.clone(), quarantine: args.quarantine.clone() };
    splits.check()?;
    let given =
        Given { parameters: parameters(&args.set)?, format: args.result_format.map(Into::into), pii: args.pii.clone() };
    let (rules, what) = Rules::read(path, &given)?;
    if matches!(rules, Rules::Suite { .. }) && (!splits.is_empty() || !args.reference.is_empty()) {
        let options = "--annotate, --valid, --quarantine and --reference";
        return Err(Failure::usage(format!("{options} go with rules of DQX; {what}")).into());
    }
    interrupt::listen()?;
    let progress = Progress::new(Face::of_stderr(common.quiet));
    let mut rows = Passing::open(&args.input, &rules.text_columns(), &progress)?;
    let now = jiff::Timestamp::now();
    let about = |rows: &Passing<'_>| {
        let mut warnings = rows.warnings();
        mask(&mut warnings, rules.pii());
        About { rules: what.clone(), input: args.input.clone(), time: now.to_string(), warnings }
    };
    let verdict = match &rules {
        Rules::Suite { suite, options } => {
            let (result, count) = rows.settle(|rows| judge_suite(rows, suite, options))?;
            Verdict::of_suite(result, count, about(&rows))?
        }
        Rules::Dqx { set, pii } => {
            let header = rows.settle(|rows| rows.header())?;
            let known = |name: &&String| header.column(name).is_none();
            if let Some(unknown) = pii.iter().find(known) {
                return Err(
                    Failure::usage(format!("pii: expected a column of {}, found `{unknown}`", args.input)).into()
                );
            }
            let references = references(&args.reference, set, &progress)?;
            let mark = Mark { run_time_us: now.as_microsecond(), run_id: uuid::Uuid::new_v4().to_string() };
            let rules = DqxRules { set, references: &references, pii, mark: &mark, splits: &splits };
            let found = rows.settle(|rows| judge_dqx(rows, &rules))?;
            Verdict::of_dqx(set, &found, about(&rows))
        }
    };
    progress.finish();
    if let Some(folder) = &args.output_dir {
        write(&verdict, folder)?;
    }
    tell(&verdict, args, common)?;
    Ok(if verdict.passed() { Exit::Done } else { Exit::Data })
}

fn tell(verdict: &Verdict, args: &ValidateArgs, common: &Common) -> anyhow::Result<()> {
    verdict.warnings.iter().for_each(|warning| common.warn(&crate::warned::text(warning)));
    let text = match args.form.form {
        Form::Json => format!(
            "{:#}\n",
            json!({
                "passed": verdict.passed(),
                "rules": verdict.rules,
                "input": verdict.input,
                "rows": verdict.rows,
                "result": verdict.result,
                "warnings": verdict.warnings,
            })
        ),
        Form::Text => {
            let line = |line: &crate::validation::Line| {
                let sign = if line.met { "✓" } else { "✗" };
                let on = if line.on.is_empty() { String::new() } else { format!(" on {}", line.on) };
                format!("{sign} {:8} {}{on}: {}\n", line.severity, line.name, line.found)
            };
            let lines: String = verdict.lines.iter().map(line).collect();
            format!("{}\n{}: {} rows\n{lines}{}\n", verdict.rules, verdict.input, verdict.rows, verdict.summary())
        }
    };
    Ok(console::print(&text)?)
}

fn suggested(args: &ValidateArgs, common: &Common) -> anyhow::Result<Exit> {
    // What is suggested follows from whole columns, sorted.
    let Input { table, mut warnings, .. } = read_place(&args.input, &ReadOptions::default(), None)?;
    mask(&mut warnings, &args.pii);
    warnings.iter().for_each(|warning| common.warn(&crate::warned::text(warning)));
    let kept: Vec<&str> = table.names().filter(|name| !args.pii.iter().any(|pii| pii == name)).collect();
    if let Some(unknown) = args.pii.iter().find(|pii| table.column(pii).is_none()) {
        return Err(Failure::usage(format!("--pii: expected a column of {}, found `{unknown}`", args.input)).into());
    }
    let file =
        std::path::Path::new(&args.input).file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into());
    let suite = format!("{:#}\n", expectation::suggest(&table.select(&kept)?, &format!("{file}_suggested")));
    match &args.suite {
        Some(path) => {
            fs_err::write(path, suite)?;
            console::print(&match args.form.form {
                Form::Json => format!("{:#}\n", json!({ "suite": path, "rows": table.rows() })),
                Form::Text => format!("{}: a suite suggested by {} rows; read it over\n", path.display(), table.rows()),
            })?;
        }
        None => console::print(&suite)?,
    }
    Ok(Exit::Done)
}

/// What is said of cells that are not to be shown may show them.
fn mask(warnings: &mut [Warning], pii: &[String]) {
    for warning in warnings.iter_mut().filter(|warning| warning.column.as_ref().is_some_and(|name| pii.contains(name)))
    {
        warning.message = format!("{} ({} cells, not shown)", warning.code, warning.count);
    }
}

fn pair(argument: &str, what: &str) -> Result<(String, String), Failure> {
    let pair = argument.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) =
        pair.ok_or_else(|| Failure::usage(format!("{what}: expected NAME=VALUE, found `{argument}`")))?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Values as YAML has them.
fn parameters(arguments: &[String]) -> anyhow::Result<Map<String, Value>> {
    let mut parameters = Map::new();
    for argument in arguments {
        let (name, text) = pair(argument, "--set")?;
        let value = serde_json::from_str(&text).or_else(|_| document("--set", &text)).map_err(Failure::config)?;
        parameters.insert(name, value);
    }
    Ok(parameters)
}

fn references(arguments: &[String], set: &RuleSet, progress: &Progress) -> anyhow::Result<BTreeMap<String, Reference>> {
    let mut references = BTreeMap::new();
    for argument in arguments {
        let (name, path) = pair(argument, "--reference")?;
        let read = || Passing::open(&path, &[], progress)?.settle(|rows| referred(rows, set, &name));
        let keys = read().with_context(|| format!("the reference `{name}`"))?;
        references.insert(name, keys);
    }
    Ok(references)
}
