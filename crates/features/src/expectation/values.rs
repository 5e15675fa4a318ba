//! The distinct values of a column, with how often each is there. Needs memory: each distinct value is kept.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainer_data::{Column, Kind};

use super::Outcome;
use super::carried;
use super::cell::Cell;
use super::check::{Block, Counting};
use super::header::Facts;

/// Values so far.
pub type Counts = HashMap<Key, u64>;

/// A value that can be looked up.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Key {
    Boolean(bool),
    Whole(i64),
    /// A float by its bits; both zeros are one.
    Number(u64),
    Text(Box<str>),
}

impl Key {
    fn of(cell: Cell) -> Option<Self> {
        Some(match cell {
            Cell::Missing => return None,
            Cell::Boolean(flag) => Self::Boolean(flag),
            Cell::Whole(value) => Self::Whole(value),
            Cell::Number(value) => Self::Number((value + 0.0).to_bits()),
            Cell::Text(text) => Self::Text(text.into()),
        })
    }

    fn cell(self) -> Cell {
        match self {
            Self::Boolean(flag) => Cell::Boolean(flag),
            Self::Whole(value) => Cell::Whole(value),
            Self::Number(bits) => Cell::Number(f64::from_bits(bits)),
            Self::Text(text) => Cell::Text(text.into()),
        }
    }
}

/// What is judged of them: the values in order, each with how often it is there.
pub type Verdict = Box<dyn Fn(&[(Cell, u64)], &Facts<'_>) -> Outcome + Send + Sync>;

/// A judgement on the values of a column.
pub struct ValuesCheck {
    pub position: usize,
    pub verdict: Verdict,
}

impl Counting for ValuesCheck {
    type Part = Counts;
    type State = Counts;

    fn look(&self, block: &Block<'_>) -> Counts {
        let column = block.column(self.position);
        match column.strings() {
            Some(strings) => counts(block, column, |row| strings.value(row), |text| Key::Text(text.into())),
            None if matches!(column.kind(), Kind::Float | Kind::Boolean | Kind::Null) => {
                let (numbers, first) = (block.numbers(self.position), block.rows().start);
                let boolean = column.kind() == Kind::Boolean;
                let key = |bits| if boolean { Key::Boolean(f64::from_bits(bits) != 0.0) } else { Key::Number(bits) };
                counts(block, column, |row| (numbers[row - first] + 0.0).to_bits(), key)
            }
            None => {
                let mut counts = Counts::new();
                let keys = block.rows().filter_map(|row| Key::of(Cell::of(column, row)));
                keys.for_each(|key| *counts.entry(key).or_insert(0) += 1);
                counts
            }
        }
    }

    fn merge(&self, state: &mut Counts, part: Counts) {
        for (key, count) in part {
            *state.entry(key).or_insert(0) += count;
        }
    }

    fn save(&self, state: &Counts) -> Option<Value> {
        carried::saved(&state.iter().collect::<Vec<_>>())
    }

    fn read(&self, saved: Value, _first_row: u64) -> Option<Counts> {
        Some(carried::read::<Vec<(Key, u64)>>(saved)?.into_iter().collect())
    }

    fn finish(&self, state: Counts, facts: &Facts<'_>) -> Result<Outcome, String> {
        let mut values: Vec<(Cell, u64)> = state.into_iter().map(|(key, count)| (key.cell(), count)).collect();
        values.sort_by(|a, b| a.0.order(&b.0));
        Ok((self.verdict)(&values, facts))
    }
}

/// Counts by a cheap key, of which each distinct one is then brought to its final form.
fn counts<K: std::hash::Hash + Eq>(
    block: &Block<'_>,
    column: &Column,
    of: impl Fn(usize) -> K,
    key: impl Fn(K) -> Key,
) -> Counts {
    let mut counts: HashMap<K, u64> = HashMap::new();
    for row in block.rows().filter(|&row| !column.is_null(row)) {
        *counts.entry(of(row)).or_insert(0) += 1;
    }
    counts.into_iter().map(|(cheap, count)| (key(cheap), count)).collect()
}
