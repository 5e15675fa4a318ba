//! What a plan makes of a table as columns of a table: which there are, of which type, and their cells.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, Int32Array, StringArray, UInt8Array, UInt16Array, UInt32Array,
};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use trainer_data::Fault;

use crate::codes::Codes;
use crate::evaluation::Evaluation;
use crate::graph::{Graph, Node, NodeId};
use crate::program::arithmetic::Arithmetic;
use crate::program::date_part::{DatePart, Part};
use crate::program::fill::Constant;
use crate::program::{CellType, ColumnOp};
use crate::sink::Sink;
use crate::{FeatureError, FittedPlan, Program};

/// Where a column of the resulting table comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// It is a column of the source as it is, by position.
    Source(usize),
    /// It is computed.
    Node(NodeId),
}

/// The columns of a table that a plan makes of another.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub schema: SchemaRef,
    pub columns: Vec<From>,
}

impl Layout {
    /// Columns of the source in their order; what replaces a column in its place, what is added at the end.
    ///
    /// # Errors
    /// `Config` when a new column has the name of one that is there.
    pub fn of(plan: &FittedPlan, source: &Schema) -> Result<Self, FeatureError> {
        let mut names: Vec<&str> = source.fields().iter().map(|field| field.name().as_str()).collect();
        for program in plan.programs() {
            let outputs = program.outputs.iter().map(String::as_str);
            let place = names.iter().position(|name| *name == program.inputs[0]).filter(|_| !program.is_added());
            match place {
                Some(place) => drop(names.splice(place..=place, outputs)),
                None => names.extend(outputs),
            }
        }
        if let Some(twice) = (1..names.len()).find(|&place| names[..place].contains(&names[place])) {
            let message = "expected a new name for a column that the plan adds, found one that the table has";
            return Err(FeatureError::config(Fault::new("column_exists", message).column(names[twice])));
        }
        let mut fields = Vec::with_capacity(names.len());
        let mut columns = Vec::with_capacity(names.len());
        for name in names.into_iter().filter(|name| plan.dropped().iter().all(|dropped| dropped != name)) {
            let from = plan.graph().node(name).filter(|&node| !matches!(plan.graph().at(node), Node::Input(_)));
            match from {
                Some(node) => {
                    fields.push(Arc::new(Field::new(name, data_type(plan.graph(), plan.programs(), node), true)));
                    columns.push(From::Node(node));
                }
                // Personal data passes in no form but what a step has made of it.
                None if plan.hides(name) => {}
                None => {
                    let position = source.index_of(name).expect("a column of the source");
                    fields.push(source.fields()[position].clone());
                    columns.push(From::Source(position));
                }
            }
        }
        Ok(Self { schema: Arc::new(Schema::new(fields)), columns })
    }

    /// Some of the columns, by position.
    pub fn project(&self, columns: &[usize]) -> Self {
        let schema = Arc::new(self.schema.project(columns).expect("columns of the schema"));
        Self { schema, columns: columns.iter().map(|&column| self.columns[column]).collect() }
    }
}

/// The type of a computed column: 64-bit floats for what keeps values or adds them up, 32-bit floats for what is scaled, the
/// least whole number for bins and levels, and booleans for the columns of levels, which Parquet holds in a bit a row.
fn data_type(graph: &Graph, programs: &[Program], node: NodeId) -> DataType {
    let (program, inputs) = match graph.at(node) {
        Node::Input(_) => return DataType::Float64,
        Node::Flag { .. } => return DataType::Boolean,
        Node::Apply { program, inputs } => (&programs[*program].op, inputs),
    };
    if graph.cell_type(node) == CellType::Text {
        return DataType::Utf8;
    }
    let whole = |value: f64| value.fract() == 0.0 && value.abs() < f64::from(i32::MAX);
    match program {
        ColumnOp::Fill(op) => {
            let before = data_type(graph, programs, inputs[0]);
            match op.value {
                Constant::Number(value) if holds(&before, value) => before,
                _ => DataType::Float64,
            }
        }
        ColumnOp::Affine(op) if (op.center, op.scale, op.offset) == (0.0, 1.0, 0.0) => {
            match data_type(graph, programs, inputs[0]) {
                DataType::Float32 => DataType::Float32,
                _ => DataType::Float64,
            }
        }
        ColumnOp::Affine(_) | ColumnOp::Arithmetic(Arithmetic::Log1p) => DataType::Float32,
        ColumnOp::Arithmetic(_) | ColumnOp::Coerce(_) => DataType::Float64,
        ColumnOp::Cut(op) if op.edges.len() < 256 => DataType::UInt8,
        ColumnOp::Cut(_) => DataType::UInt16,
        ColumnOp::Hash(_) | ColumnOp::OneHot(_) => DataType::UInt32,
        ColumnOp::Mask(_) | ColumnOp::Cross(_) => DataType::Utf8,
        ColumnOp::DatePart(DatePart { circle: Some(_), .. }) => DataType::Float32,
        ColumnOp::DatePart(DatePart { part, .. }) => match part {
            Part::Year => DataType::Int32,
            Part::DayOfYear => DataType::UInt16,
            _ => DataType::UInt8,
        },
        ColumnOp::Lookup(op) => match op.values.iter().chain(&op.missing).chain(&op.unknown).all(|&it| whole(it)) {
            true => DataType::Int32,
            false => DataType::Float32,
        },
    }
}

