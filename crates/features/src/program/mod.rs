//! The column programs: everything a fitted plan can do to a column.
//!
//! Six of them hold constants that a step learned (`fill`, `affine`, `cut`, `lookup`, `one_hot`, `hash`); the seventh,
//! `arithmetic`, is a fixed formula over one or more columns and holds nothing that was learned. Saving, applying and
//! exporting are written for these seven and for nothing else, so a new step adds no code there.
//!
//! Cells are `f64` inside a program, `NaN` = missing, and are rounded once, to `f32`, when the matrix is written. Text
//! columns are level codes; a program that takes text is asked once per level, not once per row.

use one_of::one_of;
use serde::{Deserialize, Serialize};

one_of! {
    /// One operation on columns, with the constants it needs.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum ColumnOp: Operator {
        fill::Fill,
        affine::Affine,
        cut::Cut,
        lookup::Lookup,
        one_hot::OneHot,
        hash::Hash,
        arithmetic::Arithmetic,
        coerce::Coerce,
        mask::Mask,
        cross::Cross,
        date_part::DatePart,
    }
}

/// What a column holds between two programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellType {
    /// Numbers, `NaN` = missing.
    Number,
    /// Text, or missing.
    Text,
}

/// One cell as a program reads it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// A number; never `NaN`.
    Number(f64),
    /// Text.
    Text(&'a str),
    /// Nothing.
    Missing,
}

impl Cell<'_> {
    /// The cell of a number, where `NaN` is missing.
    pub fn number(value: f64) -> Cell<'static> {
        if value.is_nan() { Cell::Missing } else { Cell::Number(value) }
    }
}

/// What a program answers to one cell.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// The number; `NaN` = missing.
    pub value: f64,
    /// Whether the cell held a value that the program's constants do not know (or a formula has no value for).
    pub unknown: bool,
}

impl Answer {
    /// To a cell that the program knows.
    pub fn known(value: f64) -> Self {
        Self { value, unknown: false }
    }

    /// To a cell that it does not.
    pub fn unknown(value: f64) -> Self {
        Self { value, unknown: true }
    }
}

/// What every column program can do.
pub trait Operator {
    /// How many columns it reads: at least, and at most.
    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    /// How many columns it writes.
    fn width(&self) -> usize {
        1
    }

    /// What it writes, given what it reads.
    ///
    /// # Errors
    /// When it does not take such a column: what it takes instead.
    fn output(&self, input: CellType) -> Result<CellType, &'static str>;

    /// Whether its constants make sense, for plans read from a file.
    ///
    /// # Errors
    /// What is wrong.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// Computes a number per row from numbers, and adds to `unknown` how many rows held a value that its constants do not
    /// know. A program wider than one column gives the number of the column that is one.
    fn numbers(&self, inputs: &[&[f64]], output: &mut [f64], unknown: &mut u64);

    /// The number for one level of a text column (or for a missing cell), for programs that turn text into numbers.
    fn level(&self, _cell: Cell<'_>) -> Answer {
        Answer::known(f64::NAN)
    }

    /// Whether asking it once a row is cheaper than finding out first which levels there are.
    fn asks_each_row(&self) -> bool {
        false
    }

    /// Whether a value that it does not know stops everything.
    fn is_strict(&self) -> bool {
        false
    }
}

/// Each program as the operation that it is.
macro_rules! into_column_op {
    ($($variant:ident($program:path)),+ $(,)?) => {
        $(impl From<$program> for ColumnOp {
            fn from(program: $program) -> Self {
                Self::$variant(program)
            }
        })+
    };
}

into_column_op! {
    Fill(fill::Fill),
    Affine(affine::Affine),
    Cut(cut::Cut),
    Lookup(lookup::Lookup),
    OneHot(one_hot::OneHot),
    Hash(hash::Hash),
    Arithmetic(arithmetic::Arithmetic),
    Coerce(coerce::Coerce),
    Mask(mask::Mask),
    Cross(cross::Cross),
    DatePart(date_part::DatePart),
}
