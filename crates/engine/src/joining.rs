//! Two scans joined: by an index of one of them in memory, or by sorting both.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array, new_null_array};
use arrow::compute::{SortOptions, filter_record_batch, interleave, take};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{JoinType, NullEquality};
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::SortMergeJoinExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use trainer_data::{Batches, Scan, ScanError};

use crate::EngineError;
use crate::cut::Cut;
use crate::engine::Room;
use crate::feed::{FirstError, ScanTable, run};
use crate::key_index::KeyIndex;
use crate::limits::BATCH_ROWS;
use crate::numbered::{Numbered, rows_of};
use crate::sort::ROW;
use crate::step::join::How;

/// Both inputs, each with its keys as further columns, in the types in which they are compared.
#[derive(Debug)]
pub struct Sides {
    pub left: Arc<dyn Scan>,
    pub right: Arc<dyn Scan>,
    /// How many columns the left side has without its keys.
    pub left_columns: usize,
    /// How many the right side has.
    pub right_width: usize,
    pub keys: usize,
}

impl Sides {
    pub fn left_keys(&self) -> Vec<usize> {
        (self.left_columns..self.left_columns + self.keys).collect()
    }

    pub fn right_keys(&self) -> Vec<usize> {
        (self.right_width..self.right_width + self.keys).collect()
    }
}

/// The rows of the left side in their order, and for each those of the right side in theirs.
#[derive(Debug)]
pub struct Joining {
    room: Arc<Room>,
    sides: Sides,
    how: How,
    /// The columns of the right side that come after those of the left.
    right_columns: Vec<usize>,
    schema: SchemaRef,
}

impl Joining {
    pub fn new(room: &Arc<Room>, sides: Sides, how: How, right_columns: Vec<usize>, schema: SchemaRef) -> Self {
        Self { room: room.clone(), sides, how, right_columns, schema }
    }

    pub fn sides(&self) -> &Sides {
        &self.sides
    }

    /// The columns that are asked for, of either side.
    fn split(&self, columns: &[usize]) -> Vec<Source> {
        let source = |&column: &usize| match column.checked_sub(self.sides.left_columns) {
            None => Source::Left(column),
            Some(place) => Source::Right(self.right_columns[place]),
        };
        columns.iter().map(source).collect()
    }

    /// The right side in memory, if it fits.
    fn indexed(&self, payload: &[usize]) -> Result<Option<Indexed>, ScanError> {
        let columns = [self.sides.right_keys(), payload.to_vec()].concat();
        let schema = self.sides.right.schema();
        let nulls = payload.iter().map(|&column| new_null_array(schema.field(column).data_type(), 1)).collect();
        let kinds = self.sides.right_keys().into_iter().map(|key| schema.field(key).data_type().clone());
        let memory = self.room.reservation("join");
        let mut indexed = Indexed {
            batches: vec![nulls],
            starts: Vec::new(),
            index: KeyIndex::new(&kinds.collect::<Vec<DataType>>())?,
            bytes: 0,
            memory,
        };
        for batch in self.sides.right.open(&columns)? {
            indexed.push(&batch?, self.sides.keys)?;
            if !indexed.fits() {
                return Ok(None);
            }
        }
        Ok(Some(indexed))
    }

    fn hashed(&self, columns: &[usize], indexed: Indexed) -> Result<Batches, ScanError> {
        let sources = self.split(columns);
        let mut left: Vec<usize> = sources.iter().filter_map(Source::left).collect();
        left.sort_unstable();
        left.dedup();
        let read = [left.clone(), self.sides.left_keys()].concat();
        let payload = payload(&sources);
        let place = |source: &Source| match source {
            Source::Left(column) => Source::Left(left.binary_search(column).expect("read")),
            Source::Right(column) => Source::Right(payload.iter().position(|known| known == column).expect("held")),
        };
        let schema = Arc::new(self.schema.project(columns)?);
        let probe = Probe {
            batches: self.sides.left.open(&read)?,
            keys: left.len(),
            how: self.how,
            sources: sources.iter().map(place).collect(),
            schema: schema.clone(),
            indexed,
            current: None,
            failed: false,
        };
        Ok(Box::new(Cut::new(probe, schema, BATCH_ROWS)))
    }

