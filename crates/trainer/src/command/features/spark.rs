//! `--engine spark://...`: the same config on a cluster, by the wheel's own program.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use trainer_data::Malformed;
use trainer_engine::RowStep;

use crate::command::Common;
use crate::config::{BuildStep, FeatureConfig};
use crate::exit::Failure;
use crate::expectations::suite_of;
use crate::feature_run::Ended;
use crate::feature_run::cluster::{self, Told};

/// Which engine makes the rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Engine {
    /// This program, on this machine.
    #[default]
    Local,
    /// Spark, by the address of its master.
    Spark(String),
}

impl std::str::FromStr for Engine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_master = ["spark://", "k8s://", "local[", "local-cluster["].iter().any(|start| text.starts_with(start));
        match text {
            "local" => Ok(Self::Local),
            "yarn" => Ok(Self::Spark(text.to_owned())),
            _ if is_master => Ok(Self::Spark(text.to_owned())),
            _ => Err(format!("expected local, or the master of a Spark such as spark://host:7077, found `{text}`")),
        }
    }
}

/// What only the local engine does, each with its place in the config.
///
/// # Errors
/// A suite that cannot be read.
pub fn refusals(config: &FeatureConfig) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    let (extract, validate, store) = (&config.extract, &config.validate, &config.store);
    let mut refuse = |is: bool, what: &str| found.extend(is.then(|| what.to_owned()));
    refuse(extract.header.is_some(), "extract.header");
    refuse(validate.malformed == Malformed::Quarantine, "validate.malformed: quarantine");
    refuse(!config.inputs.is_empty(), "inputs");
    refuse(!store.partition_by.is_empty(), "store.partition_by");
    refuse(!matches!(config.device.as_str(), "auto" | "cpu"), &format!("device: {}", config.device));
    if let Some(expectations) = &validate.expectations {
        let suite = suite_of(expectations, &config.project.name, "validate.expectations")?;
        for name in suite.needing_all_values() {
            refuse(true, &format!("validate.expectations: {name}"));
        }
    }
    for (at, step) in config.build.iter().enumerate() {
        let is_local = match step {
            BuildStep::Rows(step) => !matches!(step, RowStep::Select(_)),
            // It looks at the rows' order.
            BuildStep::Columns(step) => step.name() == "target_mean",
        };
        refuse(is_local, &format!("build[{at}]: {}", step.name()));
    }
    Ok(found)
}

/// Hands the config to Spark and waits for it.
///
/// # Errors
/// What only the local engine does (exit 2), a Python or a Spark that is not there (exit 2), a job that said nothing of
/// itself (exit 3). What it says of itself, its failure too, is what comes back.
pub fn submit(config: &FeatureConfig, master: &str, common: &Common) -> anyhow::Result<Ended> {
    let start = Instant::now();
    let found = refusals(config)?;
    if !found.is_empty() {
        let message = format!("expected what Spark does as one machine does, found {}", found.join("; "));
        return Err(Failure::usage(format!("{message}\n  hint: use `--engine local`, or leave these out")).into());
    }
    let python = std::env::var("PYSPARK_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let program = program(&python)?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("job.json");
    fs_err::write(&file, serde_json::to_vec(&cluster::job(config)?)?)?;
    let submit = spark_submit(&python);
    common.note(&format!("{} --master {master} {}", submit.display(), program.display()));
    let mut command = Command::new(&submit);
    command.args(["--master", master]).arg(&program).arg(&file).stdin(Stdio::null()).stderr(Stdio::inherit());
    let run = command.output().map_err(|error| {
        let hint = "hint: set SPARK_HOME, or put spark-submit on the PATH";
        Failure::usage(format!("expected to start {}, found: {error}\n  {hint}", submit.display()))
    })?;
    let told = String::from_utf8_lossy(&run.stdout);
    let line = told.lines().rev().find(|line| line.starts_with('{'));
    let told: Option<Told> = line.and_then(|line| serde_json::from_str(line).ok());
    let Some(told) = told.filter(|told| run.status.success() || told.has_failed()) else {
        return Err(Failure::data(format!("the job on {master} ended with {}", run.status)).into());
    };
    common.note(&format!("{} tasks shared the files", told.shares));
    told.notes.iter().for_each(|note| common.note(note));
    Ok(cluster::told(config, told, start))
}

/// The wheel's program.
fn program(python: &str) -> Result<PathBuf, Failure> {
    let ask = "import trainer_features.spark.run as run; print(run.__file__)";
    let asked = Command::new(python).args(["-c", ask]).stdin(Stdio::null()).output();
    match asked {
        Ok(told) if told.status.success() => Ok(PathBuf::from(String::from_utf8_lossy(&told.stdout).trim())),
        Ok(told) => {
            let why = String::from_utf8_lossy(&told.stderr);
            let why = why.lines().last().unwrap_or_default().to_owned();
            let hint = "hint: install the wheel there (docs/spark.md), or name another Python in PYSPARK_PYTHON";
            Err(Failure::usage(format!(
                "expected {python} to have the module trainer_features, found: {why}\n  {hint}"
            )))
        }
        Err(error) => {
            let hint = "hint: name the Python that has pyspark in PYSPARK_PYTHON";
            Err(Failure::usage(format!("expected to start {python}, found: {error}\n  {hint}")))
        }
    }
}

/// That of SPARK_HOME, that beside the Python, or that of the PATH.
fn spark_submit(python: &str) -> PathBuf {
    let home = std::env::var_os("SPARK_HOME").map(|home| Path::new(&home).join("bin/spark-submit"));
    let beside = Path::new(python).parent().map(|folder| folder.join("spark-submit"));
    let known = home.into_iter().chain(beside).find(|path| path.is_file());
    known.unwrap_or_else(|| PathBuf::from("spark-submit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_this_program_or_a_master() {
        assert_eq!("local".parse(), Ok(Engine::Local));
        assert_eq!("spark://h:7077".parse(), Ok(Engine::Spark("spark://h:7077".into())));
        assert_eq!("local-cluster[2,1,1200]".parse(), Ok(Engine::Spark("local-cluster[2,1,1200]".into())));
        assert!("sprak://h".parse::<Engine>().unwrap_err().contains("spark://host:7077"));
    }
}
