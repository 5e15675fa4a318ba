//! A constant where a cell is missing.

use serde::{Deserialize, Serialize};

use super::{CellType, Operator};

/// `y = x`, or `value` where `x` is missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fill {
    /// What stands in for a missing cell.
    pub value: Constant,
    /// Whether the filled cells are counted and told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counted: bool,
}

impl Fill {
    /// A fill that nobody needs to hear of.
    pub fn with(value: Constant) -> Self {
        Self { value, counted: false }
    }
}

/// A constant of the type of the column that it stands in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Constant {
    /// For a column of numbers; finite.
    Number(f64),
    /// For a column of text.
    Text(String),
}

impl Operator for Fill {
    fn output(&self, input: CellType) -> Result<CellType, &'static str> {
        match (&self.value, input) {
            (Constant::Number(_), CellType::Number) => Ok(CellType::Number),
            (Constant::Text(_), CellType::Text) => Ok(CellType::Text),
            (Constant::Number(_), CellType::Text) => Err("numbers"),
            (Constant::Text(_), CellType::Number) => Err("text"),
        }
    }

    fn check(&self) -> Result<(), String> {
        match self.value {
            Constant::Number(value) if !value.is_finite() => Err(format!("the value {value} is not finite")),
            _ => Ok(()),
        }
    }

    fn numbers(&self, inputs: &[&[f64]], output: &mut [f64], unknown: &mut u64) {
        let Constant::Number(value) = self.value else { return };
        if self.counted {
            *unknown += inputs[0].iter().filter(|x| x.is_nan()).count() as u64;
        }
        for (y, &x) in output.iter_mut().zip(inputs[0]) {
            *y = if x.is_nan() { value } else { x };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_missing_cells_change() {
        let mut y = [0.0; 3];
        Fill::with(Constant::Number(7.5)).numbers(&[&[1.0, f64::NAN, -0.0]], &mut y, &mut 0);
        assert_eq!(y, [1.0, 7.5, 0.0]);
    }
}
