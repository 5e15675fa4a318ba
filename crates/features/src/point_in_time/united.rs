//! Labels and feature rows as rows of one schema, for an engine that sorts them: [`PointInTime`] then finds what each label
//! takes, however many there are.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::new_null_array;
use arrow::array::{ArrayRef, BinaryArray, BooleanArray, Decimal128Array, RecordBatch, UInt64Array};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, Schema, SchemaRef};
use trainer_data::{Batches, Fault, Scan, ScanError};

use super::Rule;
use super::join::Told;
use super::key::KeyCoder;
use super::moment::{Moment, NEVER, moments};
use super::stream::{Layout, PointInTime};
use crate::FeatureError;

/// Columns of the united rows besides the features; no file has such names.
const NAMES: [&str; 6] = ["\u{1}key", "\u{1}from", "\u{1}label", "\u{1}number", "\u{1}time", "\u{1}created"];

/// Labels, columns by their position in the scan.
#[derive(Debug, Clone)]
pub struct LabelRows {
    /// The rows.
    pub scan: Arc<dyn Scan>,
    /// Key columns.
    pub keys: Vec<usize>,
    /// When each label was taken.
    pub time: usize,
}

/// Feature rows, columns by their position in the scan.
#[derive(Debug, Clone)]
pub struct FeatureRows {
    /// The rows.
    pub scan: Arc<dyn Scan>,
    /// Key columns, in the order of the labels' ones.
    pub keys: Vec<usize>,
    /// When each row was true.
    pub time: usize,
    /// When it was written.
    pub created: Option<usize>,
    /// The cells that are fetched.
    pub features: Vec<usize>,
}

/// All labels, then all feature rows.
#[derive(Debug)]
pub struct United {
    labels: LabelRows,
    features: FeatureRows,
    coder: Arc<KeyCoder>,
    rule: Rule,
    schema: SchemaRef,
}

impl United {
    /// Rows that are to be sorted by [`United::order`].
    ///
    /// # Errors
    /// `Data` (`key_type`): keys whose values are never equal.
    pub fn new(labels: LabelRows, features: FeatureRows, rule: Rule) -> Result<Self, FeatureError> {
        let (ours, theirs) = (labels.scan.schema(), features.scan.schema());
        let types = labels.keys.iter().zip(&features.keys).map(|(&label, &feature)| {
            let label = ours.field(label);
            (label.name().as_str(), label.data_type(), theirs.field(feature).data_type())
        });
        let coder = Arc::new(KeyCoder::new(&types.collect::<Vec<_>>())?);
        let types = [DataType::Binary, MOMENT, DataType::Boolean, DataType::UInt64, MOMENT, MOMENT];
        let own = NAMES.iter().zip(types).map(|(name, kind)| Field::new(*name, kind, true));
        let cells = features.features.iter().enumerate();
        let cells =
            cells.map(|(at, &from)| Field::new(format!("\u{1}{at}"), theirs.field(from).data_type().clone(), true));
        let schema = Arc::new(Schema::new(own.chain(cells).collect::<Vec<_>>()));
        Ok(Self { labels, features, coder, rule, schema })
    }

    /// The columns to sort by: from the smallest up, what is missing first.
    pub fn order() -> [&'static str; 3] {
        [NAMES[0], NAMES[1], NAMES[2]]
    }

    /// The column with the number of each label, from 0.
    pub fn number() -> &'static str {
        NAMES[3]
    }

    /// What each label takes, of these rows once they are sorted.
    pub fn matched(&self, sorted: Arc<dyn Scan>) -> Matched {
        let layout = Layout {
            keys: vec![0],
            time: 4,
            created: Some(5),
            is_label: 2,
            features: (NAMES.len()..self.schema.fields().len()).collect(),
        };
        let kept: Vec<usize> = std::iter::once(3).chain(NAMES.len()..self.schema.fields().len()).collect();
        let schema = Arc::new(self.schema.project(&kept).expect("columns of the schema"));
        Matched { sorted, layout, rule: self.rule, schema, told: Arc::default() }
    }
}

/// Moments of any unit.
const MOMENT: DataType = DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0);

fn of_moments(moments: impl Iterator<Item = Moment>) -> ArrayRef {
    let moments: Decimal128Array = moments.map(|moment| (moment != NEVER).then_some(moment)).collect();
    Arc::new(moments.with_data_type(MOMENT))
}

