use std::fmt;

use crate::Place;

/// What went wrong, where, and what to do about it.
///
/// Shown as `FILE, row R, column `C`: MESSAGE`, and a second line `hint: ...` where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Stable name of the kind of fault, such as `ragged_row`.
    pub code: &'static str,
    /// The file, as the user named it.
    pub file: Option<String>,
    /// The data row within that file, from 1 (the header is not a row).
    pub row: Option<u64>,
    /// The line of the file at which the row starts, from 1 (text formats only).
    pub line: Option<u64>,
    /// The column.
    pub column: Option<String>,
    /// What was expected and what was found: lower case.
    pub message: String,
    /// What would repair it.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault that is in no known place yet.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, file: None, row: None, line: None, column: None, message: message.into(), hint: None }
    }

    /// The same fault, in a file.
    pub fn file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// The same fault, in a data row (from 1).
    pub fn row(mut self, row: u64) -> Self {
        self.row = Some(row);
        self
    }

    /// The same fault, at a line (from 1).
    pub fn line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// The same fault, in the file and row of a place.
    pub fn place(mut self, place: &Place) -> Self {
        self.file = place.file.as_ref().map(|file| file.to_string());
        self.row = Some(place.row);
        self
    }

    /// The same fault, in a column.
    pub fn column(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into());
        self
    }

    /// The same fault, with what would repair it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut place = Vec::new();
        place.extend(self.file.clone());
        match (self.row, self.line) {
            (Some(row), Some(line)) => place.push(format!("row {row} (line {line})")),
            (Some(row), None) => place.push(format!("row {row}")),
            (None, Some(line)) => place.push(format!("line {line}")),
            (None, None) => {}
        }
        place.extend(self.column.as_ref().map(|column| format!("column `{column}`")));
        if !place.is_empty() {
            write!(f, "{}: ", place.join(", "))?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Why tables could not be read, understood or written, cut by who must act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// An option does not make sense: the configuration must change.
    #[error("{0}")]
    Options(Box<Fault>),
    /// A file or bucket is absent, or may not be read: the path, the permissions or the credentials must change.
    #[error("{0}")]
    Unreadable(Box<Fault>),
    /// A file is not well formed, or not what its name says: the file must change.
    #[error("{0}")]
    Malformed(Box<Fault>),
    /// Files or tables disagree with each other, or lack a column that was asked for.
    #[error("{0}")]
    Mismatch(Box<Fault>),
    /// The table is well formed, but its values cannot be used for what was asked.
    #[error("{0}")]
    Unusable(Box<Fault>),
    /// An output could not be written.
    #[error("{0}")]
    Unwritable(Box<Fault>),
}

impl DataError {
    /// Where and what.
    pub fn fault(&self) -> &Fault {
        match self {
            Self::Options(fault)
            | Self::Unreadable(fault)
            | Self::Malformed(fault)
            | Self::Mismatch(fault)
            | Self::Unusable(fault)
            | Self::Unwritable(fault) => fault,
        }
    }

    /// Stable name of the kind of fault, such as `ragged_row`.
    pub fn code(&self) -> &'static str {
        self.fault().code
    }

    /// The same error, its fault changed: a place added where it is known.
    pub(crate) fn map(mut self, change: impl FnOnce(Fault) -> Fault) -> Self {
        let fault = match &mut self {
            Self::Options(fault)
            | Self::Unreadable(fault)
            | Self::Malformed(fault)
            | Self::Mismatch(fault)
            | Self::Unusable(fault)
            | Self::Unwritable(fault) => fault,
        };
        **fault = change((**fault).clone());
        self
    }

    pub(crate) fn options(fault: Fault) -> Self {
        Self::Options(Box::new(fault))
    }

    pub(crate) fn unreadable(fault: Fault) -> Self {
        Self::Unreadable(Box::new(fault))
    }

    pub(crate) fn malformed(fault: Fault) -> Self {
        Self::Malformed(Box::new(fault))
    }

    pub(crate) fn mismatch(fault: Fault) -> Self {
        Self::Mismatch(Box::new(fault))
    }

    pub(crate) fn unusable(fault: Fault) -> Self {
        Self::Unusable(Box::new(fault))
    }

    pub(crate) fn unwritable(fault: Fault) -> Self {
        Self::Unwritable(Box::new(fault))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_where_what_and_one_hint() {
        let fault =
            Fault::new("ragged_row", "expected 3 fields, found 2").file("a.csv").row(7).line(9).hint("quote it");
        assert_eq!(
            DataError::malformed(fault).to_string(),
            "a.csv, row 7 (line 9): expected 3 fields, found 2\nhint: quote it"
        );
        let fault = Fault::new("x", "is infinite").row(2).column("age");
        assert_eq!(fault.to_string(), "row 2, column `age`: is infinite");
        assert_eq!(Fault::new("x", "no").to_string(), "no");
    }
}
