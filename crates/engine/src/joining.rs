//! Two scans joined: by an index of one of them in memory, part by part where it does not fit as a whole.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use trainer_data::{Batches, Scan, ScanError};

use crate::EngineError;
use crate::cut::Cut;
use crate::engine::Room;
use crate::limits::BATCH_ROWS;
use crate::mapped::{Mapped, Output};
use crate::numbered::Numbered;
use crate::parting::{DEEPEST, parts};
use crate::probe::{Indexed, Probe, Source};
use crate::sort::{ROW, SortKey, Sorted};
use crate::spill::SpillWriter;
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

    /// Where the columns are read from, and which columns of the left side are read for them, in order.
    fn sources(&self, columns: &[usize]) -> (Vec<Source>, Vec<usize>, Vec<usize>) {
        let sources = self.split(columns);
        let ordered =
            |columns: Vec<usize>| columns.into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
        let left = ordered(sources.iter().filter_map(Source::left).collect());
        let right = ordered(sources.iter().filter_map(Source::right).collect());
        let place = |source: &Source| match source {
            Source::Left(column) => Source::Left(left.binary_search(column).expect("read")),
            Source::Right(column) => Source::Right(right.binary_search(column).expect("held")),
        };
        (sources.iter().map(place).collect(), left, right)
    }

    /// Both sides put aside on disk by the hashes of their keys, joined part by part, and then sorted as the rows were.
    fn parted(&self, columns: &[usize]) -> Result<Batches, ScanError> {
        let (mut sources, mut left, right) = self.sources(columns);
        // The row's number, as one more column of the left side and of the result.
        let numbered: Arc<dyn Scan> = Arc::new(Numbered::new(self.sides.left.clone(), ROW));
        let number = numbered.schema().fields().len() - 1;
        sources.push(Source::Left(left.len()));
        left.push(number);
        let keys = left.len();
        left.extend(self.sides.left_keys());
        let mut fields: Vec<_> = self.schema.project(columns)?.fields().iter().cloned().collect();
        fields.push(Arc::new(numbered.schema().field(number).clone()));
        let schema = Arc::new(Schema::new(fields));
        let task =
            Task { room: &self.room, how: self.how, keys, count: self.sides.keys, sources, schema: schema.clone() };
        let right = [self.sides.right_keys(), right].concat();
        let mut results = SpillWriter::create(&self.room.spill_folder(), schema, self.room.limits().batch_rows())?;
        task.join(&of(numbered, &left), &of(self.sides.right.clone(), &right), 0, &mut results)?;
        let results: Arc<dyn Scan> = Arc::new(results.finish()?);
        let all: Vec<usize> = (0..columns.len()).collect();
        Sorted::new(&self.room, results, &[SortKey::ascending(ROW)])?.open(&all)
    }
}

impl Scan for Joining {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn open(&self, columns: &[usize]) -> Result<Batches, ScanError> {
        let (sources, left, right) = self.sources(columns);
        let right = [self.sides.right_keys(), right].concat();
        let Some(indexed) = Indexed::read(&self.room, &of(self.sides.right.clone(), &right), self.sides.keys)? else {
            return self.parted(columns);
        };
        let schema = Arc::new(self.schema.project(columns)?);
        let keys = left.len();
        let read = [left, self.sides.left_keys()].concat();
        let probe = Probe::new(self.sides.left.open(&read)?, keys, self.how, sources, schema.clone(), indexed);
        Ok(Box::new(Cut::new(probe, schema, BATCH_ROWS)))
    }
}

/// Some columns of a scan.
fn of(scan: Arc<dyn Scan>, columns: &[usize]) -> Mapped {
    let schema = scan.schema();
    let output = |&column: &usize| (schema.field(column).name().clone(), Output::Column(column));
    Mapped::projected(scan, columns.iter().map(output).collect())
}

/// A join part by part.
struct Task<'a> {
    room: &'a Arc<Room>,
    how: How,
    /// Where the keys of the left side are; those of the right side come first.
    keys: usize,
    count: usize,
    sources: Vec<Source>,
    schema: SchemaRef,
}

impl Task<'_> {
    fn join(&self, left: &dyn Scan, right: &dyn Scan, depth: u32, results: &mut SpillWriter) -> Result<(), ScanError> {
        if depth == DEEPEST {
            let message = "expected the rows of the other input with one key of `join` to fit in memory, found more";
            return Err(Box::new(EngineError::memory(message)));
        }
        let keys: Vec<usize> = (self.keys..self.keys + self.count).collect();
        let left = parts(self.room, left, &keys, depth)?;
        let right = parts(self.room, right, &(0..self.count).collect::<Vec<_>>(), depth)?;
        for (left, right) in left.iter().zip(&right) {
            self.part(left, right, depth, results)?;
        }
        Ok(())
    }

    fn part(&self, left: &dyn Scan, right: &dyn Scan, depth: u32, results: &mut SpillWriter) -> Result<(), ScanError> {
        let Some(indexed) = Indexed::read(self.room, right, self.count)? else {
            return self.join(left, right, depth + 1, results);
        };
        let all: Vec<usize> = (0..left.schema().fields().len()).collect();
        let batches = left.open(&all)?;
        for batch in Probe::new(batches, self.keys, self.how, self.sources.clone(), self.schema.clone(), indexed) {
            results.push(batch?)?;
        }
        Ok(())
    }
}
