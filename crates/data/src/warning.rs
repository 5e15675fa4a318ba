use serde::{Deserialize, Serialize};

/// Something odd that did not stop the run: counted, and shown in the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Stable name of the kind of warning, such as `constant_column`.
    pub code: String,
    /// The column it is about, if one.
    pub column: Option<String>,
    /// How many rows (or cells) it is about.
    pub count: u64,
    /// What was found and what was done about it: lower case, one sentence.
    pub message: String,
}
