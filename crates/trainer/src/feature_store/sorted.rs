//! Labels and the features of several views, in bounded memory: both sides are sorted by key and time, what each label takes
//! is found in one pass, and sorted back into the labels' order.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Schema, SchemaRef, UInt64Type};
use trainer_data::{Batches, DataError, InputFile, Scan, ScanError, Table, Warning};
use trainer_engine::{Engine, SortKey};
use trainer_features::feast::ViewJoin;
use trainer_features::point_in_time::{FeatureRows, LabelRows, Told, United};

use super::joining::{Asked, ViewTold, check_names, feature_rows};
use super::labels::time_column;
use super::opened::OpenStore;
use crate::interrupt;

/// Labels with features, while they are read.
pub struct JoinedRows {
    /// The labels' columns, then the features.
    pub scan: Arc<dyn Scan>,
    views: Vec<(String, Arc<Mutex<Told>>)>,
    /// The files of the views.
    pub files: Vec<InputFile>,
    /// What was odd.
    pub warnings: Vec<Warning>,
}

impl JoinedRows {
    /// What each view brought, once all rows have been read.
    pub fn views(&self) -> Vec<ViewTold> {
        let told = |(name, told): &(String, Arc<Mutex<Told>>)| {
            let told = *told.lock().unwrap_or_else(PoisonError::into_inner);
            ViewTold::of(name, &told, told.labels)
        };
        self.views.iter().map(told).collect()
    }
}

/// Joins labels with what is asked for; none are dropped.
///
/// # Errors
/// As [`super::join`].
pub fn join_sorted(
    store: &OpenStore,
    labels: Arc<dyn Scan>,
    asked: Asked<'_>,
    engine: &Engine,
) -> anyhow::Result<JoinedRows> {
    let joins = store.store.joins(asked.wanted, asked.full_names)?;
    let header = header(&labels.schema())?;
    check_names(&joins, &header)?;
    let time = time_column(&header)?.to_owned();
    let labels: Arc<dyn Scan> = Arc::new(Polled(labels));
    let mut joined = JoinedRows { scan: labels.clone(), views: Vec::new(), files: Vec::new(), warnings: Vec::new() };
    let mut found = Vec::new();
    for view in &joins {
        let add = add(&mut joined, store, view, &labels, &time, asked, engine);
        found.push(add.with_context(|| format!("feature view `{}`", view.name))?);
    }
    joined.scan = Arc::new(Zipped::new(labels, found)?);
    Ok(joined)
}

/// A table of no rows with the columns.
fn header(schema: &SchemaRef) -> Result<Table, DataError> {
    Table::from_batch(&RecordBatch::new_empty(schema.clone()))
}

fn add(
    joined: &mut JoinedRows,
    store: &OpenStore,
    view: &ViewJoin,
    labels: &Arc<dyn Scan>,
    time: &str,
    asked: Asked<'_>,
    engine: &Engine,
) -> anyhow::Result<Found> {
    let (rows, features, rule) = feature_rows(store, view, asked)?;
    let features = FeatureRows { scan: Arc::new(Polled(features.scan)), ..features };
    let (schema, header) = (labels.schema(), header(&labels.schema())?);
    let at = |name: &str| -> anyhow::Result<usize> {
        // Says which columns there are.
        header.require(name)?;
        Ok(schema.index_of(name)?)
    };
    let keys = view.keys.iter().map(|key| at(&key.label)).collect::<Result<_, _>>()?;
    let asking = LabelRows { scan: labels.clone(), keys, time: at(time)? };
    let united = Arc::new(United::new(asking, features, rule)?);
    let order = United::order().map(SortKey::ascending);
    let matched = united.matched(engine.sort(united.clone(), &order)?);
    joined.views.push((view.name.clone(), matched.told()));
    let scan = engine.sort(Arc::new(matched), &[SortKey::ascending(United::number())])?;
    joined.warnings.extend(rows.warnings);
    joined.files.extend(rows.files.into_iter().filter(|file| !joined.files.contains(file)).collect::<Vec<_>>());
    Ok(Found { scan, names: view.features.iter().map(|feature| feature.output.clone()).collect() })
}

