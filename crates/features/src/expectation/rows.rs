//! Rows that are not as expected: counted all, kept as many as are to be listed.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use trainer_data::Kind;

use super::Outcome;
use super::carried;
use super::cell::Cell;
use super::check::{Block, Counting};
use super::header::{Facts, Header};
use crate::step::Fraction;

/// Which columns a row shows in lists of unexpected values, and how.
#[derive(Debug, Clone)]
pub enum Shown {
    /// One cell.
    Cell(usize),
    /// The cells of two columns, as a list.
    Pair([usize; 2]),
    /// The cells of several columns by their names.
    Record(Vec<usize>),
}

impl Shown {
    pub fn positions(&self) -> &[usize] {
        match self {
            Self::Cell(position) => std::slice::from_ref(position),
            Self::Pair(pair) => pair,
            Self::Record(positions) => positions,
        }
    }

    /// The value of a row in JSON, from the cells of [`Shown::positions`].
    fn json(&self, cells: &[Cell], facts: &Facts<'_>) -> Value {
        match self {
            Self::Cell(position) => facts.json(*position, &cells[0]),
            Self::Pair(pair) => cells.iter().zip(pair).map(|(cell, &at)| facts.json(at, cell)).collect(),
            Self::Record(positions) => record(positions, cells, facts).into(),
        }
    }
}

/// Cells by the names of their columns.
fn record(positions: &[usize], cells: &[Cell], facts: &Facts<'_>) -> Map<String, Value> {
    let named = positions.iter().zip(cells);
    named.map(|(&at, cell)| (facts.header.name(at).to_owned(), facts.json(at, cell))).collect()
}

/// How many rows are listed, and what is kept of each.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// At most this many rows are kept: the first ones.
    pub most: usize,
    /// Columns whose cells are kept besides those that are shown.
    pub besides: Vec<usize>,
}

/// A row that is listed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OddRow {
    row: u64,
    cells: Vec<Cell>,
}

/// Unexpected rows.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Odd {
    pub count: u64,
    /// At least the first ones, not in order.
    listed: Vec<OddRow>,
}

impl Odd {
    /// Takes a row in.
    pub fn push(&mut self, block: &Block<'_>, row: usize, shown: &Shown, listing: &Listing) {
        self.push_as(block.number(row), || cells(block, row, shown, listing), listing.most);
    }

    /// Takes a row in whose cells are known otherwise. Rows may come in any order.
    pub fn push_as(&mut self, row: u64, cells: impl FnOnce() -> Vec<Cell>, most: usize) {
        const SLACK: usize = 1024;
        self.count += 1;
        let in_order = self.listed.last().is_none_or(|last| last.row < row);
        if most == 0 || (in_order && self.listed.len() >= most) {
            return;
        }
        self.listed.push(OddRow { row, cells: cells() });
        if self.listed.len() > most.saturating_mul(2).saturating_add(SLACK) {
            self.trim(most);
        }
    }

    fn trim(&mut self, most: usize) {
        self.listed.sort_by_key(|odd| odd.row);
        self.listed.truncate(most);
    }

    /// The same of rows that come after so many others.
    pub fn after(mut self, rows: u64) -> Self {
        self.listed.iter_mut().for_each(|odd| odd.row += rows);
        self
    }

    /// Takes in those of later rows.
    pub fn merge(&mut self, later: Self, most: usize) {
        self.count += later.count;
        let room = most.saturating_sub(self.listed.len());
        self.listed.extend(later.listed.into_iter().take(room));
    }
}

/// The cells of a row that are kept.
pub fn cells(block: &Block<'_>, row: usize, shown: &Shown, listing: &Listing) -> Vec<Cell> {
    let positions = shown.positions().iter().chain(&listing.besides);
    positions.map(|&position| Cell::of(block.column(position), row)).collect()
}

/// What came of counting rows.
pub struct UnexpectedRows {
    /// How many are unexpected.
    pub count: u64,
    /// How many rows there are.
    pub elements: u64,
    /// How many were passed over because they have no value; `None` where an expectation is about that itself.
    pub missing: Option<u64>,
    /// The least share of rows that must be as expected.
    pub mostly: f64,
    /// The first unexpected rows, in order: each row's number, its value, and the cells besides.
    pub listed: Vec<ListedRow>,
    /// The columns that a result is about, by name.
    pub domain: Vec<String>,
}

/// An unexpected row in a result.
pub struct ListedRow {
    /// Its number, from 0.
    pub row: u64,
    /// What it shows.
    pub value: Value,
    /// The cells of the expectation's columns, by name.
    pub domain: Map<String, Value>,
    /// The cells besides, by name.
    pub besides: Map<String, Value>,
}

impl UnexpectedRows {
    pub(super) fn new(
        mut odd: Odd,
        (elements, missing): (u64, Option<u64>),
        mostly: f64,
        shown: &Shown,
        listing: &Listing,
        facts: &Facts<'_>,
    ) -> Self {
        odd.trim(listing.most);
        let own = shown.positions().len();
        let listed = odd.listed.iter().map(|odd| ListedRow {
            row: odd.row,
            value: shown.json(&odd.cells[..own], facts),
            domain: record(shown.positions(), &odd.cells[..own], facts),
            besides: record(&listing.besides, &odd.cells[own..], facts),
        });
        let domain = shown.positions().iter().map(|&at| facts.header.name(at).to_owned()).collect();
        Self { count: odd.count, elements, missing, mostly, listed: listed.collect(), domain }
    }

