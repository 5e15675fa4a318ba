use std::sync::Arc;

use arrow::array::new_null_array;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::{interleave, take};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use trainer_data::Fault;

use super::Rule;
use super::index::Candidate;
use super::join::Told;
use super::key::{KeyCoder, Keys};
use super::moment::{Moment, NEVER, moments};
use crate::FeatureError;

/// Which column of the united rows is what, by position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The key.
    pub keys: Vec<usize>,
    /// The time: of a feature row when it was true, of a label when it was taken.
    pub time: usize,
    /// When a feature row was written; null for labels.
    pub created: Option<usize>,
    /// True for labels, false for feature rows.
    pub is_label: usize,
    /// The cells of feature rows; null for labels.
    pub features: Vec<usize>,
}

/// The join as one pass over feature rows and labels together, batch by batch.
///
/// The rows must be sorted by the keys (ascending, nulls first), then by time (nulls first), then by `is_label`, so that at
/// one time features stand before labels. With [`Rule::created_cutoff`] a feature row's time is the later of its time and
/// its created time. Rows in any other order are refused with their number: an engine that loses a sort is found out here.
///
/// ```text
/// events ∪ labels  ->  repartition by key, sort within  ->  push, push, push
/// ```
#[derive(Debug)]
pub struct PointInTime {
    layout: Layout,
    rule: Rule,
    coder: KeyCoder,
    time_name: String,
    schema: SchemaRef,
    kept: Vec<usize>,
    /// The row before.
    last: Option<(Box<[u8]>, Moment, bool)>,
    /// The best feature row of the key so far, with its cells where it came with an earlier batch.
    best: Option<Candidate>,
    held: Vec<ArrayRef>,
    rows: u64,
    told: Told,
}

/// Where a label's cells are, as `interleave` counts arrays.
const NOWHERE: usize = 0;
const HELD: usize = 1;
const HERE: usize = 2;

impl PointInTime {
    /// A pass over rows of that schema.
    ///
    /// # Errors
    /// `Data`: columns of types that are no times (`not_a_time`), no keys (`key_type`) or no side (`is_label`).
    pub fn new(schema: &Schema, layout: Layout, rule: Rule) -> Result<Self, FeatureError> {
        let keys = layout.keys.iter().map(|&at| schema.field(at));
        let types: Vec<_> = keys.map(|field| (field.name().as_str(), field.data_type(), field.data_type())).collect();
        let coder = KeyCoder::new(&types)?;
        let side = schema.field(layout.is_label);
        if side.data_type() != &DataType::Boolean {
            let message = format!("expected a boolean that says which rows are labels, found {}", side.data_type());
            return Err(FeatureError::data(Fault::new("is_label", message).column(side.name())));
        }
        let kept: Vec<usize> =
            (0..schema.fields().len()).filter(|at| *at != layout.is_label && Some(*at) != layout.created).collect();
        let fields: Vec<Field> = kept.iter().map(|&at| schema.field(at).clone().with_nullable(true)).collect();
        let held = layout.features.iter().map(|&at| new_null_array(schema.field(at).data_type(), 1)).collect();
        let time_name = schema.field(layout.time).name().clone();
        let schema = Arc::new(Schema::new(fields));
        Ok(Self {
            layout,
            rule,
            coder,
            time_name,
            schema,
            kept,
            last: None,
            best: None,
            held,
            rows: 0,
            told: Told::default(),
        })
    }

    /// The schema of what comes out: that of the rows without side and created time.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// The labels of a batch, in its order, with the features that each takes.
    ///
    /// # Errors
    /// `Data`: rows that are not sorted (`not_sorted`), or a label without a time (`no_time`).
    pub fn push(&mut self, batch: &RecordBatch) -> Result<RecordBatch, FeatureError> {
        let key_columns: Vec<ArrayRef> = self.layout.keys.iter().map(|&at| batch.column(at).clone()).collect();
        let keys = self.coder.keys(&key_columns)?;
        let times = moments(batch.column(self.layout.time), &self.time_name)?;
        let created = match self.layout.created {
            Some(at) => moments(batch.column(at), batch.schema().field(at).name())?,
            None => times.clone(),
        };
        let is_label = batch.column(self.layout.is_label).as_boolean().clone();
        let mut labels = Vec::new();
        let mut cells = Vec::new();
        let mut source = if self.best.is_some() { (HELD, 0) } else { (NOWHERE, 0) };
        for row in 0..batch.num_rows() {
            if self.advance(&keys, row, &times, &created, &is_label)? {
                source = (NOWHERE, 0);
            }
            if is_label.value(row) {
                labels.push(row as u32);
                let taken = self.is_taken(&keys, row, times[row]);
                cells.push(if taken { source } else { (NOWHERE, 0) });
                self.count_label(keys.get(row).is_none(), taken);
            } else if self.offer(Candidate { time: times[row], created: created[row], row: self.rows }) {
                source = (HERE, row);
            }
            if !is_label.value(row) {
                self.told.feature_rows += 1;
                self.told.without_time += u64::from(times[row] == NEVER);
            }
            self.rows += 1;
        }
        let out = self.out(batch, &UInt32Array::from(labels), &cells);
        if let (HERE, row) = source {
            // A copy: the batch itself is not kept.
            let row = UInt32Array::from(vec![row as u32]);
            let cell = |&at: &usize| alone(take(batch.column(at), &row, None).expect("a row of the batch"));
            self.held = self.layout.features.iter().map(cell).collect();
        }
        Ok(out)
    }

