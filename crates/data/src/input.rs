use serde::{Deserialize, Serialize};

use crate::{Table, Warning};

/// A table that was read, with what is known of its files.
#[derive(Debug, Clone)]
pub struct Input {
    /// The rows of all files, in the order of `files`.
    pub table: Table,
    /// The files, by name.
    pub files: Vec<InputFile>,
    /// What was odd, and what was done about it.
    pub warnings: Vec<Warning>,
}

/// A file that was read, as it lay in the source (before decompression).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFile {
    /// The path or URL, as the user named it.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// Number of data rows.
    pub rows: u64,
}
