//! How an expectation is judged in one pass: every block of rows is looked at by itself, in any thread; what was found is
//! taken in in the order of the rows; at the end it is judged.

use std::any::Any;
use std::ops::Range;

use serde_json::Value;
use trainer_data::{Column, Kind, Table};

use super::Outcome;
use super::header::Facts;

/// Rows that are looked at together.
pub struct Block<'t> {
    table: &'t Table,
    rows: Range<usize>,
    first_row: u64,
    /// Each row's number, where rows were left out.
    numbers: Option<&'t [u64]>,
}

impl<'t> Block<'t> {
    /// Rows of a table whose first row has a number.
    pub fn of(table: &'t Table, rows: Range<usize>, first_row: u64) -> Self {
        Self { table, rows, first_row, numbers: None }
    }

    /// A whole table of rows that were picked from another, with their numbers.
    pub fn picked(table: &'t Table, numbers: &'t [u64]) -> Self {
        Self { table, rows: 0..table.rows(), first_row: 0, numbers: Some(numbers) }
    }

    /// The rows, as places in the columns.
    pub fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// The number of a row within all rows.
    pub fn number(&self, row: usize) -> u64 {
        self.numbers.map_or_else(|| self.first_row + row as u64, |numbers| numbers[row])
    }

    /// A column with all its cells; the block's are those of [`Block::rows`].
    pub fn column(&self, position: usize) -> &'t Column {
        &self.table.columns()[position]
    }

    /// How many of the block's cells have no value.
    pub fn missing(&self, position: usize) -> u64 {
        let column = self.column(position);
        match column.kind() {
            Kind::Null => self.rows.len() as u64,
            _ => column
                .array()
                .nulls()
                .map_or(0, |nulls| nulls.slice(self.rows.start, self.rows.len()).null_count() as u64),
        }
    }

    /// The block's cells as numbers, `NaN` = missing; all are for text.
    pub fn numbers(&self, position: usize) -> Vec<f64> {
        let mut numbers = vec![f64::NAN; self.rows.len()];
        self.column(position).read_numbers(self.rows(), &mut numbers);
        numbers
    }
}

/// An expectation on the way, with types of its own for what a block yields and for what is known so far.
pub trait Counting: Send + Sync + 'static {
    /// What a block yields.
    type Part: Send + 'static;
    /// What is known so far.
    type State: Default + Send + Sync + 'static;

    fn look(&self, block: &Block<'_>) -> Self::Part;
    fn merge(&self, state: &mut Self::State, part: Self::Part);
    fn finish(&self, state: Self::State, facts: &Facts<'_>) -> Result<Outcome, String>;

    /// What is known so far, for another process; none where that would be all values.
    fn save(&self, _state: &Self::State) -> Option<Value> {
        None
    }

    /// What another process knows of some rows, of which the first has this number, as what a block yields.
    fn read(&self, _saved: Value, _first_row: u64) -> Option<Self::Part> {
        None
    }
}

/// An expectation on the way.
pub trait Check: Send + Sync {
    /// Nothing known yet.
    fn begin(&self) -> Box<dyn Any + Send + Sync>;
    /// What a block yields.
    fn look(&self, block: &Block<'_>) -> Box<dyn Any + Send>;
    /// Takes in what the next block yielded.
    fn merge(&self, state: &mut (dyn Any + Send + Sync), part: Box<dyn Any + Send>);
    /// What is known so far, for another process; none where that would be all values.
    fn save(&self, state: &(dyn Any + Send + Sync)) -> Option<Value>;
    /// What another process knows of some rows, of which the first has this number, as what a block yields.
    fn read(&self, saved: Value, first_row: u64) -> Option<Box<dyn Any + Send>>;
    /// The judgement.
    fn finish(&self, state: Box<dyn Any + Send + Sync>, facts: &Facts<'_>) -> Result<Outcome, String>;
}

impl<C: Counting> Check for C {
    fn begin(&self) -> Box<dyn Any + Send + Sync> {
        Box::<C::State>::default()
    }

    fn look(&self, block: &Block<'_>) -> Box<dyn Any + Send> {
        Box::new(Counting::look(self, block))
    }

    fn merge(&self, state: &mut (dyn Any + Send + Sync), part: Box<dyn Any + Send>) {
        let state = state.downcast_mut().expect("the state that begin() made");
        Counting::merge(self, state, *part.downcast().expect("the part that look() made"));
    }

    fn save(&self, state: &(dyn Any + Send + Sync)) -> Option<Value> {
        Counting::save(self, state.downcast_ref().expect("the state that begin() made"))
    }

    fn read(&self, saved: Value, first_row: u64) -> Option<Box<dyn Any + Send>> {
        Some(Box::new(Counting::read(self, saved, first_row)?))
    }

    fn finish(&self, state: Box<dyn Any + Send + Sync>, facts: &Facts<'_>) -> Result<Outcome, String> {
        Counting::finish(self, *state.downcast().expect("the state that begin() made"), facts)
    }
}
