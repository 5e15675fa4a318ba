//! Arithmetic without rounding: sums of floats, and of their squares, that do not depend on the order of adding.

mod spread;
mod sum;
mod whole;

pub use spread::Spread;
pub use sum::{ExactSquares, ExactSum, parts};
pub use whole::Whole;