    /// The rows that count: all, but for those passed over.
    pub fn considered(&self) -> u64 {
        self.elements - self.missing.unwrap_or(0)
    }

    /// Whether enough rows are as expected; none at all is enough.
    pub fn success(&self) -> bool {
        let considered = self.considered() as f64;
        considered == 0.0 || (considered - self.count as f64) / considered >= self.mostly
    }
}

/// What a block yields: its unexpected rows as places, and how many rows were passed over.
pub struct Found {
    pub rows: Vec<usize>,
    pub missing: u64,
}

type Rule = Box<dyn Fn(&Block<'_>, bool) -> Found + Send + Sync>;

/// Rows that are judged each by itself.
pub struct RowCheck {
    shown: Shown,
    mostly: f64,
    listing: Listing,
    /// Whether rows are passed over.
    passes: bool,
    /// The rule twice where text of whole numbers is judged: as pandas writes it without and with missing cells in the
    /// column, which only the last row decides.
    twice: bool,
    /// Why rows that are not passed over cannot be judged, if so.
    refusal: Option<String>,
    rule: Rule,
}

impl RowCheck {
    /// A rule over rows; the rule is also told whether whole numbers are to be written as floats.
    pub fn new(
        shown: Shown,
        mostly: Fraction,
        listing: &Listing,
        rule: impl Fn(&Block<'_>, bool) -> Found + Send + Sync + 'static,
    ) -> Self {
        let (mostly, listing) = (mostly.into(), listing.clone());
        Self { shown, mostly, listing, passes: true, twice: false, refusal: None, rule: Box::new(rule) }
    }

    /// A rule over the cells of one column that have a value.
    pub fn cells(
        position: usize,
        mostly: Fraction,
        listing: &Listing,
        odd: impl Fn(&Block<'_>) -> Vec<usize> + Send + Sync + 'static,
    ) -> Self {
        let rule = move |block: &Block<'_>, _| Found { rows: odd(block), missing: block.missing(position) };
        Self::new(Shown::Cell(position), mostly, listing, rule)
    }

    /// A rule over the text of the cells of one column that have a value.
    pub fn text(
        header: &Header,
        position: usize,
        mostly: Fraction,
        listing: &Listing,
        odd: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        let rule = move |block: &Block<'_>, gappy: bool| Found {
            rows: text_rows(block, position, gappy, &odd),
            missing: block.missing(position),
        };
        let twice = header.kind(position) == Kind::Integer;
        Self { twice, ..Self::new(Shown::Cell(position), mostly, listing, rule) }
    }

    /// No row is passed over, nor are any counted as such.
    pub fn of_all_rows(self) -> Self {
        Self { passes: false, ..self }
    }

    /// Rows with a value cannot be judged.
    pub fn refusing(self, refusal: Option<String>) -> Self {
        Self { refusal, ..self }
    }

    fn odd(&self, block: &Block<'_>, rows: &[usize]) -> Odd {
        let mut odd = Odd::default();
        rows.iter().for_each(|&row| odd.push(block, row, &self.shown, &self.listing));
        odd
    }
}

/// The rows whose text is so; rows without a value are not.
fn text_rows(block: &Block<'_>, position: usize, gappy: bool, odd: &dyn Fn(&str) -> bool) -> Vec<usize> {
    let column = block.column(position);
    let present = block.rows().filter(|&row| !column.is_null(row));
    match column.strings() {
        Some(strings) => present.filter(|&row| odd(strings.value(row))).collect(),
        None => present.filter(|&row| odd(&super::cell::python_text(column, row, gappy))).collect(),
    }
}

/// Rows so far.
#[derive(Default, Serialize, Deserialize)]
pub struct Counted {
    elements: u64,
    missing: u64,
    odd: Odd,
    /// As floats.
    odd_gappy: Odd,
}

impl Counting for RowCheck {
    type Part = Counted;
    type State = Counted;

    fn look(&self, block: &Block<'_>) -> Counted {
        let Found { rows, missing } = (self.rule)(block, false);
        let odd_gappy = if self.twice { self.odd(block, &(self.rule)(block, true).rows) } else { Odd::default() };
        Counted { elements: block.rows().len() as u64, missing, odd: self.odd(block, &rows), odd_gappy }
    }

    fn merge(&self, state: &mut Counted, part: Counted) {
        state.elements += part.elements;
        state.missing += part.missing;
        state.odd.merge(part.odd, self.listing.most);
        state.odd_gappy.merge(part.odd_gappy, self.listing.most);
    }

    fn save(&self, state: &Counted) -> Option<Value> {
        carried::saved(state)
    }

    fn read(&self, saved: Value, first_row: u64) -> Option<Counted> {
        let Counted { elements, missing, odd, odd_gappy } = carried::read(saved)?;
        Some(Counted { elements, missing, odd: odd.after(first_row), odd_gappy: odd_gappy.after(first_row) })
    }

    fn finish(&self, state: Counted, facts: &Facts<'_>) -> Result<Outcome, String> {
        if let Some(refusal) = self.refusal.as_ref().filter(|_| state.elements > state.missing) {
            return Err(refusal.clone());
        }
        let gappy = self.twice && facts.nulls[self.shown.positions()[0]] > 0;
        let odd = if gappy { state.odd_gappy } else { state.odd };
        let missing = self.passes.then_some(state.missing);
        let counts = (state.elements, missing);
        Ok(Outcome::Rows(UnexpectedRows::new(odd, counts, self.mostly, &self.shown, &self.listing, facts)))
    }
}
