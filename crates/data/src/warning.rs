use arrow::array::AsArray;
use arrow::datatypes::{DataType, Int64Type, UInt64Type};
use serde::{Deserialize, Serialize};

use crate::Column;

/// Something odd that did not stop the run: counted, and shown in the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Stable name of the kind of warning, such as `constant_column`.
    ///
    /// Of reading: `blank_lines`, `formatted_numbers`, `header_of_numbers`, `integers_beyond_2_53`, `leading_zeros`,
    /// `long_integers`, `mixed_column`, `null_tokens`, `widened`. Of tables: `alike_classes`, `all_null_column`,
    /// `constant_column`.
    pub code: String,
    /// The column it is about, if one.
    pub column: Option<String>,
    /// How many rows (or cells) it is about.
    pub count: u64,
    /// What was found and what was done about it: lower case, one sentence.
    pub message: String,
}

impl Warning {
    /// A warning about a column.
    pub fn new(code: impl Into<String>, column: &str, count: u64, message: impl Into<String>) -> Self {
        Self { code: code.into(), column: Some(column.to_owned()), count, message: message.into() }
    }

    /// A warning about a whole file or table.
    pub fn of_table(code: impl Into<String>, count: u64, message: impl Into<String>) -> Self {
        Self { code: code.into(), column: None, count, message: message.into() }
    }
}

/// Columns that were to be left out and are not there (`absent_column`): under another name they would be read.
pub(crate) fn absent_columns(skip: &[String], names: &[&str], file: &str) -> Vec<Warning> {
    let absent = skip.iter().filter(|name| !names.contains(&name.as_str()));
    absent
        .map(|name| Warning::new("absent_column", name, 1, format!("to be left out, and not a column of {file}")))
        .collect()
}

/// Beyond this, not every whole number is a 64-bit float.
const LARGEST_EXACT: i128 = 1 << 53;

/// Counts the integers that numbers cannot hold exactly.
pub(crate) fn inexact_integers(column: &Column) -> Option<Warning> {
    let array = column.array().as_ref();
    let beyond = |value: i128| value.abs() > LARGEST_EXACT;
    let count = match array.data_type() {
        DataType::Int64 => array.as_primitive::<Int64Type>().iter().flatten().filter(|&v| beyond(v.into())).count(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().iter().flatten().filter(|&v| beyond(v.into())).count(),
        _ => 0,
    };
    (count > 0).then(|| {
        let message = "integers beyond 2^53 are rounded as numbers";
        Warning::new("integers_beyond_2_53", column.name(), count as u64, message)
    })
}
