use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use crate::{Column, DataError, Fault};

/// Where a row came from, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as the user named it; `None` for a table made in memory.
    pub file: Option<Arc<str>>,
    /// The data row within it, from 1.
    pub row: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}, ")?;
        }
        write!(f, "row {}", self.row)
    }
}

/// Columns of equal length. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Arc<[Column]>,
    rows: usize,
    origin: Arc<Origin>,
}

/// Where the rows came from.
#[derive(Debug, Default)]
struct Origin {
    /// Each file and its number of rows, in the order in which they were read.
    files: Vec<(Arc<str>, u64)>,
    /// For each row of the table its row over all files; `None` = as they were read.
    taken: Option<Vec<u32>>,
}

impl Table {
    /// The largest number of rows: row numbers are 32-bit.
    pub const MAX_ROWS: usize = u32::MAX as usize - 1;

    /// A table of columns.
    ///
    /// # Errors
    /// `Malformed` when there are no columns, when they differ in length, or when names are empty or appear twice.
    pub fn from_columns(columns: Vec<Column>) -> Result<Self, DataError> {
        let Some(first) = columns.first() else {
            return Err(DataError::malformed(Fault::new("no_columns", "expected at least one column, found none")));
        };
        let rows = first.len();
        let mut names = HashSet::new();
        for (position, column) in columns.iter().enumerate() {
            check_name(column.name(), position + 1, &mut names)?;
            if column.len() != rows {
                let message = format!("expected {rows} rows as in `{}`, found {}", first.name(), column.len());
                return Err(DataError::malformed(Fault::new("unequal_columns", message).column(column.name())));
            }
        }
        if rows > Self::MAX_ROWS {
            let message = format!("expected at most {} rows, found {rows}", Self::MAX_ROWS);
            return Err(DataError::malformed(Fault::new("too_many_rows", message)));
        }
        Ok(Self { columns: columns.into(), rows, origin: Arc::default() })
    }

    /// The same table, with the files that its rows came from: name and number of rows of each.
    pub(crate) fn with_files(self, files: Vec<(Arc<str>, u64)>) -> Self {
        debug_assert_eq!(files.iter().map(|(_, rows)| *rows).sum::<u64>(), self.rows as u64);
        Self { origin: Arc::new(Origin { files, taken: None }), ..self }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name() == name)
    }

    /// The column of that name.
    ///
    /// # Errors
    /// `Mismatch` (`missing_column`) when there is none, with the nearest name.
    pub fn require(&self, name: &str) -> Result<&Column, DataError> {
        self.column(name).ok_or_else(|| self.missing(name))
    }

    /// The columns' names, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.columns.iter().map(Column::name)
    }

    /// The given rows, in the given order.
    ///
    /// # Panics
    /// When a row is beyond the end.
    pub fn take(&self, rows: &[u32]) -> Self {
        let taken = match &self.origin.taken {
            None => rows.to_vec(),
            Some(taken) => rows.iter().map(|&row| taken[row as usize]).collect(),
        };
        Self {
            columns: self.columns.iter().map(|column| column.take(rows)).collect(),
            rows: rows.len(),
            origin: Arc::new(Origin { files: self.origin.files.clone(), taken: Some(taken) }),
        }
    }

    /// The columns of those names, in that order.
    ///
    /// # Errors
    /// `Mismatch` (`missing_column`) when there is no such column; `Malformed` when a name appears twice, or none is given.
    pub fn select(&self, names: &[&str]) -> Result<Self, DataError> {
        let columns = names.iter().map(|name| self.require(name).cloned()).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { origin: self.origin.clone(), ..Self::from_columns(columns)? })
    }

    /// The same rows with more columns at the end.
    ///
    /// # Errors
    /// As [`Table::from_columns`].
    pub fn with_columns(&self, more: Vec<Column>) -> Result<Self, DataError> {
        let columns = self.columns.iter().cloned().chain(more).collect();
        Ok(Self { origin: self.origin.clone(), ..Self::from_columns(columns)? })
    }

    /// The same cells at the places of another table's rows, from which they were made.
    ///
    /// # Panics
    /// When the tables differ in the number of rows.
    #[must_use]
    pub fn at_the_places_of(self, other: &Self) -> Self {
        assert_eq!(self.rows, other.rows, "made of the same rows");
        Self { origin: other.origin.clone(), ..self }
    }

    /// The file of a row (from 0), and the row's number in it.
    pub fn place(&self, row: usize) -> Place {
        let mut row = match &self.origin.taken {
            Some(taken) => u64::from(taken[row]),
            None => row as u64,
        };
        for (file, rows) in &self.origin.files {
            if row < *rows {
                return Place { file: Some(file.clone()), row: row + 1 };
            }
            row -= rows;
        }
        Place { file: None, row: row + 1 }
    }

    /// The files that the rows came from.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.origin.files.iter().map(|(file, _)| file.as_ref())
    }

    pub(crate) fn missing(&self, name: &str) -> DataError {
        missing(name, self.columns.iter().map(Column::name), self.files().next())
    }
}

