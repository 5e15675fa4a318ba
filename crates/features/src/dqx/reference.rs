//! Keys that are in another table.

use std::sync::Arc;

use trainer_data::Table;

use super::function::Function;
use super::rule::RuleSet;
use crate::expectation::fingerprint::{self, Fingerprint, Fingerprints};
use crate::expectation::{Block, Header};

/// The keys of a table that rules point into: about 50 bytes for each distinct one.
#[derive(Debug, Clone)]
pub struct Reference(Vec<(Vec<String>, Result<Keys, String>)>);

/// Keys of some columns.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys {
    whole: Arc<Fingerprints>,
    /// Those in which some value is missing.
    with_null: Arc<Fingerprints>,
}

impl RuleSet {
    /// The keys that rules look for in the table of that name: none yet.
    pub fn reference(&self, name: &str) -> Reference {
        let mut keys: Vec<(Vec<String>, Result<Keys, String>)> = Vec::new();
        for rule in &self.rules {
            if let Function::ForeignKey { reference, ref_columns, .. } = &rule.function
                && reference == name
                && keys.iter().all(|(columns, _)| columns != ref_columns)
            {
                keys.push((ref_columns.clone(), Ok(Keys::default())));
            }
        }
        Reference(keys)
    }
}

impl Reference {
    /// Takes in the keys of some rows.
    pub fn add(&mut self, table: &Table) {
        let header = Header::of(table);
        for (columns, found) in &mut self.0 {
            let Ok(known) = found else { continue };
            match keys(table, &header, columns) {
                Ok(more) => known.extend(more),
                Err(problem) => *found = Err(format!("`ref_columns`: {problem}")),
            }
        }
    }

    pub(super) fn keys(&self, columns: &[String]) -> Result<Keys, String> {
        let found = self.0.iter().find(|(known, _)| known == columns);
        found.map_or_else(|| Ok(Keys::default()), |(_, keys)| keys.clone())
    }
}

impl Keys {
    fn extend(&mut self, more: Vec<(Fingerprint, bool)>) {
        let (whole, with_null) = (Arc::make_mut(&mut self.whole), Arc::make_mut(&mut self.with_null));
        for (key, null) in more {
            if null {
                with_null.insert(key)
            } else {
                whole.insert(key)
            };
        }
    }

    /// Whether a key is there; one without some value only where that is asked for.
    pub(super) fn contain(&self, key: Fingerprint, with_null: bool) -> bool {
        self.whole.contains(&key) || (with_null && self.with_null.contains(&key))
    }
}

/// Each row's values of some columns as one hash, and whether a value is missing.
pub(super) fn keys(table: &Table, header: &Header, columns: &[String]) -> Result<Vec<(Fingerprint, bool)>, String> {
    let block = Block::of(table, 0..table.rows(), 0);
    let positions = header.positions(columns)?;
    let hashes: Vec<_> = positions.iter().map(|&position| fingerprint::of_cells(&block, position)).collect();
    let row = |row: usize| {
        let cells = || hashes.iter().map(|column| column[row]);
        (fingerprint::joined(cells()), cells().any(|cell| cell.is_none()))
    };
    Ok((0..table.rows()).map(row).collect())
}
