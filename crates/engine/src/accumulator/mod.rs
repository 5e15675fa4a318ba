//! What is known of every group: one accumulator an aggregate, fed batch by batch in the order of the rows.

mod cell;
mod count;
mod distinct;
mod extreme;
mod moments;
mod pick;
mod sum;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::DataType;

use crate::EngineError;
pub use cell::{Class, classed};

/// Rows of a batch, and the group of each.
pub struct Rows<'a> {
    pub batch: &'a RecordBatch,
    /// The group of each row.
    pub groups: &'a [usize],
    /// How many groups there are by now.
    pub total: usize,
}

/// One aggregate of all groups.
pub trait Accumulator: Send {
    /// Takes in the rows of a batch.
    ///
    /// # Errors
    /// When there is no memory to be had for them.
    fn update(&mut self, rows: &Rows<'_>) -> Result<(), EngineError>;

    /// The value of each of `total` groups.
    fn finish(self: Box<Self>, total: usize) -> Result<ArrayRef, EngineError>;

    /// Bytes held.
    fn bytes(&self) -> usize;
}

/// What is computed of a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Function {
    Count,
    Sum,
    Mean,
    Var,
    Std,
    Min,
    Max,
    First,
    Last,
    Distinct,
    /// From the last instant to `as_of`, in units of so many ticks of the column.
    Recency {
        as_of: i64,
        ticks: f64,
    },
}

/// One aggregate: which columns of the prepared rows it reads.
#[derive(Debug, Clone)]
pub struct Aggregate {
    pub name: String,
    pub function: Function,
    /// The column of values, of a type that [`Class`] has; none counts rows.
    pub value: Option<usize>,
    /// The column that says which rows are taken; none takes all.
    pub mask: Option<usize>,
    /// The column that says which row is first; none is the order of the rows.
    pub order: Option<usize>,
    /// The type that the value had before it was brought to its class.
    pub kind: DataType,
}

impl Aggregate {
    /// The type of what is computed.
    pub fn output(&self) -> DataType {
        match self.function {
            Function::Count | Function::Distinct => DataType::Int64,
            Function::Mean | Function::Var | Function::Std | Function::Recency { .. } => DataType::Float64,
            Function::Sum => match Class::of(&self.kind) {
                Some(Class::Signed | Class::Unsigned) => DataType::Int64,
                _ => DataType::Float64,
            },
            _ => self.kind.clone(),
        }
    }

    /// How much work a row is, roughly: where values are looked up, moved or multiplied it is more.
    pub fn weight(&self) -> usize {
        let text = matches!(Class::of(&self.kind), Some(Class::Text));
        match self.function {
            Function::Distinct => 12,
            Function::First | Function::Last if text || self.order.is_some() => 6,
            Function::Min | Function::Max if text => 6,
            Function::Var | Function::Std => 6,
            Function::Sum | Function::Mean => 3,
            _ => 1,
        }
    }

    /// An accumulator that has seen nothing.
    pub fn accumulator(&self) -> Box<dyn Accumulator> {
        let input = Input { value: self.value, mask: self.mask };
        let class = Class::of(&self.kind).unwrap_or(Class::Float);
        match self.function {
            Function::Count => Box::new(count::Count::new(input)),
            Function::Sum | Function::Mean => sum::sum(input, class, self.function == Function::Mean, &self.name),
            Function::Var => Box::new(moments::Moments::new(input, false)),
            Function::Std => Box::new(moments::Moments::new(input, true)),
            Function::Min => extreme::extreme(input, class, &self.kind, extreme::Want::Smallest),
            Function::Max => extreme::extreme(input, class, &self.kind, extreme::Want::Largest),
            Function::Recency { as_of, ticks } => Box::new(extreme::Recency::new(input, as_of, ticks)),
            Function::First => Box::new(pick::Pick::new(input, self.order, &self.kind, pick::Want::First)),
            Function::Last => Box::new(pick::Pick::new(input, self.order, &self.kind, pick::Want::Last)),
            Function::Distinct => distinct::distinct(input, class),
        }
    }
}

/// Which rows of a batch an accumulator reads.
#[derive(Debug, Clone, Copy, Default)]
pub struct Input {
    value: Option<usize>,
    mask: Option<usize>,
}

impl Input {
    fn column<'a>(&self, rows: &Rows<'a>) -> &'a ArrayRef {
        rows.batch.column(self.value.expect("checked when it was planned"))
    }

    /// Calls `each` for every row that is taken and has a value.
    #[inline]
    fn each(&self, rows: &Rows<'_>, mut each: impl FnMut(usize, usize)) {
        match self.taken(rows, true) {
            None => rows.groups.iter().enumerate().for_each(|(row, &group)| each(row, group)),
            Some(taken) => taken.set_indices().for_each(|row| each(row, rows.groups[row])),
        }
    }

    /// Which rows are taken; `None` = all.
    fn taken(&self, rows: &Rows<'_>, with_value: bool) -> Option<BooleanBuffer> {
        let mask = self.mask.map(|mask| {
            let mask = rows.batch.column(mask).as_any().downcast_ref::<BooleanArray>().expect("a mask is boolean");
            match mask.nulls() {
                Some(nulls) => mask.values() & nulls.inner(),
                None => mask.values().clone(),
            }
        });
        let valid = if with_value { self.valid(rows) } else { None };
        match (mask, valid) {
            (Some(mask), Some(valid)) => Some(&mask & valid.inner()),
            (Some(mask), None) => Some(mask),
            (None, Some(valid)) => Some(valid.into_inner()),
            (None, None) => None,
        }
    }

    fn valid(&self, rows: &Rows<'_>) -> Option<NullBuffer> {
        let array = rows.batch.column(self.value?);
        array.logical_nulls().filter(|nulls| nulls.null_count() > 0)
    }
}
