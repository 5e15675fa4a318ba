//! Several columns, row by row.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainer_data::Table;

use super::cell::PandasColumn;
use super::{Expectation, Outcome, Severity, UnexpectedRows, all, column, is_all};
use crate::step::Fraction;

/// Which rows are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IgnoreRowIf {
    /// Those without any value.
    #[default]
    AllValuesAreMissing,
    /// Those without one of the values.
    AnyValueIsMissing,
    /// None.
    Never,
}

impl IgnoreRowIf {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The columns of a group.
struct Group<'t> {
    names: Vec<String>,
    columns: Vec<PandasColumn<'t>>,
    /// The rows that are not passed over.
    rows: Vec<u32>,
}

impl<'t> Group<'t> {
    fn of(table: &'t Table, names: &[String], ignore: IgnoreRowIf) -> Result<Self, String> {
        let columns: Vec<_> =
            names.iter().map(|name| column(table, name).map(PandasColumn::of)).collect::<Result<_, _>>()?;
        let missing = |row: usize| columns.iter().filter(|cells| cells.column.is_null(row)).count();
        let kept = |row: &u32| match ignore {
            IgnoreRowIf::AllValuesAreMissing => missing(*row as usize) < columns.len(),
            IgnoreRowIf::AnyValueIsMissing => missing(*row as usize) == 0,
            IgnoreRowIf::Never => true,
        };
        let rows = (0..table.rows() as u32).filter(kept).collect();
        Ok(Self { names: names.to_vec(), columns, rows })
    }

    fn outcome(self, rows: Vec<u32>, elements: usize, mostly: Fraction) -> Outcome<'t> {
        let Self { names, columns, rows: kept } = self;
        let value = move |row: usize| names.iter().cloned().zip(columns.iter().map(|cells| cells.json(row))).collect();
        let missing = Some(elements - kept.len());
        Outcome::Rows(UnexpectedRows { rows, elements, missing, mostly: mostly.into(), value: Box::new(value) })
    }
}

/// Declares an expectation about several columns.
macro_rules! grouped {
    ($(#[$attr:meta])* $Name:ident { $($(#[$field_attr:meta])* $field:ident: $Field:ty,)* }, |$it:ident, $group:ident| $unexpected:expr) => {
        $(#[$attr])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $Name {
            /// The columns.
            pub column_list: Vec<String>,
            $($(#[$field_attr])* pub $field: $Field,)*
            /// Which rows are passed over.
            #[serde(default, skip_serializing_if = "IgnoreRowIf::is_default")]
            pub ignore_row_if: IgnoreRowIf,
            /// The least share of the other rows that must be so.
            #[serde(default = "all", skip_serializing_if = "is_all")]
            pub mostly: Fraction,
            /// What a failure means for the run.
            #[serde(default, skip_serializing_if = "Severity::is_default")]
            pub severity: Severity,
        }

        impl Expectation for $Name {
            fn column(&self) -> Option<&str> {
                None
            }

            fn severity(&self) -> Severity {
                self.severity
            }

            fn check(&self) -> Result<(), String> {
                let few = self.column_list.len() < 2;
                if few { Err("expected at least two columns in `column_list`".into()) } else { Ok(()) }
            }

            fn judge<'t>(&self, table: &'t Table) -> Result<Outcome<'t>, String> {
                let $it = self;
                let $group = Group::of(table, &self.column_list, self.ignore_row_if)?;
                let rows: Vec<u32> = $unexpected;
                Ok($group.outcome(rows, table.rows(), self.mostly))
            }
        }
    };
}

/// Rows whose values, taken together, another row has too; missing cells are equal to each other.
fn repeated(group: &Group<'_>) -> Vec<u32> {
    let codes: Vec<Vec<u32>> = group.columns.iter().map(|cells| cells.column.levels().codes).collect();
    let key = |row: u32| codes.iter().map(|codes| codes[row as usize]).collect::<Vec<u32>>();
    let mut counts: HashMap<Vec<u32>, u32> = HashMap::new();
    group.rows.iter().for_each(|&row| *counts.entry(key(row)).or_insert(0) += 1);
    group.rows.iter().copied().filter(|&row| counts[&key(row)] > 1).collect()
}

/// Rows in which two columns have the same value; missing cells are equal to each other.
fn alike(group: &Group<'_>) -> Vec<u32> {
    let same = |row: u32| {
        let cells: Vec<Value> = group.columns.iter().map(|cells| comparable(cells.json(row as usize))).collect();
        cells.iter().enumerate().any(|(i, cell)| cells[..i].contains(cell))
    };
    group.rows.iter().copied().filter(|&row| same(row)).collect()
}

/// Numbers and booleans as numbers, so that 1, 1.0 and true are one value.
fn comparable(value: Value) -> Value {
    match value {
        Value::Bool(flag) => f64::from(u8::from(flag)).into(),
        Value::Number(number) => number.as_f64().map_or(Value::Null, |x| (x + 0.0).into()),
        other => other,
    }
}

/// Rows that do not add up; a missing cell adds nothing.
fn uneven(group: &Group<'_>, total: f64) -> Result<Vec<u32>, String> {
    let mut columns = Vec::with_capacity(group.columns.len());
    for cells in &group.columns {
        if !cells.is_numeric() {
            return Err(format!("expected columns of numbers, found {}", cells.kind()));
        }
        columns.push(cells.numbers().unwrap_or_default());
    }
    let sum = |row: u32| columns.iter().map(|cells| cells[row as usize]).filter(|x| !x.is_nan()).sum::<f64>();
    Ok(group.rows.iter().copied().filter(|&row| sum(row) != total).collect())
}

grouped! {
    /// No two rows have the same values in all of the columns.
    CompoundUnique {}, |_it, group| repeated(&group)
}

grouped! {
    /// In every row the columns have different values.
    UniqueWithinRecord {}, |_it, group| alike(&group)
}

grouped! {
    /// In every row the columns add up to a number.
    SumEqual {
        /// The number.
        sum_total: f64,
    }, |it, group| uneven(&group, it.sum_total)?
}
