//! Other YAML than a config.

use serde_json::Value as Json;

use super::problem::Problem;
use super::source::Sources;
use super::tree::Layer;
use super::yaml;

/// A YAML document as JSON. `name` is what messages call the file.
///
/// # Errors
/// Everything in which it is not YAML.
pub fn document(name: &str, text: &str) -> Result<Json, Vec<Problem>> {
    let mut sources = Sources::default();
    let source = sources.add(name, text);
    let mut problems = Vec::new();
    let root = yaml::read(&sources, source, 0, &Layer::File, &mut problems);
    match root {
        Some(root) if problems.is_empty() => Ok(root.to_json()),
        None if problems.is_empty() => Ok(Json::Null),
        _ => Err(problems),
    }
}