    /// Both sides sorted by their keys and merged, and then sorted as the rows were: all of it on disk where it must.
    fn merged(&self, columns: &[usize], errors: &FirstError) -> Result<Arc<dyn ExecutionPlan>, EngineError> {
        let sources = self.split(columns);
        let left =
            Side::new(&self.room, &self.sides.left, sources.iter().filter_map(Source::left), self.sides.left_keys());
        let right =
            Side::new(&self.room, &self.sides.right, sources.iter().filter_map(Source::right), self.sides.right_keys());
        let on = left.keys().into_iter().zip(right.keys()).collect();
        let kind = match self.how {
            How::Left => JoinType::Left,
            How::Inner => JoinType::Inner,
            How::Semi => JoinType::LeftSemi,
            How::Anti => JoinType::LeftAnti,
        };
        let order = vec![SortOptions::default(); self.sides.keys];
        let (here, there) = (left.sorted(errors)?, right.sorted(errors)?);
        let joined = SortMergeJoinExec::try_new(here, there, on, None, kind, order, NullEquality::NullEqualsNothing);
        let joined = joined.map_err(EngineError::internal)?;
        let offset = left.read.len();
        let mut order = vec![left.row(0)];
        if matches!(self.how, How::Left | How::Inner) {
            order.push(right.row(offset));
        }
        let order = order.into_iter().map(|row| PhysicalSortExpr::new(row, SortOptions::default()));
        let ordering = LexOrdering::new(order).expect("the row's number at least");
        let sorted = Arc::new(SortExec::new(ordering, Arc::new(joined)));
        let outputs = sources.iter().zip(columns).map(|(source, &column)| {
            let output = match source {
                Source::Left(column) => left.column(*column, 0),
                Source::Right(column) => right.column(*column, offset),
            };
            (output, self.schema.field(column).name().clone())
        });
        let outputs: Vec<(Arc<dyn PhysicalExpr>, String)> = outputs.collect();
        Ok(Arc::new(ProjectionExec::try_new(outputs, sorted).map_err(EngineError::internal)?))
    }
}

impl Scan for Joining {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn open(&self, columns: &[usize]) -> Result<Batches, ScanError> {
        let payload = payload(&self.split(columns));
        if let Some(indexed) = self.indexed(&payload)? {
            return self.hashed(columns, indexed);
        }
        let errors = FirstError::default();
        let plan = self.merged(columns, &errors)?;
        let schema = Arc::new(self.schema.project(columns)?);
        let renamed = move |batch: Result<RecordBatch, ScanError>| {
            let batch = batch?;
            rows_of(schema.clone(), batch.columns().to_vec(), batch.num_rows())
        };
        Ok(Box::new(run(&self.room, "join", &plan, errors).map(renamed)))
    }
}

/// Where a column of the result comes from.
enum Source {
    Left(usize),
    Right(usize),
}

impl Source {
    fn left(&self) -> Option<usize> {
        if let Self::Left(column) = self { Some(*column) } else { None }
    }

    fn right(&self) -> Option<usize> {
        if let Self::Right(column) = self { Some(*column) } else { None }
    }
}

