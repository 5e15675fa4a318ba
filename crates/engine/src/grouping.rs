//! Groups of rows with equal keys, and what is computed of them.
//!
//! As long as all groups fit in memory, a row is read once. When they do not, the rows are put aside on disk by a hash of
//! their keys, in the order in which they are, and every part is grouped by itself; parts that are still too large are
//! parted again. A group is never torn apart, so nothing needs to be merged, and no result can depend on where memory ended.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::logical_expr::EmitTo;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;
use trainer_data::{MemoryScan, Scan, ScanError};

use crate::EngineError;
use crate::accumulator::Aggregate;
use crate::crew::{Crew, Load};
use crate::engine::Room;
use crate::grant::Grant;
use crate::limits::BATCH_ROWS;
use crate::parting::{DEEPEST, keys_of, parts};
use crate::spill::SpillWriter;

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
        for part in parts(room, input, &self.keys, depth)? {
            match self.fit(room, &part)? {
                Some(groups) => results.push(groups)?,
                None => self.part(room, &part, depth + 1, results)?,
            }
        }
        Ok(())
    }

    fn key_columns(&self, batch: &RecordBatch) -> Vec<ArrayRef> {
        keys_of(batch, &self.keys)
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
    memory: Grant,
}

impl<'a> Groups<'a> {
    fn new(grouping: &'a Grouping, room: &Arc<Room>, input: &Schema) -> Result<Self, EngineError> {
        let keys = Arc::new(input.project(&grouping.keys).map_err(EngineError::internal)?);
        Ok(Self {
            grouping,
            schema: grouping.schema(input),
            keys: new_group_values(keys, &GroupOrdering::None).map_err(EngineError::internal)?,
            crew: Crew::new(&grouping.aggregates, room.limits().threads),
            memory: room.grant(),
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
        self.memory.holds(self.keys.size() + self.crew.bytes())
    }

    fn finish(mut self) -> Result<RecordBatch, EngineError> {
        let total = self.keys.len();
        let mut arrays = self.keys.emit(EmitTo::All).map_err(EngineError::internal)?;
        arrays.extend(self.crew.finish(total)?);
        RecordBatch::try_new(self.schema, arrays).map_err(EngineError::internal)
    }
}
