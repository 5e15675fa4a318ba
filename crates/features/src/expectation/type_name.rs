//! The type of a column, by the names that pandas and numpy use.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::Table;

use super::cell::{PandasColumn, PandasType};
use super::{Expectation, Outcome, Severity, UnexpectedRows, all, column, is_all};
use crate::step::Fraction;

/// What pandas calls the column's type, and the names that stand for it.
fn names(cells: &PandasColumn<'_>) -> (String, Vec<String>) {
    let stored = cells.column.array().data_type().to_string().to_lowercase();
    let own = |name: &str, others: &[&str]| {
        let all = [name].iter().chain(others).map(|name| (*name).to_owned()).collect();
        (name.to_owned(), all)
    };
    match cells.pandas {
        PandasType::Boolean => own("bool", &["bool_"]),
        PandasType::BooleanObject | PandasType::DateObject => own("object_", &["object", "O"]),
        PandasType::Integer if stored == "int64" => own("int64", &["int", "int_"]),
        PandasType::Integer => own(&stored, &[]),
        PandasType::Float if stored == "float32" => own("float32", &[]),
        PandasType::Float => own("float64", &["float", "double"]),
        // `str` in pandas 3; before that `object`, by which older suites ask for it.
        PandasType::Text => own("str", &["object", "object_", "O"]),
        PandasType::Timestamp => own("datetime64", &["datetime64[ns]", "Timestamp", "DatetimeTZDtype"]),
    }
}

/// What a column of Python objects holds, and the names that stand for it.
fn object_names(pandas: PandasType) -> Option<&'static [&'static str]> {
    match pandas {
        // In Python a boolean is an integer.
        PandasType::BooleanObject => Some(&["bool", "int"]),
        PandasType::DateObject => Some(&["date"]),
        _ => None,
    }
}

fn judge<'t>(table: &'t Table, name: &str, expected: &[String], mostly: Fraction) -> Result<Outcome<'t>, String> {
    let cells = PandasColumn::of(column(table, name)?);
    let (observed, names) = names(&cells);
    let is_type = expected.iter().any(|name| names.contains(name));
    match object_names(cells.pandas) {
        // Objects are judged one by one, unless objects are what is asked for.
        Some(kinds) if !is_type => {
            let fits = expected.iter().any(|name| kinds.contains(&name.as_str()));
            let rows = cells.rows_where(|_| !fits);
            Ok(Outcome::Rows(UnexpectedRows::of(cells, rows, mostly)))
        }
        _ => Ok(Outcome::observed(is_type, observed)),
    }
}

/// The column is of a type, such as `int64`, `float64`, `str`, `bool`, `datetime64`.
///
/// Types are those that pandas would give the column: whole numbers with missing cells are `float64`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BeOfType {
    /// The column.
    pub column: String,
    /// The name of the type.
    pub type_: String,
    /// The least share of rows with a value that must be so; counts for columns of Python objects only.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub mostly: Fraction,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

impl Expectation for BeOfType {
    fn column(&self) -> Option<&str> {
        Some(&self.column)
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn judge<'t>(&self, table: &'t Table) -> Result<Outcome<'t>, String> {
        judge(table, &self.column, std::slice::from_ref(&self.type_), self.mostly)
    }
}

/// The column is of one of several types.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BeInTypeList {
    /// The column.
    pub column: String,
    /// The names of the types.
    pub type_list: Vec<String>,
    /// The least share of rows with a value that must be so; counts for columns of Python objects only.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub mostly: Fraction,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

impl Expectation for BeInTypeList {
    fn column(&self) -> Option<&str> {
        Some(&self.column)
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn check(&self) -> Result<(), String> {
        if self.type_list.is_empty() { Err("expected a `type_list`, found an empty one".into()) } else { Ok(()) }
    }

    fn judge<'t>(&self, table: &'t Table) -> Result<Outcome<'t>, String> {
        judge(table, &self.column, &self.type_list, self.mostly)
    }
}
