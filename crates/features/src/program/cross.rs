//! Several columns as one.

use serde::{Deserialize, Serialize};

use super::{CellType, Operator};

/// `y` = the texts of the columns, one after the other with ` x ` between them; missing where one of them is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cross {}

impl Cross {
    /// What stands between two texts.
    pub const BETWEEN: &'static str = " x ";
}

impl Operator for Cross {
    fn arity(&self) -> (usize, usize) {
        (2, usize::MAX)
    }

    fn output(&self, _input: CellType) -> Result<CellType, &'static str> {
        Ok(CellType::Text)
    }

    fn numbers(&self, _inputs: &[&[f64]], output: &mut [f64], _unknown: &mut u64) {
        output.fill(f64::NAN);
    }
}