impl PartialEq for Table {
    /// Equal names and cells, wherever they came from.
    fn eq(&self, other: &Self) -> bool {
        self.columns == other.columns
    }
}

/// Refuses empty names and names seen before.
pub(crate) fn check_name<'a>(name: &'a str, position: usize, seen: &mut HashSet<&'a str>) -> Result<(), DataError> {
    if name.trim().is_empty() {
        let message = format!("expected a name for every column, found none for column {position}");
        return Err(DataError::malformed(Fault::new("empty_column_name", message)));
    }
    if !seen.insert(name) {
        let message = format!("expected every name once, found it again as column {position}");
        return Err(DataError::malformed(Fault::new("duplicate_column_name", message).column(name)));
    }
    Ok(())
}

/// The error for a column that is not there.
pub(crate) fn missing<'a>(name: &str, names: impl Iterator<Item = &'a str> + Clone, file: Option<&str>) -> DataError {
    let fault = Fault::new("missing_column", "expected a column of that name, found none").column(name);
    let fault = match file {
        Some(file) => fault.file(file),
        None => fault,
    };
    DataError::mismatch(match nearest(name, names.clone()) {
        Some(near) => fault.hint(format!("there is a column `{near}`")),
        None => fault.hint(format!("the columns are {}", listed(names))),
    })
}

/// At most eight names, and how many more there are.
pub(crate) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    let shown = names.iter().take(8).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > 8 { format!("{shown} and {} more", names.len() - 8) } else { shown }
}

/// The name that a user may have meant: equal but for case, spaces and dashes, or at most a third of its letters away.
fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| name.trim().to_lowercase().replace([' ', '-'], "_");
    let wanted = plain(wanted);
    names
        .map(|name| (strsim::osa_distance(&wanted, &plain(name)), name))
        .filter(|(distance, _)| distance * 3 <= wanted.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let table = Table::from_columns(vec![
            Column::from_integers("id", vec![Some(1), Some(2), Some(3), Some(4)]),
            Column::from_text("Pay Method", vec![Some("x"), None, Some("y"), Some("z")]),
        ]);
        table.unwrap().with_files(vec![("a.csv".into(), 1), ("b.csv".into(), 3)])
    }

    #[test]
    fn places_survive_take_and_select() {
        let table = table().take(&[3, 0]).take(&[1, 0]).select(&["Pay Method"]).unwrap();
        assert_eq!(table.place(0).to_string(), "a.csv, row 1");
        assert_eq!(table.place(1).to_string(), "b.csv, row 3");
        assert_eq!(table.column("Pay Method").unwrap().text(1).unwrap(), "z");
        assert!(table.column("id").is_none());
    }

    #[test]
    fn names_and_lengths_are_checked() {
        let code = |columns| Table::from_columns(columns).unwrap_err().code();
        let one = |name: &str| Column::from_integers(name, vec![Some(1)]);
        assert_eq!(code(vec![]), "no_columns");
        assert_eq!(code(vec![one("a"), one("a")]), "duplicate_column_name");
        assert_eq!(code(vec![one("a"), one(" ")]), "empty_column_name");
        assert_eq!(code(vec![one("a"), Column::from_integers("b", vec![])]), "unequal_columns");
    }

    #[test]
    fn a_missing_column_names_the_nearest() {
        let message = table().select(&["pay_method"]).unwrap_err().to_string();
        assert_eq!(
            message,
            "a.csv, column `pay_method`: expected a column of that name, found none\nhint: there is a column `Pay Method`"
        );
        assert!(table().require("churn").unwrap_err().to_string().ends_with("the columns are `id`, `Pay Method`"));
    }
}
