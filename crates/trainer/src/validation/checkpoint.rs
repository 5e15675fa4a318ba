//! Checkpoints and validation definitions of Great Expectations: which suite, and how much the result tells. The data that
//! they name is not looked at: `--input` says which.

use std::path::{Path, PathBuf};

use serde_json::Value;
use trainer_features::expectation::ResultOptions;

use super::rules::content;
use crate::exit::Failure;

/// What a checkpoint leads to.
pub struct Found {
    /// The suite's file.
    pub suite: PathBuf,
    /// How much the result tells, if the checkpoint says so.
    pub format: Option<ResultOptions>,
    /// What the file was taken for.
    pub what: String,
}

/// The suite that a checkpoint or a validation definition leads to; `None` for any other file.
///
/// # Errors
/// A checkpoint of several suites, a file that is not found, a result format that is not known.
pub fn suite_of(path: &Path, file: &Value) -> anyhow::Result<Option<Found>> {
    let name = path.display();
    if let Some(definitions) = file["validation_definitions"].as_array() {
        let definition = named(one(path, definitions)?, "name", path)?;
        let definition_file = find(path, &definition, "validation_definitions")?;
        let suite = named(&content(&definition_file)?["suite"], "name", &definition_file)?;
        let suite = find(&definition_file, &suite, "expectations")?;
        let what = format!("{name} is a checkpoint of Great Expectations 1.x");
        return Ok(Some(Found { suite, format: format(path, &file["result_format"])?, what }));
    }
    if file["suite"].is_object() && file.get("data").is_some() {
        let suite = find(path, &named(&file["suite"], "name", path)?, "expectations")?;
        let what = format!("{name} is a validation definition of Great Expectations 1.x");
        return Ok(Some(Found { suite, format: None, what }));
    }
    let Some(validations) = file["validations"].as_array() else { return Ok(None) };
    let inherited = &file["expectation_suite_name"];
    let own = if validations.is_empty() { inherited } else { &one(path, validations)?["expectation_suite_name"] };
    let suite = own.as_str().or(inherited.as_str());
    let suite =
        suite.ok_or_else(|| Failure::usage(format!("{name}: expected an `expectation_suite_name`, found none")))?;
    let suite = find(path, suite, "expectations")?;
    let what = format!("{name} is a checkpoint of Great Expectations 0.18");
    Ok(Some(Found { suite, format: format(path, &file["runtime_configuration"]["result_format"])?, what }))
}

fn one<'v>(path: &Path, validations: &'v [Value]) -> Result<&'v Value, Failure> {
    match validations {
        [one] => Ok(one),
        several => Err(Failure::usage(format!(
            "{}: expected one validation, found {}\n  hint: name a suite: each validation is of other data",
            path.display(),
            several.len()
        ))),
    }
}

fn named(value: &Value, key: &str, path: &Path) -> Result<String, Failure> {
    let found = value[key].as_str().map(str::to_owned);
    found.ok_or_else(|| Failure::usage(format!("{}: expected a `{key}`, found {value}", path.display())))
}

fn format(path: &Path, value: &Value) -> Result<Option<ResultOptions>, Failure> {
    if value.is_null() {
        return Ok(None);
    }
    let read = ResultOptions::from_json(value);
    read.map(Some).map_err(|problem| Failure::usage(format!("{}: `result_format`: {problem}", path.display())))
}

/// The file of what is called so: in the project's folder for such files, or beside the one that names it. The name is
/// that of the file, or stands in it.
fn find(from: &Path, name: &str, folder: &str) -> Result<PathBuf, Failure> {
    let beside = from.parent().unwrap_or(Path::new("."));
    let folders = [beside.join("..").join(folder), beside.to_owned()];
    // In 0.18 a dot in a suite's name is a folder.
    let file_names = [format!("{name}.json"), format!("{}.json", name.replace('.', "/"))];
    let by_file =
        folders.iter().flat_map(|folder| file_names.iter().map(|name| folder.join(name))).find(|path| path.is_file());
    let by_name = || {
        folders.iter().flat_map(|folder| json_files(folder)).find(|path| path != from && is_called(path, name, folder))
    };
    by_file.or_else(by_name).ok_or_else(|| {
        let places: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
        let message =
            format!("{}: expected the file of `{name}` in {}, found none", from.display(), places.join(" or "));
        Failure::usage(format!("{message}\n  hint: `--expectations` may name the suite itself"))
    })
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == "json")).collect();
    files.sort();
    files
}

/// Whether a file is a suite, or a validation definition, of that name.
fn is_called(path: &Path, name: &str, folder: &str) -> bool {
    let Ok(content) = content(path) else { return false };
    let key = if folder == "expectations" { "expectations" } else { "suite" };
    let called = ["name", "expectation_suite_name"].iter().any(|key| content[*key].as_str() == Some(name));
    called && content.get(key).is_some()
}