    /// Goes on to a row; true where a key begins.
    fn advance(
        &mut self,
        keys: &Keys,
        row: usize,
        times: &[Moment],
        created: &[Moment],
        is_label: &BooleanArray,
    ) -> Result<bool, FeatureError> {
        let label = is_label.value(row);
        if is_label.is_null(row) || (label && times[row] == NEVER) {
            let message = "expected a side and, for a label, a time, found none";
            return Err(FeatureError::data(Fault::new("no_time", message).row(self.rows + 1)));
        }
        let cut = self.rule.created_cutoff && !label;
        let time = if cut { times[row].max(created[row]) } else { times[row] };
        let key = keys.bytes(row);
        let starts = match &mut self.last {
            Some((last, at, was_label)) if **last == *key => {
                if (time, label) < (*at, *was_label) {
                    return Err(self.unsorted(row));
                }
                (*at, *was_label) = (time, label);
                false
            }
            Some((last, ..)) if **last > *key => return Err(self.unsorted(row)),
            last => {
                *last = Some((key.into(), time, label));
                true
            }
        };
        if starts {
            self.best = None;
        }
        Ok(starts)
    }

    fn unsorted(&self, row_of_batch: usize) -> FeatureError {
        let message = format!(
            "expected rows sorted by key, {} and side, found row {} of a batch before its place",
            self.time_name,
            row_of_batch + 1
        );
        let fault = Fault::new("not_sorted", message).row(self.rows + 1);
        FeatureError::data(fault.hint("the engine lost the sort before this step; sort within each partition"))
    }

    /// Offers a feature row; true when it is the best so far.
    fn offer(&mut self, candidate: Candidate) -> bool {
        let visible = self.rule.visible(candidate.time, candidate.created).is_some();
        let better = visible && self.best.is_none_or(|best| best < candidate);
        if better {
            self.best = Some(candidate);
        }
        better
    }

    /// What came of the rows so far.
    pub fn told(&self) -> Told {
        self.told
    }

    fn count_label(&mut self, null_key: bool, taken: bool) {
        self.told.labels += 1;
        self.told.null_keys += u64::from(null_key);
        let Some(best) = self.best.filter(|_| taken) else { return };
        self.told.found += 1;
        self.told.oldest = Some(self.told.oldest.map_or(best.time, |oldest| oldest.min(best.time)));
        self.told.newest = Some(self.told.newest.map_or(best.time, |newest| newest.max(best.time)));
    }

    fn is_taken(&self, keys: &Keys, row: usize, t: Moment) -> bool {
        keys.get(row).is_some() && self.best.is_some_and(|best| self.rule.is_young(best.time, t))
    }

    fn out(&self, batch: &RecordBatch, labels: &UInt32Array, cells: &[(usize, usize)]) -> RecordBatch {
        let column = |&at: &usize| match self.layout.features.iter().position(|&feature| feature == at) {
            None => take(batch.column(at), labels, None).expect("rows of the batch"),
            Some(feature) => {
                let here = batch.column(at);
                let nothing = new_null_array(here.data_type(), 1);
                let sources: [&dyn Array; 3] = [nothing.as_ref(), self.held[feature].as_ref(), here.as_ref()];
                interleave(&sources, cells).expect("arrays of one type")
            }
        };
        let columns = self.kept.iter().map(column).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(labels.len()));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options).expect("columns of the schema")
    }
}

/// Cells without the batch that they came with: a view of text would hold on to all of it.
fn alone(cells: ArrayRef) -> ArrayRef {
    match cells.data_type() {
        DataType::Utf8View => Arc::new(cells.as_string_view().gc()),
        _ => cells,
    }
}
