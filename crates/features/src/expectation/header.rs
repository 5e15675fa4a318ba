//! What is known of a table before its rows are read, and what more when all of them were.

use serde_json::Value;
use trainer_data::{Column, Kind, Table};

use super::cell::{Cell, PandasType};

/// Names and types of columns.
#[derive(Debug, Clone)]
pub struct Header {
    columns: Vec<Column>,
}

impl Header {
    /// The header of a table.
    pub fn of(table: &Table) -> Self {
        Self { columns: table.columns().iter().map(|column| column.take(&[])).collect() }
    }

    /// Where the column of that name is.
    pub fn position(&self, name: &str) -> Result<usize, String> {
        let found = self.columns.iter().position(|column| column.name() == name);
        found.ok_or_else(|| crate::error::unknown_column(name, self.names()).to_string())
    }

    /// Where the columns of those names are.
    pub fn positions(&self, names: &[String]) -> Result<Vec<usize>, String> {
        names.iter().map(|name| self.position(name)).collect()
    }

    /// The names, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.columns.iter().map(Column::name)
    }

    /// The name of a column.
    pub fn name(&self, position: usize) -> &str {
        self.columns[position].name()
    }

    /// What a column holds.
    pub fn kind(&self, position: usize) -> Kind {
        self.columns[position].kind()
    }

    /// Whether cells are numbers or booleans.
    pub fn is_numeric(&self, position: usize) -> bool {
        !matches!(self.kind(position), Kind::Text | Kind::Date | Kind::Timestamp)
    }

    /// The type in which a column is stored, such as `int64`.
    pub fn stored(&self, position: usize) -> String {
        self.columns[position].array().data_type().to_string().to_lowercase()
    }

    /// Whether a table has the same columns of the same types.
    pub fn fits(&self, table: &Table) -> bool {
        let stored = |column: &Column| (column.name().to_owned(), column.array().data_type().clone());
        self.columns.iter().map(stored).eq(table.columns().iter().map(stored))
    }
}

/// What is known when all rows were read.
#[derive(Debug, Clone)]
pub struct Facts<'f> {
    /// Names and types.
    pub header: &'f Header,
    /// Cells without a value, by column; over all rows, whatever a row condition leaves out.
    pub nulls: &'f [u64],
    /// Columns whose cells are never shown.
    masked: Vec<bool>,
}

/// What stands for a cell that is not to be shown.
pub const MASK: &str = "<masked>";

impl<'f> Facts<'f> {
    pub fn new(header: &'f Header, nulls: &'f [u64], pii: &[String]) -> Self {
        let masked = header.names().map(|name| pii.iter().any(|masked| masked == name)).collect();
        Self { header, nulls, masked }
    }

    /// Whether a column's cells are not to be shown.
    pub fn masks(&self, position: usize) -> bool {
        self.masked[position]
    }

    /// A cell of a column, as it is shown.
    pub fn json(&self, position: usize, cell: &Cell) -> Value {
        match cell {
            Cell::Missing => Value::Null,
            _ if self.masked[position] => MASK.into(),
            cell => cell.json(self.pandas(position)),
        }
    }

    /// The type that pandas gives a column: it depends on whether a cell is missing anywhere.
    pub fn pandas(&self, position: usize) -> PandasType {
        PandasType::of(self.header.kind(position), self.nulls[position] > 0)
    }
}
