//! Which rules a file holds, told by what is in it.

use std::path::Path;

use serde_json::{Map, Value, json};
use trainer_features::dqx::RuleSet;
use trainer_features::expectation::{ResultFormat, ResultOptions, Suite};

use super::checkpoint;
use crate::config::document;
use crate::exit::Failure;

/// Rules, ready to be held against a table.
#[derive(Debug, Clone)]
pub enum Rules {
    /// Expectations.
    Suite {
        /// The suite.
        suite: Suite,
        /// How much the result tells, and whose cells are never shown.
        options: ResultOptions,
    },
    /// Rules of DQX.
    Dqx {
        /// The rules.
        set: RuleSet,
        /// Columns whose cells are never shown.
        pii: Vec<String>,
    },
}

/// What the command line says besides the file.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// Values of the suite's parameters.
    pub parameters: Map<String, Value>,
    /// How much the result tells.
    pub format: Option<ResultFormat>,
    /// Columns whose cells are never shown.
    pub pii: Vec<String>,
}

/// What stands in a file.
enum Form {
    Suite,
    Legacy,
    /// One key an expectation, as configs have it.
    Own,
    Dqx,
}

impl Form {
    fn of(content: &Value) -> Option<Self> {
        if RuleSet::is_one(content) {
            return Some(Self::Dqx);
        }
        let entries = content.as_array().or_else(|| content["expectations"].as_array())?;
        let typed = |entry: &Value| {
            entry.get("type").is_some() || entry.get("expectation_type").is_some() || entry.get("kwargs").is_some()
        };
        let legacy = content.get("expectation_suite_name").is_some()
            || entries.iter().any(|it| it.get("expectation_type").is_some());
        Some(match entries.iter().any(typed) || entries.is_empty() {
            true if legacy => Self::Legacy,
            true => Self::Suite,
            false => Self::Own,
        })
    }
}

impl Rules {
    /// Reads a file: a suite, validation definition or checkpoint of Great Expectations (1.x or 0.18), rules of DQX, or
    /// our own list; JSON or YAML. Also what it was taken for.
    ///
    /// # Errors
    /// A file that cannot be read or is none of these; an expectation, function, parameter or condition that is not known.
    pub fn read(path: &Path, given: &Given) -> anyhow::Result<(Self, String)> {
        let content = content(path)?;
        let Some(found) = checkpoint::suite_of(path, &content)? else {
            return Ok(Self::of(path, &content, given, None)?);
        };
        let suite_content = self::content(&found.suite)?;
        let (rules, what) = Self::of(&found.suite, &suite_content, given, found.format)?;
        Ok((rules, format!("{}: {what}", found.what)))
    }

    /// Columns whose cells are never shown.
    pub fn pii(&self) -> &[String] {
        match self {
            Self::Suite { options, .. } => &options.pii,
            Self::Dqx { pii, .. } => pii,
        }
    }

    /// Columns that are to be read as text.
    pub fn text_columns(&self) -> Vec<String> {
        match self {
            Self::Suite { suite, .. } => suite.text_columns(),
            Self::Dqx { set, .. } => set.text_columns(),
        }
    }