/// The columns of the right side that are needed, in order.
fn payload(sources: &[Source]) -> Vec<usize> {
    let mut columns: Vec<usize> = sources.iter().filter_map(Source::right).collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

/// One side of a merge: its columns, keys and row numbers.
struct Side {
    table: ScanTable,
    schema: SchemaRef,
    keys: Vec<usize>,
    /// Which columns are read, in order.
    read: Vec<usize>,
}

impl Side {
    fn new(room: &Arc<Room>, scan: &Arc<dyn Scan>, columns: impl Iterator<Item = usize>, keys: Vec<usize>) -> Self {
        let numbered = Arc::new(Numbered::new(scan.clone(), ROW));
        let schema = numbered.schema();
        let mut read: Vec<usize> = columns.chain(keys.iter().copied()).collect();
        read.push(schema.fields().len() - 1);
        read.sort_unstable();
        read.dedup();
        Self { table: ScanTable::new(room, numbered, &FirstError::default()), schema, keys, read }
    }

    fn column(&self, column: usize, offset: usize) -> Arc<dyn PhysicalExpr> {
        let place = self.read.binary_search(&column).expect("read");
        Arc::new(Column::new(self.schema.field(column).name(), offset + place))
    }

    fn row(&self, offset: usize) -> Arc<dyn PhysicalExpr> {
        self.column(self.schema.fields().len() - 1, offset)
    }

    fn keys(&self) -> Vec<Arc<dyn PhysicalExpr>> {
        self.keys.iter().map(|&key| self.column(key, 0)).collect()
    }

    fn sorted(&self, errors: &FirstError) -> Result<Arc<dyn ExecutionPlan>, EngineError> {
        let source = self.table.with_errors(errors).plan(&self.read).map_err(EngineError::internal)?;
        let keys = self.keys().into_iter().map(|key| PhysicalSortExpr::new(key, SortOptions::default()));
        Ok(Arc::new(SortExec::new(LexOrdering::new(keys).expect("a key at least"), source)))
    }
}

/// The right side in memory. Its first batch is one row of nulls, for rows that meet nothing.
struct Indexed {
    batches: Vec<Vec<ArrayRef>>,
    /// The number of the first row of each batch but the first.
    starts: Vec<u32>,
    index: KeyIndex,
    bytes: usize,
    memory: MemoryReservation,
}

impl Indexed {
    fn push(&mut self, batch: &RecordBatch, keys: usize) -> Result<(), EngineError> {
        self.starts.push(self.index.rows());
        let (keys, payload) = batch.columns().split_at(keys);
        self.index.push(keys, batch.num_rows())?;
        self.bytes += payload.iter().map(|array| array.get_array_memory_size()).sum::<usize>();
        self.batches.push(payload.to_vec());
        Ok(())
    }

    fn fits(&self) -> bool {
        self.memory.try_resize(self.bytes + self.index.bytes()).is_ok()
    }

    fn place(&self, row: Option<u32>) -> (usize, usize) {
        let Some(row) = row else { return (0, 0) };
        let batch = self.starts.partition_point(|&start| start <= row);
        (batch, (row - self.starts[batch - 1]) as usize)
    }

    fn column(&self, column: usize, places: &[(usize, usize)]) -> Result<ArrayRef, EngineError> {
        let arrays: Vec<&dyn Array> = self.batches.iter().map(|batch| batch[column].as_ref()).collect();
        interleave(&arrays, places).map_err(EngineError::internal)
    }
}

/// Looks up the rows of the left side.
struct Probe {
    batches: Batches,
    /// Where the keys are.
    keys: usize,
    how: How,
    sources: Vec<Source>,
    schema: SchemaRef,
    indexed: Indexed,
    current: Option<Current>,
    failed: bool,
}

/// A batch of the left side that is under way.
struct Current {
    batch: RecordBatch,
    /// What each row meets first.
    firsts: Vec<Option<u32>>,
    row: usize,
    /// What the row under way meets next, when it met one already.
    next: Option<u32>,
}

impl Current {
    /// Pairs of rows, at most as many as one batch has.
    fn pairs(&mut self, index: &KeyIndex, how: How) -> (Vec<u32>, Vec<Option<u32>>) {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        while self.row < self.firsts.len() && left.len() < BATCH_ROWS {
            let met = self.next.take().or(self.firsts[self.row]);
            if met.is_some() || how == How::Left {
                left.push(self.row as u32);
                right.push(met);
            }
            self.next = met.and_then(|met| index.next(met));
            if self.next.is_none() {
                self.row += 1;
            }
        }
        (left, right)
    }
}

impl Probe {
    fn advance(&mut self) -> Result<Option<RecordBatch>, ScanError> {
        loop {
            let Some(current) = &mut self.current else {
                let Some(batch) = self.batches.next().transpose()? else { return Ok(None) };
                let firsts = self.indexed.index.firsts(&batch.columns()[self.keys..], batch.num_rows())?;
                if matches!(self.how, How::Semi | How::Anti) {
                    return self.kept(&batch, &firsts).map(Some);
                }
                self.current = Some(Current { batch, firsts, row: 0, next: None });
                continue;
            };
            let (left, right) = current.pairs(&self.indexed.index, self.how);
            if left.is_empty() {
                self.current = None;
                continue;
            }
            return self.joined(&left, &right).map(Some);
        }
    }

    fn kept(&self, batch: &RecordBatch, firsts: &[Option<u32>]) -> Result<RecordBatch, ScanError> {
        let met = self.how == How::Semi;
        let kept: BooleanArray = firsts.iter().map(|first| Some(first.is_some() == met)).collect();
        let batch = filter_record_batch(batch, &kept).map_err(EngineError::internal)?;
        let arrays = self.sources.iter().filter_map(Source::left).map(|column| batch.column(column).clone());
        rows_of(self.schema.clone(), arrays.collect(), batch.num_rows())
    }

    fn joined(&self, left: &[u32], right: &[Option<u32>]) -> Result<RecordBatch, ScanError> {
        let batch = &self.current.as_ref().expect("under way").batch;
        let rows = UInt32Array::from(left.to_vec());
        let places: Vec<(usize, usize)> = right.iter().map(|&row| self.indexed.place(row)).collect();
        let array = |source: &Source| match source {
            Source::Left(column) => take(batch.column(*column), &rows, None).map_err(EngineError::internal),
            Source::Right(column) => self.indexed.column(*column, &places),
        };
        let arrays = self.sources.iter().map(array).collect::<Result<_, _>>()?;
        rows_of(self.schema.clone(), arrays, left.len())
    }
}

impl Iterator for Probe {
    type Item = Result<RecordBatch, ScanError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.advance();
        self.failed = next.is_err();
        next.transpose()
    }
}
