//! A suite held against rows that come batch by batch, in one pass.

use std::any::Any;
use std::ops::Range;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use rayon::prelude::*;
use serde_json::Value;
use trainer_data::{Fault, Table};

use super::check::{Block, Check};
use super::condition::Bound;
use super::header::{Facts, Header};
use super::options::ResultOptions;
use super::result::ValidationResult;
use super::rows::Listing;
use super::suite::{Suite, SuitedExpectation};
use crate::FeatureError;

/// Rows that are looked at together; results do not depend on it.
const BLOCK: usize = 1 << 15;

/// Expectations on the way over a table's rows.
pub struct Checks {
    suite_name: String,
    header: Header,
    options: ResultOptions,
    planned: Vec<Planned>,
    conditions: Vec<Bound>,
    nulls: Vec<u64>,
    rows: u64,
}

/// An expectation with what is known so far.
struct Planned {
    suited: SuitedExpectation,
    condition: Option<usize>,
    /// Or why it cannot be judged on this table.
    check: Result<Running, String>,
}

/// A check and what it knows so far.
type Running = (Box<dyn Check>, Box<dyn Any + Send + Sync>);

/// What some rows yielded; to be taken in with [`Checks::merge`] in the order of the rows.
pub struct Part {
    rows: u64,
    nulls: Vec<u64>,
    /// One list an expectation, one entry a block.
    found: Vec<Vec<Box<dyn Any + Send>>>,
}

impl Suite {
    /// Gets ready for batches of a schema.
    ///
    /// # Errors
    /// `Data` for columns of types that are not read, `Config` for options that name no column.
    pub fn begin(&self, schema: &SchemaRef, options: impl Into<ResultOptions>) -> Result<Checks, FeatureError> {
        let empty = Table::from_batch(&RecordBatch::new_empty(schema.clone()));
        let empty = empty.map_err(|error| FeatureError::data(error.fault().clone()))?;
        self.begin_table(&empty, options)
    }

    /// As [`Suite::begin`], for tables with the columns of this one.
    ///
    /// # Errors
    /// `Config` for options that name no column.
    pub fn begin_table(&self, like: &Table, options: impl Into<ResultOptions>) -> Result<Checks, FeatureError> {
        let (options, header) = (options.into(), Header::of(like));
        let unknown = |name: &String| FeatureError::config(crate::error::unknown_column(name, like.names()));
        if let Some(name) = options.columns().find(|name| like.column(name).is_none()) {
            return Err(unknown(name));
        }
        let listing = options.listing(&header);
        let mut conditions = Vec::new();
        let planned = self.expectations.iter().map(|suited| plan(suited, &header, &listing, &mut conditions)).collect();
        let nulls = vec![0; header.names().len()];
        Ok(Checks { suite_name: self.name.clone(), header, options, planned, conditions, nulls, rows: 0 })
    }
}

fn plan(suited: &SuitedExpectation, header: &Header, listing: &Listing, conditions: &mut Vec<Bound>) -> Planned {
    let bound = suited.condition.as_ref().map(|condition| condition.bind(header)).transpose();
    let condition = bound.map(|bound| {
        bound.map(|bound| {
            let known = conditions.iter().position(|known| *known == bound);
            known.unwrap_or_else(|| {
                conditions.push(bound);
                conditions.len() - 1
            })
        })
    });
    let check = match &condition {
        Err(problem) => Err(format!("row_condition: {problem}")),
        Ok(_) => suited.expectation.as_dyn().plan(header, listing).map(|check| {
            let state = check.begin();
            (check, state)
        }),
    };
    Planned { suited: suited.clone(), condition: condition.unwrap_or_default(), check }
}

/// The rows of a block that a condition leaves, with their numbers.
type Picked = (Table, Vec<u64>);

impl Checks {
    /// Looks at the next rows.
    ///
    /// # Errors
    /// `Data` when the table has other columns than the first.
    pub fn add(&mut self, table: &Table, first_row: u64) -> Result<(), FeatureError> {
        let part = self.look(table, first_row)?;
        self.merge(part);
        Ok(())
    }

