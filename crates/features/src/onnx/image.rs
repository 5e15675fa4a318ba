//! Columns that ONNX does not have to the bit, and what is exact about them.
//!
//! A logarithm differs by its last bit from one library to another. An edge or a key is a value of training, and is met
//! exactly: a bit would move whole rows into another bin or level. So edges and keys are not compared with the logarithm:
//! they are pushed back through the native programs, and compared with what the logarithm is taken of.

use crate::graph::NodeId;
use crate::program::ColumnOp;

/// What native programs, the first of them `log1p`, make of the column `of`: no number where that is missing or not above
/// -1, and else a number that never falls when `of` rises.
pub(super) struct Image<'a> {
    pub of: NodeId,
    pub programs: Vec<&'a ColumnOp>,
}

impl Image<'_> {
    /// Of one number.
    fn at(&self, x: f64) -> f64 {
        self.programs.iter().fold(x, |x, program| {
            let mut y = [f64::NAN];
            program.as_dyn().numbers(&[&[x]], &mut y, &mut 0);
            y[0]
        })
    }

    /// Of a missing cell, and of every number that has no logarithm.
    pub fn of_missing(&self) -> f64 {
        self.at(f64::NAN)
    }

    /// The least number whose image is `y` or above it; infinite where there is none.
    pub fn reaches(&self, y: f64) -> f64 {
        self.least(|image| image >= y)
    }

    /// The least number whose image is above `y`; infinite where there is none.
    pub fn passes(&self, y: f64) -> f64 {
        self.least(|image| image > y)
    }

    fn least(&self, holds: impl Fn(f64) -> bool) -> f64 {
        // Halving the places of the numbers in their order, and not the numbers, takes 64 steps whatever they are.
        let (mut low, mut high) = (place((-1f64).next_up()), place(f64::INFINITY));
        while low < high {
            let middle = low.midpoint(high);
            if holds(self.at(number(middle))) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        number(low)
    }
}

const SIGN: u64 = 1 << 63;

/// The place of a number among all 64-bit floats in ascending order.
fn place(x: f64) -> u64 {
    let bits = x.to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

fn number(place: u64) -> f64 {
    f64::from_bits(if place & SIGN == 0 { !place } else { place & !SIGN })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::program::affine::Affine;
    use crate::program::arithmetic::Arithmetic;
    use crate::program::fill::{Constant, Fill};

    proptest! {
        #[test]
        fn the_least_number_is_the_least(x in -0.999f64..1e6, center in -5f64..5.0, scale in 0.01f64..9.0, low in 0f64..2.0) {
            let log1p = ColumnOp::from(Arithmetic::Log1p);
            let fill = ColumnOp::from(Fill::with(Constant::Number(7.5)));
            let affine = ColumnOp::from(Affine { center, scale, offset: 0.25, low: Some(low), high: None });
            let image = Image { of: 0, programs: vec![&log1p, &fill, &affine] };
            let y = image.at(x);
            let (from, past) = (image.reaches(y), image.passes(y));
            prop_assert!(from <= x && x < past);
            prop_assert!(image.at(from) == y && (from.next_down() <= -1.0 || image.at(from.next_down()) < y));
            prop_assert!(past.is_infinite() || image.at(past) > y);
            prop_assert_eq!(image.of_missing(), image.at(-3.0));
        }
    }

    #[test]
    fn what_is_never_reached_is_infinite() {
        let log1p = ColumnOp::from(Arithmetic::Log1p);
        let clip = ColumnOp::from(Affine::clip(None, Some(2.0)));
        let image = Image { of: 0, programs: vec![&log1p, &clip] };
        assert_eq!((image.reaches(2.1), image.passes(2.0)), (f64::INFINITY, f64::INFINITY));
        assert_eq!(image.reaches(-1e9), (-1f64).next_up());
        assert!(image.of_missing().is_nan());
    }
}
