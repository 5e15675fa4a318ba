//! Groups of rows with equal keys, and what is computed of them.
//!
//! As long as all groups fit in memory, a row is read once. When they do not, the rows are put aside on disk by a hash of
//! their keys, in the order in which they are, and every part is grouped by itself; parts that are still too large are
//! parted again. A group is never torn apart, so nothing needs to be merged, and no result can depend on where memory ended.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Field, Float32Type, Float64Type, Schema, SchemaRef};
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::EmitTo;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;
use trainer_data::{MemoryScan, Scan, ScanError};

use crate::EngineError;
use crate::accumulator::Aggregate;
use crate::crew::{Crew, Load};
use crate::engine::Room;
use crate::limits::BATCH_ROWS;
use crate::spill::{SpillWriter, Spilled};

/// Into how many parts rows are put aside, as a power of two.
const PART_BITS: u32 = 4;
/// How often a part may be parted again: as many bits as a hash has.
const DEEPEST: u32 = 64 / PART_BITS;

/// Which columns of the prepared rows are keys, and what is computed.
#[derive(Debug, Clone)]
pub struct Grouping {
    /// For errors.
    pub step: &'static str,
    pub keys: Vec<usize>,
    pub aggregates: Vec<Aggregate>,
}

impl Grouping {
    /// The keys, and then the aggregates.
    pub fn schema(&self, input: &Schema) -> SchemaRef {
        let keys = self.keys.iter().map(|&key| input.field(key).clone());
        let aggregates = self.aggregates.iter().map(|each| Field::new(&each.name, each.output(), true));
        Arc::new(Schema::new(keys.chain(aggregates).collect::<Vec<_>>()))
    }

    /// Groups all rows; the groups come in no particular order.
    pub fn group(&self, room: &Arc<Room>, input: &dyn Scan) -> Result<Arc<dyn Scan>, ScanError> {
        match self.fit(room, input)? {
            Some(groups) => Ok(Arc::new(MemoryScan::new(groups.schema(), pieces(&groups)))),
            None => {
                let schema = self.schema(&input.schema());
                let folder = room.spill_folder();
                let mut results = SpillWriter::create(&folder, schema, room.limits().batch_rows())?;
                self.part(room, input, 0, &mut results)?;
                Ok(Arc::new(results.finish()?))
            }
        }
    }

    /// The groups, if they fit in memory.
    fn fit(&self, room: &Arc<Room>, input: &dyn Scan) -> Result<Option<RecordBatch>, ScanError> {
        let mut table = Groups::new(self, room, &input.schema())?;
        let all: Vec<usize> = (0..input.schema().fields().len()).collect();
        for batch in input.open(&all)? {
            table.update(batch?)?;
            if !table.fits() {
                return Ok(None);
            }
        }
        Ok(Some(table.finish()?))
    }

    fn part(&self, room: &Arc<Room>, input: &dyn Scan, depth: u32, results: &mut SpillWriter) -> Result<(), ScanError> {
        if depth == DEEPEST {
            let message = format!("expected each group of `{}` to fit in memory, found one that does not", self.step);
            return Err(Box::new(EngineError::memory(message)));
        }
        for part in self.parts(room, input, depth)? {
            match self.fit(room, &part)? {
                Some(groups) => results.push(groups)?,
                None => self.part(room, &part, depth + 1, results)?,
            }
        }
        Ok(())
    }

    /// The rows on disk, by the hash of their keys.
    fn parts(&self, room: &Arc<Room>, input: &dyn Scan, depth: u32) -> Result<Vec<Spilled>, ScanError> {
        let (folder, rows) = (room.spill_folder(), room.limits().batch_rows());
        let create = |_| SpillWriter::create(&folder, input.schema(), rows);
        let mut writers: Vec<SpillWriter> = (0..1 << PART_BITS).map(create).collect::<Result<_, _>>()?;
        let all: Vec<usize> = (0..input.schema().fields().len()).collect();
        for batch in input.open(&all)? {
            let batch = batch?;
            let places = self.places(&batch, depth)?;
            for (writer, rows) in writers.iter_mut().zip(places) {
                if !rows.is_empty() {
                    let rows = take_record_batch(&batch, &UInt32Array::from(rows)).map_err(EngineError::internal)?;
                    writer.push(rows)?;
                }
            }
        }
        Ok(writers.into_iter().map(SpillWriter::finish).collect::<Result<_, _>>()?)
    }

