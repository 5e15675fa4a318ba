use std::ops::Range;

use trainer_data::{Column, Fault, Kind, Table};

use crate::FeatureError;
use crate::fitted_plan::Input;
use crate::program::CellType;

/// The columns of a table that a plan reads.
pub(crate) struct Sources<'t> {
    pub table: &'t Table,
    columns: Vec<Option<&'t Column>>,
}

/// What the cells of a kind of column are to a program; nothing for a column without values.
pub(crate) fn cell_type(kind: Kind) -> Option<CellType> {
    match kind {
        Kind::Boolean | Kind::Integer | Kind::Float | Kind::Date | Kind::Timestamp => Some(CellType::Number),
        Kind::Text => Some(CellType::Text),
        Kind::Null => None,
    }
}

impl<'t> Sources<'t> {
    /// The columns of these inputs.
    ///
    /// # Errors
    /// When the table lacks one, or has one whose cells mean something else than in training.
    pub fn open(table: &'t Table, inputs: &[Input]) -> Result<Self, FeatureError> {
        Self::open_some(table, inputs, |_| true)
    }

    /// Some of the columns of these inputs, by number; nothing else may be asked for.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_some(
        table: &'t Table,
        inputs: &[Input],
        is_needed: impl Fn(usize) -> bool,
    ) -> Result<Self, FeatureError> {
        let open = |(number, input): (usize, &Input)| {
            if !is_needed(number) {
                return Ok(None);
            }
            let column = table
                .column(&input.name)
                .ok_or_else(|| FeatureError::data(crate::error::unknown_column(&input.name, table.names())))?;
            if !compatible(input.kind, column.kind()) {
                let message = format!("expected {} as in training, found {}", input.kind, column.kind());
                return Err(FeatureError::data(Fault::new("column_type", message).column(&input.name)));
            }
            Ok(Some(column))
        };
        Ok(Self { table, columns: inputs.iter().enumerate().map(open).collect::<Result<_, _>>()? })
    }

    /// Those that were opened, with their numbers.
    pub fn opened(&self) -> impl Iterator<Item = (usize, &'t Column)> {
        self.columns.iter().enumerate().filter_map(|(input, column)| column.map(|column| (input, column)))
    }

    pub fn column(&self, input: usize) -> &'t Column {
        self.columns[input].expect("it was opened")
    }

    /// Writes some numbers of a column; all missing where the column has no values at all.
    ///
    /// # Errors
    /// The place and value of the first infinite one.
    pub fn read(&self, input: usize, rows: Range<usize>, out: &mut [f64]) -> Result<(), (usize, f64)> {
        let column = self.column(input);
        column.read_numbers(rows, out);
        // Only floating point can hold an infinity.
        // Counted without a branch, so that the common case is one pass over the cache.
        if column.kind() == Kind::Float && out.iter().fold(false, |found, x| found | x.is_infinite()) {
            let place = out.iter().position(|x| x.is_infinite()).expect("just seen");
            return Err((place, out[place]));
        }
        Ok(())
    }

    /// How many cells a 32-bit float cannot hold as they are.
    pub fn rounded(&self, input: usize) -> u64 {
        let numbers = self.column(input).numbers().unwrap_or_default();
        numbers.iter().filter(|&&x| !x.is_nan() && f64::from(x as f32) != x).count() as u64
    }
}

/// Whether cells of `found` mean the same as cells of `trained` did: numbers are numbers, but days are not seconds.
fn compatible(trained: Kind, found: Kind) -> bool {
    let plain = |kind| matches!(kind, Kind::Boolean | Kind::Integer | Kind::Float);
    found == Kind::Null || trained == found || (plain(trained) && plain(found))
}
