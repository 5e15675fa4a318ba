use arrow::array::{ArrayRef, RecordBatch};
use rayon::prelude::*;
use trainer_data::{Batches, Fault, Scan, ScanError};

use super::Rule;
use super::gather::gather;
use super::index::{Candidate, Found, LabelIndex, Offers};
use super::key::KeyCoder;
use super::moment::{Moment, NEVER, moments};
use crate::FeatureError;

/// Batches that are searched at a time, each by one thread.
const AT_A_TIME: usize = 16;

/// Who asks: keys and times of the labels.
#[derive(Debug, Clone)]
pub struct LabelSide<'a> {
    /// Key columns by name.
    pub keys: Vec<(&'a str, ArrayRef)>,
    /// Name of the column of times.
    pub time_name: &'a str,
    /// When each label was taken.
    pub time: ArrayRef,
}

/// Who is asked: the feature rows, columns by their position in the scan.
#[derive(Debug, Clone)]
pub struct FeatureSide<'a> {
    /// The rows.
    pub scan: &'a dyn Scan,
    /// Key columns, in the order of the labels' ones.
    pub keys: Vec<usize>,
    /// When each row was true.
    pub time: usize,
    /// When it was written.
    pub created: Option<usize>,
    /// The cells that are fetched.
    pub features: Vec<usize>,
}

/// What a join came to, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// Feature rows that were read.
    pub feature_rows: u64,
    /// Of these, rows without a time, which nobody can take.
    pub without_time: u64,
    /// Labels.
    pub labels: u64,
    /// Of these, labels with a null in their key.
    pub null_keys: u64,
    /// Labels that found a row.
    pub found: u64,
    /// Time of the oldest row that was taken.
    pub oldest: Option<Moment>,
    /// Time of the newest row that was taken.
    pub newest: Option<Moment>,
}

/// Features of labels.
#[derive(Debug, Clone)]
pub struct Joined {
    /// One column for each feature asked for, one cell for each label in the labels' order.
    pub columns: Vec<ArrayRef>,
    /// The row that each label took.
    pub found: Vec<Option<Found>>,
    /// Whether any feature row has the label's key, of whatever time.
    pub known: Vec<bool>,
    /// Whether the label would have found a row if it saw those created after its time.
    pub found_uncut: Vec<bool>,
    /// The numbers.
    pub told: Told,
}

/// Finds each label's feature row and fetches its cells.
///
/// # Errors
/// A [`FeatureError::Data`]: a label without a time (`no_time`), columns that are no times (`not_a_time`) or keys that are
/// never equal (`key_type`). And those of the scan.
pub fn join(labels: &LabelSide<'_>, features: &FeatureSide<'_>, rule: Rule) -> Result<Joined, ScanError> {
    let schema = features.scan.schema();
    let types = labels.keys.iter().zip(&features.keys);
    let types: Vec<_> =
        types.map(|((name, array), &at)| (*name, array.data_type(), schema.field(at).data_type())).collect();
    let coder = KeyCoder::new(&types)?;
    let times = label_times(labels)?;
    let arrays: Vec<ArrayRef> = labels.keys.iter().map(|(_, array)| array.clone()).collect();
    let keys = coder.keys(&arrays)?;
    let index = LabelIndex::new(&keys, &times);
    let mut search = Search::new(&index, rule);
    search.run(features, &coder)?;
    let Search { offers, uncut, known, feature_rows, without_time, .. } = search;
    let found = offers.found();
    let found_uncut = match uncut {
        Some(uncut) => uncut.found().iter().map(Option::is_some).collect(),
        None => found.iter().map(Option::is_some).collect(),
    };
    let taken = || found.iter().flatten().map(|found| found.time);
    let told = Told {
        feature_rows,
        without_time,
        labels: times.len() as u64,
        null_keys: keys.null_count() as u64,
        found: taken().count() as u64,
        oldest: taken().min(),
        newest: taken().max(),
    };
    let columns = gather(features.scan, &features.features, &found)?;
    Ok(Joined { columns, known: index.known(&known), found, found_uncut, told })
}

