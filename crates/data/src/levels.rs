use std::hash::Hash;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Date32Type, Float32Type, Float64Type};
use hashbrown::HashMap;

use crate::column::{instants, integers};
use crate::{Column, Kind};

/// The distinct values of a column, and which of them each row has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Levels {
    /// One code a row: an index into `values`, or [`Levels::MISSING`].
    pub codes: Vec<u32>,
    /// The distinct values as canonical text ([`Column::text`]): numbers, dates and booleans in order of value, text by
    /// code point.
    pub values: Vec<String>,
}

impl Levels {
    /// The code of a cell without a value.
    pub const MISSING: u32 = u32::MAX;

    /// How many rows have each value.
    pub fn counts(&self) -> Vec<u64> {
        let mut counts = vec![0; self.values.len()];
        for &code in self.codes.iter().filter(|&&code| code != Self::MISSING) {
            counts[code as usize] += 1;
        }
        counts
    }
}

impl Column {
    /// The distinct values and the code of every row.
    pub fn levels(&self) -> Levels {
        let array = self.array().as_ref();
        let (codes, firsts) = match self.kind() {
            Kind::Null => (vec![Levels::MISSING; self.len()], Vec::new()),
            Kind::Text => {
                let cells = array.as_string::<i64>();
                coded(self, |row| cells.value(row))
            }
            Kind::Boolean => {
                let cells = array.as_boolean();
                coded(self, |row| cells.value(row))
            }
            Kind::Date => {
                let cells = array.as_primitive::<Date32Type>();
                coded(self, |row| cells.value(row))
            }
            Kind::Timestamp => {
                let (values, _) = instants(array).expect("a timestamp");
                coded(self, |row| values[row])
            }
            Kind::Float => match array.data_type() {
                DataType::Float32 => {
                    let cells = array.as_primitive::<Float32Type>();
                    coded(self, |row| ordered(f64::from(cells.value(row))))
                }
                _ => {
                    let cells = array.as_primitive::<Float64Type>();
                    coded(self, |row| ordered(cells.value(row)))
                }
            },
            Kind::Integer => integers!(array, cells => coded(self, |row| cells.value(row)), else unreachable!()),
        };
        let values = firsts.iter().map(|&row| self.text(row).expect("a value").into_owned()).collect();
        Levels { codes, values }
    }
}

/// A number as an integer of the same order; minus zero is zero.
fn ordered(value: f64) -> i64 {
    let bits = (value + 0.0).to_bits() as i64;
    if bits < 0 { i64::MIN - bits } else { bits }
}

/// Codes by order of key, and for each code the first row that has it.
fn coded<K: Hash + Ord + Copy>(column: &Column, key: impl Fn(usize) -> K) -> (Vec<u32>, Vec<usize>) {
    let mut seen: HashMap<K, u32> = HashMap::new();
    let mut firsts: Vec<(K, usize)> = Vec::new();
    let mut codes = Vec::with_capacity(column.len());
    let nulls = column.array().nulls();
    for row in 0..column.len() {
        if nulls.is_some_and(|nulls| nulls.is_null(row)) {
            codes.push(Levels::MISSING);
            continue;
        }
        let key = key(row);
        let code = *seen.entry(key).or_insert_with(|| {
            firsts.push((key, row));
            firsts.len() as u32 - 1
        });
        codes.push(code);
    }
    let mut order: Vec<u32> = (0..firsts.len() as u32).collect();
    order.sort_unstable_by_key(|&code| firsts[code as usize].0);
    let mut rank = vec![0u32; order.len()];
    for (place, &code) in order.iter().enumerate() {
        rank[code as usize] = place as u32;
    }
    for code in codes.iter_mut().filter(|code| **code != Levels::MISSING) {
        *code = rank[*code as usize];
    }
    (codes, order.iter().map(|&code| firsts[code as usize].1).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_by_value_and_text_by_code_point() {
        let levels = Column::from_integers("a", vec![Some(10), Some(9), None, Some(10), Some(-1)]).levels();
        assert_eq!(levels.values, ["-1", "9", "10"]);
        assert_eq!(levels.codes, [2, 1, Levels::MISSING, 2, 0]);
        assert_eq!(levels.counts(), [1, 1, 2]);
        let levels =
            Column::from_numbers("a", vec![Some(2.5), Some(-0.0), Some(0.0), Some(f64::NAN), Some(-7.0)]).levels();
        assert_eq!(levels.values, ["-7", "0", "2.5"]);
        assert_eq!(levels.codes, [2, 1, 1, Levels::MISSING, 0]);
        let levels = Column::from_text("a", vec![Some("b"), Some("B"), Some("é"), Some("10"), Some("9")]).levels();
        assert_eq!(levels.values, ["10", "9", "B", "b", "é"]);
        let levels = Column::from_booleans("a", vec![Some(true), Some(false)]).levels();
        assert_eq!((levels.codes, levels.values), (vec![1, 0], vec!["false".to_owned(), "true".to_owned()]));
    }

    #[test]
    fn order_of_floats_as_integers() {
        let numbers = [f64::NEG_INFINITY, -1e300, -1.5, -1e-310, 0.0, 1e-310, 2.0, f64::INFINITY];
        assert!(numbers.windows(2).all(|pair| ordered(pair[0]) < ordered(pair[1])));
        assert_eq!(ordered(-0.0), ordered(0.0));
    }
}