/// What a view has for the labels, in their order: the label's number, then the features, which are to be called so.
#[derive(Debug)]
struct Found {
    scan: Arc<dyn Scan>,
    names: Vec<String>,
}

/// Rows whose reading a signal ends.
#[derive(Debug)]
struct Polled(Arc<dyn Scan>);

impl Scan for Polled {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn open(&self, columns: &[usize]) -> Result<Batches, ScanError> {
        Ok(Box::new(self.0.open(columns)?.map(|batch| {
            interrupt::check()?;
            batch
        })))
    }

    fn rows(&self) -> Option<u64> {
        self.0.rows()
    }
}

/// Labels with what was found for them, row by row.
#[derive(Debug)]
struct Zipped {
    labels: Arc<dyn Scan>,
    found: Vec<Found>,
    /// As it is put together, and as it comes out: of the types that tables have.
    raw: SchemaRef,
    schema: SchemaRef,
}

impl Zipped {
    fn new(labels: Arc<dyn Scan>, found: Vec<Found>) -> Result<Self, DataError> {
        let mut fields: Vec<_> = labels.schema().fields().iter().cloned().collect();
        for found in &found {
            let schema = found.scan.schema();
            let own = schema.fields().iter().skip(1).zip(&found.names);
            fields.extend(own.map(|(field, name)| Arc::new(field.as_ref().clone().with_name(name))));
        }
        let raw = Arc::new(Schema::new(fields));
        let schema = header(&raw)?.to_batch().schema();
        Ok(Self { labels, found, raw, schema })
    }
}

impl Scan for Zipped {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn open(&self, columns: &[usize]) -> Result<Batches, ScanError> {
        let all = |scan: &Arc<dyn Scan>| scan.open(&(0..scan.schema().fields().len()).collect::<Vec<_>>());
        let open = |found: &Found| -> Result<Rest, ScanError> {
            let mut batches = all(&found.scan)?;
            // Read on at once: the sorts before the last one give their memory back before the next view needs some.
            let held = batches.next().transpose()?;
            Ok(Rest { batches, schema: found.scan.schema(), held })
        };
        let mut found = self.found.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let (raw, columns, mut first) = (self.raw.clone(), columns.to_vec(), 0);
        Ok(Box::new(all(&self.labels)?.map(move |batch| {
            let batch = batch?;
            let mut cells = batch.columns().to_vec();
            for found in &mut found {
                let rows = found.take(batch.num_rows())?;
                let number = rows.column(0).as_primitive::<UInt64Type>().values().first().copied();
                assert!(number.is_none_or(|number| number == first), "each label comes back once, in its order");
                cells.extend(rows.columns()[1..].iter().cloned());
            }
            first += batch.num_rows() as u64;
            let joined = Table::from_batch(&RecordBatch::try_new(raw.clone(), cells)?)?;
            Ok(joined.to_batch().project(&columns)?)
        })))
    }
}

/// Batches of which some rows were taken.
struct Rest {
    batches: Batches,
    schema: SchemaRef,
    held: Option<RecordBatch>,
}

impl Rest {
    fn take(&mut self, rows: usize) -> Result<RecordBatch, ScanError> {
        let (mut taken, mut left) = (Vec::new(), rows);
        while left > 0 {
            let batch = match self.held.take() {
                Some(batch) => batch,
                None => self.batches.next().expect("as many rows as labels")?,
            };
            let count = left.min(batch.num_rows());
            taken.push(batch.slice(0, count));
            if count < batch.num_rows() {
                self.held = Some(batch.slice(count, batch.num_rows() - count));
            }
            left -= count;
        }
        Ok(concat_batches(&self.schema, taken.iter())?)
    }
}
