//! Expectations on the training data: the suite that the config names, and what it found.

use serde_json::json;
use trainer_data::Table;
use trainer_features::expectation::{ResultFormat, Suite, ValidationResult};

use crate::config::{Config, Expectations};
use crate::exit::Failure;
use crate::lock::Program;

/// The suite that the config names, if it does.
///
/// # Errors
/// A file that cannot be read or is no suite, a suite without expectations.
pub fn suite(config: &Config) -> anyhow::Result<Option<Suite>> {
    let given = config.data.expectations.as_ref();
    given.map(|given| suite_of(given, &config.project.name, "data.expectations")).transpose()
}

/// The suite of these expectations; `name` is what one without a file is called, `key` where the config has it.
///
/// # Errors
/// As [`suite`].
pub fn suite_of(expectations: &Expectations, name: &str, key: &str) -> anyhow::Result<Suite> {
    match expectations {
        Expectations::Inline(expectations) => Ok(Suite::inline(name, expectations.clone())?),
        Expectations::File(path) => {
            let text = fs_err::read_to_string(path)?;
            let suite = Suite::from_gx_json(&text);
            Ok(suite.map_err(|error| Failure::usage(format!("{key}: {path}: {error}")))?)
        }
    }
}

/// Holds the suite against the training rows; the result has the form of Great Expectations.
pub fn validate(table: &Table, suite: &Suite, started: jiff::Timestamp) -> ValidationResult {
    let mut result = trainer_features::expectation::validate(table, suite, ResultFormat::Summary);
    let run_id = json!({ "run_name": null, "run_time": started.to_string() });
    result.meta.insert("run_id".into(), run_id);
    result.meta.insert("trainer_version".into(), Program::this().version.into());
    result
}
