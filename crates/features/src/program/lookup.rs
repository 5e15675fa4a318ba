//! A number for each known value.

use serde::{Deserialize, Serialize};

use super::{Answer, Cell, CellType, Operator};

/// `y = values[i]` where `x` is the `i`-th key.
///
/// A missing cell gives `missing` (none = stays missing). A value that is no key gives `unknown` (none = becomes missing, and
/// is counted).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// What is looked for.
    pub keys: Keys,
    /// What is answered, one for each key; finite.
    pub values: Vec<f64>,
    /// The answer for a missing cell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<f64>,
    /// The answer for a value that is no key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<f64>,
}

/// Distinct values in ascending order: numbers by value, text by code point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keys {
    /// Of a column of numbers.
    Numbers(Vec<f64>),
    /// Of a column of text.
    Text(Vec<String>),
}

impl Keys {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(keys) => keys.len(),
            Self::Text(keys) => keys.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type of the columns that they are keys of.
    pub fn cell_type(&self) -> CellType {
        match self {
            Self::Numbers(_) => CellType::Number,
            Self::Text(_) => CellType::Text,
        }
    }

    /// The keys as text, for names of columns and levels.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Numbers(keys) => keys.iter().map(f64::to_string).collect(),
            Self::Text(keys) => keys.clone(),
        }
    }

    /// Where this cell is among the keys.
    pub fn position(&self, cell: Cell<'_>) -> Option<usize> {
        match (self, cell) {
            (Self::Numbers(keys), Cell::Number(x)) => keys.binary_search_by(|key| key.partial_cmp(&x).expect("no NaN")).ok(),
            (Self::Text(keys), Cell::Text(x)) => keys.binary_search_by(|key| key.as_str().cmp(x)).ok(),
            _ => None,
        }
    }

    /// Whether they are distinct and in order.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), String> {
        let ascending = match self {
            Self::Numbers(keys) => keys.windows(2).all(|pair| pair[0] < pair[1]) && keys.iter().all(|key| key.is_finite()),
            Self::Text(keys) => keys.windows(2).all(|pair| pair[0] < pair[1]),
        };
        if ascending { Ok(()) } else { Err("the keys are not distinct and in ascending order".into()) }
    }
}

impl Operator for Lookup {
    fn output(&self, input: CellType) -> Result<CellType, &'static str> {
        match (self.keys.cell_type(), input) {
            (expected, input) if expected == input => Ok(CellType::Number),
            (CellType::Number, _) => Err("numbers"),
            (CellType::Text, _) => Err("text"),
        }
    }

    fn check(&self) -> Result<(), String> {
        if self.keys.len() != self.values.len() {
            return Err(format!("{} keys with {} values", self.keys.len(), self.values.len()));
        }
        if self.values.iter().chain(&self.missing).chain(&self.unknown).any(|value| !value.is_finite()) {
            return Err("a value is not finite".into());
        }
        self.keys.check()
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
            (Cell::Missing, _) => Answer::known(self.missing.unwrap_or(f64::NAN)),
            (_, Some(i)) => Answer::known(self.values[i]),
            (_, None) => Answer::unknown(self.unknown.unwrap_or(f64::NAN)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_missing_and_unknown_each_have_their_answer() {
        let mut op = Lookup {
            keys: Keys::Text(vec!["a".into(), "b".into()]),
            values: vec![3.0, 4.0],
            missing: None,
            unknown: None,
        };
        let answer = |op: &Lookup, cell| (op.level(cell).value, op.level(cell).unknown);
        assert_eq!(answer(&op, Cell::Text("b")), (4.0, false));
        assert!(op.level(Cell::Text("c")).value.is_nan() && op.level(Cell::Text("c")).unknown);
        assert!(op.level(Cell::Missing).value.is_nan() && !op.level(Cell::Missing).unknown);
        (op.missing, op.unknown) = (Some(-1.0), Some(-2.0));
        assert_eq!(answer(&op, Cell::Missing), (-1.0, false));
        assert_eq!(answer(&op, Cell::Text("c")), (-2.0, true));
    }

    #[test]
    fn numbers_match_by_value() {
        let op = Lookup { keys: Keys::Numbers(vec![-1.0, 0.0]), values: vec![5.0, 6.0], missing: None, unknown: None };
        let (mut y, mut unknown) = ([0.0; 3], 0);
        op.numbers(&[&[-0.0, -1.0, 0.5]], &mut y, &mut unknown);
        assert_eq!(y[..2], [6.0, 5.0]);
        assert!(y[2].is_nan());
        assert_eq!(unknown, 1);
    }

    #[test]
    fn keys_out_of_order_are_refused() {
        assert!(Keys::Numbers(vec![2.0, 1.0]).check().is_err());
        assert!(Keys::Text(vec!["a".into(), "a".into()]).check().is_err());
    }
}
