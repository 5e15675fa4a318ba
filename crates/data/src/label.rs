use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The name of a class, in the type that the target column has.
///
/// Ordered as scikit-learn orders classes: numbers by value, text by code point.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Label {
    /// A boolean target.
    Bool(bool),
    /// An integer target (or floats that are all whole numbers).
    Integer(i64),
    /// A text target.
    Text(String),
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Label::Bool(value) => value.fmt(f),
            Label::Integer(value) => value.fmt(f),
            Label::Text(value) => value.fmt(f),
        }
    }
}