/// Whether a column of this type can hold a number.
fn holds(data_type: &DataType, value: f64) -> bool {
    let most = match data_type {
        DataType::Boolean => 1.0,
        DataType::UInt8 => 255.0,
        DataType::UInt16 => 65_535.0,
        DataType::UInt32 => f64::from(u32::MAX),
        DataType::Int32 => return value.fract() == 0.0 && value.abs() <= f64::from(i32::MAX),
        DataType::Float32 => return f64::from(value as f32) == value,
        _ => return true,
    };
    value.fract() == 0.0 && (0.0..=most).contains(&value)
}

/// The cells of a computed column while they are written.
pub(crate) enum Cells {
    F64(Vec<f64>),
    F32(Vec<f32>),
    I32(Vec<i32>, Vec<bool>),
    U32(Vec<u32>, Vec<bool>),
    U16(Vec<u16>, Vec<bool>),
    U8(Vec<u8>, Vec<bool>),
    /// Zeros and ones.
    Flags(Vec<u8>, Vec<bool>),
}

impl Cells {
    pub fn new(data_type: &DataType, rows: usize) -> Self {
        match data_type {
            DataType::Float64 => Self::F64(vec![0.0; rows]),
            DataType::Float32 => Self::F32(vec![0.0; rows]),
            DataType::Int32 => Self::I32(vec![0; rows], vec![false; rows]),
            DataType::UInt32 => Self::U32(vec![0; rows], vec![false; rows]),
            DataType::UInt16 => Self::U16(vec![0; rows], vec![false; rows]),
            DataType::UInt8 => Self::U8(vec![0; rows], vec![false; rows]),
            DataType::Boolean => Self::Flags(vec![0; rows], vec![false; rows]),
            other => unreachable!("no column is computed as {other}"),
        }
    }

    pub fn sink(&mut self) -> Sink<'_> {
        match self {
            Self::F64(cells) => Sink::F64(cells),
            Self::F32(cells) => Sink::F32(cells),
            Self::I32(cells, valid) => Sink::I32(cells, valid),
            Self::U32(cells, valid) => Sink::U32(cells, valid),
            Self::U16(cells, valid) => Sink::U16(cells, valid),
            Self::U8(cells, valid) | Self::Flags(cells, valid) => Sink::U8(cells, valid),
        }
    }

    pub fn into_array(self) -> ArrayRef {
        match self {
            Self::F64(cells) => {
                let nulls = nulls(cells.len(), |row| !cells[row].is_nan());
                Arc::new(Float64Array::new(cells.into(), nulls))
            }
            Self::F32(cells) => {
                let nulls = nulls(cells.len(), |row| !cells[row].is_nan());
                Arc::new(Float32Array::new(cells.into(), nulls))
            }
            Self::I32(cells, valid) => Arc::new(Int32Array::new(cells.into(), nulls(valid.len(), |row| valid[row]))),
            Self::U32(cells, valid) => Arc::new(UInt32Array::new(cells.into(), nulls(valid.len(), |row| valid[row]))),
            Self::U16(cells, valid) => Arc::new(UInt16Array::new(cells.into(), nulls(valid.len(), |row| valid[row]))),
            Self::Flags(cells, valid) => {
                let set = BooleanBuffer::collect_bool(cells.len(), |row| cells[row] != 0);
                Arc::new(BooleanArray::new(set, nulls(valid.len(), |row| valid[row])))
            }
            Self::U8(cells, valid) => Arc::new(UInt8Array::new(cells.into(), nulls(valid.len(), |row| valid[row]))),
        }
    }
}

/// Which cells are there; nothing where all are.
fn nulls(rows: usize, is_there: impl Fn(usize) -> bool) -> Option<NullBuffer> {
    let there = (0..rows).fold(true, |all, row| all & is_there(row));
    (!there).then(|| NullBuffer::new(BooleanBuffer::collect_bool(rows, is_there)))
}

/// A computed column of text.
pub(crate) fn text(evaluation: &Evaluation<'_>, node: NodeId) -> ArrayRef {
    let codes: &Codes<'_> = evaluation.codes(node);
    let cells = (0..codes.codes.len()).map(|row| codes.text(row));
    Arc::new(cells.collect::<StringArray>())
}

/// 32-bit floats that a device computed, as the numbers that they are.
pub(crate) fn narrowed(data_type: &DataType, cells: &[f32]) -> ArrayRef {
    let mut narrow = Cells::new(data_type, cells.len());
    let numbers: Vec<f64> = cells.iter().copied().map(f64::from).collect();
    narrow.sink().write(&numbers).expect("numbers of that type");
    narrow.into_array()
}