impl Scan for United {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn open(&self, columns: &[usize]) -> Result<Batches, ScanError> {
        let (labels, features) = (self.labels.scan.schema(), self.features.scan.schema());
        let read: Vec<usize> = self.labels.keys.iter().copied().chain([self.labels.time]).collect();
        let time = labels.field(self.labels.time).name().clone();
        let side = Side { coder: self.coder.clone(), keys: self.labels.keys.len(), time, schema: self.schema.clone() };
        let (wanted, mut first) = (columns.to_vec(), 0);
        let ours = self.labels.scan.open(&read)?.map(move |batch| {
            let batch = batch?;
            let rows = side.labels(&batch, first)?;
            first += batch.num_rows() as u64;
            Ok(rows.project(&wanted)?)
        });
        let FeatureRows { keys, time, created, features: cells, .. } = &self.features;
        let read: Vec<usize> =
            keys.iter().copied().chain([*time]).chain(*created).chain(cells.iter().copied()).collect();
        let name = features.field(*time).name().clone();
        let side = Side { coder: self.coder.clone(), keys: keys.len(), time: name, schema: self.schema.clone() };
        let (wanted, created, cut) = (columns.to_vec(), created.is_some(), self.rule.created_cutoff);
        let scan = self.features.scan.clone();
        // Opened when the labels have gone by.
        let theirs = std::iter::once_with(move || scan.open(&read)).flat_map(move |opened| {
            let (side, wanted) = (side.clone(), wanted.clone());
            let rows = move |batch: Result<RecordBatch, ScanError>| {
                Ok(side.features(&batch?, created, cut)?.project(&wanted)?)
            };
            match opened {
                Ok(batches) => Box::new(batches.map(rows)) as Batches,
                Err(error) => Box::new(std::iter::once(Err(error))) as Batches,
            }
        });
        Ok(Box::new(ours.chain(theirs)))
    }
}

/// How rows of a side become united ones: they come as keys, time and whatever else there is.
#[derive(Clone)]
struct Side {
    coder: Arc<KeyCoder>,
    keys: usize,
    time: String,
    schema: SchemaRef,
}

impl Side {
    fn keys(&self, batch: &RecordBatch) -> Result<ArrayRef, FeatureError> {
        let keys = self.coder.keys(&batch.columns()[..self.keys])?;
        let keys: BinaryArray = (0..batch.num_rows()).map(|row| keys.get(row)).collect();
        Ok(Arc::new(keys))
    }

    fn times(&self, batch: &RecordBatch) -> Result<Vec<Moment>, FeatureError> {
        moments(batch.column(self.keys), &self.time)
    }

    fn labels(&self, batch: &RecordBatch, first: u64) -> Result<RecordBatch, ScanError> {
        let (times, rows) = (self.times(batch)?, batch.num_rows());
        if let Some(row) = times.iter().position(|&time| time == NEVER) {
            let fault = Fault::new("no_time", "expected a time for every label, found none");
            return Err(FeatureError::data(fault.row(first + row as u64 + 1).column(&self.time)).into());
        }
        let times = of_moments(times.into_iter());
        let numbers = Arc::new(UInt64Array::from_iter_values(first..first + rows as u64));
        let is_label = Arc::new(BooleanArray::from(vec![true; rows]));
        let mut columns: Vec<ArrayRef> = vec![self.keys(batch)?, times.clone(), is_label, numbers, times];
        columns.extend(self.schema.fields()[columns.len()..].iter().map(|it| new_null_array(it.data_type(), rows)));
        Ok(RecordBatch::try_new(self.schema.clone(), columns)?)
    }

    fn features(&self, batch: &RecordBatch, created: bool, cut: bool) -> Result<RecordBatch, ScanError> {
        let (times, rows) = (self.times(batch)?, batch.num_rows());
        let at = self.keys + 1;
        let created = match created {
            true => Some(moments(batch.column(at), batch.schema().field(at).name())?),
            false => None,
        };
        // Without such a column a row was written when it was true.
        let written = created.as_ref().unwrap_or(&times);
        let from = times.iter().zip(written).map(|(&time, &written)| if cut { time.max(written) } else { time });
        let side = Arc::new(BooleanArray::from(vec![false; rows]));
        let numbers = new_null_array(&DataType::UInt64, rows);
        let (from, written) = (of_moments(from), of_moments(written.iter().copied()));
        let mut columns = vec![self.keys(batch)?, from, side, numbers, of_moments(times.iter().copied()), written];
        columns.extend(batch.columns()[at + usize::from(created.is_some())..].iter().cloned());
        Ok(RecordBatch::try_new(self.schema.clone(), columns)?)
    }
}

/// The number of each label and what it takes, in the order of keys and times.
#[derive(Debug)]
pub struct Matched {
    sorted: Arc<dyn Scan>,
    layout: Layout,
    rule: Rule,
    schema: SchemaRef,
    told: Arc<Mutex<Told>>,
}

impl Matched {
    /// What the join came to; whole once the rows have gone by.
    pub fn told(&self) -> Arc<Mutex<Told>> {
        self.told.clone()
    }
}

impl Scan for Matched {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn open(&self, columns: &[usize]) -> Result<Batches, ScanError> {
        let united = self.sorted.schema();
        let all: Vec<usize> = (0..united.fields().len()).collect();
        let mut pass = PointInTime::new(&united, self.layout.clone(), self.rule)?;
        let out = pass.schema();
        let names = self.schema.fields().iter().map(|field| out.index_of(field.name()).expect("a column that is kept"));
        let names: Vec<usize> = names.collect();
        let wanted: Vec<usize> = columns.iter().map(|&column| names[column]).collect();
        let told = self.told.clone();
        Ok(Box::new(self.sorted.open(&all)?.map(move |batch| {
            let labels = pass.push(&batch?)?;
            *told.lock().unwrap_or_else(PoisonError::into_inner) = pass.told();
            Ok(labels.project(&wanted)?)
        })))
    }
}
