//! Rows whose values appear more than once. Needs memory: about 50 bytes for each distinct value.

use std::collections::hash_map::Entry;

use trainer_data::Column;

use super::Outcome;
use super::cell::Cell;
use super::check::{Block, Counting};
use super::fingerprint::{self, ByFingerprint, Fingerprint};
use super::header::Facts;
use super::rows::{Listing, Odd, Shown, UnexpectedRows};

/// Which rows are passed over: from how many of the row's cells are missing.
pub type PassesOver = fn(missing: usize, columns: usize) -> bool;

/// No two rows have the same values; every row of values that another has too is unexpected.
pub struct RepeatedCheck {
    pub shown: Shown,
    pub passes_over: PassesOver,
    pub mostly: f64,
    pub listing: Listing,
}

/// What a block yields.
pub struct Hashed {
    elements: u64,
    missing: u64,
    /// Rows that are not passed over: hash, place and number.
    rows: Vec<(Fingerprint, usize, u64)>,
    /// The columns that are shown, and those besides.
    columns: Vec<Column>,
}

/// What is known of a value.
#[derive(Clone, Copy)]
enum Seen {
    /// Once, in this row. What it shows besides its values is kept in `besides`.
    Once(u64),
    More,
}

/// Values so far.
#[derive(Default)]
pub struct Seens {
    elements: u64,
    missing: u64,
    seen: ByFingerprint<Seen>,
    /// Cells besides those that are compared, of rows whose values were seen once; only where they are asked for.
    besides: std::collections::HashMap<u64, Vec<Cell>>,
    odd: Odd,
}

impl Counting for RepeatedCheck {
    type Part = Hashed;
    type State = Seens;

    fn look(&self, block: &Block<'_>) -> Hashed {
        let positions = self.shown.positions();
        let hashes: Vec<_> = positions.iter().map(|&position| fingerprint::of_cells(block, position)).collect();
        let first = block.rows().start;
        let mut rows = Vec::with_capacity(block.rows().len());
        for row in block.rows() {
            let cells = || hashes.iter().map(|column| column[row - first]);
            let missing = cells().filter(Option::is_none).count();
            if !(self.passes_over)(missing, positions.len()) {
                let hash = if let [one] = hashes.as_slice() { one[row - first] } else { None };
                rows.push((hash.unwrap_or_else(|| fingerprint::joined(cells())), row, block.number(row)));
            }
        }
        let elements = block.rows().len() as u64;
        let columns = positions.iter().chain(&self.listing.besides).map(|&at| block.column(at).clone()).collect();
        Hashed { elements, missing: elements - rows.len() as u64, rows, columns }
    }

    fn merge(&self, state: &mut Seens, part: Hashed) {
        state.elements += part.elements;
        state.missing += part.missing;
        state.seen.reserve(part.rows.len());
        let own = self.shown.positions().len();
        let cells = |columns: &[Column], row: usize| columns.iter().map(|column| Cell::of(column, row)).collect();
        for (hash, row, number) in part.rows {
            match state.seen.entry(hash) {
                Entry::Vacant(entry) => {
                    entry.insert(Seen::Once(number));
                    if !self.listing.besides.is_empty() {
                        state.besides.insert(number, cells(&part.columns[own..], row));
                    }
                }
                Entry::Occupied(mut entry) => {
                    if let Seen::Once(first) = entry.insert(Seen::More) {
                        // Equal values look the same: this row's stand for the first one's.
                        let mut shown: Vec<Cell> = cells(&part.columns[..own], row);
                        shown.extend(state.besides.remove(&first).unwrap_or_default());
                        state.odd.push_as(first, || shown, self.listing.most);
                    }
                    state.odd.push_as(number, || cells(&part.columns, row), self.listing.most);
                }
            }
        }
    }

    fn finish(&self, state: Seens, facts: &Facts<'_>) -> Result<Outcome, String> {
        let counts = (state.elements, Some(state.missing));
        let rows = UnexpectedRows::new(state.odd, counts, self.mostly, &self.shown, &self.listing, facts);
        Ok(Outcome::Rows(rows))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option::of;
    use proptest::prelude::*;
    use trainer_data::Table;

    use super::super::{ResultFormat, Suite, validate};
    use super::*;

    proptest! {
        #[test]
        fn repeated_values_are_found(cells in vec(of("[ab]{0,2}"), 0..30)) {
            let table = Table::from_columns(vec![Column::from_text("a", cells.clone())]).unwrap();
            let json = r#"{"expectations": [{"type": "expect_column_values_to_be_unique", "kwargs": {"column": "a"}}]}"#;
            let result = validate(&table, &Suite::from_gx_json(json).unwrap(), ResultFormat::Complete);
            let naive: Vec<usize> = (0..cells.len())
                .filter(|&row| cells[row].is_some() && cells.iter().filter(|cell| **cell == cells[row]).count() > 1)
                .collect();
            prop_assert_eq!(&result.results[0].result["unexpected_index_list"], &serde_json::json!(naive));
            let values: Vec<_> = naive.iter().map(|&row| cells[row].clone()).collect();
            prop_assert_eq!(&result.results[0].result["unexpected_list"], &serde_json::json!(values));
        }
    }
}