    /// What some rows yield, of which the first has a number (from 0). May be called from several threads, in any order.
    ///
    /// # Errors
    /// `Data` when the table has other columns than the first.
    pub fn look(&self, table: &Table, first_row: u64) -> Result<Part, FeatureError> {
        if !self.header.fits(table) {
            let message = "expected the columns of the first rows, found others";
            return Err(FeatureError::data(Fault::new("columns_changed", message)));
        }
        let blocks: Vec<Range<usize>> =
            (0..table.rows()).step_by(BLOCK).map(|start| start..(start + BLOCK).min(table.rows())).collect();
        let picked: Vec<Vec<Picked>> = blocks.par_iter().map(|rows| self.picked(table, rows, first_row)).collect();
        let look = |planned: &Planned, at: usize| {
            let (check, _) = planned.check.as_ref().ok()?;
            let block = match planned.condition {
                None => Block::of(table, blocks[at].clone(), first_row),
                Some(condition) => {
                    let (table, numbers) = &picked[at][condition];
                    Block::picked(table, numbers)
                }
            };
            Some(check.look(&block))
        };
        let all: Vec<(usize, usize)> =
            (0..self.planned.len()).flat_map(|check| (0..blocks.len()).map(move |block| (check, block))).collect();
        let flat: Vec<_> = all.par_iter().map(|&(check, block)| look(&self.planned[check], block)).collect();
        let mut flat = flat.into_iter();
        let found = self.planned.iter().map(|_| flat.by_ref().take(blocks.len()).flatten().collect()).collect();
        let nulls = table.columns().iter().map(|column| column.null_count() as u64).collect();
        Ok(Part { rows: table.rows() as u64, nulls, found })
    }

    fn picked(&self, table: &Table, rows: &Range<usize>, first_row: u64) -> Vec<Picked> {
        let block = Block::of(table, rows.clone(), first_row);
        let pick = |condition: &Bound| {
            let kept: Vec<u32> = rows
                .clone()
                .zip(condition.holds(&block))
                .filter(|(_, holds)| *holds)
                .map(|(row, _)| row as u32)
                .collect();
            (table.take(&kept), kept.iter().map(|&row| first_row + u64::from(row)).collect())
        };
        self.conditions.iter().map(pick).collect()
    }

    /// Takes in what the next rows yielded.
    pub fn merge(&mut self, part: Part) {
        self.rows += part.rows;
        self.nulls.iter_mut().zip(part.nulls).for_each(|(all, more)| *all += more);
        self.planned.par_iter_mut().zip(part.found).for_each(|(planned, found)| {
            if let Ok((check, state)) = &mut planned.check {
                found.into_iter().for_each(|part| check.merge(state.as_mut(), part));
            }
        });
    }

    /// Cells without a value so far, by column.
    pub(super) fn nulls(&self) -> &[u64] {
        &self.nulls
    }

    /// Of each expectation its name and, where it can be judged on this table, what is known so far: none where it
    /// cannot be told.
    pub(super) fn saved(&self) -> impl Iterator<Item = (&'static str, Option<Option<Value>>)> {
        self.planned.iter().map(|planned| {
            let state = planned.check.as_ref().ok().map(|(check, state)| check.save(state.as_ref()));
            (planned.suited.expectation.name(), state)
        })
    }

    /// Takes in what was saved of the next rows; none when it is not of the same expectations.
    pub(super) fn take(&mut self, rows: u64, nulls: &[u64], saved: Vec<Option<Value>>) -> Option<()> {
        if (saved.len(), nulls.len()) != (self.planned.len(), self.nulls.len()) {
            return None;
        }
        let read = |(planned, saved): (&Planned, Option<Value>)| match (&planned.check, saved) {
            (Ok((check, _)), Some(saved)) => check.read(saved, self.rows).map(|part| vec![part]),
            (Err(_), None) => Some(Vec::new()),
            _ => None,
        };
        let found = self.planned.iter().zip(saved).map(read).collect::<Option<_>>()?;
        self.merge(Part { rows, nulls: nulls.to_vec(), found });
        Some(())
    }

    /// The rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The verdict on all rows that were taken in.
    pub fn finish(self) -> ValidationResult {
        let Self { suite_name, header, options, planned, nulls, .. } = self;
        let facts = Facts::new(&header, &nulls, &options.pii);
        let judged: Vec<_> = planned
            .into_par_iter()
            .map(|planned| {
                let outcome = planned.check.and_then(|(check, state)| check.finish(state, &facts));
                super::result::expectation_result(&planned.suited, outcome, &options)
            })
            .collect();
        ValidationResult::of(suite_name, judged)
    }
}
