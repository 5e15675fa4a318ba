//! How long texts may be. SQLite does not look at the lengths that a table declares, and MLflow counts on them.

use super::failure::Failure;

/// The name of an experiment.
pub const EXPERIMENT: usize = 256;
/// The key of a tag, a parameter or a metric.
pub const KEY: usize = 250;
/// The value of a tag of a run, or of a parameter.
pub const VALUE: usize = 8000;
/// The name of a run.
pub const RUN: usize = 250;
/// Who ran it.
pub const USER: usize = 256;
/// The name of a dataset or of a logged model.
pub const NAME: usize = 500;
/// What tells a dataset's content, and its kind of source.
pub const DIGEST: usize = 36;
/// The value of a tag of an input.
pub const CONTEXT: usize = 500;
/// The name of a registered model.
pub const MODEL: usize = 256;
/// An alias.
pub const ALIAS: usize = 255;
/// The description of a version.
pub const DESCRIPTION: usize = 5000;

/// Expects a text that is there and not too long.
pub fn fits(what: &str, text: &str, limit: usize) -> Result<(), Failure> {
    if text.is_empty() {
        return Err(Failure::Config(format!("expected {what}, found an empty text")));
    }
    at_most(what, text, limit)
}

/// Expects a text that is not too long.
pub fn at_most(what: &str, text: &str, limit: usize) -> Result<(), Failure> {
    let length = text.chars().count();
    if length > limit {
        let start: String = text.chars().take(40).collect();
        return Err(Failure::Config(format!(
            "expected {what} of at most {limit} characters, found {length}: `{start}...`"
        )));
    }
    Ok(())
}
