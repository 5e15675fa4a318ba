use crate::Kind;

/// A column of a text file turned out to be of a wider type than its first rows say.
///
/// The batches that came before are of the narrower type: throw them away, take [`crate::FileScan::widened`], and start
/// again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{file}, row {row}, column `{column}`: expected {found} as in the rows before, found `{example}`, which needs {needed}"
)]
pub struct TypeChanged {
    /// The column.
    pub column: String,
    /// The file.
    pub file: String,
    /// The data row in that file, from 1.
    pub row: u64,
    /// What the rows before are.
    pub found: Kind,
    /// What would hold this cell as well.
    pub needed: Kind,
    /// The cell, as it stands.
    pub example: String,
}

/// A row that is not well formed, as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedRow<'a> {
    /// The file, as the user named it.
    pub file: &'a str,
    /// The line at which the row starts, from 1.
    pub line: u64,
    /// What is wrong with it, by the names of [`crate::Dropped::reason`].
    pub reason: &'a str,
    /// The row's bytes, without its line end.
    pub raw: &'a [u8],
}

/// Keeps the rows that are not well formed.
pub trait Quarantine: std::fmt::Debug + Send + Sync {
    /// Keeps a row. Rows come in their order, each once, however often the files are read.
    ///
    /// # Errors
    /// What stops the reading.
    fn keep(&self, row: &MalformedRow<'_>) -> Result<(), crate::DataError>;
}
