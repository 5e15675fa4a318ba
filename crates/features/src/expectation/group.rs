//! Several columns, row by row.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cell::Cell;
use super::check::{Block, Check};
use super::header::Header;
use super::repeated::RepeatedCheck;
use super::rows::{Found, Listing, RowCheck, Shown};
use super::{Expectation, Severity, all, is_all};
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

impl IgnoreRowIf {
    /// Whether a row is passed over, by how many of its cells are missing.
    fn passes_over(self) -> fn(usize, usize) -> bool {
        match self {
            Self::AllValuesAreMissing => |missing, columns| missing == columns,
            Self::AnyValueIsMissing => |missing, _| missing > 0,
            Self::Never => |_, _| false,
        }
    }
}

/// Rows that are judged each by itself.
fn by_row(
    positions: Vec<usize>,
    (ignore, mostly): (IgnoreRowIf, Fraction),
    listing: &Listing,
    odd: impl Fn(&Block<'_>, &[usize]) -> Vec<usize> + Send + Sync + 'static,
) -> Box<dyn Check> {
    let (shown, passes_over) = (Shown::Record(positions.clone()), ignore.passes_over());
    let rule = move |block: &Block<'_>, _| {
        let missing = |row: usize| positions.iter().filter(|&&at| block.column(at).is_null(row)).count();
        let kept: Vec<usize> = block.rows().filter(|&row| !passes_over(missing(row), positions.len())).collect();
        Found { missing: (block.rows().len() - kept.len()) as u64, rows: odd(block, &kept) }
    };
    Box::new(RowCheck::new(shown, mostly, listing, rule))
}

/// Declares an expectation about several columns.
macro_rules! grouped {
    ($(#[$attr:meta])* $Name:ident { $($(#[$field_attr:meta])* $field:ident: $Field:ty,)* }, |$it:ident, $header:ident, $positions:ident, $listing:ident| $check:expr) => {
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

            fn plan(&self, $header: &Header, $listing: &Listing) -> Result<Box<dyn Check>, String> {
                let $it = self;
                let $positions = $header.positions(&self.column_list)?;
                $check
            }
        }
    };
}

/// Whether two cells are one value: numbers and booleans by value, so that 1, 1.0 and true are; missing cells are.
fn alike(a: &Cell, b: &Cell) -> bool {
    match (a, b) {
        (Cell::Text(a), Cell::Text(b)) => a == b,
        (Cell::Missing, Cell::Missing) => true,
        (a, b) => a.number().is_some() && a.number() == b.number(),
    }
}

/// Rows in which two columns have the same value.
fn with_equal_cells(block: &Block<'_>, positions: &[usize], rows: &[usize]) -> Vec<usize> {
    let same = |row: usize| {
        let cells: Vec<Cell> = positions.iter().map(|&at| Cell::of(block.column(at), row)).collect();
        cells.iter().enumerate().any(|(i, cell)| cells[..i].iter().any(|other| alike(cell, other)))
    };
    rows.iter().copied().filter(|&row| same(row)).collect()
}

/// Rows in which a column has another value than the first; missing cells are one value.
fn unequal(block: &Block<'_>, positions: &[usize], rows: &[usize]) -> Vec<usize> {
    let differs = |row: usize| {
        let mut cells = positions.iter().map(|&at| Cell::of(block.column(at), row));
        let first = cells.next().unwrap_or(Cell::Missing);
        cells.any(|cell| !alike(&first, &cell))
    };
    rows.iter().copied().filter(|&row| differs(row)).collect()
}

/// Rows that do not add up; a missing cell adds nothing.
fn uneven(block: &Block<'_>, positions: &[usize], rows: &[usize], total: f64) -> Vec<usize> {
    let columns: Vec<Vec<f64>> = positions.iter().map(|&at| block.numbers(at)).collect();
    let first = block.rows().start;
    let sum = |row: usize| columns.iter().map(|cells| cells[row - first]).filter(|x| !x.is_nan()).sum::<f64>();
    rows.iter().copied().filter(|&row| sum(row) != total).collect()
}

fn numeric(header: &Header, positions: &[usize]) -> Result<(), String> {
    match positions.iter().find(|&&at| !header.is_numeric(at)) {
        Some(&at) => Err(format!("expected columns of numbers, found {}", header.kind(at))),
        None => Ok(()),
    }
}

grouped! {
    /// No two rows have the same values in all of the columns; missing cells are equal to each other. Needs memory: about 50
    /// bytes for each distinct combination.
    CompoundUnique {}, |it, header, positions, listing| {
        Ok(Box::new(RepeatedCheck {
            shown: Shown::Record(positions),
            passes_over: it.ignore_row_if.passes_over(),
            mostly: it.mostly.into(),
            listing: listing.clone(),
        }))
    }
}

grouped! {
    /// In every row the columns have the same value.
    Equal {}, |it, header, positions, listing| {
        let columns = positions.clone();
        let odd = move |block: &Block<'_>, rows: &[usize]| unequal(block, &columns, rows);
        Ok(by_row(positions, (it.ignore_row_if, it.mostly), listing, odd))
    }
}

grouped! {
    /// In every row the columns have different values.
    UniqueWithinRecord {}, |it, header, positions, listing| {
        let columns = positions.clone();
        let odd = move |block: &Block<'_>, rows: &[usize]| with_equal_cells(block, &columns, rows);
        Ok(by_row(positions, (it.ignore_row_if, it.mostly), listing, odd))
    }
}

grouped! {
    /// In every row the columns add up to a number.
    SumEqual {
        /// The number.
        sum_total: f64,
    }, |it, header, positions, listing| {
        numeric(header, &positions)?;
        let (columns, total) = (positions.clone(), it.sum_total);
        let odd = move |block: &Block<'_>, rows: &[usize]| uneven(block, &columns, rows, total);
        Ok(by_row(positions, (it.ignore_row_if, it.mostly), listing, odd))
    }
}