    /// The rows of each part.
    fn places(&self, batch: &RecordBatch, depth: u32) -> Result<Vec<Vec<u32>>, EngineError> {
        let keys = self.key_columns(batch);
        let mut hashes = vec![0; batch.num_rows()];
        create_hashes(&keys, &RandomState::with_seed(0), &mut hashes).map_err(EngineError::internal)?;
        let mut places = vec![Vec::new(); 1 << PART_BITS];
        for (row, hash) in hashes.iter().enumerate() {
            let place = hash >> (64 - PART_BITS * (depth + 1)) & ((1 << PART_BITS) - 1);
            places[place as usize].push(row as u32);
        }
        Ok(places)
    }

    fn key_columns(&self, batch: &RecordBatch) -> Vec<ArrayRef> {
        self.keys.iter().map(|&key| same_zeros(batch.column(key))).collect()
    }
}

/// Minus zero as zero, and every `NaN` as the same: what is equal must be one key.
fn same_zeros(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Float64 => {
            let numbers = array.as_primitive::<Float64Type>();
            Arc::new(numbers.unary::<_, Float64Type>(|number| if number.is_nan() { f64::NAN } else { number + 0.0 }))
        }
        DataType::Float32 => {
            let numbers = array.as_primitive::<Float32Type>();
            Arc::new(numbers.unary::<_, Float32Type>(|number| if number.is_nan() { f32::NAN } else { number + 0.0 }))
        }
        _ => array.clone(),
    }
}

/// A result in batches of the usual size.
fn pieces(batch: &RecordBatch) -> Vec<RecordBatch> {
    let starts = (0..batch.num_rows()).step_by(BATCH_ROWS);
    starts.map(|start| batch.slice(start, BATCH_ROWS.min(batch.num_rows() - start))).collect()
}

/// Groups in memory.
struct Groups<'a> {
    grouping: &'a Grouping,
    schema: SchemaRef,
    keys: Box<dyn GroupValues>,
    crew: Crew,
    memory: MemoryReservation,
}

impl<'a> Groups<'a> {
    fn new(grouping: &'a Grouping, room: &Arc<Room>, input: &Schema) -> Result<Self, EngineError> {
        let keys = Arc::new(input.project(&grouping.keys).map_err(EngineError::internal)?);
        Ok(Self {
            grouping,
            schema: grouping.schema(input),
            keys: new_group_values(keys, &GroupOrdering::None).map_err(EngineError::internal)?,
            crew: Crew::new(&grouping.aggregates, room.limits().threads),
            memory: room.reservation(grouping.step),
        })
    }

    fn update(&mut self, batch: RecordBatch) -> Result<(), EngineError> {
        let keys = self.grouping.key_columns(&batch);
        let mut groups = Vec::with_capacity(batch.num_rows());
        self.keys.intern(&keys, &mut groups).map_err(EngineError::internal)?;
        self.crew.update(Load { batch, groups, total: self.keys.len() })
    }

    /// Whether there is memory for what is held.
    fn fits(&self) -> bool {
        self.memory.try_resize(self.keys.size() + self.crew.bytes()).is_ok()
    }

    fn finish(mut self) -> Result<RecordBatch, EngineError> {
        let total = self.keys.len();
        let mut arrays = self.keys.emit(EmitTo::All).map_err(EngineError::internal)?;
        arrays.extend(self.crew.finish(total)?);
        RecordBatch::try_new(self.schema, arrays).map_err(EngineError::internal)
    }
}
