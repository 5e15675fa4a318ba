//! Cells as 128-bit hashes, so that repeated values are found without keeping them.
//!
//! Two of n different values share a hash (XXH3) with a chance of about n^2 / 2^129: for a billion values below 1 to 10^20.
//! A hash takes 16 bytes, and its place in a set about twice that, however long the text.

use std::hash::{BuildHasherDefault, Hasher};

use arrow::array::AsArray as _;
use arrow::datatypes::{DataType, Int64Type};
use trainer_data::{Column, Kind};
use xxhash_rust::xxh3::xxh3_128;

use super::check::Block;

pub type Fingerprint = u128;

/// The hash of a missing cell, where it counts as a value.
const MISSING: Fingerprint = 0x6d69_7373_696e_6720_6365_6c6c_2c20_6e6f;

/// A hash is its own hash.
#[derive(Default)]
pub struct Itself(u64);

impl Hasher for Itself {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.0 = (self.0 << 8) | u64::from(byte));
    }

    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }
}

pub type ByFingerprint<V> = std::collections::HashMap<Fingerprint, V, BuildHasherDefault<Itself>>;
pub type Fingerprints = std::collections::HashSet<Fingerprint, BuildHasherDefault<Itself>>;

/// The fingerprints of a block's cells, row by row; `None` = missing.
pub fn of_cells(block: &Block<'_>, position: usize) -> Vec<Option<Fingerprint>> {
    let column = block.column(position);
    let each = |of: &dyn Fn(usize) -> Fingerprint| {
        block.rows().map(|row| (!column.is_null(row)).then(|| of(row))).collect::<Vec<_>>()
    };
    if let Some(strings) = column.strings() {
        return each(&|row| xxh3_128(strings.value(row).as_bytes()));
    }
    match column.array().data_type() {
        DataType::Int64 => {
            let cells = column.array().as_primitive::<Int64Type>();
            each(&|row| xxh3_128(&cells.value(row).to_le_bytes()))
        }
        _ if is_whole_in_floats(column) => {
            let (numbers, first) = (block.numbers(position), block.rows().start);
            // Both zeros are one value.
            each(&|row| xxh3_128(&(numbers[row - first] + 0.0).to_le_bytes()))
        }
        _ => each(&|row| xxh3_128(column.text(row).unwrap_or_default().as_bytes())),
    }
}

/// Whether 64-bit floats tell all of a column's values apart.
fn is_whole_in_floats(column: &Column) -> bool {
    match column.kind() {
        Kind::Integer => *column.array().data_type() != DataType::UInt64,
        Kind::Float | Kind::Boolean => true,
        _ => false,
    }
}

/// The fingerprint of several cells of a row; missing cells are equal to each other.
pub fn joined(cells: impl Iterator<Item = Option<Fingerprint>>) -> Fingerprint {
    let bytes: Vec<u8> = cells.flat_map(|cell| cell.unwrap_or(MISSING).to_le_bytes()).collect();
    xxh3_128(&bytes)
}
