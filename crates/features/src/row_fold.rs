//! To which fold a row belongs: by what is in it, and not by its place.

use rayon::prelude::*;
use trainer_data::{Column, Table};

use crate::FeatureError;
use crate::error::unknown_column;

/// How folds are drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draw {
    pub folds: u32,
    pub seed: u64,
}

/// The fold of each row, from its cells in these columns; rows that are alike are in one fold, and the order of the columns
/// does not matter.
///
/// # Errors
/// When a column is not there.
pub(crate) fn row_folds(table: &Table, columns: &[&str], draw: Draw) -> Result<Vec<u32>, FeatureError> {
    let columns: Vec<&Column> = columns
        .iter()
        .map(|name| table.column(name).ok_or_else(|| FeatureError::data(unknown_column(name, table.names()))))
        .collect::<Result<_, _>>()?;
    let sums: Vec<Vec<u64>> = columns.par_iter().map(|column| cell_hashes(column)).collect();
    let fold = |row: usize| {
        let sum = sums.iter().fold(mixed(draw.seed), |sum, column| sum.wrapping_add(column[row]));
        ((u128::from(mixed(sum)) * u128::from(draw.folds)) >> 64) as u32
    };
    Ok((0..table.rows()).map(fold).collect())
}

fn cell_hashes(column: &Column) -> Vec<u64> {
    let name = of_bytes(column.name().as_bytes());
    let hash = |cell: Option<u64>| mixed(name ^ mixed(cell.map_or(0, |cell| cell.wrapping_add(1))));
    match (column.strings(), column.numbers()) {
        (Some(texts), _) => texts.iter().map(|text| hash(text.map(|text| of_bytes(text.as_bytes())))).collect(),
        (None, Some(numbers)) => numbers.iter().map(|&x| hash((!x.is_nan()).then(|| (x + 0.0).to_bits()))).collect(),
        (None, None) => unreachable!("a column holds text or numbers"),
    }
}

/// FNV-1a, 64 bits.
fn of_bytes(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Each bit of the result depends on all of the number (the last steps of SplitMix64).
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_follow_the_cells_and_are_of_a_size() {
        let cells = |rows: std::ops::Range<i64>| rows.map(Some).collect::<Vec<_>>();
        let text = |rows: std::ops::Range<i64>| rows.map(|row| (row % 7 > 0).then(|| (row % 11).to_string())).collect();
        let make = |rows: std::ops::Range<i64>| {
            vec![Column::from_integers("n", cells(rows.clone())), Column::from_text("t", text(rows))]
        };
        let whole = Table::from_columns(make(0..5000)).unwrap();
        let folds = |table: &Table, names: &[&str], seed| row_folds(table, names, Draw { folds: 5, seed }).unwrap();
        let all = folds(&whole, &["n", "t"], 1);
        let rest = Table::from_columns(make(3000..5000)).unwrap();
        assert_eq!(folds(&rest, &["t", "n"], 1), all[3000..]);
        assert_ne!(folds(&whole, &["n", "t"], 2), all);
        let sizes: Vec<usize> = (0..5).map(|fold| all.iter().filter(|&&it| it == fold).count()).collect();
        assert!(sizes.iter().all(|size| (900..1100).contains(size)), "{sizes:?}");
        assert!(row_folds(&whole, &["x"], Draw { folds: 5, seed: 1 }).is_err());
    }
}