fn label_times(labels: &LabelSide<'_>) -> Result<Vec<Moment>, FeatureError> {
    let times = moments(&labels.time, labels.time_name)?;
    match times.iter().position(|&time| time == NEVER) {
        None => Ok(times),
        Some(row) => {
            let fault = Fault::new("no_time", "expected a time for every label, found none");
            Err(FeatureError::data(fault.row(row as u64 + 1).column(labels.time_name)))
        }
    }
}

/// The first pass: keys and times of all feature rows.
struct Search<'i> {
    index: &'i LabelIndex,
    offers: Offers<'i>,
    /// The same without the cutoff, where there is one.
    uncut: Option<Offers<'i>>,
    known: Vec<bool>,
    feature_rows: u64,
    without_time: u64,
}

/// What a batch has for the labels.
#[derive(Default)]
struct Hits {
    groups: Vec<usize>,
    seen: Vec<(usize, Candidate)>,
    uncut: Vec<(usize, Candidate)>,
    without_time: u64,
}

impl<'i> Search<'i> {
    fn new(index: &'i LabelIndex, rule: Rule) -> Self {
        let uncut = rule.created_cutoff.then(|| Offers::new(index, Rule { created_cutoff: false, ..rule }));
        let known = vec![false; index.group_count()];
        Self { index, offers: Offers::new(index, rule), uncut, known, feature_rows: 0, without_time: 0 }
    }

    fn run(&mut self, features: &FeatureSide<'_>, coder: &KeyCoder) -> Result<(), ScanError> {
        let columns: Vec<usize> =
            features.keys.iter().copied().chain([features.time]).chain(features.created).collect();
        let mut batches = features.scan.open(&columns)?;
        let schema = features.scan.schema();
        let read = Read { keys: features.keys.len(), time_name: schema.field(features.time).name(), coder };
        loop {
            let some = self.next(&mut batches)?;
            if some.is_empty() {
                return Ok(());
            }
            let hits = some.par_iter().map(|(first, batch)| self.hits(&read, *first, batch));
            for hits in hits.collect::<Result<Vec<_>, _>>()? {
                self.take(hits);
            }
        }
    }

    /// The next batches, each with the number of its first row.
    fn next(&mut self, batches: &mut Batches) -> Result<Vec<(u64, RecordBatch)>, ScanError> {
        let mut some = Vec::with_capacity(AT_A_TIME);
        for batch in batches.take(AT_A_TIME) {
            let batch = batch?;
            let first = self.feature_rows;
            self.feature_rows += batch.num_rows() as u64;
            some.push((first, batch));
        }
        Ok(some)
    }

    fn hits(&self, read: &Read<'_>, first: u64, batch: &RecordBatch) -> Result<Hits, FeatureError> {
        let keys = read.coder.keys(&batch.columns()[..read.keys])?;
        let times = moments(batch.column(read.keys), read.time_name)?;
        let created = match batch.columns().get(read.keys + 1) {
            Some(array) => Some(moments(array, batch.schema().field(read.keys + 1).name())?),
            None => None,
        };
        let mut hits = Hits::default();
        for (row, &time) in times.iter().enumerate() {
            hits.without_time += u64::from(time == NEVER);
            let Some(group) = keys.get(row).and_then(|key| self.index.group(key)) else { continue };
            hits.groups.push(group);
            // Without such a column there is nothing to cut off by.
            let created = created.as_ref().map_or(time, |created| created[row]);
            let candidate = Candidate { time, created, row: first + row as u64 };
            hits.seen.extend(self.offers.place(group, time, created).map(|place| (place, candidate)));
            let uncut = self.uncut.as_ref().and_then(|uncut| uncut.place(group, time, created));
            hits.uncut.extend(uncut.map(|place| (place, candidate)));
        }
        Ok(hits)
    }

    fn take(&mut self, hits: Hits) {
        self.without_time += hits.without_time;
        hits.groups.into_iter().for_each(|group| self.known[group] = true);
        hits.seen.into_iter().for_each(|(place, candidate)| self.offers.offer(place, candidate));
        if let Some(uncut) = &mut self.uncut {
            hits.uncut.into_iter().for_each(|(place, candidate)| uncut.offer(place, candidate));
        }
    }
}

/// How a batch of the first pass is read: keys first, then the time, then, where there is one, the created time.
struct Read<'a> {
    keys: usize,
    time_name: &'a str,
    coder: &'a KeyCoder,
}
