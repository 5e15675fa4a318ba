//! Numbers of a column, found in one pass.

use exact::Spread;
use serde_json::Value;
use trainer_data::Kind;

use super::Outcome;
use super::bound::Range;
use super::carried;
use super::cell::{Cell, PandasType};
use super::check::{Block, Counting};
use super::fingerprint::{self, Fingerprints};
use super::header::{Facts, Header, MASK};
use crate::step::statistic;

/// What was observed: the number to compare, and how it is written; nothing where there is none.
pub type Observed = Option<(f64, Value)>;

/// A number of a column.
pub trait Number: Send + Sync + 'static {
    /// What is known of some of the cells.
    type Known: Default + Send + Sync + 'static;

    /// Whether it is one of the cells (or may be), and so not to be shown where they are not.
    const SHOWS_CELLS: bool = false;

    /// Whether the column can have one.
    fn may(&self, header: &Header, position: usize) -> Result<(), String> {
        numeric(header, position)
    }

    fn look(&self, block: &Block<'_>, position: usize) -> Self::Known;
    fn merge(&self, known: &mut Self::Known, later: Self::Known);
    fn value(&self, known: Self::Known, pandas: PandasType) -> Observed;

    /// What is known, for another process; none where that would be all values.
    fn save(&self, _known: &Self::Known) -> Option<Value> {
        None
    }

    /// What was saved.
    fn read(&self, _saved: Value) -> Option<Self::Known> {
        None
    }
}

fn numeric(header: &Header, position: usize) -> Result<(), String> {
    match header.is_numeric(position) {
        true => Ok(()),
        false => Err(format!("expected a column of numbers, found {}", header.kind(position))),
    }
}

/// A number lies between two bounds.
pub struct NumberCheck<N> {
    pub position: usize,
    pub(super) range: Range<f64>,
    pub number: N,
}

impl<N: Number> Counting for NumberCheck<N> {
    type Part = N::Known;
    type State = N::Known;

    fn look(&self, block: &Block<'_>) -> N::Known {
        self.number.look(block, self.position)
    }

    fn merge(&self, state: &mut N::Known, part: N::Known) {
        self.number.merge(state, part);
    }

    fn save(&self, state: &N::Known) -> Option<Value> {
        self.number.save(state)
    }

    fn read(&self, saved: Value, _first_row: u64) -> Option<N::Known> {
        self.number.read(saved)
    }

    fn finish(&self, state: N::Known, facts: &Facts<'_>) -> Result<Outcome, String> {
        Ok(match self.number.value(state, facts.pandas(self.position)) {
            Some((number, _)) if N::SHOWS_CELLS && facts.masks(self.position) => {
                Outcome::observed(self.range.holds(&number), MASK)
            }
            Some((number, value)) => Outcome::observed(self.range.holds(&number), value),
            None => Outcome::observed(false, Value::Null),
        })
    }
}

/// The least or the greatest cell.
pub struct Extreme {
    pub greatest: bool,
}

impl Extreme {
    fn better(&self, new: f64, old: f64) -> bool {
        if self.greatest { new > old } else { new < old }
    }
}

impl Number for Extreme {
    type Known = Option<(f64, Cell)>;

    const SHOWS_CELLS: bool = true;

    fn may(&self, header: &Header, position: usize) -> Result<(), String> {
        match header.kind(position) {
            Kind::Text => Err("expected a column of numbers, dates or times, found text".into()),
            _ => Ok(()),
        }
    }

    fn look(&self, block: &Block<'_>, position: usize) -> Self::Known {
        let numbers = block.rows().zip(block.numbers(position)).filter(|(_, x)| !x.is_nan());
        let best = numbers.reduce(|best, one| if self.better(one.1, best.1) { one } else { best });
        best.map(|(row, number)| (number, Cell::of(block.column(position), row)))
    }

    fn merge(&self, known: &mut Self::Known, later: Self::Known) {
        let Some(later) = later else { return };
        if known.as_ref().is_none_or(|known| self.better(later.0, known.0)) {
            *known = Some(later);
        }
    }

    fn value(&self, known: Self::Known, pandas: PandasType) -> Observed {
        known.map(|(number, cell)| (number, cell.json(pandas)))
    }

    fn save(&self, known: &Self::Known) -> Option<Value> {
        // None at all is an empty list: nothing in JSON is what is not known.
        carried::saved(&known.iter().map(|(number, cell)| (number.to_bits(), cell)).collect::<Vec<_>>())
    }

    fn read(&self, saved: Value) -> Option<Self::Known> {
        let known: Vec<(u64, Cell)> = carried::read(saved)?;
        Some(known.into_iter().next().map(|(bits, cell)| (f64::from_bits(bits), cell)))
    }
}