    fn of(
        path: &Path,
        content: &Value,
        given: &Given,
        format: Option<ResultOptions>,
    ) -> Result<(Self, String), Failure> {
        let name = path.display();
        let refuse = |problem: String| Failure::usage(format!("{name}: {problem}"));
        let form = Form::of(content).ok_or_else(|| refuse(NOTHING.to_owned()))?;
        let mut pii = given.pii.clone();
        pii.extend(own_pii(content).map_err(refuse)?);
        if let Form::Dqx = form {
            let set = RuleSet::from_json(content).map_err(|error| refuse(error.to_string()))?;
            if !given.parameters.is_empty() {
                return Err(refuse("expected no parameters (`--set`): rules of DQX have none".into()));
            }
            let what = format!("{name} holds {} of DQX", counted(set.rules.len(), "rule"));
            return Ok((Self::Dqx { set, pii }, what));
        }
        let (content, what) = match form {
            Form::Own => (own(path, content).map_err(refuse)?, "a list of expectations in this program's own form"),
            Form::Legacy => (content.clone(), "a suite of Great Expectations 0.18"),
            _ => (as_object(path, content), "a suite of Great Expectations 1.x"),
        };
        let suite = Suite::from_value(&content, &given.parameters).map_err(|error| refuse(error.to_string()))?;
        let options = format.unwrap_or_else(|| ResultFormat::Summary.into());
        let options = match given.format {
            Some(format) => ResultOptions { format, ..options },
            None => options,
        };
        let what = format!("{name} is {what}: `{}`, {}", suite.name, counted(suite.expectations.len(), "expectation"));
        Ok((Self::Suite { suite, options: options.masking(pii) }, what))
    }
}

const NOTHING: &str =
    "expected a suite or checkpoint of Great Expectations, rules of DQX, or a list of expectations, found none of them";

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// What a file says, in JSON or YAML.
///
/// # Errors
/// A file that cannot be read, and one that is neither.
pub fn content(path: &Path) -> anyhow::Result<Value> {
    let text = fs_err::read_to_string(path)?;
    let is_json = text.trim_start().starts_with(['{', '[']);
    match serde_json::from_str(&text) {
        Ok(value) if is_json => Ok(value),
        Err(problem) if is_json && path.extension().is_some_and(|it| it == "json") => {
            Err(Failure::usage(format!("{}: expected JSON, found {problem}", path.display())).into())
        }
        _ => Ok(document(&path.display().to_string(), &text).map_err(Failure::config)?),
    }
}

/// Columns that our own form marks.
fn own_pii(content: &Value) -> Result<Vec<String>, String> {
    let Some(pii) = content.as_object().and_then(|content| content.get("pii")) else { return Ok(Vec::new()) };
    let names = pii.as_array().and_then(|names| names.iter().map(|name| name.as_str().map(str::to_owned)).collect());
    names.ok_or_else(|| format!("expected a list of columns under `pii`, found {pii}"))
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

/// A suite that is a bare list gets the file's name.
fn as_object(path: &Path, content: &Value) -> Value {
    if content.is_array() { json!({ "name": stem(path), "expectations": content }) } else { content.clone() }
}

/// Our own form as a suite.
fn own(path: &Path, content: &Value) -> Result<Value, String> {
    if let Some(content) = content.as_object()
        && let Some(wrong) = content.keys().find(|key| !["name", "expectations", "pii"].contains(&key.as_str()))
    {
        return Err(format!("expected the keys name, expectations and pii, found `{wrong}`"));
    }
    let entries = content.as_array().or_else(|| content["expectations"].as_array()).ok_or(NOTHING)?;
    let expectations: Vec<Value> = entries
        .iter()
        .enumerate()
        .map(|(place, entry)| own_entry(entry).map_err(|problem| format!("expectation {}: {problem}", place + 1)))
        .collect::<Result<_, _>>()?;
    let name = content.get("name").and_then(Value::as_str).map_or_else(|| stem(path), str::to_owned);
    Ok(json!({ "name": name, "expectations": expectations }))
}

fn own_entry(entry: &Value) -> Result<Value, String> {
    let pair = entry.as_object().filter(|entry| entry.len() == 1).and_then(|entry| entry.iter().next());
    let (name, kwargs) = pair.ok_or_else(|| format!("expected one expectation with its parameters, found {entry}"))?;
    let mut kwargs =
        kwargs.as_object().cloned().ok_or_else(|| format!("expected parameters of `{name}`, found {kwargs}"))?;
    let severity = kwargs.shift_remove("severity").unwrap_or(Value::Null);
    Ok(json!({ "type": name, "kwargs": kwargs, "severity": severity }))
}
