//! Warnings as lines.

use trainer_data::Warning;

/// A warning as one line: its column, where it is about one, and its message.
pub fn text(warning: &Warning) -> String {
    match &warning.column {
        Some(column) => format!("column `{column}`: {}", warning.message),
        None => warning.message.clone(),
    }
}
