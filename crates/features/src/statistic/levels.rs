//! Levels of a column, and what is counted by them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trainer_data::{Column, Table, dull_columns};

use super::MOST_LEVELS;
use crate::codes::Codes;
use crate::program::coerce::{Parsed, parse};

/// The distinct texts of a column, each with how many rows have it. Beyond [`MOST_LEVELS`] they are forgotten, and that there
/// were too many is all that is known: whoever needs them says so.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextLevels {
    /// Rows that have none.
    pub missing: u64,
    counts: BTreeMap<String, u64>,
    too_many: bool,
}

impl TextLevels {
    pub(crate) fn add(&mut self, codes: &Codes<'_>) {
        let (counts, missing) = codes.counts();
        self.missing += missing;
        // A level may be there twice, or in no row: a fill, or one that a program made of two.
        let each = codes.values.iter().zip(counts).filter(|(_, count)| *count > 0);
        each.for_each(|(value, count)| self.count(value, count));
    }

    fn count(&mut self, value: &str, count: u64) {
        if self.too_many {
            return;
        }
        match self.counts.get_mut(value) {
            Some(sum) => *sum += count,
            None => drop(self.counts.insert(value.to_owned(), count)),
        }
        if self.counts.len() > MOST_LEVELS {
            self.too_many = true;
            self.counts.clear();
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.missing += other.missing;
        if other.too_many {
            self.too_many = true;
            self.counts.clear();
        }
        other.counts.iter().for_each(|(value, &count)| self.count(value, count));
    }

    /// The texts in order, with their counts; none when there were too many.
    pub fn levels(&self) -> Option<&BTreeMap<String, u64>> {
        (!self.too_many).then_some(&self.counts)
    }
}

/// How many cells of a text column hold something, and how many of these say a number.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Numerals {
    /// Cells that hold something.
    pub present: u64,
    /// Those among them that say a number.
    pub numbers: u64,
}

impl Numerals {
    pub(crate) fn add(&mut self, codes: &Codes<'_>) {
        for (value, count) in codes.values.iter().zip(codes.counts().0) {
            match parse(value) {
                Parsed::Missing => {}
                Parsed::Number(_) => {
                    self.present += count;
                    self.numbers += count;
                }
                Parsed::Code(_) | Parsed::Nothing => self.present += count,
            }
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.present += other.present;
        self.numbers += other.numbers;
    }

    /// Whether at least 95 of 100 do.
    pub fn is_numeric(&self) -> bool {
        self.present > 0 && self.numbers * 100 >= self.present * 95
    }
}

/// How many rows of each class each level has, by fold; and the same of the rows that have no level.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folds {
    levels: BTreeMap<String, Vec<Vec<u64>>>,
    missing: Vec<Vec<u64>>,
    too_many: bool,
}

impl Folds {
    /// Takes rows: their levels, folds and classes.
    pub(crate) fn add(&mut self, codes: &Codes<'_>, folds: &[u32], classes: &[u32]) {
        let mut counts: Vec<Vec<Vec<u64>>> = vec![Vec::new(); codes.values.len() + 1];
        let missing = codes.values.len();
        for ((&code, &fold), &class) in codes.codes.iter().zip(folds).zip(classes) {
            *cell(&mut counts[(code as usize).min(missing)], fold as usize, class as usize) += 1;
        }
        sum(&mut self.missing, &counts.pop().expect("one more than there are levels"));
        let each = codes.values.iter().zip(&counts).filter(|(_, counts)| !counts.is_empty());
        each.for_each(|(value, counts)| self.count(value, counts));
    }

    fn count(&mut self, value: &str, counts: &[Vec<u64>]) {
        if self.too_many {
            return;
        }
        sum(self.levels.entry(value.to_owned()).or_default(), counts);
        if self.levels.len() > MOST_LEVELS {
            self.too_many = true;
            self.levels.clear();
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        sum(&mut self.missing, &other.missing);
        if other.too_many {
            self.too_many = true;
            self.levels.clear();
        }
        other.levels.iter().for_each(|(value, counts)| self.count(value, counts));
    }

    /// The levels in order, each with its counts by fold and class; none when there were too many.
    pub fn levels(&self) -> Option<&BTreeMap<String, Vec<Vec<u64>>>> {
        (!self.too_many).then_some(&self.levels)
    }

    /// The counts of the rows without a level.
    pub fn missing(&self) -> &[Vec<u64>] {
        &self.missing
    }
}

/// A count that is there from now on.
fn cell(counts: &mut Vec<Vec<u64>>, fold: usize, class: usize) -> &mut u64 {
    if counts.len() <= fold {
        counts.resize(fold + 1, Vec::new());
    }
    let fold = &mut counts[fold];
    if fold.len() <= class {
        fold.resize(class + 1, 0);
    }
    &mut fold[class]
}

fn sum(sums: &mut Vec<Vec<u64>>, counts: &[Vec<u64>]) {
    for (fold, counts) in counts.iter().enumerate() {
        counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .for_each(|(class, count)| *cell(sums, fold, class) += count);
    }
}

/// What is to be known of a column before anything is learned from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// How many rows there are.
    pub rows: u64,
    /// How many of them have no value.
    pub missing: u64,
    /// Whether their values differ.
    pub values: Values,
}

/// Whether the values of a column differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Values {
    /// There are no rows.
    None,
    /// Every row has this one.
    One(String),
    /// They do, or some are missing, or it is not for us to know.
    Many,
}

impl Facts {
    /// Of a column of a table; of one whose values must not be told, no more than how many there are.
    pub(crate) fn of(table: &Table, column: &Column, is_secret: bool) -> Self {
        let (rows, missing) = (column.len() as u64, column.null_count() as u64);
        let is_constant = || {
            let found = dull_columns(table, &[column.name()]).expect("a column of the table");
            found.iter().any(|warning| warning.code == "constant_column")
        };
        let values = match rows {
            0 => Values::None,
            _ if missing > 0 || is_secret || !is_constant() => Values::Many,
            _ => Values::One(column.text(0).unwrap_or_default().into_owned()),
        };
        Self { rows, missing, values }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.rows += other.rows;
        self.missing += other.missing;
        self.values = match (std::mem::replace(&mut self.values, Values::Many), other.values) {
            (Values::None, other) | (other, Values::None) => other,
            (Values::One(a), Values::One(b)) if a == b => Values::One(a),
            _ => Values::Many,
        };
    }
}
