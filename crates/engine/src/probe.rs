//! Rows of one side of a join looked up among those of the other, which are in memory.

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array, new_null_array};
use arrow::compute::{filter_record_batch, interleave, take};
use arrow::datatypes::{DataType, SchemaRef};
use trainer_data::{Batches, Scan, ScanError};

use crate::EngineError;
use crate::engine::Room;
use crate::grant::Grant;
use crate::key_index::KeyIndex;
use crate::limits::BATCH_ROWS;
use crate::numbered::rows_of;
use crate::step::join::How;

/// Where a column of the result comes from.
#[derive(Debug, Clone, Copy)]
pub enum Source {
    Left(usize),
    Right(usize),
}

impl Source {
    pub fn left(&self) -> Option<usize> {
        if let Self::Left(column) = self { Some(*column) } else { None }
    }

    pub fn right(&self) -> Option<usize> {
        if let Self::Right(column) = self { Some(*column) } else { None }
    }
}

/// The right side in memory. Its first batch is one row of nulls, for rows that meet nothing.
pub struct Indexed {
    batches: Vec<Vec<ArrayRef>>,
    /// The number of the first row of each batch but the first.
    starts: Vec<u32>,
    index: KeyIndex,
    bytes: usize,
    memory: Grant,
}

impl Indexed {
    /// The rows of a scan whose first columns are the keys, if they fit.
    pub fn read(room: &Room, right: &dyn Scan, keys: usize) -> Result<Option<Self>, ScanError> {
        let schema = right.schema();
        let kinds: Vec<DataType> = schema.fields().iter().map(|field| field.data_type().clone()).collect();
        let nulls = kinds[keys..].iter().map(|kind| new_null_array(kind, 1)).collect();
        let index = KeyIndex::new(&kinds[..keys])?;
        let mut indexed = Self { batches: vec![nulls], starts: Vec::new(), index, bytes: 0, memory: room.grant() };
        let all: Vec<usize> = (0..kinds.len()).collect();
        for batch in right.open(&all)? {
            indexed.push(&batch?, keys)?;
            if !indexed.fits() {
                return Ok(None);
            }
        }
        Ok(Some(indexed))
    }

    fn push(&mut self, batch: &RecordBatch, keys: usize) -> Result<(), EngineError> {
        self.starts.push(self.index.rows());
        let (keys, payload) = batch.columns().split_at(keys);
        self.index.push(keys, batch.num_rows())?;
        self.bytes += payload.iter().map(|array| array.get_array_memory_size()).sum::<usize>();
        self.batches.push(payload.to_vec());
        Ok(())
    }

    fn fits(&self) -> bool {
        self.memory.holds(self.bytes + self.index.bytes())
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
pub struct Probe {
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
    /// Looks up the rows of batches whose keys are the last columns.
    pub fn new(
        batches: Batches,
        keys: usize,
        how: How,
        sources: Vec<Source>,
        schema: SchemaRef,
        indexed: Indexed,
    ) -> Self {
        Self { batches, keys, how, sources, schema, indexed, current: None, failed: false }
    }

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
