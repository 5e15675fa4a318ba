use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::row::{RowConverter, SortField};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use trainer_data::{Batches, Fault, Scan, ScanError};

use crate::EngineError;
use crate::engine::Room;
use crate::error::unknown;
use crate::feed::{FirstError, ScanTable, run};
use crate::numbered::Numbered;

/// A column to sort by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    /// Its name.
    pub column: String,
    /// From the smallest up or from the largest down.
    pub direction: Direction,
    /// Where rows without a value go.
    pub nulls: Nulls,
}

/// Which way is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the smallest up.
    Ascending,
    /// From the largest down.
    Descending,
}

/// Where rows without a value go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// Before all others.
    First,
    /// After all others.
    Last,
}

impl SortKey {
    /// From the smallest up, rows without a value before all others.
    pub fn ascending(column: impl Into<String>) -> Self {
        Self { column: column.into(), direction: Direction::Ascending, nulls: Nulls::First }
    }
}

/// The name of the column that carries the order of the rows through a plan; no config can name it.
pub const ROW: &str = "\u{1}row";

/// Rows in the order of keys, ties in the order of the rows.
#[derive(Debug)]
pub struct Sorted {
    room: Arc<Room>,
    input: Arc<dyn Scan>,
    keys: Vec<(usize, SortOptions)>,
}

impl Sorted {
    pub fn new(room: &Arc<Room>, input: Arc<dyn Scan>, keys: &[SortKey]) -> Result<Self, EngineError> {
        let schema = input.schema();
        let place = |key: &SortKey| {
            let Ok(column) = schema.index_of(&key.column) else {
                let known = schema.fields().iter().map(|field| field.name().as_str());
                return Err(unknown("unknown_column", "sort", "column", &key.column, known));
            };
            orderable("sort", &key.column, schema.field(column).data_type())?;
            let options = SortOptions {
                descending: key.direction == Direction::Descending,
                nulls_first: key.nulls == Nulls::First,
            };
            Ok((column, options))
        };
        let keys = keys.iter().map(place).collect::<Result<_, _>>()?;
        Ok(Self { room: room.clone(), input, keys })
    }

    fn plan(&self, columns: &[usize], errors: &FirstError) -> Result<Arc<dyn ExecutionPlan>, EngineError> {
        let numbered = Arc::new(Numbered::new(self.input.clone(), ROW));
        let schema = numbered.schema();
        let mut read: Vec<usize> = columns.iter().copied().chain(self.keys.iter().map(|(column, _)| *column)).collect();
        read.push(schema.fields().len() - 1);
        read.sort_unstable();
        read.dedup();
        let column = |wanted: usize| {
            let place = read.binary_search(&wanted).expect("read");
            Arc::new(Column::new(schema.field(wanted).name(), place)) as Arc<dyn PhysicalExpr>
        };
        let source = ScanTable::new(&self.room, numbered.clone(), errors).plan(&read).map_err(EngineError::internal)?;
        let last = (schema.fields().len() - 1, SortOptions::default());
        let keys = self.keys.iter().chain([&last]).map(|(key, options)| PhysicalSortExpr::new(column(*key), *options));
        let ordering = LexOrdering::new(keys).expect("the row's number at least");
        let sorted = Arc::new(SortExec::new(ordering, source));
        let outputs = columns.iter().map(|&wanted| (column(wanted), schema.field(wanted).name().clone()));
        let outputs: Vec<(Arc<dyn PhysicalExpr>, String)> = outputs.collect();
        Ok(Arc::new(ProjectionExec::try_new(outputs, sorted).map_err(EngineError::internal)?))
    }
}

impl Scan for Sorted {
    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }

    fn open(&self, columns: &[usize]) -> Result<Batches, ScanError> {
        let errors = FirstError::default();
        let plan = self.plan(columns, &errors)?;
        run(&self.room, "sort", &plan, errors)
    }

    fn rows(&self) -> Option<u64> {
        self.input.rows()
    }
}

/// Refuses a type that has no order.
pub fn orderable(step: &str, column: &str, kind: &DataType) -> Result<(), EngineError> {
    if RowConverter::supports_fields(&[SortField::new(kind.clone())]) {
        return Ok(());
    }
    let message = format!("expected `{step}` to name a column that can be compared, found {kind}");
    Err(EngineError::config(Fault::new("unsupported_type", message).column(column)))
}