/// Count and exact sums of numbers, those that are missing left out; of their squares where they are asked for.
pub fn moments(numbers: impl IntoIterator<Item = f64>, squares: bool) -> Spread {
    let mut moments = Spread::default();
    for x in numbers.into_iter().filter(|x| !x.is_nan()) {
        if squares {
            moments.add(x);
        } else {
            moments.count += 1;
            moments.sum.add(x);
        }
    }
    moments
}

/// The mean.
pub fn mean(moments: &Spread) -> f64 {
    moments.sum.round() / moments.count as f64
}

/// The standard deviation of a sample.
pub fn deviation(moments: &Spread) -> f64 {
    moments.variance(1).map_or(f64::NAN, f64::sqrt)
}

/// A number that follows from count, sum and sum of squares.
#[derive(PartialEq)]
pub enum OfMoments {
    Mean,
    Deviation,
    Sum,
}

impl Number for OfMoments {
    type Known = Spread;

    fn look(&self, block: &Block<'_>, position: usize) -> Spread {
        moments(block.numbers(position), *self == Self::Deviation)
    }

    fn merge(&self, known: &mut Spread, later: Spread) {
        known.merge(&later);
    }

    fn value(&self, known: Spread, pandas: PandasType) -> Observed {
        let number = match self {
            Self::Mean => mean(&known),
            Self::Deviation => deviation(&known),
            Self::Sum => known.sum.round(),
        };
        // Of whole numbers and booleans the sum is a whole number.
        if *self == Self::Sum && pandas != PandasType::Float && number.abs() < 9e15 {
            return Some((number, (number as i64).into()));
        }
        (!number.is_nan()).then(|| (number, number.into()))
    }

    fn save(&self, known: &Spread) -> Option<Value> {
        let mut bytes = known.count.to_le_bytes().to_vec();
        known.sum.write(&mut bytes);
        known.squares.write(&mut bytes);
        carried::saved(&bytes)
    }

    fn read(&self, saved: Value) -> Option<Spread> {
        Spread::read(&carried::read::<Vec<u8>>(saved)?)
    }
}

/// The middle cell.
pub struct Median;

impl Number for Median {
    type Known = Vec<f64>;

    const SHOWS_CELLS: bool = true;

    fn look(&self, block: &Block<'_>, position: usize) -> Vec<f64> {
        statistic::present(&block.numbers(position))
    }

    fn merge(&self, known: &mut Vec<f64>, later: Vec<f64>) {
        known.extend(later);
    }

    fn value(&self, known: Vec<f64>, _pandas: PandasType) -> Observed {
        let number = if known.is_empty() { f64::NAN } else { statistic::median(known) };
        (!number.is_nan()).then(|| (number, number.into()))
    }
}

/// How many distinct values there are, or how many per cell with a value.
pub struct DistinctCount {
    pub share: bool,
}

/// Distinct values so far, by their fingerprints.
#[derive(Default)]
pub struct Distinct {
    present: u64,
    values: Fingerprints,
}

impl Number for DistinctCount {
    type Known = Distinct;

    fn may(&self, _header: &Header, _position: usize) -> Result<(), String> {
        Ok(())
    }

    fn look(&self, block: &Block<'_>, position: usize) -> Distinct {
        let values: Vec<_> = fingerprint::of_cells(block, position).into_iter().flatten().collect();
        Distinct { present: values.len() as u64, values: values.into_iter().collect() }
    }

    fn merge(&self, known: &mut Distinct, later: Distinct) {
        known.present += later.present;
        known.values.extend(later.values);
    }

    fn value(&self, known: Distinct, _pandas: PandasType) -> Observed {
        let count = known.values.len();
        match (self.share, known.present) {
            (false, _) => Some((count as f64, count.into())),
            (true, 0) => Some((0.0, 0.into())),
            (true, present) => {
                let share = count as f64 / present as f64;
                Some((share, share.into()))
            }
        }
    }
}

/// The share of cells with a value.
pub struct NonNull;

impl Number for NonNull {
    /// Rows, and those without a value.
    type Known = (u64, u64);

    fn may(&self, _header: &Header, _position: usize) -> Result<(), String> {
        Ok(())
    }

    fn look(&self, block: &Block<'_>, position: usize) -> (u64, u64) {
        (block.rows().len() as u64, block.missing(position))
    }

    fn merge(&self, known: &mut (u64, u64), later: (u64, u64)) {
        known.0 += later.0;
        known.1 += later.1;
    }

    fn value(&self, (rows, missing): (u64, u64), _pandas: PandasType) -> Observed {
        let share = (rows as f64 - missing as f64) / rows as f64;
        (!share.is_nan()).then(|| (share, share.into()))
    }

    fn save(&self, known: &(u64, u64)) -> Option<Value> {
        carried::saved(known)
    }

    fn read(&self, saved: Value) -> Option<(u64, u64)> {
        carried::read(saved)
    }
}
