use serde::Serialize;

/// One error of a config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Stable code, `TRN-Cxxx`.
    pub code: &'static str,
    /// What is wrong, lower case.
    pub message: String,
}
