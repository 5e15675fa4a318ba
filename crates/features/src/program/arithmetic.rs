//! Formulas in which nothing is learned.

use serde::{Deserialize, Serialize};

use super::{CellType, Operator};

/// Formulas without learned constants; a row in which an operand is missing gives missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Arithmetic {
    /// `ln(1 + x)`; where `x <= -1` there is none: missing, and counted.
    Log1p,
    /// `x1 + x2 + ...`, from left to right.
    RowSum,
    /// `x / max(y, floor)`.
    Ratio {
        /// The least divisor; above zero.
        floor: f64,
    },
    /// `(y * to - x * from) / unit`: the time from `x` to `y`.
    Elapsed {
        /// The seconds that `x` counts.
        from: f64,
        /// The seconds that `y` counts.
        to: f64,
        /// The seconds that the result counts.
        unit: f64,
    },
}

impl Operator for Arithmetic {
    fn arity(&self) -> (usize, usize) {
        match self {
            Self::Log1p => (1, 1),
            Self::RowSum => (1, usize::MAX),
            Self::Ratio { .. } | Self::Elapsed { .. } => (2, 2),
        }
    }

    fn output(&self, input: CellType) -> Result<CellType, &'static str> {
        if input == CellType::Number { Ok(CellType::Number) } else { Err("numbers") }
    }

    fn check(&self) -> Result<(), String> {
        match *self {
            Self::Ratio { floor } if !(floor > 0.0 && floor.is_finite()) => Err(format!("the floor {floor} is not above zero")),
            Self::Elapsed { from, to, unit } if ![from, to, unit].iter().all(|it| *it > 0.0 && it.is_finite()) => {
                Err("a unit of time is not above zero".into())
            }
            _ => Ok(()),
        }
    }

    fn numbers(&self, inputs: &[&[f64]], output: &mut [f64], unknown: &mut u64) {
        match *self {
            Self::Log1p => {
                for (y, &x) in output.iter_mut().zip(inputs[0]) {
                    *y = if x <= -1.0 { f64::NAN } else { x.ln_1p() };
                    *unknown += u64::from(x <= -1.0);
                }
            }
            Self::RowSum => {
                output.copy_from_slice(inputs[0]);
                for input in &inputs[1..] {
                    output.iter_mut().zip(*input).for_each(|(y, &x)| *y += x);
                }
            }
            Self::Elapsed { from, to, unit } => {
                for ((z, &x), &y) in output.iter_mut().zip(inputs[0]).zip(inputs[1]) {
                    *z = (y * to - x * from) / unit;
                }
            }
            Self::Ratio { floor } => {
                for ((z, &x), &y) in output.iter_mut().zip(inputs[0]).zip(inputs[1]) {
                    *z = if y.is_nan() { y } else { x / y.max(floor) };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(op: &Arithmetic, inputs: &[&[f64]]) -> Vec<f64> {
        let mut y = vec![0.0; inputs[0].len()];
        op.numbers(inputs, &mut y, &mut 0);
        y
    }

    #[test]
    fn missing_operands_give_missing() {
        let nan = f64::NAN;
        assert!(run(&Arithmetic::RowSum, &[&[1.0, nan], &[nan, 2.0]]).iter().all(|y| y.is_nan()));
        assert!(run(&Arithmetic::Ratio { floor: 1.0 }, &[&[1.0, nan], &[nan, 2.0]]).iter().all(|y| y.is_nan()));
        assert!(run(&Arithmetic::Log1p, &[&[nan]])[0].is_nan());
    }

    #[test]
    fn a_ratio_never_divides_by_less_than_its_floor() {
        assert_eq!(run(&Arithmetic::Ratio { floor: 0.5 }, &[&[3.0, 3.0, 3.0], &[0.0, -7.0, 6.0]]), [6.0, 6.0, 0.5]);
    }

    #[test]
    fn log1p_has_no_value_at_minus_one_and_below() {
        let (mut y, mut unknown) = ([0.0; 4], 0);
        Arithmetic::Log1p.numbers(&[&[0.0, -1.0, -3.0, 1e-20]], &mut y, &mut unknown);
        assert_eq!((y[0], y[3]), (0.0, 1e-20));
        assert!(y[1].is_nan() && y[2].is_nan());
        assert_eq!(unknown, 2);
    }
}
