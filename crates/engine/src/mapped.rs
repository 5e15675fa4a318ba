use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use trainer_data::{Batches, Scan, ScanError};

use crate::EngineError;
use crate::accumulator::{Class, classed};
use crate::expression::Expression;
use crate::numbered::rows_of;

/// Rows made one by one: those for which a condition holds, and for each the columns that are asked for. Computed by
/// whoever reads, batch by batch; a column that nobody asks for is neither read nor computed.
#[derive(Debug)]
pub struct Mapped {
    input: Arc<dyn Scan>,
    condition: Option<Expression>,
    outputs: Vec<Output>,
    schema: SchemaRef,
}

/// Where a column comes from.
#[derive(Debug, Clone)]
pub enum Output {
    /// The input, at this position.
    Column(usize),
    /// The input, at this position, brought to its class.
    Classed(usize),
    /// This computation.
    Value(Expression),
}

impl Mapped {
    /// The rows for which the condition is true.
    pub fn filtered(input: Arc<dyn Scan>, condition: Expression) -> Self {
        let schema = input.schema();
        let outputs = (0..schema.fields().len()).map(Output::Column).collect();
        Self { input, condition: Some(condition), outputs, schema }
    }

    /// All rows, with these columns.
    pub fn projected(input: Arc<dyn Scan>, outputs: Vec<(String, Output)>) -> Self {
        let known = input.schema();
        let field = |(name, output): &(String, Output)| match output {
            Output::Column(column) => known.field(*column).clone().with_name(name),
            Output::Classed(column) => {
                let class = Class::of(known.field(*column).data_type()).expect("checked when it was planned");
                Field::new(name, class.kind(), true)
            }
            Output::Value(value) => value.field(name),
        };
        let schema = Arc::new(Schema::new(outputs.iter().map(field).collect::<Vec<Field>>()));
        Self { input, condition: None, outputs: outputs.into_iter().map(|(_, output)| output).collect(), schema }
    }

    /// All rows and columns, and one more or one in the place of the one of that name.
    pub fn extended(input: Arc<dyn Scan>, name: &str, value: Expression) -> Self {
        let schema = input.schema();
        let of = |(column, field): (usize, &Arc<Field>)| (field.name().clone(), Output::Column(column));
        let mut outputs: Vec<(String, Output)> = schema.fields().iter().enumerate().map(of).collect();
        match outputs.iter_mut().find(|(known, _)| known == name) {
            Some((_, output)) => *output = Output::Value(value),
            None => outputs.push((name.to_owned(), Output::Value(value))),
        }
        Self::projected(input, outputs)
    }

    /// The columns of the input that these outputs and the condition read, in order.
    fn read(&self, columns: &[usize]) -> Vec<usize> {
        let mut read: Vec<usize> = self.condition.iter().flat_map(|condition| condition.columns().to_vec()).collect();
        for &column in columns {
            match &self.outputs[column] {
                Output::Column(column) | Output::Classed(column) => read.push(*column),
                Output::Value(value) => read.extend_from_slice(value.columns()),
            }
        }
        read.sort_unstable();
        read.dedup();
        read
    }
}

impl Scan for Mapped {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn open(&self, columns: &[usize]) -> Result<Batches, ScanError> {
        let read = self.read(columns);
        let input = self.input.schema().project(&read)?;
        let place = |column: &usize| read.binary_search(column).expect("read for this output");
        let output = |column: &usize| match &self.outputs[*column] {
            Output::Column(column) => Ok(Output::Column(place(column))),
            Output::Classed(column) => Ok(Output::Classed(place(column))),
            Output::Value(value) => Ok(Output::Value(value.over(&input)?)),
        };
        let mapping = Mapping {
            condition: self.condition.as_ref().map(|condition| condition.over(&input)).transpose()?,
            outputs: columns.iter().map(output).collect::<Result<_, EngineError>>()?,
            schema: Arc::new(self.schema.project(columns)?),
            rows: 0,
        };
        Ok(Box::new(MappedBatches { batches: self.input.open(&read)?, mapping, failed: false }))
    }

    fn rows(&self) -> Option<u64> {
        if self.condition.is_some() { None } else { self.input.rows() }
    }
}

struct Mapping {
    condition: Option<Expression>,
    outputs: Vec<Output>,
    schema: SchemaRef,
    /// Rows read so far.
    rows: u64,
}

impl Mapping {
    fn map(&mut self, batch: RecordBatch) -> Result<RecordBatch, ScanError> {
        let first = self.rows;
        self.rows += batch.num_rows() as u64;
        let batch = match &self.condition {
            None => batch,
            Some(condition) => {
                let truths = condition.truths(&batch, first)?;
                filter_record_batch(&batch, &truths).map_err(EngineError::internal)?
            }
        };
        let array = |output: &Output| match output {
            Output::Column(column) => Ok(batch.column(*column).clone()),
            Output::Classed(column) => classed(batch.column(*column)),
            Output::Value(value) => value.values(&batch, first),
        };
        let arrays: Vec<ArrayRef> = self.outputs.iter().map(array).collect::<Result<_, EngineError>>()?;
        rows_of(self.schema.clone(), arrays, batch.num_rows())
    }
}

struct MappedBatches {
    batches: Batches,
    mapping: Mapping,
    failed: bool,
}

impl Iterator for MappedBatches {
    type Item = Result<RecordBatch, ScanError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.failed {
            match self.batches.next()?.and_then(|batch| self.mapping.map(batch)) {
                Ok(batch) if batch.num_rows() == 0 => {}
                mapped => {
                    self.failed = mapped.is_err();
                    return Some(mapped);
                }
            }
        }
        None
    }
}
