//! How long texts may be. SQLite does not look at the lengths that a table declares, and MLflow counts on them.

use super::failure::Failure;
pub use crate::limits::{CONTEXT, DESCRIPTION, DIGEST, EXPERIMENT, KEY, NAME, PARAM, RUN_NAME, RUN_TAG, USER};

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
