//! A column of zeros and ones for each known value.

use serde::{Deserialize, Serialize};

use super::{Answer, Cell, CellType, Operator, lookup::Keys};

/// `width` columns of zeros and ones; the column whose number is `columns[i]` is one where `x` is the `i`-th key.
///
/// Keys may share a column (rare levels). A missing cell makes the column `missing` one, and a value that is no key (counted)
/// makes the column `unknown` one; without such a column all are zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneHot {
    /// What is looked for.
    pub keys: Keys,
    /// The number of the column for each key.
    pub columns: Vec<u32>,
    /// How many columns there are.
    pub width: u32,
    /// The column for missing cells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<u32>,
    /// The column for values that are no key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<u32>,
}

impl Operator for OneHot {
    fn width(&self) -> usize {
        self.width as usize
    }

    fn output(&self, input: CellType) -> Result<CellType, &'static str> {
        match (self.keys.cell_type(), input) {
            (expected, input) if expected == input => Ok(CellType::Number),
            (CellType::Number, _) => Err("numbers"),
            (CellType::Text, _) => Err("text"),
        }
    }

    fn check(&self) -> Result<(), String> {
        if self.keys.len() != self.columns.len() {
            return Err(format!("{} keys with {} columns", self.keys.len(), self.columns.len()));
        }
        match self.columns.iter().chain(&self.missing).chain(&self.unknown).find(|&&column| column >= self.width) {
            Some(column) => Err(format!("column {column} of {}", self.width)),
            None => self.keys.check(),
        }
    }

    fn numbers(&self, inputs: &[&[f64]], output: &mut [f64], unknown: &mut u64) {
        for (y, &x) in output.iter_mut().zip(inputs[0]) {
            let answer = self.level(Cell::number(x));
            *y = answer.value;
            *unknown += u64::from(answer.unknown);
        }
    }

    fn level(&self, cell: Cell<'_>) -> Answer {
        match (cell, self.keys.position(cell)) {
            (Cell::Missing, _) => Answer::known(self.missing.map_or(f64::NAN, f64::from)),
            (_, Some(i)) => Answer::known(f64::from(self.columns[i])),
            (_, None) => Answer::unknown(self.unknown.map_or(f64::NAN, f64::from)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_and_missing_have_their_columns() {
        let op = OneHot {
            keys: Keys::Text(vec!["a".into(), "b".into(), "c".into()]),
            columns: vec![0, 1, 1],
            width: 3,
            missing: Some(2),
            unknown: Some(1),
        };
        assert_eq!(op.check(), Ok(()));
        let answer = |cell| (op.level(cell).value, op.level(cell).unknown);
        assert_eq!(answer(Cell::Text("c")), (1.0, false));
        assert_eq!(answer(Cell::Missing), (2.0, false));
        assert_eq!(answer(Cell::Text("z")), (1.0, true));
        assert!(OneHot { width: 2, ..op }.check().is_err());
    }
}
