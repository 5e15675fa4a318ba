//! One row of those with equal keys.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, SchemaRef, UInt64Type};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::{Batches, Fault, Scan, ScanError};

use super::{MakesRows, ill_formed, position, repeated};
use crate::EngineError;
use crate::accumulator::{Aggregate, Class, Function};
use crate::engine::Room;
use crate::grouping::Grouping;
use crate::mapped::{Mapped, Output};
use crate::numbered::Numbered;
use crate::sort::{ROW, orderable};

/// Keeps one row of those with equal keys, where it stands. Keys that are missing are equal to one another.
///
/// The rows are read twice: their keys to find out which rows stay, and then all of it. A bit a row is kept in between.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dedupe {
    /// The columns that are compared.
    #[schemars(length(min = 1))]
    pub keys: Vec<String>,
    /// Which row stays.
    #[serde(default)]
    pub keep: Keep,
    /// The column that says which row is first and which is last, as its smallest and its largest value; when left out, and
    /// among equals, the order of the rows. A row without a value there stays only when there is no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// Which of several rows stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The first.
    #[default]
    First,
    /// The last.
    Last,
}

impl MakesRows for Dedupe {
    fn check(&self) -> Result<(), String> {
        if self.keys.is_empty() {
            return Err("expected at least one key, found none".into());
        }
        match repeated(self.keys.iter().map(String::as_str)) {
            Some(name) => Err(format!("expected every key once, found `{name}` again")),
            None => Ok(()),
        }
    }

    fn rows(
        &self,
        room: &Arc<Room>,
        input: Arc<dyn Scan>,
        _others: &BTreeMap<String, Arc<dyn Scan>>,
    ) -> Result<Arc<dyn Scan>, EngineError> {
        self.check().map_err(|message| ill_formed("dedupe", message))?;
        let keys: Vec<usize> = self.keys.iter().map(|key| position("dedupe", &*input, key)).collect::<Result<_, _>>()?;
        let schema = input.schema();
        for &key in &keys {
            orderable("dedupe", schema.field(key).name(), schema.field(key).data_type())?;
        }
        let by = self.by.as_ref().map(|by| position("dedupe", &*input, by)).transpose()?;
        if let Some(field) = by.map(|by| schema.field(by))
            && Class::of(field.data_type()).is_none()
        {
            let message = format!("expected `dedupe` to name a column that can be compared, found {}", field.data_type());
            return Err(EngineError::config(Fault::new("unsupported_type", message).column(field.name())));
        }
        let kept = OnceLock::new();
        Ok(Arc::new(Deduped { room: room.clone(), input, keys, keep: self.keep, by, kept }))
    }
}

struct Deduped {
    room: Arc<Room>,
    input: Arc<dyn Scan>,
    keys: Vec<usize>,
    keep: Keep,
    by: Option<usize>,
    /// A bit a row, found by the first who reads.
    kept: OnceLock<BooleanBuffer>,
}

impl fmt::Debug for Deduped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deduped").field("input", &self.input).field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl Deduped {
    /// Which rows stay, found by their keys only.
    fn kept(&self) -> Result<&BooleanBuffer, ScanError> {
        if let Some(kept) = self.kept.get() {
            return Ok(kept);
        }
        let found = self.find()?;
        Ok(self.kept.get_or_init(|| found))
    }

    fn find(&self) -> Result<BooleanBuffer, ScanError> {
        let numbered: Arc<dyn Scan> = Arc::new(Numbered::new(self.input.clone(), ROW));
        let row = numbered.schema().fields().len() - 1;
        let (rows, order) = self.prepared(numbered, row)?;
        let function = if self.keep == Keep::First { Function::First } else { Function::Last };
        let value = Some(self.keys.len());
        let aggregate = Aggregate { name: ROW.into(), function, value, mask: None, order, kind: DataType::UInt64 };
        let keys = (0..self.keys.len()).collect();
        let grouping = Grouping { step: "dedupe", keys, aggregates: vec![aggregate] };
        let groups = grouping.group(&self.room, &*rows)?;
        let mut bits = Vec::new();
        for batch in groups.open(&[self.keys.len()])? {
            for &row in batch?.column(0).as_primitive::<UInt64Type>().values() {
                let row = usize::try_from(row).map_err(EngineError::internal)?;
                bits.resize(bits.len().max(row / 8 + 1), 0u8);
                bits[row / 8] |= 1 << (row % 8);
            }
        }
        let length = 8 * bits.len();
        Ok(BooleanBuffer::new(bits.into(), 0, length))
    }

    /// The keys, the row's number, and the column of the order where there is one, brought to its class.
    fn prepared(&self, numbered: Arc<dyn Scan>, row: usize) -> Result<(Arc<dyn Scan>, Option<usize>), EngineError> {
        let schema = numbered.schema();
        let columns = self.keys.iter().copied().chain([row]);
        let mut outputs: Vec<(String, Output)> =
            columns.map(|column| (schema.field(column).name().clone(), Output::Column(column))).collect();
        outputs.extend(self.by.map(|by| ("\u{1}by".to_owned(), Output::Classed(by))));
        let order = self.by.map(|_| outputs.len() - 1);
        Ok((Arc::new(Mapped::projected(numbered, outputs)), order))
    }
}

impl Scan for Deduped {
    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }

    fn open(&self, columns: &[usize]) -> Result<Batches, ScanError> {
        let kept = self.kept()?.clone();
        let mut first = 0;
        let kept_of = move |batch: RecordBatch| {
            let here = first.min(kept.len())..(first + batch.num_rows()).min(kept.len());
            first += batch.num_rows();
            let mut bits = arrow::array::BooleanBufferBuilder::new(batch.num_rows());
            bits.append_buffer(&kept.slice(here.start, here.len()));
            bits.append_n(batch.num_rows() - here.len(), false);
            filter_record_batch(&batch, &BooleanArray::new(bits.finish(), None)).map_err(EngineError::internal)
        };
        let mut kept_of = kept_of;
        let batches = self.input.open(columns)?.map(move |batch| Ok(kept_of(batch?)?));
        Ok(Box::new(batches.filter(|batch| !matches!(batch, Ok(batch) if batch.num_rows() == 0))))
    }
}
