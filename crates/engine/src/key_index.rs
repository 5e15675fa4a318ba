//! Rows of a table in memory, found by their keys.

use std::hash::BuildHasher;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, Rows, SortField};
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::EngineError;

/// No row.
const END: u32 = u32::MAX;

/// Which rows have which keys. A row of which a key is missing is found by none.
pub struct KeyIndex {
    converter: RowConverter,
    keys: Rows,
    hasher: DefaultHashBuilder,
    /// The first row of each key.
    firsts: HashTable<u32>,
    /// The next row with the same key, and for the first one also the last.
    nexts: Vec<u32>,
    lasts: Vec<u32>,
}

impl KeyIndex {
    /// An index over rows of such keys, of which there are none yet.
    pub fn new(keys: &[DataType]) -> Result<Self, EngineError> {
        let fields = keys.iter().map(|key| SortField::new(key.clone())).collect();
        let converter = RowConverter::new(fields).map_err(EngineError::internal)?;
        let keys = converter.empty_rows(0, 0);
        let hasher = DefaultHashBuilder::default();
        Ok(Self { converter, keys, hasher, firsts: HashTable::new(), nexts: Vec::new(), lasts: Vec::new() })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// `Memory` beyond 2^32 rows.
    pub fn push(&mut self, keys: &[ArrayRef], rows: usize) -> Result<(), EngineError> {
        self.converter.append(&mut self.keys, keys).map_err(EngineError::internal)?;
        let start = self.nexts.len();
        if start + rows >= END as usize {
            return Err(EngineError::memory("expected fewer than 2^32 rows to join with, found more"));
        }
        for row in 0..rows {
            self.nexts.push(END);
            self.lasts.push(END);
            if keys.iter().all(|key| key.is_valid(row)) {
                self.link((start + row) as u32);
            }
        }
        Ok(())
    }

    fn link(&mut self, row: u32) {
        let keys = &self.keys;
        let key = keys.row(row as usize);
        let same = |&known: &u32| keys.row(known as usize) == key;
        let again = |&known: &u32| self.hasher.hash_one(keys.row(known as usize).as_ref());
        match self.firsts.entry(self.hasher.hash_one(key.as_ref()), same, again) {
            hashbrown::hash_table::Entry::Occupied(entry) => {
                let first = *entry.get() as usize;
                self.nexts[self.lasts[first] as usize] = row;
                self.lasts[first] = row;
            }
            hashbrown::hash_table::Entry::Vacant(entry) => {
                entry.insert(row);
                self.lasts[row as usize] = row;
            }
        }
    }

    /// How many rows there are.
    pub fn rows(&self) -> u32 {
        self.nexts.len() as u32
    }

    /// The first row of each of these keys.
    pub fn firsts(&self, keys: &[ArrayRef], rows: usize) -> Result<Vec<Option<u32>>, EngineError> {
        let asked = self.converter.convert_columns(keys).map_err(EngineError::internal)?;
        let found = |row: usize| {
            if keys.iter().any(|key| key.is_null(row)) {
                return None;
            }
            let key = asked.row(row);
            let same = |&known: &u32| self.keys.row(known as usize) == key;
            self.firsts.find(self.hasher.hash_one(key.as_ref()), same).copied()
        };
        Ok((0..rows).map(found).collect())
    }

    /// The next row with the same key, in order.
    pub fn next(&self, row: u32) -> Option<u32> {
        Some(self.nexts[row as usize]).filter(|&next| next != END)
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.keys.size() + self.firsts.allocation_size() + 8 * self.nexts.capacity()
    }
}
